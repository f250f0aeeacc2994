//! `cargo xtask`: the project's own tasks. This file reads the arguments; [`steps`] lists what each task
//! does.
//!
//! It exists so that "done" is one command on every machine, with nothing to install by hand beyond Rust,
//! git, a shell and a C compiler. A step that cannot run is an error, never skipped.

mod bench;
mod clients;
mod daemons;
mod fuzz;
mod instructions;
mod run;
mod steps;
mod subjects;
mod suites;
mod tidy;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;
use steps::{TASKS, Task, VERBS, Verb};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let request = match parse(&arguments) {
        Ok(request) => request,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            return ExitCode::from(2);
        }
    };
    match (request, repo_root()) {
        (Request::Help, _) => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        (_, Err(sentence)) => {
            eprintln!("error: {sentence}");
            ExitCode::from(2)
        }
        (Request::Run { task, all }, Ok(root)) => run::run(task, all, &root),
        (Request::Call { verb, rest }, Ok(root)) => match (verb.work)(&root, &rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(sentence) => {
                eprintln!("error: {sentence}");
                ExitCode::FAILURE
            }
        },
    }
}

/// What the command line asks for.
#[derive(Debug)]
enum Request {
    Help,
    Run { task: &'static Task, all: bool },
    Call { verb: &'static Verb, rest: Vec<String> },
}

/// Reads `TASK [--all]`, or a verb and what follows it. The error is one sentence that lists the choices.
fn parse(arguments: &[String]) -> Result<Request, String> {
    let choices = TASKS.iter().map(|task| task.name.to_string());
    let choices = choices.chain(VERBS.iter().map(|verb| verb.words.join(" "))).collect::<Vec<_>>().join(", ");
    let Some((verb, flags)) = arguments.split_first() else {
        return Err(format!("no task given; the tasks are {choices}"));
    };
    if matches!(verb.as_str(), "help" | "--help" | "-h") {
        return Ok(Request::Help);
    }
    let is_meant = |found: &&Verb| {
        found.words.iter().zip(arguments).filter(|(a, b)| a == b).count() == found.words.len()
    };
    if let Some(verb) = VERBS.iter().find(is_meant) {
        let rest = arguments[verb.words.len()..].to_vec();
        let asks_help = rest.iter().any(|word| word == "--help" || word == "-h");
        return Ok(if asks_help { Request::Help } else { Request::Call { verb, rest } });
    }
    let Some(task) = TASKS.iter().find(|task| task.name == verb) else {
        return Err(format!("{verb:?} is not a task; the tasks are {choices}"));
    };
    let mut all = false;
    for flag in flags {
        match flag.as_str() {
            "--help" | "-h" => return Ok(Request::Help),
            "--all" if !task.longer.is_empty() => all = true,
            other if task.longer.is_empty() => {
                return Err(format!(
                    "`{verb}` takes no arguments, and was given {other:?}; the tasks are {choices}"
                ));
            }
            other => return Err(format!("`{verb}` does not know {other:?}; its only flag is --all")),
        }
    }
    Ok(Request::Run { task, all })
}

fn help() -> String {
    let mut text = String::from("cargo xtask TASK [--all]\n\n");
    for task in TASKS {
        text.push_str(&format!("  {:<6} {}\n", task.name, task.about));
    }
    for Verb { words, usage, about, .. } in VERBS {
        text.push_str(&format!("\n  {} {usage}\n         {about}\n", words.join(" ")));
    }
    text
}

/// The workspace's folder: the parent of this package's, which cargo names in the environment of `cargo run`.
fn repo_root() -> Result<PathBuf, String> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let root = package.as_deref().and_then(|package| package.parent());
    root.map(PathBuf::from).ok_or_else(|| "run this as `cargo xtask`, from inside the repository".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn every_task_is_reached_by_its_name() {
        for task in TASKS {
            let Ok(Request::Run { task: found, all }) = parse(&words(task.name)) else {
                panic!("{} is not understood", task.name);
            };
            assert_eq!((found.name, all), (task.name, false));
        }
    }

    #[test]
    fn only_tasks_with_longer_steps_take_all() {
        assert!(matches!(parse(&words("test --all")), Ok(Request::Run { all: true, .. })));
        assert!(parse(&words("check --all")).unwrap_err().contains("takes no arguments"));
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_choices() {
        for line in ["", "chekc"] {
            let sentence = parse(&words(line)).unwrap_err();
            assert!(sentence.contains("check, test, bench"), "{sentence}");
        }
        let sentence = parse(&words("test --fast")).unwrap_err();
        assert!(sentence.contains("\"--fast\"") && sentence.contains("--all"), "{sentence}");
    }

    #[test]
    fn help_lists_every_task() {
        assert!(TASKS.iter().all(|task| help().contains(task.about)));
        assert!(VERBS.iter().all(|verb| help().contains(verb.usage)));
    }

    #[test]
    fn a_verb_is_reached_by_its_words_and_keeps_the_rest() {
        for verb in VERBS {
            let line = format!("{} a --b", verb.words.join(" "));
            let Ok(Request::Call { verb: found, rest }) = parse(&words(&line)) else {
                panic!("{line} is not understood");
            };
            assert_eq!((found.words, rest), (verb.words, words("a --b")));
        }
    }
}
