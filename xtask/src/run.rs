//! Runs the steps of a task one after the other and says how long each took.
//!
//! A step talks straight to the terminal. The first failure ends the task: later steps are neither run nor
//! counted as passed.

use crate::steps::{Step, Task, Work};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

/// One finished step.
#[derive(Debug)]
struct Timed {
    name: &'static str,
    took: Duration,
    failure: Option<String>,
}

/// Runs `task` in the repository at `root`; prints the table of times whatever happens.
pub(crate) fn run(task: &Task, all: bool, root: &Path) -> ExitCode {
    let longer: &[Step] = if all { task.longer } else { &[] };
    let mut done: Vec<Timed> = Vec::new();
    for step in task.groups.iter().copied().flatten().chain(longer) {
        println!("\n== {}", headline(step));
        let started = Instant::now();
        let failure = perform(step, root).err();
        let failed = failure.is_some();
        done.push(Timed { name: step.name, took: started.elapsed(), failure });
        if failed {
            break;
        }
    }
    print!("\n{}", table(task.name, &done));
    match done.last().and_then(|last| Some((last.name, last.failure.as_ref()?))) {
        Some((name, why)) => {
            eprintln!("error: `cargo xtask {}` stopped at the step `{name}`: {why}", task.name);
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

fn headline(step: &Step) -> String {
    match &step.work {
        Work::Cargo { args, .. } => format!("{}: cargo {}", step.name, args.join(" ")),
        Work::Own(_) => step.name.to_string(),
    }
}

fn perform(step: &Step, root: &Path) -> Result<(), String> {
    match &step.work {
        Work::Own(work) => work(root),
        Work::Cargo { args, env } => status(cargo().args(*args).envs(env.iter().copied()).current_dir(root)),
    }
}

/// The cargo that started us, so that every step uses one toolchain.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs a command to its end, on our terminal.
pub(crate) fn status(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` ended with {status}", shown(command))),
        Err(error) => Err(format!("`{}` could not be started: {error}", shown(command))),
    }
}

/// Runs a command to its end and shows what it printed only when it fails.
pub(crate) fn quietly(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(Output { status, stderr, .. }) => {
            Err(format!("`{}` ended with {status}: {}", shown(command), String::from_utf8_lossy(&stderr)))
        }
        Err(error) => Err(format!("`{}` could not be started: {error}", shown(command))),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn table(task: &str, done: &[Timed]) -> String {
    let total: Duration = done.iter().map(|step| step.took).sum();
    let failed = done.iter().any(|step| step.failure.is_some());
    let rows = done.iter().map(|step| (step.name, step.took, step.failure.is_some()));
    let sum = (done.len() > 1).then_some((task, total, failed));
    let mut text = String::new();
    for (name, took, failed) in rows.chain(sum) {
        let verdict = if failed { "FAILED" } else { "ok" };
        text.push_str(&format!("{name:<16} {:>8.1} s  {verdict}\n", took.as_secs_f64()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::Work;

    fn good(_: &Path) -> Result<(), String> {
        Ok(())
    }

    fn bad(_: &Path) -> Result<(), String> {
        Err("the reason".to_string())
    }

    fn forbidden(_: &Path) -> Result<(), String> {
        panic!("a step after a failed one was run")
    }

    const fn task(groups: &'static [&'static [Step]]) -> Task {
        Task { name: "sample", about: "", groups, longer: &[] }
    }

    #[test]
    fn a_task_whose_steps_pass_succeeds() {
        const STEPS: &[Step] = &[Step { name: "a", work: Work::Own(good) }];
        assert_eq!(run(&task(&[STEPS, STEPS]), true, Path::new(".")), ExitCode::SUCCESS);
    }

    #[test]
    fn the_first_failure_ends_the_task() {
        const STEPS: &[Step] =
            &[Step { name: "a", work: Work::Own(bad) }, Step { name: "b", work: Work::Own(forbidden) }];
        assert_eq!(run(&task(&[STEPS]), true, Path::new(".")), ExitCode::FAILURE);
    }

    #[test]
    fn the_table_has_a_row_per_step_and_one_for_all() {
        let took = Duration::from_millis(1500);
        let done = [
            Timed { name: "one", took, failure: None },
            Timed { name: "two", took, failure: Some(String::new()) },
        ];
        let text = table("check", &done);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            rows,
            [["one", "1.5", "s", "ok"], ["two", "1.5", "s", "FAILED"], ["check", "3.0", "s", "FAILED"]]
        );
    }

    #[test]
    fn a_command_that_cannot_start_or_fails_is_named() {
        let missing = status(&mut Command::new("no-such-program-of-ours")).unwrap_err();
        assert!(missing.contains("`no-such-program-of-ours` could not be started"), "{missing}");
        let failing = status(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(failing.contains("`sh -c exit 3` ended with exit status: 3"), "{failing}");
    }
}
