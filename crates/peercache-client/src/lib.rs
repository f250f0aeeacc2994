//! Sockets outward: one pipelined link to each peer, and a client that reads and writes a network through
//! them.
//!
//! Nothing here decides. [`peercache_core`] says whom to ask and what the answers mean; a link moves bytes
//! and keeps time; [`Client`] carries one request from plan to verdict.
//!
//! ```no_run
//! use peercache_client::{Client, SetOptions};
//! use peercache_core::spec::{
//!     EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight,
//! };
//! use peercache_core::topology::Topology;
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let peer = |id: &str, port: u16| -> Result<PeerSpec, Box<dyn std::error::Error>> {
//!     let address = ([127, 0, 0, 1], port).into();
//!     let (id, weight) = (id.parse()?, Weight::default());
//!     Ok(PeerSpec { id, address, weight, engine: EngineKind::Memcached, ring_name: None, auth_file: None })
//! };
//! let network = NetworkSpec {
//!     name: "main".parse()?,
//!     peers: vec![peer("p0", 12000)?, peer("p1", 12001)?],
//!     replication: Replication::new(2)?,
//!     vnodes: Vnodes::default(),
//!     hash: HashKind::Xxh3,
//!     policy: Policy::default(),
//! };
//! let client = Client::open(Arc::new(Topology::build(&network)?));
//! client.set(b"greeting", b"hello", SetOptions::default()).await?;
//! assert_eq!(client.get(b"greeting").await?.unwrap().data, "hello");
//! # Ok(())
//! # }
//! ```

mod answer;
pub mod client;
pub mod direct;
mod driver;
mod link;
pub mod login;
pub mod network;
pub mod register;
pub mod users;

pub use client::{
    Client, Copy, Deleted, PeerError, ReadError, SetOptions, Trouble, Ttl, Value, WriteError, Written,
};
pub use login::{Login, LoginError};
pub use network::{Network, Unrecorded};
pub use register::{Register, Tenant};
