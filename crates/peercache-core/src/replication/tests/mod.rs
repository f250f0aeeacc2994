//! Every small world: up to three replicas, every outcome at each, in every order of arrival, with and
//! without the deadline. The expectations are written from the promises, not from the code.

mod broadcast;
mod leader;

use super::*;
use alloc::vec;
use alloc::vec::Vec;

const WRITE_OUTCOMES: [fn() -> Outcome; 5] = [
    || Outcome::Done,
    || Outcome::NotFound,
    || Outcome::Refused(Refusal::TooLarge),
    || Outcome::Lost(Lost::NotSent),
    || Outcome::Lost(Lost::Ambiguous),
];

const READ_OUTCOMES: [fn() -> Outcome; 4] = [
    || Outcome::Hit,
    || Outcome::Miss,
    || Outcome::Refused(Refusal::OutOfMemory),
    || Outcome::Lost(Lost::Ambiguous),
];

/// Every way to give each of `len` places one of `choices` values.
fn every_choice(len: usize, choices: usize) -> Vec<Vec<usize>> {
    (0..len).fold(vec![vec![]], |all, _| {
        let extended = |prefix: Vec<usize>| (0..choices).map(move |c| [&prefix[..], &[c]].concat());
        all.into_iter().flat_map(extended).collect()
    })
}

fn every_order(len: usize) -> Vec<Vec<u8>> {
    let all = every_choice(len, len).into_iter();
    let distinct = all.filter(|order| (0..len).all(|n| order.contains(&n)));
    distinct.map(|order| order.into_iter().map(|n| n as u8).collect()).collect()
}

fn set_of(positions: &[u8]) -> Positions {
    positions.iter().copied().collect()
}

/// What really happened on each replica of a write, to hold the verdict against.
struct World {
    live: Positions,
    outcomes: Vec<Outcome>,
    /// Whether the replica answers the invalidation.
    deletes: Vec<bool>,
}

impl World {
    /// Plays the write; `order` is the order of arrival, and answers beyond `arrivals` never come.
    fn play(&self, order: &[u8], arrivals: usize) -> (Verdict, Positions) {
        let mut gather = WriteAllGather::new(self.outcomes.len(), self.live);
        let mut step = gather.begin();
        let mut answered = Positions::NONE;
        let mut left = arrivals;
        loop {
            match step {
                Step::Settled(verdict) => return (verdict, answered),
                Step::Ask(asked, ask) => {
                    step = Step::Pending;
                    for &position in order.iter().filter(|position| asked.contains(**position)) {
                        if left == 0 {
                            return (gather.expire(), answered);
                        }
                        left -= 1;
                        let outcome = self.answer(position, ask);
                        if ask == Ask::Request {
                            answered.insert(position);
                        }
                        step = gather.observe(position, outcome);
                    }
                }
                Step::Pending => return (gather.expire(), answered),
            }
        }
    }

    fn answer(&self, position: u8, ask: Ask) -> Outcome {
        match ask {
            Ask::Request | Ask::Follow => self.outcomes[usize::from(position)].clone(),
            Ask::Invalidate if self.deletes[usize::from(position)] => Outcome::Done,
            Ask::Invalidate => Outcome::Lost(Lost::Ambiguous),
        }
    }

    /// Whether the replica holds the new value (or, of a delete, nothing) for certain.
    fn confirmed(&self, position: u8, answered: Positions) -> bool {
        let outcome = &self.outcomes[usize::from(position)];
        answered.contains(position) && matches!(outcome, Outcome::Done | Outcome::NotFound)
    }
}

