//! One run of the generator against one target, and what it cost the target.

use super::load::Load;
use super::process;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) requests: f64,
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// CPU time of the target a request.
    pub(super) cpu_us: f64,
    /// The share of one processor that the generator used; near 1 it measures itself.
    pub(super) generator_busy: f64,
    /// Processors that neither the comparison nor idleness had, on average.
    pub(super) others_busy: f64,
    pub(super) resident_kib: u64,
    pub(super) misses: u64,
    pub(super) errors: u64,
}

impl Sample {
    /// Keys that were missing and answers that were wrong.
    pub(super) fn bad(&self) -> u64 {
        self.misses + self.errors
    }
}

/// Runs the generator, in a process of its own, and reads what the target used meanwhile. `pids` are all
/// processes of the comparison.
pub(super) fn take(generator: &Path, pid: u32, pids: &[u32], load: Load) -> Result<Sample, String> {
    let cpu = |pid| process::cpu(pid).map_err(|error| format!("process {pid}: {error}"));
    let all = || pids.iter().map(|&pid| cpu(pid)).sum::<Result<Duration, String>>();
    let machine = || process::machine_cpu().map_err(|error| format!("/proc/stat: {error}"));
    let (before, all_before, machine_before, started) = (cpu(pid)?, all()?, machine()?, Instant::now());
    let mut command = Command::new(generator);
    command.arg("load").args(load.to_words()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output =
        command.output().map_err(|error| format!("cannot start {}: {error}", generator.display()))?;
    let used = cpu(pid)?.saturating_sub(before);
    let (all_used, machine_used) =
        (all()?.saturating_sub(all_before), machine()?.saturating_sub(machine_before));
    let took = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("the generator ended with {}", output.status));
    }
    let report: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("no report: {error}"))?;
    let figure = |name: &str| report[name].as_f64().ok_or_else(|| format!("the report lacks {name}"));
    let count = |name: &str| report[name].as_u64().ok_or_else(|| format!("the report lacks {name}"));
    let (requests, seconds) = (figure("requests")?, figure("seconds")?);
    if requests == 0.0 {
        return Err("nothing was answered".to_string());
    }
    Ok(Sample {
        requests,
        per_second: requests / seconds,
        p50_us: figure("p50_us")?,
        p99_us: figure("p99_us")?,
        cpu_us: used.as_secs_f64() * 1e6 / requests,
        generator_busy: figure("busy_seconds")? / seconds,
        others_busy: (machine_used.as_secs_f64() - all_used.as_secs_f64() - figure("busy_seconds")?) / took,
        resident_kib: process::resident_kib(pid).map_err(|error| format!("process {pid}: {error}"))?,
        misses: count("misses")?,
        errors: count("errors")?,
    })
}
