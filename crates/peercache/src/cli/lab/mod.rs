//! `lab`: measures a network.

mod replay;

use super::{Context, Ended};
use anyhow::Result;
use clap::Subcommand;

/// Measure networks
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Replay(replay::Replay),
}

impl Verb {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let Self::Replay(replay) = self;
        replay.run(context).await
    }
}
