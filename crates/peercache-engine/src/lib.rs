//! Where the embedded engine keeps its items.
//!
//! A [`Store`] is what memcached is behind its protocol: keys with values, flags, expiries and versions, in a
//! bounded amount of memory, shared by threads. It opens no sockets and reads no clock: the time is an
//! argument of every operation, in whole seconds, as the protocol counts.
//!
//! From the outside in: [`Store`] deals keys to shards, each with a lock; a shard is a `table` that finds
//! items, a `memory` log that holds them, and a `ghost` that remembers who has gone.

mod classes;
mod counters;
mod ghost;
mod memory;
mod shard;
mod store;
mod sync;
mod table;
mod time;

pub use classes::{ClassCounts, ClassValues};
pub use counters::CounterValues;
pub use memory::{Value, item_bytes};
pub use store::{
    Count, Counted, Cursor, Delete, Deleted, Hit, Item, Lease, Options, Parcel, Put, Read, Recache, Store,
    Stored, TableSize, Versions, WhenFull, Written,
};
pub use time::{Death, Now};
