//! Leader first: one replica decides what a command that depends on the value comes to, and the others follow
//! (P-15, P-17).
//!
//! The leader is asked alone. Where it says no, nothing has changed anywhere and that is the answer. Where it
//! does it, the followers either do the same and are compared with it, or lose their copies. A follower that
//! cannot confirm the leader's result loses the key: in a cache missing is right, wrong never is. The client
//! is answered after that, never before.
//!
//! A leader that may have executed the command decides it: it is never tried elsewhere, because a second
//! replica would answer from a state that lacks the first one's effect. A read that only gives a new expiry
//! has none that an answer could lack: there the next replica leads, and the first may not be read any more.
//!
//! memcached 1.6.18 leaves the old value in place when it refuses `add`, `replace`, `append`, `prepend`,
//! `cas` and counters, and so does an `append` that would grow over its limit (`NOT_STORED`). A refused `ms`
//! drops the leader's copy in every one of its modes; that copy is then missing, which needs no care of ours.

use super::{Answer, Ask, Lost, No, Outcome, Positions, Step, Verdict};

/// What the followers do once the leader has done it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Follow {
    /// The same, and whoever comes to another result loses the key: counters.
    Same,
    /// As [`Self::Same`], of a command that done twice is as done once: `gat`.
    Touch,
    /// They lose the key: commands whose result cannot be compared, such as `append` and `cas`.
    Invalidate,
}

/// Whom the request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The replica that decides: none before the first is asked, and after the last was lost.
    Leader(Option<u8>),
    /// The followers, doing the same.
    Followers(u8),
    /// Followers that are to lose the key.
    Invalidation(u8),
}

/// A leader-first request in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderGather {
    follow: Follow,
    stage: Stage,
    replicas: Positions,
    live: Positions,
    /// Replicas that may lead, from the owner on.
    first: Positions,
    /// Replicas that may lead when nobody else can: they have forgotten.
    last: Positions,
    /// Replicas whose result says something: all that may lead. Another one may hold anything, and only loses
    /// the key.
    comparable: Positions,
    /// Asked, not yet answered.
    waiting: Positions,
    /// Certain to hold the leader's result, or nothing.
    right: Positions,
    /// Came to another result; their key is to be deleted.
    wrong: Positions,
    /// What the leader did.
    led: Option<Outcome>,
    /// Leaders that were lost and may or may not have done it.
    lost: Positions,
}

impl LeaderGather {
    /// A command on a key with so many `copies`, of which `live` can be written and `first`, then `last`, may
    /// lead.
    #[must_use]
    pub fn new(copies: usize, live: Positions, first: Positions, last: Positions, follow: Follow) -> Self {
        Self {
            follow,
            stage: Stage::Leader(None),
            replicas: Positions::first(copies),
            live,
            first,
            last,
            comparable: first.union(last),
            waiting: Positions::NONE,
            right: Positions::NONE,
            wrong: Positions::NONE,
            led: None,
            lost: Positions::NONE,
        }
    }

    /// Whom to ask first: the leader.
    pub fn begin(&mut self) -> Step {
        self.next_leader()
    }

    pub(super) fn observe(&mut self, position: u8, outcome: Outcome) -> Step {
        if !self.waiting.contains(position) {
            return Step::Pending;
        }
        self.waiting.remove(position);
        match self.stage {
            Stage::Leader(_) => self.hear_leader(position, outcome),
            Stage::Followers(leader) => {
                self.note_follower(position, &outcome);
                if self.waiting.is_empty() { self.invalidate(leader, self.wrong) } else { Step::Pending }
            }
            Stage::Invalidation(_) => {
                if matches!(outcome, Outcome::Done | Outcome::NotFound) {
                    self.right.insert(position);
                }
                if self.waiting.is_empty() { Step::Settled(self.acknowledged()) } else { Step::Pending }
            }
        }
    }

    pub(super) fn expire(&mut self) -> Verdict {
        self.waiting = Positions::NONE;
        match self.stage {
            Stage::Leader(leader) => {
                self.lost =
                    leader.into_iter().fold(self.lost, |lost, leader| lost.union(Positions::only(leader)));
                self.undone(Answer::Unavailable)
            }
            Stage::Followers(_) | Stage::Invalidation(_) => self.acknowledged(),
        }
    }

