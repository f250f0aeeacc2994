//! Clients that misbehave, clients in numbers, and a proxy that must not notice: the real binary before real
//! daemons.
//!
//! Every test has daemons and a proxy of its own. Some tests have a short form, which always runs, and a long
//! one of the same code, which `cargo xtask test --all` asks for: see [`scale`].
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod bodies;
mod client;
mod crowds;
mod doors;
mod fuzzed;
mod greedy;
mod logins;
mod relay;
mod relayed;
mod scale;
mod soak;
mod splits;
mod stage;
mod strangers;
