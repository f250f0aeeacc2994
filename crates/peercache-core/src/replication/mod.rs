//! What the answers of a key's replicas add up to.
//!
//! A [`Gather`] is told what each replica said and tells what to do next. It holds no bytes and no addresses:
//! it knows replicas by their position in the replica set (0 is the owner) and time by being told that it
//! passed. One file per mode; the modes share [`Outcome`], [`Step`] and [`Verdict`].

mod broadcast;
mod leader;
pub mod order;
mod positions;
mod read;
mod token;
mod write_all;

pub use broadcast::{BroadcastAnswer, BroadcastGather, BroadcastVerdict, PeerSet};
pub use leader::{Follow, LeaderGather};
pub use positions::Positions;
pub use read::ReadGather;
pub use token::Tag;
pub use write_all::WriteAllGather;

pub use crate::protocol::Refusal;

/// How one attempt at one replica ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A read found the key.
    Hit,
    /// A read did not find it.
    Miss,
    /// A write was executed.
    Done,
    /// A delete found nothing to delete, which confirms that nothing is there; so did a command that needs
    /// an item.
    NotFound,
    /// The item is there where it should not be, or the other way round: nothing was stored.
    NotStored,
    /// The item has another version than was asked for: nothing was stored.
    Exists,
    /// A counter has this value now.
    Number(u64),
    /// The replica answered that it will not do this. It is alive, and nothing was stored.
    Refused(Refusal),
    /// No answer came.
    Lost(Lost),
}

/// What is known of an attempt without an answer (P-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lost {
    /// Not a byte of it was handed to the network: it was not executed and never will be.
    NotSent,
    /// It was sent, wholly or in part: it may have been executed, or still be, even much later.
    Ambiguous,
}

/// What a replica is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// The request itself.
    Request,
    /// The request itself again, after the leader has done it.
    Follow,
    /// To delete the key, because it cannot confirm what the others hold: missing is right, wrong never is.
    Invalidate,
}

/// What to do after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Wait for the answers that are out.
    Pending,
    /// Ask these replicas.
    Ask(Positions, Ask),
    /// The request is decided.
    Settled(Verdict),
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What the client is told.
    pub answer: Answer,
    /// Replicas on which an acknowledged write is, or may be, missing: each must be made unreadable *before*
    /// the client is told (P-10, P-13, P-14).
    pub unreadable: Positions,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The value that this replica returned.
    Hit(u8),
    /// No replica has it.
    Miss,
    /// The write was executed by these replicas, and `found` tells of a delete whether there was anything.
    Done {
        /// The replicas that confirmed.
        confirmed: Positions,
        /// False only where every confirming replica of a delete had nothing.
        found: bool,
    },
    /// This replica led, and no other keeps an older value.
    Led(u8),
    /// As [`Self::Led`], and the counter has this value now.
    Number(u8, u64),
    /// This replica led and did not do it; nothing was changed.
    No(u8, No),
    /// The leader refused; no replica keeps an older value of what was to be replaced whole.
    Refused(u8, Refusal),
    /// No replica confirmed, and these may or may not execute the write: nothing is known (P-13).
    Ambiguous(Positions),
    /// No replica could be asked, or none that was asked answered; nothing was or will be changed.
    Unavailable,
}

impl Answer {
    /// Whether the client may rely on it that no replica serves an older value.
    #[must_use]
    pub const fn is_promise(&self) -> bool {
        match self {
            Self::Hit(_) | Self::Done { .. } | Self::Led(_) | Self::Number(..) | Self::Refused(..) => true,
            Self::Miss | Self::No(..) | Self::Ambiguous(_) | Self::Unavailable => false,
        }
    }
}

/// Why a leader that is well did not do what depends on the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum No {
    /// [`Outcome::NotStored`].
    NotStored,
    /// [`Outcome::Exists`].
    Exists,
    /// [`Outcome::NotFound`].
    NotFound,
}

/// A request in progress, one variant a mode.
#[derive(Debug, Clone)]
pub enum Gather {
    /// One replica after the other.
    Read(ReadGather),
    /// All live replicas in parallel.
    WriteAll(WriteAllGather),
    /// One decides, the others follow.
    Leader(LeaderGather),
}

impl Gather {
    /// Takes the outcome of an attempt at the replica at `position`.
    pub fn observe(&mut self, position: u8, outcome: Outcome) -> Step {
        match self {
            Self::Read(read) => read.observe(position, &outcome),
            Self::WriteAll(write) => write.observe(position, outcome),
            Self::Leader(leader) => leader.observe(position, outcome),
        }
    }

    /// The replica at `position` has forgotten something since the request was planned: its miss must not
    /// decide.
    pub fn distrust(&mut self, position: u8) {
        match self {
            Self::Read(read) => read.distrust(position),
            Self::WriteAll(_) | Self::Leader(_) => {}
        }
    }

    /// The request's time is over: attempts without an answer are lost, and the request settles.
    pub fn expire(&mut self) -> Verdict {
        match self {
            Self::Read(read) => read.expire(),
            Self::WriteAll(write) => write.expire(),
            Self::Leader(leader) => leader.expire(),
        }
    }
}

#[cfg(test)]
mod tests;