fn every_world(visit: impl Fn(&World, &[u8], usize)) {
    for replicas in 1..=3usize {
        for live in every_choice(replicas, 2) {
            for outcomes in every_choice(replicas, WRITE_OUTCOMES.len()) {
                for deletes in every_choice(replicas, 2) {
                    let world = World {
                        live: (0u8..).zip(&live).filter(|(_, live)| **live == 1).map(|(p, _)| p).collect(),
                        outcomes: outcomes.iter().map(|&o| WRITE_OUTCOMES[o]()).collect(),
                        deletes: deletes.iter().map(|&d| d == 1).collect(),
                    };
                    for order in every_order(replicas) {
                        for arrivals in 0..=2 * replicas {
                            visit(&world, &order, arrivals);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn p14_every_acknowledged_write_is_confirmed_or_its_replica_unreadable() {
    every_world(|world, order, arrivals| {
        let (verdict, answered) = world.play(order, arrivals);
        let Answer::Done { confirmed, .. } = verdict.answer else {
            return;
        };
        assert!(!confirmed.is_empty());
        for position in 0..world.outcomes.len() as u8 {
            let confirms = world.confirmed(position, answered);
            assert_eq!(confirms, confirmed.contains(position));
            let refused = matches!(world.outcomes[usize::from(position)], Outcome::Refused(_));
            let invalidated = refused && world.deletes[usize::from(position)];
            let safe = confirms || verdict.unreadable.contains(position) || invalidated;
            assert!(safe, "replica {position} keeps an old value: {verdict:?}");
        }
    });
}

#[test]
fn p14_no_confirmation_is_never_a_positive_answer() {
    every_world(|world, order, arrivals| {
        let (verdict, answered) = world.play(order, arrivals);
        let any = (0..world.outcomes.len() as u8).any(|position| world.confirmed(position, answered));
        assert!(any || !matches!(verdict.answer, Answer::Done { .. }), "{verdict:?}");
    });
}

#[test]
fn p13_a_write_that_may_be_executed_is_never_answered_as_if_it_were_not() {
    every_world(|world, order, arrivals| {
        let (verdict, answered) = world.play(order, arrivals);
        for position in world.live.iter() {
            let lost = world.outcomes[usize::from(position)] == Outcome::Lost(Lost::Ambiguous);
            if answered.contains(position) && !lost {
                continue;
            }
            // It was sent and no answer came: whatever is answered, this replica may not be read.
            assert!(verdict.unreadable.contains(position), "{verdict:?}");
            let certain = matches!(verdict.answer, Answer::Unavailable | Answer::Refused(..));
            assert!(!certain, "replica {position} may still execute it: {verdict:?}");
        }
    });
}

#[test]
fn p13_the_leaders_refusal_is_the_answer_and_no_replica_keeps_the_old_value() {
    every_world(|world, order, arrivals| {
        let (verdict, answered) = world.play(order, arrivals);
        let Answer::Refused(position, _) = verdict.answer else {
            return;
        };
        assert!(matches!(world.outcomes[usize::from(position)], Outcome::Refused(_)));
        for held in 0..world.outcomes.len() as u8 {
            let answers =
                answered.contains(held) && !matches!(world.outcomes[usize::from(held)], Outcome::Lost(_));
            let deleted = answers && world.deletes[usize::from(held)];
            assert!(deleted || verdict.unreadable.contains(held), "{held} keeps an old value: {verdict:?}");
        }
    });
}

#[test]
fn p14_found_tells_whether_a_delete_found_anything() {
    let mut gather = WriteAllGather::new(2, Positions::first(2));
    gather.begin();
    assert_eq!(gather.observe(0, Outcome::NotFound), Step::Pending);
    let Step::Settled(verdict) = gather.observe(1, Outcome::NotFound) else { panic!("not settled") };
    assert_eq!(verdict.answer, Answer::Done { confirmed: set_of(&[0, 1]), found: false });
}

#[test]
fn a_second_answer_of_one_replica_changes_nothing() {
    let mut gather = WriteAllGather::new(2, Positions::first(2));
    gather.begin();
    gather.observe(0, Outcome::Done);
    assert_eq!(gather.observe(0, Outcome::Refused(Refusal::TooLarge)), Step::Pending);
    assert!(matches!(gather.observe(1, Outcome::Done), Step::Settled(_)));
}

/// What each kind of replica can do for a read: absent (down or unreadable), up, suspect, warming.
fn play_read(kinds: &[usize], outcomes: &[usize]) -> (Answer, Vec<u8>) {
    let of_kind = |wanted: &[usize]| {
        (0u8..).zip(kinds).filter(|(_, kind)| wanted.contains(kind)).map(|(p, _)| p).collect::<Positions>()
    };
    let mut gather = ReadGather::new(of_kind(&[1, 3]), of_kind(&[2]), of_kind(&[3]));
    let mut asked = vec![];
    let mut step = gather.begin();
    loop {
        match step {
            Step::Settled(verdict) => return (verdict.answer, asked),
            Step::Ask(positions, Ask::Request) => {
                let position = positions.lowest().unwrap();
                asked.push(position);
                step = gather.observe(position, &READ_OUTCOMES[outcomes[usize::from(position)]]());
            }
            other => panic!("a read never does {other:?}"),
        }
    }
}

fn every_read(visit: impl Fn(&[usize], &[usize], Answer, &[u8])) {
    for replicas in 1..=3usize {
        for kinds in every_choice(replicas, 4) {
            for outcomes in every_choice(replicas, READ_OUTCOMES.len()) {
                let (answer, asked) = play_read(&kinds, &outcomes);
                visit(&kinds, &outcomes, answer, &asked);
            }
        }
    }
}

#[test]
fn p20_a_plain_miss_costs_one_round_trip() {
    assert_eq!(play_read(&[1, 1], &[1, 0]), (Answer::Miss, vec![0]));
}

#[test]
fn p20_a_read_asks_no_replica_twice_and_none_that_may_not_be_read() {
    every_read(|kinds, _, _, asked| {
        let distinct = set_of(asked);
        assert_eq!(distinct.iter().count(), asked.len());
        assert!(asked.iter().all(|&position| kinds[usize::from(position)] != 0));
    });
}

#[test]
fn p20_a_read_goes_on_exactly_after_failures_and_misses_of_warming_peers() {
    every_read(|kinds, outcomes, answer, asked| {
        let decides = |position: u8| {
            let (kind, outcome) = (kinds[usize::from(position)], outcomes[usize::from(position)]);
            outcome == 0 || (outcome == 1 && kind != 3)
        };
        let (last, before) = asked.split_last().map_or((None, asked), |(last, before)| (Some(*last), before));
        assert!(!before.iter().any(|&position| decides(position)));
        match last.filter(|&position| decides(position)) {
            Some(position) if outcomes[usize::from(position)] == 0 => {
                assert_eq!(answer, Answer::Hit(position));
            }
            Some(_) => assert_eq!(answer, Answer::Miss),
            None => {
                let forgot = asked.iter().any(|&position| outcomes[usize::from(position)] == 1);
                assert_eq!(answer, if forgot { Answer::Miss } else { Answer::Unavailable });
                let readable = kinds.iter().filter(|kind| **kind != 0).count();
                assert_eq!(asked.len(), readable, "some replica was left unasked");
            }
        }
    });
}

#[test]
fn p21_a_read_that_nobody_answered_is_not_a_miss() {
    every_read(|kinds, outcomes, answer, _| {
        let answers = |(&kind, &outcome): (&usize, &usize)| kind != 0 && outcome < 2;
        let anybody = kinds.iter().zip(outcomes).any(answers);
        assert_eq!(answer == Answer::Unavailable, !anybody);
    });
}

#[test]
fn p20_suspects_are_asked_after_their_siblings() {
    assert_eq!(play_read(&[2, 1], &[0, 0]), (Answer::Hit(1), vec![1]));
    assert_eq!(play_read(&[2, 1], &[0, 3]), (Answer::Hit(0), vec![1, 0]));
}
