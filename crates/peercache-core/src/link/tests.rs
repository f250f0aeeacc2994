//! The life of a link, event by event.

use super::grace::{GRACE, GRACES_MAX};
use super::*;
use crate::health::PeerState;
use crate::key::Key;
use crate::protocol::memcached::request::{StoreVerb, Versions};
use alloc::vec;

const SECOND: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_millis(300);
const FIRST: Incarnation = Incarnation { pid: 7, started_s: 1000 };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn link() -> (Arc<PeerCell>, Link<u32>) {
    let cell = Arc::new(PeerCell::default());
    let link = Link::new(Arc::clone(&cell), PipelineLimits::default(), SILENCE);
    (cell, link)
}

fn set(link: &mut Link<u32>, token: u32, deadline: Duration) {
    let key = Key::new(b"k").unwrap();
    link.push(
        &Command::Store { verb: StoreVerb::Set, key, flags: 0, exptime: 0, value: b"v" },
        token,
        deadline,
    );
}

fn get(link: &mut Link<u32>, token: u32, deadline: Duration) {
    link.push(&Command::Get(&[Key::new(b"k").unwrap()], Versions::Hidden), token, deadline);
}

fn open(link: &mut Link<u32>, now: Duration) {
    assert_eq!(link.poll(now), Next::Connect);
    link.handle_connected(FIRST, now, |_, _| panic!("nothing is lost"));
}

fn sent(link: &mut Link<u32>, now: Duration) -> Vec<u8> {
    let mut out = Vec::new();
    link.take_output(now, &mut out, |_, _| {});
    out
}

fn alarm(link: &mut Link<u32>, now: Duration) -> Vec<(u32, Lost)> {
    let mut over = vec![];
    link.handle_alarm(now, |token, lost| over.push((token, lost)));
    over
}

fn state(cell: &PeerCell) -> PeerState {
    cell.state()
}

#[test]
fn a_link_connects_when_it_is_first_used_and_ends_when_it_owes_nothing() {
    let (_, mut link) = link();
    assert_eq!(link.poll(ms(0)), Next::Wait);
    set(&mut link, 1, SECOND);
    open(&mut link, ms(0));
    assert_eq!(link.poll(ms(0)), Next::Pump);
    assert_eq!(sent(&mut link, ms(0)), b"set k 0 0 1\r\nv\r\n");
    link.give_up();
    assert_eq!(link.poll(ms(0)), Next::Pump, "a write is never left unanswered by closing");
    link.handle_input(b"STORED\r\n", ms(1), |_| {}).unwrap();
    assert_eq!(link.poll(ms(1)), Next::End);
}

#[test]
fn p31_a_time_out_makes_a_debt_and_keeps_the_link_until_the_answer_comes() {
    let (cell, mut link) = link();
    set(&mut link, 1, ms(200));
    open(&mut link, ms(0));
    sent(&mut link, ms(0));
    let mut order = vec![];
    link.handle_alarm(ms(200), |token, lost| {
        order.push((token, lost, cell.debts(), cell.state().is_readable()));
    });
    assert_eq!(order, [(1, Lost::Ambiguous, 1, false)], "the debt and the peer come before whoever waits");
    assert_eq!(state(&cell).phase(), Phase::Suspect);
    assert!(link.take_news().stirred);
    link.handle_input(b"STORED\r\n", ms(250), |_| panic!("nobody waits")).unwrap();
    assert_eq!((cell.debts(), state(&cell).phase()), (0, Phase::Up));
    assert!(!state(&cell).is_readable(), "only a return makes it readable");
}

#[test]
fn p25_a_peer_that_owes_answers_and_is_silent_is_down() {
    let (cell, mut link) = link();
    get(&mut link, 1, SECOND);
    open(&mut link, ms(0));
    assert_eq!(link.next_alarm(), Some(SECOND), "nothing is owed before something was sent");
    sent(&mut link, ms(100));
    assert_eq!(link.next_alarm(), Some(ms(400)));
    assert_eq!(alarm(&mut link, ms(400)), []);
    assert_eq!(state(&cell).phase(), Phase::Down);
    assert_eq!(link.next_alarm(), Some(SECOND), "silence is noticed once");
}

#[test]
fn an_idle_connection_that_ends_says_nothing_and_an_owing_one_tells_that_the_peer_is_down() {
    let (cell, mut link) = link();
    get(&mut link, 1, SECOND);
    open(&mut link, ms(0));
    sent(&mut link, ms(0));
    link.handle_input(b"END\r\n", ms(1), |_| {}).unwrap();
    link.handle_end(End::Lost, |_, _| panic!("nothing was owed"));
    assert_eq!(state(&cell).phase(), Phase::Up);
    set(&mut link, 2, SECOND);
    open(&mut link, ms(2));
    sent(&mut link, ms(2));
    let mut over = vec![];
    link.handle_end(End::Lost, |token, lost| over.push((token, lost, cell.state().is_readable())));
    assert_eq!(over, [(2, Lost::Ambiguous, false)]);
    assert_eq!(state(&cell).phase(), Phase::Down);
    assert!(cell.take_lost_writes());
    assert_eq!(link.poll(ms(2)), Next::Connect, "a peer that is down is probed, whether or not anybody asks");
}

