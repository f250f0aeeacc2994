//! The protocols of peers and clients: bytes to meaning and back, one folder a family.

pub mod memcached;
mod refusal;

pub use refusal::Refusal;
