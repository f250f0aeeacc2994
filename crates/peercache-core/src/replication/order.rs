//! In which order writes of one key go out, so that all replicas execute them in one order (P-16).
//!
//! A worker has one link to each peer, and a link keeps the order of what is pushed: writes that go to all
//! replicas at once are in order already when one worker sends them. Two workers, or a command that asks its
//! leader first and the others later, are not. So a request enters the [`Stripe`] of its key before it is
//! sent and leaves it when it has settled:
//!
//! - *parallel* requests of one worker are inside together;
//! - an *exclusive* request is inside alone;
//! - requests of another worker wait until those inside have left.
//!
//! Whoever waits is let in by order of arrival, except that parallel requests of the worker whose turn it is
//! come along: otherwise two workers that write one key would take turns, one round trip a request.
//!
//! A request that timed out may still be executed after it left. Its replica is unreadable then, and is
//! emptied before it is read again; order does not matter there.
//!
//! A stripe is told and does nothing by itself: it holds no lock and wakes nobody. Several keys share one,
//! chosen by their hash, and wait for each other now and then. A request is in one stripe at a time, so
//! requests cannot wait for each other in a circle; each has a deadline, at which it leaves, inside or not.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use xxhash_rust::xxh3::xxh3_64;

/// A request, as whoever runs it finds it again. No two that are in a stripe may be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Who {
    /// The worker that sends it.
    pub worker: u16,
    /// Which of its requests.
    pub request: u32,
}

