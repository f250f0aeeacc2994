//! Sequences of operations, to which the engine answers as memcached does: made by chance here, and by the
//! fuzzer `memcached`, whose corpus is replayed.

#[path = "../../../../fuzz/properties/operations/mod.rs"]
mod operations;

#[path = "../../../../fuzz/properties/wording.rs"]
mod wording;

#[path = "../../../../fuzz/properties/memcached.rs"]
mod memcached;

use crate::programs;
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::test_runner::TestRunner;
use std::fs;
use std::path::Path;

/// The fuzzers `store` and `memcached` make sense of each other's finds.
const CORPORA: [&str; 2] = ["store", "memcached"];

/// Fewer files than this are not the corpus.
const FILES_MIN: usize = 20;

fn memcached() -> programs::Memcached {
    programs::Memcached::start_with(&["-I", "512k", "-o", "no_lru_maintainer,no_lru_crawler"])
}

#[test]
fn the_engine_answers_the_corpus_as_memcached_does() {
    let memcached = memcached();
    let mut client = memcached::Memcached::connect(memcached.address);
    let folder = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let folders = CORPORA.map(|name| fs::read_dir(folder(name)).expect("the corpus is in the repository"));
    let mut files = 0;
    for entry in folders.into_iter().flatten() {
        let path = entry.expect("the folder can be read").path();
        println!("{}", path.display());
        memcached::hold(&fs::read(&path).expect("a file of the corpus can be read"), &mut client);
        files += 1;
    }
    assert!(files >= FILES_MIN, "only {files} files in {CORPORA:?}");
}

#[test]
fn the_engine_answers_sequences_made_by_chance_as_memcached_does() {
    let memcached = memcached();
    let mut client = memcached::Memcached::connect(memcached.address);
    let client = std::cell::RefCell::new(&mut client);
    // A line is an operation; what is longer says nothing more.
    let line = prop::collection::vec(any::<u8>(), 1..24);
    let run = TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }).run(
        &prop::collection::vec(line, 1..80),
        |lines| {
            memcached::hold(&lines.join(&b'\n'), &mut client.borrow_mut());
            Ok(())
        },
    );
    run.unwrap_or_else(|failure| panic!("{failure}"));
}
