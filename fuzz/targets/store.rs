//! Fuzzes what `properties/store` promises.
#![no_main]

#[path = "../properties/operations/mod.rs"]
mod operations;

#[path = "../properties/model.rs"]
mod model;

#[path = "../properties/store/mod.rs"]
mod store;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| store::hold(bytes));
