//! The proxy: memcached's clients are served by a network instead of a store.
//!
//! A [`Proxy`] is a set of workers, each a thread with connections of its own to every peer. What one
//! worker does is a pure machine, the `hub`: it knows sessions and links (`peers`) and no sockets. The
//! modules, in the order in which a request meets them: `session` holds a client's bytes and the order of
//! its answers, `intake` takes requests in, `asked` begins one for one key, `parking` and `turns` have it
//! wait where it must, `op`, `meta` and `dialects` say what is asked of replicas, `ask` asks, `core`
//! hears what they answer, `say` tells the client. `multigets` (with `many`) and `flush` (with
//! `everywhere`) are requests for more than one key, `budget` and `patience` bound what they hold,
//! `changing` is a change of the network beneath them all. `drive` moves the bytes.

mod access;
mod administration;
mod ask;
mod asked;
mod budget;
mod buffers;
mod changer;
mod changing;
mod complaints;
mod core;
mod counts;
mod dialects;
mod drive;
mod everywhere;
mod flush;
mod hub;
mod idle;
mod intake;
mod known;
mod many;
mod meta;
pub mod metrics;
mod multigets;
mod op;
mod options;
mod orders;
mod pace;
mod parking;
mod patience;
mod peers;
mod say;
mod serve;
mod session;
mod shared;
mod slot;
#[cfg(test)]
mod tests;
mod turns;

pub use changer::Changer;
pub use options::{Options, PendingFlush};
pub use serve::Proxy;
