//! How long placement takes: a look-up of two replicas, and building a large ring.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use peercache_core::key::Key;
use peercache_core::ring::{Ring, RingMember};
use peercache_core::spec::{HashKind, Ketama, PeerId, Replication, Vnodes, Weight};
use std::hint::black_box;

fn ids(count: usize) -> Vec<PeerId> {
    (0..count).map(|n| format!("peer-{n}").parse().expect("a sound name")).collect()
}

fn build(ids: &[PeerId], hash: HashKind) -> Ring {
    let members: Vec<_> =
        ids.iter().map(|id| RingMember { id, weight: Weight::default(), ring_name: None }).collect();
    Ring::build(&members, Vnodes::default(), hash).expect("distinct peers")
}

/// Keys of 20 bytes, enough of them that neither the branch predictor nor the first cache learns them.
fn keys() -> Vec<String> {
    (0..4096u64).map(|n| format!("{:020}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect()
}

fn lookup(criterion: &mut Criterion) {
    let copies = Replication::new(2).expect("in range");
    let keys = keys();
    let mut group = criterion.benchmark_group("two replicas of a 20-byte key");
    for hash in [HashKind::Xxh3, HashKind::Md5, HashKind::Ketama(Ketama::TWEMPROXY)] {
        for peers in [8, 64, 1000] {
            let ring = build(&ids(peers), hash);
            let mut keys = keys.iter().cycle();
            group.bench_function(BenchmarkId::new(hash.as_str(), peers), |bencher| {
                bencher.iter(|| {
                    let key = keys.next().expect("a cycle never ends");
                    let key = Key::new(black_box(key.as_bytes())).expect("a sound key");
                    black_box(ring.replicas(key, copies))
                });
            });
        }
    }
}

fn construction(criterion: &mut Criterion) {
    let ids = ids(1000);
    let mut group = criterion.benchmark_group("build of 1000 peers x 100 points");
    group.sample_size(20);
    for hash in [HashKind::Xxh3, HashKind::Md5] {
        group.bench_function(hash.as_str(), |bencher| bencher.iter(|| build(black_box(&ids), hash)));
    }
}

criterion_group!(benches, lookup, construction);
criterion_main!(benches);
