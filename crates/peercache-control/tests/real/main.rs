//! The promises on real memcached processes that are killed, hung and restarted under load.

mod daemon;
mod faults;
mod flushes;
mod killed;
mod ledger;
mod limits;
mod placement;
mod relay;
mod requests;
