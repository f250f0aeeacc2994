//! `peer restart`: stopped and started as it was, empty.

use crate::cli::context::refuse_duplicates;
use crate::cli::words::{self, EngineWish};
use crate::cli::{Context, Ended};
use crate::fleet::{Engines, StartWish, Started, start, stop};
use anyhow::Result;
use clap::Args;
use futures_util::future::join_all;
use peercache_core::spec::PeerId;

/// Stop peers and start them as they were; what they held is gone
#[derive(Debug, Args)]
pub(super) struct Restart {
    /// The peers
    #[arg(required = true, value_name = "ID", value_parser = words::peer_id)]
    ids: Vec<PeerId>,
}

impl Restart {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        refuse_duplicates(&self.ids)?;
        // Engines are found before anything is stopped.
        let mut engines = Engines::new()?;
        let mut wishes = Vec::new();
        for id in self.ids {
            let peer = super::existing(context, &id)?;
            let choice = engines.find(EngineWish::Kind(peer.engine))?;
            let memory_mb_default = context.settings.memory_mb;
            let wish = StartWish { choice, memory_mb: None, memory_mb_default, port: None, weight: None };
            wishes.push((id, wish));
        }
        let restarts = wishes.into_iter().map(async |(id, wish)| {
            let started = restart(context, &id, &wish).await;
            (id, started)
        });
        super::start::report(context, join_all(restarts).await)
    }
}

async fn restart(context: &Context, id: &PeerId, wish: &StartWish) -> Result<Started> {
    stop(&context.state, id).await?;
    start(&context.state, id, wish).await
}
