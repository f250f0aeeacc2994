//! `peer attach`: a daemon that somebody else runs becomes a peer.

use super::PeerView;
use crate::cli::{Context, Ended, words};
use crate::fleet::Condition;
use crate::output::{Failure, WithHint};
use crate::state::PeerRecord;
use anyhow::Result;
use clap::Args;
use peercache_agent::supervise::stats;
use peercache_core::spec::{PeerId, Weight};
use std::net::SocketAddr;
use std::time::Duration;

/// How long the daemon may take to say its version.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Add a memcached that somebody else runs; it is never started or stopped by us
#[derive(Debug, Args)]
pub(in crate::cli) struct Attach {
    /// The id it gets
    #[arg(value_parser = words::peer_id)]
    id: PeerId,
    /// Where it listens
    #[arg(value_name = "HOST:PORT", value_parser = words::address)]
    address: SocketAddr,
    /// Its share of a ring in proportion to the others'
    #[arg(long, default_value_t)]
    weight: Weight,
}

impl Attach {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let Self { id, address, weight } = self;
        let asked = stats::version(address, ANSWER_WITHIN).await;
        let version = asked.hint(|| format!("start it, or correct the address {address}"))?;
        let record = PeerRecord::attached(id.clone(), address, weight);
        context.state.change(|state| {
            if state.peer(&id)?.is_some() {
                let hint = context.command(&format!("peer detach {id}"));
                return Err(anyhow::Error::from(Failure::new(format!("there is a peer {id} already"), hint)));
            }
            if let Some(twin) = state.peers()?.iter().find(|peer| peer.address() == address) {
                let sentence = format!("{address} is peer {} already", twin.id);
                return Err(Failure::new(sentence, "one daemon is one peer").into());
            }
            Ok(state.put_peer(&record)?)
        })?;
        let text =
            || format!("attached {id}: memcached {version} at {address}; it is not ours to start or stop\n");
        context.output.result(&PeerView::new(&record, Condition::Running, None), text)?;
        Ok(Ended::Done)
    }
}
