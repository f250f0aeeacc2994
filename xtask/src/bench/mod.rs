//! `bench compare`: the same load on a proxy of ours and on what others made, in one run of one machine.
//!
//! Rounds are interleaved, so what the machine does meanwhile falls on every target alike; ratios are taken
//! within a round and then their median. CPU time a request is the figure to trust on a machine that is not
//! quiet. It refuses to judge: it prints, and a row that is not to be trusted says so itself.

mod counting;
pub(crate) mod load;
mod options;
mod process;
mod sample;
mod storm;
mod table;
mod targets;
mod work;

pub(crate) use counting::{USAGE as COUNTING_USAGE, instructions};
pub(crate) use options::USAGE;
pub(crate) use storm::{USAGE as STORM_USAGE, storm};

use crate::daemons::target_dir;
use crate::run::{cargo, status};
use crate::tools::cannot;
use load::Load;
use options::Options;
use sample::Sample;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use table::Row;
use targets::{Stage, Target};
use work::Work;

/// Runs the comparison and prints its table.
pub(crate) fn compare(root: &Path, arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments)?;
    let mut build = cargo();
    build.args(["build", "--release", "--package", "xtask", "--bins"]).current_dir(root);
    if !options.ours.is_empty() {
        build.args(["--package", "peercache"]);
    }
    status(&mut build)?;
    let programs = target_dir(root).join("release");
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let stage = Stage::set(&options, &programs.join("peercache"), folder.path())?;
    let bench = Bench { options, stage, generator: programs.join("xtask") };
    let mut rows = Vec::new();
    println!("{}", table::head());
    for &work in &bench.options.works {
        bench.fill(work)?;
        let measured = bench.measure(work)?;
        print!("{}", table::block(&measured));
        rows.extend(measured);
    }
    print!("{}", table::legend(&rows));
    if let Some(path) = &bench.options.json {
        fs::write(path, table::to_json(&rows)).map_err(|error| cannot("write", path, &error))?;
    }
    if rows.iter().all(|row| row.bad() == 0) {
        Ok(())
    } else {
        Err("answers were missing or wrong".to_string())
    }
}

/// A comparison that has been set up.
struct Bench {
    options: Options,
    stage: Stage,
    generator: PathBuf,
}

impl Bench {
    /// Stores every key through every target, in the size that is asked next.
    fn fill(&self, work: Work) -> Result<(), String> {
        for target in &self.stage.targets {
            let sample = self.sample(target, Load { fill: true, ..self.load(target, work, 0) })?;
            if sample.bad() > 0 {
                return Err(format!("{} did not store {} keys", target.name, sample.bad()));
            }
        }
        Ok(())
    }

    /// All rounds of one kind of load.
    fn measure(&self, work: Work) -> Result<Vec<Row>, String> {
        let row = |target: &Target| Row::new(work, target.name.clone(), target.copies);
        let mut rows: Vec<Row> = self.stage.targets.iter().map(row).collect();
        for round in 0..self.options.runs {
            for (target, row) in self.stage.targets.iter().zip(&mut rows) {
                row.samples.push(self.sample(target, self.load(target, work, round as u64 + 1))?);
            }
        }
        Ok(rows)
    }

    fn load(&self, target: &Target, work: Work, seed: u64) -> Load {
        Load {
            address: target.address,
            work,
            connections: self.options.connections,
            keys: self.options.keys,
            duration: Duration::from_secs(self.options.secs),
            fill: false,
            cpu: self.stage.generator_cpu,
            seed,
        }
    }

    fn sample(&self, target: &Target, load: Load) -> Result<Sample, String> {
        sample::take(&self.generator, target.pid, &self.stage.pids, load)
            .map_err(|why| format!("{} on {}: {why}", load.work, target.name))
    }
}
