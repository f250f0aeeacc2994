//! The lab: puts a load on a network, measures it, and reports what happened.
//!
//! It decides nothing about a cache: the load goes through the public client, as any user's would, and what
//! it counts can be compared with what the daemons themselves count. It draws nothing on a terminal and
//! knows no state folder; whoever calls it gives a [`progress::Progress`] and writes the
//! [`report::Report`].
//!
//! So far it replays traces: [`trace`] reads them, [`replay`] sends them, [`latency`] measures.

pub mod latency;
pub mod progress;
pub mod replay;
pub mod report;
pub mod trace;
