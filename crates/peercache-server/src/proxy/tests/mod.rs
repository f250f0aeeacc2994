//! A worker without sockets, driven packet by packet: what depends on the order in which peers answer and
//! clients read is laid down here and not left to a network.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod gats;
mod memory;
mod multigets;
mod stage;
