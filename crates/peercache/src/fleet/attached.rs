//! Writing down peers that somebody else runs: one daemon is one peer, and one id one daemon.

use crate::output::Failure;
use crate::state::{PeerRecord, Reader, Writer};
use anyhow::Result;

/// Refuses `records` if one of them is known already, or two of them are one.
pub(crate) fn refuse_known(state: &Reader, records: &[PeerRecord]) -> Result<()> {
    let mut known = state.peers()?;
    for record in records {
        let (id, address) = (&record.id, record.address());
        if known.iter().any(|peer| peer.id == *id) {
            let hint = format!("peercache peer detach {id}");
            return Err(Failure::new(format!("there is a peer {id} already"), hint).into());
        }
        if let Some(twin) = known.iter().find(|peer| peer.address() == address) {
            let sentence = format!("{address} is peer {} already", twin.id);
            return Err(Failure::new(sentence, "one daemon is one peer").into());
        }
        known.push(record.clone());
    }
    Ok(())
}

/// Writes `records` down; none of them if one is refused.
pub(crate) fn record_attached(state: &mut Writer, records: &[PeerRecord]) -> Result<()> {
    refuse_known(state, records)?;
    records.iter().try_for_each(|record| Ok(state.begin_attached(record)?))
}
