//! Fuzzes what `properties/request.rs` promises.
#![no_main]

#[path = "../properties/stream.rs"]
mod stream;

#[path = "../properties/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| request::hold(bytes));
