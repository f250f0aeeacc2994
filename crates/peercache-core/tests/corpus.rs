//! What the fuzzers know, replayed as plain tests: every file of `fuzz/corpus` keeps what `fuzz/properties`
//! promises of whatever a client sends and whatever a peer answers.

#[path = "../../../fuzz/properties/stream.rs"]
mod stream;

#[path = "../../../fuzz/properties/request.rs"]
mod request;

#[path = "../../../fuzz/properties/reply.rs"]
mod reply;

use std::fs;
use std::path::Path;

/// Fewer files than this are not the corpus.
const FILES_MIN: usize = 50;

fn replay(target: &str, hold: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is in the repository") {
        let path = entry.expect("the folder can be read").path();
        let bytes = fs::read(&path).expect("a file of the corpus can be read");
        println!("{}", path.display());
        hold(&bytes);
        files += 1;
    }
    assert!(files >= FILES_MIN, "only {files} files in {}", folder.display());
}

#[test]
fn requests_of_the_corpus_keep_their_properties() {
    replay("request", request::hold);
}

#[test]
fn replies_of_the_corpus_keep_their_properties() {
    replay("reply", reply::hold);
}
