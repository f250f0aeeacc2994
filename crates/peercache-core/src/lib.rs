//! What peercache decides, and nothing else.
//!
//! Which peers hold a key, in what order they are asked, what their answers add up to, and when a peer counts
//! as down: all of it is here, as code that cannot do IO, cannot read a clock and cannot spawn. The same
//! decisions therefore run in the command line, the library, the proxy and the simulator.
//!
//! The modules stand in the order in which they build on each other: each uses only those before it.
//!
//! [`key`] · [`spec`] · [`protocol`] · [`ring`] · [`health`] · [`replication`] · [`topology`] · [`router`] ·
//! [`pipeline`] · [`link`]
#![no_std]

extern crate alloc;

pub mod key;
pub mod spec;
pub mod protocol;
pub mod ring;
pub mod health;
pub mod replication;
pub mod topology;
pub mod router;
pub mod pipeline;
pub mod link;
