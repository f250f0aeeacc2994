//! How a peer stands at this moment.

use super::ask::version;
use crate::state::{PeerRecord, PeerState};
use peercache_agent::supervise::{OpenError, Process, ProcessIdentity};
use std::fmt;
use std::time::Duration;

/// How long an attached peer may take to say that it is there.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// What a peer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Its process runs, or, of an attached one, it answers.
    Running,
    /// A command that is alive is bringing it up.
    Starting {
        /// That command's pid.
        by: u32,
    },
    /// A command died while it brought it up; the next start cleans up.
    Unfinished,
    /// It was stopped by us, or never ran.
    Stopped,
    /// It should run, and its process is gone.
    Dead {
        /// The pid it had.
        pid: u32,
    },
    /// It is attached and does not answer.
    Unreachable,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Starting { .. } => f.write_str("starting"),
            Self::Unfinished => f.write_str("unfinished start"),
            Self::Stopped => f.write_str("stopped"),
            Self::Dead { pid } => write!(f, "dead (was pid {pid})"),
            Self::Unreachable => f.write_str("unreachable"),
        }
    }
}

/// How a peer of ours stands, from its record and the operating system. Of an attached one nothing is known
/// but that it was there.
pub(crate) fn condition(peer: &PeerRecord) -> Result<Condition, OpenError> {
    if !peer.managed {
        return Ok(Condition::Running);
    }
    Ok(match (peer.state, peer.process()) {
        (PeerState::Stopped, _) => Condition::Stopped,
        (PeerState::Starting, _) => match &peer.starter {
            Some(starter) if is_alive(starter)? => Condition::Starting { by: starter.pid },
            _ => Condition::Unfinished,
        },
        (PeerState::Running, Some(process)) if is_alive(&process)? => Condition::Running,
        (PeerState::Running, process) => Condition::Dead { pid: process.map_or(0, |process| process.pid) },
    })
}

/// As [`condition`], and an attached peer is asked.
pub(crate) async fn look(peer: &PeerRecord) -> Result<Condition, OpenError> {
    if !peer.managed && version(peer, ANSWER_WITHIN).await.is_err() {
        return Ok(Condition::Unreachable);
    }
    condition(peer)
}

fn is_alive(process: &ProcessIdentity) -> Result<bool, OpenError> {
    Ok(Process::open(process)?.is_some())
}
