//! When a peer counts as up, and how it gets there (P-25, P-10).
//!
//! [`Phase`] and [`Event`] are a small table without memory; [`PeerCell`] is the one place where a process
//! keeps what it knows of a peer, shared by all its workers. Time-outs and silences are measured by the
//! drivers, which own clocks; what they mean is decided here.

mod cell;
mod incarnation;
mod state;

pub use cell::{PeerCell, Transition};
pub use incarnation::{Identified, Incarnation};
pub use state::{Entry, PeerState};

use core::fmt;

/// How a peer stands with this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// It answers.
    Up = 0,
    /// An attempt timed out. It is still asked, last among its siblings.
    Suspect = 1,
    /// It refuses, was reset, or owes answers and is silent. It is not asked at all.
    Down = 2,
    /// It answers again and is being brought back: it takes writes and serves no reads unless it missed
    /// nothing.
    Returning = 3,
    /// It came back empty. It takes writes and serves what it has; its misses are asked of the next replica.
    Warming = 4,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Up, Self::Suspect, Self::Down, Self::Returning, Self::Warming];

    /// The word users read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Returning => "returning",
            Self::Warming => "warming",
        }
    }

    /// Where `event` leads from here; staying is allowed.
    #[must_use]
    pub const fn after(self, event: Event) -> Self {
        match (self, event) {
            (_, Event::Refused | Event::Silent) => Self::Down,
            (Self::Up | Self::Warming, Event::TimedOut) => Self::Suspect,
            (Self::Suspect, Event::Answered) => Self::Up,
            (Self::Down, Event::Answered) => Self::Returning,
            (phase, Event::TimedOut | Event::Answered) => phase,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a link saw of its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The connection was refused, reset or closed.
    Refused,
    /// An attempt passed its deadline.
    TimedOut,
    /// A link that owes answers has been silent for the policy's `silence`.
    Silent,
    /// An answer came.
    Answered,
}

impl Event {
    /// The reason users read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "connection refused or lost",
            Self::TimedOut => "an attempt timed out",
            Self::Silent => "owes answers and is silent",
            Self::Answered => "answers",
        }
    }
}
