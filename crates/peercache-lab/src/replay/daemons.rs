//! What the daemons count themselves, so that the replay's numbers can be checked against theirs.

use crate::report::DaemonDelta;
use futures_util::future::join_all;
use peercache_client::Client;
use std::fmt::Display;

/// One peer's counters, or why they are not known.
pub(super) type Reading = Result<DaemonDelta, String>;

/// Asks every peer for its counters, in the topology's order.
pub(super) async fn read(client: &Client) -> Vec<Reading> {
    let ask = |peer| async move {
        let stats = client.stats(peer).await.map_err(|error| error.to_string())?;
        counters(peer, &stats)
    };
    join_all(client.topology().peers().iter().map(|peer| ask(&peer.spec.id))).await
}

/// What changed between two readings.
pub(super) fn deltas(before: Vec<Reading>, after: Vec<Reading>) -> Vec<Reading> {
    let delta = |(before, after): (Reading, Reading)| {
        let (before, after) = (before?, after?);
        Ok(DaemonDelta {
            get_hits: after.get_hits.wrapping_sub(before.get_hits),
            get_misses: after.get_misses.wrapping_sub(before.get_misses),
            cmd_set: after.cmd_set.wrapping_sub(before.cmd_set),
            evictions: after.evictions.wrapping_sub(before.evictions),
            curr_items: after.curr_items.wrapping_sub(before.curr_items),
        })
    };
    before.into_iter().zip(after).map(delta).collect()
}

fn counters(peer: &impl Display, stats: &[(String, String)]) -> Reading {
    let counter = |name: &str| {
        let value = stats.iter().find(|(found, _)| found == name).map(|(_, value)| value);
        let number = value.and_then(|value| value.parse().ok());
        number.ok_or_else(|| format!("peer {peer} has no number for {name} in its stats"))
    };
    Ok(DaemonDelta {
        get_hits: counter("get_hits")?,
        get_misses: counter("get_misses")?,
        cmd_set: counter("cmd_set")?,
        evictions: counter("evictions")?,
        curr_items: counter("curr_items")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(get_hits: &str) -> Vec<(String, String)> {
        let others = ["get_misses", "cmd_set", "evictions", "curr_items"].map(|name| (name, "7"));
        let all = [("get_hits", get_hits)].into_iter().chain(others);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_delta_is_after_minus_before_even_when_a_daemon_began_anew() {
        let read = |hits| vec![counters(&"p0", &stats(hits))];
        assert_eq!(deltas(read("10"), read("25"))[0].as_ref().unwrap().get_hits, 15);
        assert_eq!(deltas(read("25"), read("10"))[0].as_ref().unwrap().get_hits, -15);
    }

    #[test]
    fn a_peer_that_does_not_tell_is_named_and_the_others_stay_known() {
        let before = vec![counters(&"p0", &stats("1")), counters(&"p1", &stats("x"))];
        let after = vec![counters(&"p0", &stats("2")), counters(&"p1", &stats("2"))];
        let deltas = deltas(before, after);
        assert!(deltas[0].is_ok());
        assert_eq!(deltas[1], Err("peer p1 has no number for get_hits in its stats".to_owned()));
    }
}
