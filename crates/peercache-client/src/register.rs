//! Who may answer at a peer's address, where somebody keeps a record of that (P-33).
//!
//! An address proves nothing: when a daemon dies, its port is free, and the next program that looks for one
//! may get it. It may even be a cache, which is then somebody else's. So whoever starts the daemons says here
//! which process each of them is, and no other one is read, written or emptied. It is asked before each
//! connection, so that a daemon that was started anew is known as soon as its record is.

use peercache_core::spec::PeerSpec;
use std::fmt;
use std::io;

/// Whose answer at a peer's address is the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// Whoever answers: somebody else runs the peer, and nobody here knows more of it than its address.
    Anybody,
    /// The process with this pid.
    Process(u32),
    /// Nobody's: the peer does not run.
    Nobody,
}

/// Knows who the peers' daemons are.
pub trait Register: fmt::Debug + Send + Sync {
    /// Who may answer for `peer` now. May block for a moment.
    ///
    /// # Errors
    /// It cannot be found out, in words that name the record.
    fn tenant(&self, peer: &PeerSpec) -> io::Result<Tenant>;
}
