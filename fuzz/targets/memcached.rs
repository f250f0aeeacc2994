//! Fuzzes what `properties/memcached.rs` promises, with the memcached at the address in
//! `PEERCACHE_FUZZ_MEMCACHED`.
#![no_main]

#[path = "../properties/operations/mod.rs"]
mod operations;

#[path = "../properties/wording.rs"]
mod wording;

#[path = "../properties/memcached.rs"]
mod memcached;

use memcached::Memcached;
use std::cell::RefCell;

const ADDRESS: &str = "PEERCACHE_FUZZ_MEMCACHED";

thread_local! {
    static MEMCACHED: RefCell<Memcached> = RefCell::new(connect());
}

fn connect() -> Memcached {
    let address = std::env::var(ADDRESS).ok().and_then(|address| address.parse().ok());
    Memcached::connect(address.unwrap_or_else(|| panic!("{ADDRESS} is the address of a memcached")))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    MEMCACHED.with_borrow_mut(|memcached| memcached::hold(bytes, memcached));
});
