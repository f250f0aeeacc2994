//! `lab replay`: a recorded trace against a network, read-through.

use crate::cli::{Context, Ended, words};
use crate::output::complain;
use anyhow::Result;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use peercache_core::spec::NetworkName;
use peercache_lab::progress::{Progress, Snapshot};
use peercache_lab::replay::{self, ReplayOptions, Stop};
use peercache_lab::trace::Format;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// How many steps the bar has; a trace's length in bytes need not be known to it.
const BAR_STEPS: u64 = 10_000;

/// Replay a trace: read each key, and store it where it is missing
#[derive(Debug, Args)]
pub(in crate::cli) struct Replay {
    /// The trace file
    trace: PathBuf,
    /// The network
    #[arg(long)]
    network: NetworkName,
    /// Threads that send requests, each with connections of its own [default: 4]
    #[arg(long, value_name = "N", value_parser = words::count::<NonZeroUsize>)]
    workers: Option<NonZeroUsize>,
    /// Requests that each worker keeps in flight
    #[arg(long, value_name = "N", default_value = "1", value_parser = words::count::<NonZeroUsize>)]
    pipeline: NonZeroUsize,
    /// The trace's format: oracleGeneral or twitter [default: told from the file]
    #[arg(long)]
    format: Option<Format>,
}

impl Replay {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let connected = context.connect_tidy(&self.network).await?;
        let workers = self.workers.unwrap_or(context.settings.workers.into());
        let options = ReplayOptions {
            format: self.format,
            workers,
            pipeline: self.pipeline,
            ..ReplayOptions::new(self.trace)
        };
        let folder = context.state.stats_folder()?;
        let (bar, stop) = (Bar::new(), Stop::new());
        let watch = tokio::spawn(stop_on_interrupt(stop.clone()));
        let run = replay::run((*connected.client).clone(), &options, &bar, &stop).await;
        watch.abort();
        // The connections are gone, and what was unanswered on them counts as missed.
        connected.leave_word().await;
        bar.0.finish_and_clear();
        let report = run?;
        context.output.result(&report, || report.to_text())?;
        let written = report.write_into(&folder)?;
        context.output.say(format_args!("the report is in {}", written.display()));
        if let Some(reason) = &report.stopped {
            complain(reason);
        }
        Ok(Ended::done_if(report.stopped.is_none() && report.errors == 0))
    }
}

/// The first Ctrl-C ends the replay with the report so far.
async fn stop_on_interrupt(stop: Stop) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.stop();
    }
}

/// A bar on standard error; indicatif draws none where that is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3}%  {msg}");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }
}

impl Progress for Bar {
    fn update(&self, at: &Snapshot) {
        // Whole steps: the fraction is from 0 to 1.
        let position = (at.fraction() * BAR_STEPS as f64) as u64;
        self.0.set_position(position.min(BAR_STEPS));
        let left = at.left().map_or(String::new(), |left| format!(", {} s left", left.as_secs()));
        let per_s = at.requests_per_s();
        self.0.set_message(format!("{:.0}/s, {} hits, {} misses{left}", per_s, at.hits, at.misses));
    }
}
