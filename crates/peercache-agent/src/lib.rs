//! RUNS: what one host does for the peers on it.
//!
//! [`supervise`] starts, watches and stops real cache daemons as processes of their own. It keeps no records:
//! which peers exist, and who may change them at the same time, is the business of its caller, who writes
//! down the [`ProcessIdentity`](supervise::ProcessIdentity) it is given and comes back with it later.
//! [`exporter`] shows metrics to whoever measures from outside.

pub mod exporter;
pub mod supervise;
