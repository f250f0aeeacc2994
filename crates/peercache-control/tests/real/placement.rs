//! Placement as daemons see it: where keys really are, and which of them a change of peers moves.

use crate::daemon::{Fleet, open_peers, patient};
use peercache_client::SetOptions;

/// Another process lists the same peers in another order, and finds every key where the first one put it.
#[tokio::test]
async fn p01_another_process_finds_every_key_where_the_first_put_it() {
    let fleet = Fleet::start_with(4, 1, patient()).await;
    let names: Vec<String> = (0..300).map(|n| format!("key-{n}")).collect();
    for name in &names {
        fleet.client.set(name.as_bytes(), name.as_bytes(), SetOptions::default()).await.expect("a write");
    }
    let other = open_peers(&fleet.daemons, [2, 0, 3, 1], 1, patient());
    for name in &names {
        let value = other.get(name.as_bytes()).await.expect("a read").expect("the key is there");
        assert_eq!(value.data, name.as_bytes());
    }
}

/// A network that lost a peer still finds every key that the peer did not own, and finds no other.
#[tokio::test]
async fn p03_only_the_keys_of_the_peer_that_left_are_missed() {
    let fleet = Fleet::start_with(4, 1, patient()).await;
    let names: Vec<String> = (0..300).map(|n| format!("key-{n}")).collect();
    for name in &names {
        fleet.client.set(name.as_bytes(), name.as_bytes(), SetOptions::default()).await.expect("a write");
    }
    let smaller = open_peers(&fleet.daemons, [0, 1, 3], 1, patient());
    for name in &names {
        let found = smaller.get(name.as_bytes()).await.expect("a read").is_some();
        assert_eq!(found, fleet.replicas(name) != [2], "{name}");
    }
}
