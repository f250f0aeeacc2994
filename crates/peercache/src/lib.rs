//! Peercache makes many cache daemons act as one.
//!
//! This crate is the facade: it joins the rooms of the workspace into the `peercache` command ([`run`]) and
//! into the library that Rust programs use. It decides nothing: what a key's replicas are and what their
//! answers mean is core's, who is started and stopped is the supervisor's.

mod cli;
mod client;
mod fleet;
mod nutcracker;
mod output;
mod settings;
mod state;

pub use cli::run;
pub use client::{Client, OpenError};
pub use peercache_client::{
    Copy, Deleted, PeerError, ReadError, SetOptions, Trouble, Ttl, Unrecorded, Value, WriteError, Written,
};
pub use peercache_core::{key, ring, spec, topology};
