//! memcached's text protocol, both ends of it.
//!
//! Towards peers: [`command`] writes what they are asked, [`reply`] reads what they answer. Towards clients:
//! [`request`] reads what they ask, [`response`] writes what they are answered.

mod base64;
pub mod command;
mod number;
pub mod reply;
pub mod request;
pub mod response;
mod words;