    fn next_leader(&mut self) -> Step {
        let leader = self.first.lowest().or(self.last.lowest());
        self.stage = Stage::Leader(leader);
        let Some(leader) = leader else {
            return Step::Settled(self.undone(Answer::Unavailable));
        };
        self.first.remove(leader);
        self.last.remove(leader);
        self.waiting.insert(leader);
        Step::Ask(self.waiting, Ask::Request)
    }

    fn hear_leader(&mut self, leader: u8, outcome: Outcome) -> Step {
        let answer = match outcome {
            Outcome::Done | Outcome::Hit | Outcome::Number(_) => return self.lead(leader, outcome),
            Outcome::Lost(Lost::NotSent) => {
                // As a follower it could only fail again: it is unreadable if another leads.
                self.live.remove(leader);
                return self.next_leader();
            }
            Outcome::Lost(Lost::Ambiguous) => {
                self.lost.insert(leader);
                if self.follow != Follow::Touch {
                    return Step::Settled(self.undone(Answer::Unavailable));
                }
                self.live.remove(leader);
                return self.next_leader();
            }
            Outcome::NotStored => Answer::No(leader, No::NotStored),
            Outcome::Exists => Answer::No(leader, No::Exists),
            Outcome::NotFound => Answer::No(leader, No::NotFound),
            Outcome::Miss => Answer::Miss,
            Outcome::Refused(refusal) => Answer::Refused(leader, refusal),
        };
        Step::Settled(self.undone(answer))
    }

    /// No leader is known to have done it, and its followers have not. Where nobody answers, nobody knows
    /// about those that were lost.
    fn undone(&self, answer: Answer) -> Verdict {
        let is_unknown = answer == Answer::Unavailable && !self.lost.is_empty();
        let answer = if is_unknown { Answer::Ambiguous(self.lost) } else { answer };
        Verdict { answer, unreadable: self.lost }
    }

    /// The leader has done it: from here on the answer is positive.
    fn lead(&mut self, leader: u8, outcome: Outcome) -> Step {
        self.led = Some(outcome);
        self.right.insert(leader);
        let followers = self.live.without(self.right);
        self.wrong = match self.follow {
            Follow::Same | Follow::Touch => followers.without(self.comparable),
            Follow::Invalidate => followers,
        };
        let followers = followers.without(self.wrong);
        if followers.is_empty() {
            return self.invalidate(leader, self.wrong);
        }
        self.stage = Stage::Followers(leader);
        self.waiting = followers;
        Step::Ask(followers, Ask::Follow)
    }

    fn note_follower(&mut self, position: u8, outcome: &Outcome) {
        match outcome {
            // Its copy was evicted, or never came: nothing is there that could be wrong.
            Outcome::NotFound | Outcome::Miss => self.right.insert(position),
            // Unreadable is all that can be done about it.
            Outcome::Lost(_) => {}
            _ if self.led.as_ref().is_some_and(|led| agree(led, outcome)) => self.right.insert(position),
            _ => self.wrong.insert(position),
        }
    }

    fn invalidate(&mut self, leader: u8, whom: Positions) -> Step {
        self.stage = Stage::Invalidation(leader);
        if whom.is_empty() {
            return Step::Settled(self.acknowledged());
        }
        self.waiting = whom;
        Step::Ask(whom, Ask::Invalidate)
    }

    fn acknowledged(&self) -> Verdict {
        let answer = match (self.stage, &self.led) {
            (Stage::Followers(leader) | Stage::Invalidation(leader), Some(led)) => match led {
                Outcome::Number(number) => Answer::Number(leader, *number),
                Outcome::Hit => Answer::Hit(leader),
                _ => Answer::Led(leader),
            },
            _ => Answer::Unavailable,
        };
        Verdict { answer, unreadable: self.replicas.without(self.right) }
    }
}

/// Whether a follower came to the leader's result.
fn agree(led: &Outcome, followed: &Outcome) -> bool {
    match (led, followed) {
        (Outcome::Number(led), Outcome::Number(followed)) => led == followed,
        (Outcome::Done | Outcome::Hit, Outcome::Done | Outcome::Hit) => true,
        _ => false,
    }
}
