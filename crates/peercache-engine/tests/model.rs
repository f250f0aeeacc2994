//! Sequences of operations, on the store and on a model of memcached: made by chance here, and by the fuzzer
//! `store`, whose corpus is replayed.

#[path = "../../../fuzz/properties/operations/mod.rs"]
mod operations;

#[path = "../../../fuzz/properties/model.rs"]
mod model;

#[path = "../../../fuzz/properties/store/mod.rs"]
mod store;

use proptest::prelude::{any, prop, proptest};
use std::fs;
use std::path::Path;

/// Fewer files than this are not the corpus.
const FILES_MIN: usize = 10;

#[test]
fn the_corpus_does_to_the_store_what_it_does_to_the_model() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/store");
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is in the repository") {
        let path = entry.expect("the folder can be read").path();
        println!("{}", path.display());
        store::hold(&fs::read(&path).expect("a file of the corpus can be read"));
        files += 1;
    }
    assert!(files >= FILES_MIN, "only {files} files in {}", folder.display());
}

proptest! {
    /// A line is an operation; what is longer says nothing more.
    #[test]
    fn the_store_does_what_the_model_does(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..24), 1..80)
    ) {
        store::hold(&lines.join(&b'\n'));
    }
}
