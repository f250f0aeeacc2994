//! Brings peers that were away back, without ever serving what they missed, and lets the processes of a host
//! know of each other's misses.
//!
//! The same for the command line, the library and the proxy. Three pure machines decide: [`Return`] what must
//! happen before a peer may be read again, [`Keeping`] when this process's entry in the outage ledger must be
//! on disk, [`judge`] what the entries of others mean. [`Healer`] is the thin driver that carries it out.

mod flusher;
mod folders;
mod healer;
mod keeper;
mod ledger;
mod patient;
mod returning;
mod watcher;

pub use folders::{FolderWatch, Watched};
pub use healer::Healer;
pub use ledger::keeping::{KeepStep, Keeping};
pub use ledger::sighting::{Judged, Sighting, Standing, judge};
pub use ledger::{Ledger, Outage, PendingFlush};
pub use returning::{Return, ReturnFacts, ReturnStep};