/// How a request goes about its replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Together {
    /// All at once, over links that keep the order.
    Parallel,
    /// In several steps.
    Exclusive,
}

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Entered {
    /// It is inside.
    Granted,
    /// It waits; [`Stripe::leave`] will name it.
    Queued,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Inside {
    #[default]
    Nobody,
    Parallel {
        worker: u16,
        count: u32,
    },
    Exclusive,
}

/// Those that write the keys of one stripe now, and those that wait for it.
#[derive(Debug, Default)]
pub struct Stripe {
    inside: Inside,
    queue: VecDeque<(Who, Together)>,
}

impl Stripe {
    /// Which of `count` stripes the item belongs to that `name` stands for.
    #[must_use]
    #[inline]
    pub fn of(name: &[u8], count: usize) -> usize {
        (xxh3_64(name) as u32 as usize * count) >> u32::BITS
    }

    /// A request wants to begin. It must leave whatever becomes of it.
    #[inline]
    pub fn enter(&mut self, who: Who, together: Together) -> Entered {
        if self.queue.is_empty() && self.admit(who.worker, together) {
            return Entered::Granted;
        }
        self.queue.push_back((who, together));
        Entered::Queued
    }

    /// A request has settled, or gives up waiting. Those that are inside from now on are appended to
    /// `granted`, in the order in which they have to be sent.
    #[inline]
    pub fn leave(&mut self, who: Who, granted: &mut Vec<Who>) {
        let waited = self.queue.iter().position(|(queued, _)| *queued == who);
        if waited.and_then(|at| self.queue.remove(at)).is_none() {
            self.inside = match self.inside {
                Inside::Parallel { worker, count } if count > 1 => {
                    Inside::Parallel { worker, count: count - 1 }
                }
                _ => Inside::Nobody,
            };
        }
        if !self.queue.is_empty() {
            self.let_in(granted);
        }
    }

    /// Whether nobody is inside and nobody waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inside == Inside::Nobody && self.queue.is_empty()
    }

    #[inline]
    fn admit(&mut self, of: u16, together: Together) -> bool {
        let inside = match (self.inside, together) {
            (Inside::Nobody, Together::Exclusive) => Inside::Exclusive,
            (Inside::Nobody, Together::Parallel) => Inside::Parallel { worker: of, count: 1 },
            (Inside::Parallel { worker, count }, Together::Parallel) if worker == of => {
                Inside::Parallel { worker, count: count + 1 }
            }
            _ => return false,
        };
        self.inside = inside;
        true
    }

    /// The first that waits sets the turn, and of those that arrived before the next exclusive one, whoever
    /// fits in with it comes along.
    fn let_in(&mut self, granted: &mut Vec<Who>) {
        let Some(&(first, together)) = self.queue.front() else { return };
        if !self.admit(first.worker, together) {
            return;
        }
        self.queue.pop_front();
        granted.push(first);
        let mut at = 0;
        while let Some(&(who, Together::Parallel)) = self.queue.get(at) {
            if self.admit(who.worker, Together::Parallel) {
                self.queue.remove(at);
                granted.push(who);
            } else {
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the requests of a small world are: their worker, and how they go.
    type Requests = [(u16, Together); 4];

    /// Everybody enters in turn; whoever has entered leaves whenever it likes.
    #[derive(Clone, Default)]
    struct Model {
        inside: Vec<u32>,
        waiting: Vec<u32>,
        entered: u32,
        /// Replayed to rebuild the stripe, which has no copies.
        steps: Vec<Action>,
    }

    #[derive(Clone, Copy)]
    enum Action {
        Enter(u32),
        Leave(u32),
    }

    fn who(requests: &Requests, request: u32) -> Who {
        Who { worker: requests[request as usize].0, request }
    }

    fn replay(requests: &Requests, steps: &[Action]) -> (Stripe, Vec<Who>) {
        let mut stripe = Stripe::default();
        let mut granted = Vec::new();
        for step in steps {
            granted.clear();
            match *step {
                Action::Enter(request) => {
                    let who = who(requests, request);
                    if stripe.enter(who, requests[request as usize].1) == Entered::Granted {
                        granted.push(who);
                    }
                }
                Action::Leave(request) => stripe.leave(who(requests, request), &mut granted),
            }
        }
        (stripe, granted)
    }

    /// Goes through all that can happen from here, and calls `check` after every step.
    fn explore(requests: &Requests, model: &Model, check: &impl Fn(&Requests, &Model, &Stripe, &[Who])) {
        let mut actions: Vec<Action> =
            model.inside.iter().chain(&model.waiting).map(|&request| Action::Leave(request)).collect();
        if (model.entered as usize) < requests.len() {
            actions.push(Action::Enter(model.entered));
        }
        for action in actions {
            let mut next = model.clone();
            next.steps.push(action);
            match action {
                Action::Enter(request) => {
                    next.entered += 1;
                    next.waiting.push(request);
                }
                Action::Leave(request) => {
                    next.inside.retain(|&inside| inside != request);
                    next.waiting.retain(|&waiting| waiting != request);
                }
            }
            let (stripe, granted) = replay(requests, &next.steps);
            for who in &granted {
                assert!(next.waiting.contains(&who.request), "{who:?} was let in and did not wait");
                next.waiting.retain(|&waiting| waiting != who.request);
                next.inside.push(who.request);
            }
            check(requests, &next, &stripe, &granted);
            explore(requests, &next, check);
        }
    }

    fn every_world(check: impl Fn(&Requests, &Model, &Stripe, &[Who])) {
        for bits in 0..256u32 {
            let request = |at: u32| {
                let together = [Together::Parallel, Together::Exclusive][(bits >> (at + 4) & 1) as usize];
                ((bits >> at & 1) as u16, together)
            };
            explore(&[0, 1, 2, 3].map(request), &Model::default(), &check);
        }
    }

    #[test]
    fn p16_an_exclusive_request_is_alone_and_workers_do_not_mix() {
        every_world(|requests, model, _, _| {
            let inside: Vec<_> = model.inside.iter().map(|&request| requests[request as usize]).collect();
            let alone = inside.len() < 2;
            let same = inside.iter().all(|of| *of == (inside[0].0, Together::Parallel));
            assert!(alone || same, "{inside:?}");
        });
    }

    #[test]
    fn p16_requests_of_one_worker_begin_in_the_order_in_which_they_came() {
        every_world(|requests, model, _, granted| {
            let mut latest = [None; 2];
            for who in granted {
                let worker = usize::from(who.worker);
                assert!(latest[worker] < Some(who.request));
                latest[worker] = Some(who.request);
                let overtaken =
                    |&&waiting: &&u32| requests[waiting as usize].0 == who.worker && waiting < who.request;
                assert_eq!(model.waiting.iter().find(overtaken), None, "{who:?}");
            }
        });
    }

    #[test]
    fn p16_nobody_waits_for_nothing() {
        every_world(|_, model, stripe, _| {
            assert!(!model.inside.is_empty() || model.waiting.is_empty(), "somebody was forgotten");
            assert_eq!(stripe.is_idle(), model.inside.is_empty() && model.waiting.is_empty());
        });
    }

    #[test]
    fn p16_an_exclusive_request_is_overtaken_by_nobody() {
        every_world(|requests, model, _, granted| {
            for who in granted {
                let overtaken = |&&waiting: &&u32| {
                    requests[waiting as usize].1 == Together::Exclusive && waiting < who.request
                };
                assert_eq!(model.waiting.iter().find(overtaken), None, "{who:?}");
            }
        });
    }

    #[test]
    fn a_workers_turn_takes_along_what_it_has_waiting() {
        let mut stripe = Stripe::default();
        let who = |worker, request| Who { worker, request };
        assert_eq!(stripe.enter(who(0, 0), Together::Parallel), Entered::Granted);
        for (worker, request) in [(1, 1), (0, 2), (1, 3)] {
            assert_eq!(stripe.enter(who(worker, request), Together::Parallel), Entered::Queued);
        }
        let mut granted = Vec::new();
        stripe.leave(who(0, 0), &mut granted);
        assert_eq!(granted, [who(1, 1), who(1, 3)]);
    }
}
