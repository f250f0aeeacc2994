//! `peer stats`: what the daemon says of itself.

use crate::cli::{Context, Ended, words};
use crate::fleet::{Condition, look, statistics};
use crate::output::{Failure, Table};
use anyhow::Result;
use clap::Args;
use peercache_core::spec::PeerId;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long the daemon may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Print a peer's own statistics
#[derive(Debug, Args)]
pub(in crate::cli) struct Stats {
    /// The peer
    #[arg(value_parser = words::peer_id)]
    id: PeerId,
}

impl Stats {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let peer = super::existing(context, &self.id)?;
        let condition = look(&peer).await?;
        // Of a peer that does not run, somebody else may have the port.
        if !matches!(condition, Condition::Running | Condition::Unreachable) {
            let hint = context.command(&format!("peer start {}", self.id));
            return Err(Failure::new(format!("peer {} is {condition}", self.id), hint).into());
        }
        let stats = statistics(&peer, ANSWER_WITHIN).await?;
        let document: Map<String, Value> =
            stats.iter().map(|(name, value)| (name.clone(), number_or_text(value))).collect();
        context.output.list(&document, || {
            let mut table = Table::new(["NAME", "VALUE"]);
            for (name, value) in &stats {
                table.row([name.clone(), value.clone()]);
            }
            table
        })?;
        Ok(Ended::Done)
    }
}

fn number_or_text(value: &str) -> Value {
    value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number))
}
