//! `peer logs`: the end of what a daemon printed.

use crate::cli::{Context, Ended, words};
use crate::output::Failure;
use anyhow::{Context as _, Result};
use clap::Args;
use peercache_agent::supervise::log;
use peercache_core::spec::PeerId;
use serde_json::json;
use std::io::ErrorKind;

/// Print the end of a peer's log
#[derive(Debug, Args)]
pub(in crate::cli) struct Logs {
    /// The peer
    #[arg(value_parser = words::peer_id)]
    id: PeerId,
    /// How many lines
    #[arg(long, default_value_t = 50)]
    lines: usize,
}

impl Logs {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let peer = super::existing(context, &self.id)?;
        let Some(path) = peer.log_in(context.state.root()) else {
            let sentence = format!("peer {} is attached: its log is with whoever runs it", self.id);
            return Err(Failure::new(sentence, "look on the machine that runs it").into());
        };
        let lines = match log::last_lines(&path, self.lines) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            lines => lines.with_context(|| format!("the log {} cannot be read", path.display()))?,
        };
        let document = json!({ "id": self.id.to_string(), "log": path, "lines": lines });
        context.output.result(&document, || lines.iter().map(|line| format!("{line}\n")).collect())?;
        Ok(Ended::Done)
    }
}
