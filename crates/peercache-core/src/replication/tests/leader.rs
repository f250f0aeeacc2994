//! Every small world of a leader-first command: up to three replicas of every kind, every answer of each as
//! leader and as follower, from either side, with and without the deadline.

use super::*;

const OUTCOMES: [fn() -> Outcome; 7] = [
    || Outcome::Number(7),
    || Outcome::Number(8),
    || Outcome::NotFound,
    || Outcome::Exists,
    || Outcome::Refused(Refusal::OutOfMemory),
    || Outcome::Lost(Lost::NotSent),
    || Outcome::Lost(Lost::Ambiguous),
];

/// How a replica stands before the command.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Down,
    /// It takes writes, and may not be read.
    Unreadable,
    Ready,
    Forgot,
}

const KINDS: [Kind; 4] = [Kind::Down, Kind::Unreadable, Kind::Ready, Kind::Forgot];

struct LeaderWorld {
    follow: Follow,
    kinds: Vec<Kind>,
    outcomes: Vec<usize>,
    deletes: Vec<bool>,
}

/// What was asked of whom, in order, and whether it answered.
type Asked = Vec<(u8, Ask, bool)>;

impl LeaderWorld {
    fn of_kind(&self, wanted: &[Kind]) -> Positions {
        (0u8..).zip(&self.kinds).filter(|(_, kind)| wanted.contains(kind)).map(|(at, _)| at).collect()
    }

    fn outcome(&self, position: u8, ask: Ask) -> Outcome {
        match ask {
            Ask::Request | Ask::Follow => OUTCOMES[self.outcomes[usize::from(position)]](),
            Ask::Invalidate if self.deletes[usize::from(position)] => Outcome::Done,
            Ask::Invalidate => Outcome::Lost(Lost::Ambiguous),
        }
    }

    /// Plays it. Answers come in the order of the replicas or the other way round, and those beyond
    /// `arrivals` never.
    fn play(&self, backwards: bool, arrivals: usize) -> (Verdict, Asked) {
        let live = self.of_kind(&[Kind::Unreadable, Kind::Ready, Kind::Forgot]);
        let (first, last) = (self.of_kind(&[Kind::Ready]), self.of_kind(&[Kind::Forgot]));
        let mut gather = LeaderGather::new(self.kinds.len(), live, first, last, self.follow);
        let mut asked = vec![];
        let mut left = arrivals;
        let mut step = gather.begin();
        loop {
            let (whom, ask) = match step {
                Step::Settled(verdict) => return (verdict, asked),
                Step::Ask(whom, ask) => (whom, ask),
                Step::Pending => return (gather.expire(), asked),
            };
            step = Step::Pending;
            let mut order: Vec<u8> = whom.iter().collect();
            if backwards {
                order.reverse();
            }
            for position in order {
                let arrives = left > 0;
                left = left.saturating_sub(1);
                asked.push((position, ask, arrives));
                if arrives {
                    step = gather.observe(position, self.outcome(position, ask));
                }
            }
        }
    }

    /// Leaders that were asked and lost, and of which nobody knows whether they have done it.
    fn lost(&self, asked: &Asked) -> Positions {
        let is_lost = |&&(position, ask, arrives): &&(u8, Ask, bool)| {
            ask == Ask::Request && (!arrives || self.outcome(position, ask) == Outcome::Lost(Lost::Ambiguous))
        };
        asked.iter().filter(is_lost).map(|asked| asked.0).collect()
    }

    /// Whether the next one is asked when a leader ends so.
    fn goes_on_after(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Lost(Lost::NotSent) => true,
            Outcome::Lost(Lost::Ambiguous) => self.follow == Follow::Touch,
            _ => false,
        }
    }

    /// Whom it should ask to lead, in turn.
    fn candidates(&self) -> Vec<u8> {
        self.of_kind(&[Kind::Ready]).iter().chain(self.of_kind(&[Kind::Forgot]).iter()).collect()
    }
}

/// Who answers an invalidation. Three replicas have at most two followers: all, one or none of them.
fn every_deletes(replicas: usize) -> Vec<Vec<usize>> {
    if replicas < 3 { every_choice(replicas, 2) } else { vec![vec![1, 1, 1], vec![0, 0, 0], vec![1, 0, 1]] }
}

