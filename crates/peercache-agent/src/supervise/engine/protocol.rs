//! How a daemon is talked to, named in its engine's description: whoever has a question asks by this and does
//! not need to know which engine answers.

use crate::supervise::stats::{self, StatsError};
use peercache_core::spec::AuthFile;
use std::net::SocketAddr;
use std::time::Duration;

/// The language of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// memcached's text protocol.
    Memcached,
}

impl Protocol {
    /// Everything that the daemon at `address` says of itself, in its own names and order. `users` says who
    /// to be there, where it wants to know.
    ///
    /// # Errors
    /// [`StatsError`]: no connection, no whole answer in time, or another language.
    pub async fn statistics(
        self,
        address: SocketAddr,
        users: Option<&AuthFile>,
        within: Duration,
    ) -> Result<Vec<(String, String)>, StatsError> {
        match self {
            Self::Memcached => stats::query(address, users, within).await,
        }
    }

    /// The version that the daemon at `address` says it has: proof that this language is spoken there.
    ///
    /// # Errors
    /// As [`Protocol::statistics`].
    pub async fn version(
        self,
        address: SocketAddr,
        users: Option<&AuthFile>,
        within: Duration,
    ) -> Result<String, StatsError> {
        match self {
            Self::Memcached => stats::version(address, users, within).await,
        }
    }
}
