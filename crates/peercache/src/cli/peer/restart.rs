//! `peer restart`: stopped and started as it was, empty.

use crate::cli::context::refuse_duplicates;
use crate::cli::signals::Signals;
use crate::cli::words::{self, EngineWish};
use crate::cli::{Context, Ended};
use crate::fleet::{Engines, Interrupt, StartWish, Started, check_users, start, stop, together};
use anyhow::Result;
use clap::Args;
use peercache_core::spec::PeerId;

/// Stop peers and start them as they were; what they held is gone
#[derive(Debug, Args)]
pub(in crate::cli) struct Restart {
    /// The peers
    #[arg(required = true, value_name = "ID", value_parser = words::peer_id)]
    ids: Vec<PeerId>,
}

impl Restart {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        refuse_duplicates(&self.ids)?;
        let mut signals = Signals::install()?;
        // Engines are found before anything is stopped.
        let mut engines = Engines::new()?;
        let mut wishes = Vec::new();
        for id in self.ids {
            let peer = super::existing(context, &id)?;
            let choice = engines.find(EngineWish::Kind(peer.engine))?;
            if let Some(file) = &peer.auth_file {
                check_users(context.output, file)?;
            }
            let wish = StartWish {
                choice,
                memory_mb: None,
                memory_mb_default: context.settings.memory_mb,
                port: None,
                weight: None,
                auth_file: None,
            };
            wishes.push((id, wish));
        }
        let restarts = together(wishes, signals.next(), async |id, wish, interrupt| {
            restart(context, id, wish, interrupt).await
        });
        super::start::report(context, restarts.await)
    }
}

async fn restart(context: &Context, id: &PeerId, wish: &StartWish, interrupt: Interrupt) -> Result<Started> {
    // A daemon is not stopped, and its items with it, for a start that could not be written down.
    context.state.change(|writer| match writer.peer(id)? {
        Some(peer) => writer.put_peer(&peer),
        None => Ok(()),
    })?;
    stop(&context.state, id).await?;
    start(&context.state, id, wish, interrupt).await
}
