//! An acknowledged write was executed by one replica at least, and by every replica that is readable when the
//! client is told. A replica that refused it must have deleted the key instead; one that was brought back
//! while the client was waiting for the ledger is another rule's business.

use super::Found;
use super::facts::Facts;
use crate::history::{Operation, Told};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let judge = |(at, write): (usize, &Operation)| {
        let end = write.end.as_ref()?;
        let Told::Done { confirmed } = &end.told else { return None };
        let what = if confirmed.is_empty() {
            format!("#{at} is acknowledged, and nobody confirmed it")
        } else if let Some(peer) = confirmed.iter().find(|&&peer| !facts.executed(write, peer)) {
            format!("#{at} is told as confirmed by p{peer}, which did not execute it")
        } else {
            let readable = write.replicas.iter().zip(&end.readable).filter(|(_, readable)| **readable);
            let has_wrong = |peer: usize| !facts.executed(write, peer) && !facts.deleted(write, peer);
            let lacks = |peer: usize| has_wrong(peer) && !facts.was_brought_back(write, end, peer);
            let (peer, _) = readable.into_iter().find(|(peer, _)| lacks(**peer))?;
            format!("#{at} is acknowledged while p{peer}, which lacks it, is readable")
        };
        Some(Found { at: end.at, key: Some(write.key), what })
    };
    facts.history.each().filter_map(judge).collect()
}
