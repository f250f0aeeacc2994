//! Looks up two replicas of 20-byte keys on 64 peers as often as its argument says, and nothing else: run
//! under callgrind with two counts, the difference is the instructions of the look-ups.

use peercache_core::key::Key;
use peercache_core::ring::{Ring, RingMember};
use peercache_core::spec::{HashKind, PeerId, Replication, Vnodes, Weight};
use std::hint::black_box;

fn main() {
    let count: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1000);
    let ids: Vec<PeerId> = (0..64).map(|n| format!("peer-{n}").parse().expect("a sound name")).collect();
    let members: Vec<_> =
        ids.iter().map(|id| RingMember { id, weight: Weight::default(), ring_name: None }).collect();
    let ring = Ring::build(&members, Vnodes::default(), HashKind::Xxh3).expect("distinct peers");
    let copies = Replication::new(2).expect("in range");
    let names: Vec<String> = (0..1024).map(|n| format!("{n:020}")).collect();
    // Keys are checked where they enter, not where they are placed.
    let keys: Vec<Key<'_>> = names.iter().map(|n| Key::new(n.as_bytes()).expect("a sound key")).collect();
    for n in 0..count {
        black_box(ring.replicas(black_box(keys[n % keys.len()]), copies));
    }
}
