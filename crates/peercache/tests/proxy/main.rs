//! The promises through the proxy: clients of memcached, the real binary, and real memcacheds that are
//! killed, hung and brought back meanwhile.
//!
//! Every test has a network of its own. Nothing sleeps to be in time: what takes time is polled for, with a
//! deadline.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod checker;
mod ending;
mod everywhere;
mod hung;
mod killed;
mod leader;
mod load;
mod network;
mod order;
mod refusals;
mod spread;
mod versions;
mod wire;
