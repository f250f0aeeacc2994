//! How evenly rings spread keys: the largest share of any owner against a fair one, over 1,000 random sets of
//! ids.

use peercache_core::ring::{Ring, RingMember};
use peercache_core::spec::{HashKind, PeerId, Replication, Vnodes, Weight};

const SETS: usize = 1000;

fn main() {
    let mut state = 1u64;
    let mut next = || {
        // Knuth's MMIX generator: only names are drawn from it, the ring hashes them.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    println!("peers  vnodes  hash  largest share / fair share: median   p99   worst of {SETS}");
    for (peers, vnodes) in [(4, 100), (8, 100), (64, 100), (8, 1000)] {
        for hash in [HashKind::Xxh3, HashKind::Md5] {
            let mut largest: Vec<f64> = (0..SETS)
                .map(|_| {
                    let name = |n| format!("host{:x}-{n}", next());
                    let ids = (0..peers).map(name).map(|name| name.parse().expect("a sound name"));
                    largest_share(&ids.collect::<Vec<_>>(), vnodes, hash) * peers as f64
                })
                .collect();
            largest.sort_by(f64::total_cmp);
            let [median, p99, worst] = [SETS / 2, SETS * 99 / 100, SETS - 1].map(|rank| largest[rank]);
            println!("{peers:>5}  {vnodes:>6}  {hash:<4}  {median:>34.3} {p99:>5.3} {worst:>7.3}");
        }
    }
}

fn largest_share(ids: &[PeerId], vnodes: u32, hash: HashKind) -> f64 {
    let members: Vec<_> =
        ids.iter().map(|id| RingMember { id, weight: Weight::default(), ring_name: None }).collect();
    let ring = Ring::build(&members, Vnodes::new(vnodes).expect("in range"), hash).expect("distinct peers");
    let shares = ring.shares(Replication::default());
    shares.iter().map(|share| share.owned).fold(0.0, f64::max)
}