/// Plays a world with none, one, two … answers in time, until all are.
fn every_deadline(world: &LeaderWorld, backwards: bool, visit: &impl Fn(&LeaderWorld, Verdict, &Asked)) {
    for arrivals in 0.. {
        let (verdict, asked) = world.play(backwards, arrivals);
        visit(world, verdict, &asked);
        if asked.len() <= arrivals {
            return;
        }
    }
}

fn every_world(visit: impl Fn(&LeaderWorld, Verdict, &Asked)) {
    for replicas in 1..=3usize {
        for kinds in every_choice(replicas, KINDS.len()) {
            // What a replica that is down would answer makes no difference.
            let asked = |outcomes: &Vec<usize>| {
                kinds.iter().zip(outcomes).all(|(&kind, &outcome)| KINDS[kind] != Kind::Down || outcome == 0)
            };
            for outcomes in every_choice(replicas, OUTCOMES.len()).into_iter().filter(asked) {
                for deletes in every_deletes(replicas) {
                    for follow in [Follow::Same, Follow::Touch, Follow::Invalidate] {
                        let world = LeaderWorld {
                            follow,
                            kinds: kinds.iter().map(|&kind| KINDS[kind]).collect(),
                            outcomes: outcomes.clone(),
                            deletes: deletes.iter().map(|&deletes| deletes == 1).collect(),
                        };
                        for backwards in [false, true] {
                            every_deadline(&world, backwards, &visit);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn p15_after_success_no_replica_can_be_read_that_has_anything_but_the_leaders_result() {
    every_world(|world, verdict, asked| {
        let Answer::Number(leader, number) = verdict.answer else { return };
        assert_eq!(world.outcome(leader, Ask::Request), Outcome::Number(number));
        assert!(!verdict.unreadable.contains(leader));
        for position in (0..world.kinds.len() as u8).filter(|&position| position != leader) {
            let confirms = |&(at, ask, arrives): &(u8, Ask, bool)| {
                let outcome = world.outcome(at, ask);
                let right = match ask {
                    Ask::Request => false,
                    Ask::Follow => outcome == Outcome::Number(number) || outcome == Outcome::NotFound,
                    Ask::Invalidate => outcome == Outcome::Done,
                };
                at == position && arrives && right
            };
            let right = asked.iter().any(confirms);
            assert_eq!(right, !verdict.unreadable.contains(position), "{position} {verdict:?} {asked:?}");
        }
    });
}

#[test]
fn p15_without_success_nothing_has_changed_and_nobody_loses_anything() {
    every_world(|world, verdict, asked| {
        if matches!(verdict.answer, Answer::Number(..) | Answer::Ambiguous(_)) {
            return;
        }
        assert_eq!(verdict.unreadable, world.lost(asked));
        for &(position, ask, arrives) in asked {
            assert_eq!(ask, Ask::Request);
            let outcome = world.outcome(position, ask);
            let is_lost = outcome == Outcome::Lost(Lost::Ambiguous) && !world.goes_on_after(&outcome);
            assert!(arrives && !is_lost && !matches!(outcome, Outcome::Number(_)), "{verdict:?} {asked:?}");
        }
        let said = asked.last().map(|&(position, ask, _)| (position, world.outcome(position, ask)));
        let expected = match said {
            None | Some((_, Outcome::Lost(_))) => Answer::Unavailable,
            Some((position, Outcome::NotFound)) => Answer::No(position, No::NotFound),
            Some((position, Outcome::Exists)) => Answer::No(position, No::Exists),
            Some((position, _)) => Answer::Refused(position, Refusal::OutOfMemory),
        };
        assert_eq!(verdict.answer, expected);
    });
}

#[test]
fn p17_a_command_that_may_have_been_executed_is_not_tried_elsewhere() {
    every_world(|world, verdict, asked| {
        if world.follow == Follow::Touch {
            return;
        }
        match world.lost(asked).lowest() {
            Some(position) => {
                assert_eq!(verdict.answer, Answer::Ambiguous(set_of(&[position])));
                assert_eq!(verdict.unreadable, set_of(&[position]));
                assert_eq!(asked.last().map(|last| last.0), Some(position), "{asked:?}");
            }
            None => assert!(!matches!(verdict.answer, Answer::Ambiguous(_)), "{verdict:?}"),
        }
    });
}

#[test]
fn p15_a_touching_read_is_tried_elsewhere_and_whoever_was_lost_is_not_read() {
    every_world(|world, verdict, asked| {
        if world.follow != Follow::Touch {
            return;
        }
        let lost = world.lost(asked);
        assert!(lost.without(verdict.unreadable).is_empty(), "{verdict:?} {asked:?}");
        // Only where nobody else answered is it an error.
        let is_unknown = matches!(verdict.answer, Answer::Ambiguous(_));
        let is_heard = |&(position, ask, arrives): &(u8, Ask, bool)| {
            ask == Ask::Request && arrives && !matches!(world.outcome(position, ask), Outcome::Lost(_))
        };
        assert_eq!(is_unknown, !lost.is_empty() && !asked.iter().any(is_heard), "{verdict:?} {asked:?}");
    });
}

#[test]
fn p15_the_first_that_can_be_read_leads_and_one_that_has_forgotten_only_when_nobody_else_can() {
    every_world(|world, _, asked| {
        let led: Vec<u8> =
            asked.iter().filter(|asked| asked.1 == Ask::Request).map(|asked| asked.0).collect();
        let candidates = world.candidates();
        assert_eq!(led, candidates[..led.len()]);
        let failed = |position: &u8| world.goes_on_after(&world.outcome(*position, Ask::Request));
        assert!(led.iter().rev().skip(1).all(failed), "{asked:?}");
        let gave_up = asked.len() == led.len() && asked.iter().all(|asked| asked.2) && led.iter().all(failed);
        assert!(!gave_up || led.len() == candidates.len(), "{asked:?}");
    });
}

#[test]
fn p15_followers_do_the_same_or_lose_the_key_as_the_command_wants() {
    every_world(|world, _, asked| {
        for (position, ..) in asked.iter().filter(|asked| asked.1 == Ask::Follow) {
            assert_ne!(world.follow, Follow::Invalidate);
            let kind = world.kinds[usize::from(*position)];
            assert!(kind == Kind::Ready || kind == Kind::Forgot, "its result says nothing");
        }
    });
}

fn led(follow: Follow) -> LeaderGather {
    let both = Positions::first(2);
    let mut gather = LeaderGather::new(2, both, both, Positions::NONE, follow);
    assert_eq!(gather.begin(), Step::Ask(set_of(&[0]), Ask::Request));
    gather
}

#[test]
fn a_leader_that_stored_takes_the_followers_copies() {
    let mut gather = led(Follow::Invalidate);
    assert_eq!(gather.observe(0, Outcome::Done), Step::Ask(set_of(&[1]), Ask::Invalidate));
    let verdict = Verdict { answer: Answer::Led(0), unreadable: Positions::NONE };
    assert_eq!(gather.observe(1, Outcome::NotFound), Step::Settled(verdict));
}

#[test]
fn a_value_that_was_read_and_touched_is_the_leaders_and_its_followers_are_touched() {
    let mut gather = led(Follow::Touch);
    assert_eq!(gather.observe(0, Outcome::Hit), Step::Ask(set_of(&[1]), Ask::Follow));
    let verdict = Verdict { answer: Answer::Hit(0), unreadable: Positions::NONE };
    assert_eq!(gather.observe(1, Outcome::Miss), Step::Settled(verdict));
}

#[test]
fn a_leaders_miss_and_not_stored_are_the_answer() {
    let unchanged = |answer| Step::Settled(Verdict { answer, unreadable: Positions::NONE });
    assert_eq!(led(Follow::Same).observe(0, Outcome::Miss), unchanged(Answer::Miss));
    let not_stored = unchanged(Answer::No(0, No::NotStored));
    assert_eq!(led(Follow::Invalidate).observe(0, Outcome::NotStored), not_stored);
}

#[test]
fn answers_of_replicas_that_were_not_asked_change_nothing() {
    let mut gather = led(Follow::Same);
    assert_eq!(gather.observe(1, Outcome::Done), Step::Pending);
    gather.observe(0, Outcome::Number(1));
    assert_eq!(gather.observe(0, Outcome::NotFound), Step::Pending);
}