#[test]
fn p26_a_refusing_peer_is_left_alone_for_a_while_and_requests_fail_at_once() {
    let (cell, mut link) = link();
    get(&mut link, 1, SECOND);
    assert_eq!(link.poll(ms(0)), Next::Connect);
    let mut over = vec![];
    link.handle_refused(ms(0), 0.0, |token, lost| over.push((token, lost)));
    assert_eq!(over, [(1, Lost::NotSent)]);
    assert_eq!(link.room(), Err(Busy::Refusing));
    assert_eq!((link.poll(ms(199)), link.next_alarm()), (Next::Wait, Some(ms(200))));
    assert_eq!(link.poll(ms(200)), Next::Connect);
    link.handle_connected(FIRST, ms(200), |_, _| {});
    assert_eq!(state(&cell).phase(), Phase::Returning);
    assert_eq!(link.room(), Ok(()));
}

#[test]
fn a_lack_of_descriptors_says_nothing_of_the_peer_and_is_not_tried_again_at_once() {
    let (cell, mut link) = link();
    get(&mut link, 1, SECOND);
    link.poll(ms(0));
    link.handle_unable(ms(0), 0.0, |_, _| {});
    assert_eq!(state(&cell).phase(), Phase::Up);
    assert_eq!(link.poll(ms(1)), Next::Wait);
    assert_eq!(link.poll(ms(200)), Next::Wait, "nobody asks for anything");
}

#[test]
fn p33_reads_for_an_earlier_incarnation_are_not_sent_to_another() {
    let (cell, mut link) = link();
    cell.identify(Incarnation { pid: 6, started_s: 900 });
    get(&mut link, 1, SECOND);
    set(&mut link, 2, SECOND);
    link.poll(ms(0));
    assert_eq!(link.handle_connected(FIRST, ms(0), |_, _| {}), Identified::New);
    let (mut out, mut over) = (Vec::new(), vec![]);
    link.take_output(ms(0), &mut out, |token, lost| over.push((token, lost)));
    assert_eq!(over, [(1, Lost::NotSent)]);
    assert_eq!(out, b"set k 0 0 1\r\nv\r\n");
}

#[test]
fn whoever_abandons_a_link_leaves_nobody_waiting() {
    let (cell, mut link) = link();
    set(&mut link, 1, SECOND);
    open(&mut link, ms(0));
    sent(&mut link, ms(0));
    get(&mut link, 2, SECOND);
    let mut over = vec![];
    link.abandon(|token, lost| over.push((token, lost)));
    assert_eq!(over, [(1, Lost::Ambiguous), (2, Lost::NotSent)]);
    assert!(cell.take_lost_writes());
}

#[test]
fn p25_a_peer_is_not_blamed_for_what_held_up_this_process() {
    let (cell, mut link) = link();
    set(&mut link, 1, ms(200));
    open(&mut link, ms(0));
    sent(&mut link, ms(0));
    assert_eq!(alarm(&mut link, ms(1_200)), []);
    assert_eq!(link.next_alarm(), Some(ms(1_200) + GRACE));
    link.handle_input(b"STORED\r\n", ms(1_201), |answered| {
        assert!(matches!(answered, Answered::Last(1, _)), "{answered:?}");
    })
    .unwrap();
    assert_eq!(alarm(&mut link, ms(1_200) + GRACE), []);
    assert_eq!((state(&cell).phase(), state(&cell).is_readable()), (Phase::Up, true));
}

#[test]
fn p25_a_process_that_is_always_late_still_judges() {
    let (cell, mut link) = link();
    set(&mut link, 1, ms(200));
    open(&mut link, ms(0));
    sent(&mut link, ms(0));
    for put_off in 1..=u32::from(GRACES_MAX) {
        assert_eq!(alarm(&mut link, ms(1_200) * put_off), []);
    }
    assert_eq!(alarm(&mut link, ms(9_000)), [(1, Lost::Ambiguous)]);
    assert_eq!(state(&cell).phase(), Phase::Down);
    assert!(!state(&cell).is_readable());
}

#[test]
fn p60_a_full_link_says_so_until_its_peer_is_down() {
    let (_, mut link) = link();
    link.handle_connected(FIRST, ms(0), |_, _| {});
    let mut token = 0;
    while link.room().is_ok() {
        get(&mut link, token, ms(200));
        token += 1;
    }
    link.take_output(ms(0), &mut Vec::new(), |_, _| {});
    assert_eq!(link.room(), Err(Busy::Full));
    link.handle_alarm(ms(200), |_, _| {});
    assert_eq!(link.room(), Err(Busy::Full), "it is late, and may be well");
    link.handle_alarm(SILENCE, |_, _| {});
    assert_eq!(link.room(), Err(Busy::Refusing), "nobody waits for what it owes");
}
