//! memcached's text protocol, both ends of it.
//!
//! Towards peers: [`command`] writes what they are asked, [`reply`] reads what they answer.

pub mod command;
pub mod reply;
