//! Fuzzes what `properties/store.rs` promises.
#![no_main]

#[path = "../properties/operations.rs"]
mod operations;

#[path = "../properties/model.rs"]
mod model;

#[path = "../properties/store.rs"]
mod store;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| store::hold(bytes));
