//! Where the embedded engine keeps its items.
//!
//! A [`Store`] is what memcached is behind its protocol: keys with values, flags, expiries and versions, in a
//! bounded amount of memory, shared by threads. It opens no sockets and reads no clock: the time is an
//! argument of every operation, in whole seconds, as the protocol counts.
//!
//! [`Store`] · [`Now`] · [`Counters`](CounterValues)

mod counters;
mod item;
mod room;
mod store;
mod time;
mod watermark;

pub use counters::CounterValues;
pub use item::{Item, item_bytes};
pub use store::{Counted, ItemInfo, New, Options, Store, Stored, WhenFull};
pub use time::Now;
