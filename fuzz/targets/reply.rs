//! Fuzzes what `properties/reply.rs` promises.
#![no_main]

#[path = "../properties/stream.rs"]
mod stream;

#[path = "../properties/reply.rs"]
mod reply;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reply::hold(bytes));
