//! A multiget in progress: keys, which of them are asked of whom, and the values in the client's order.
//!
//! Keys are asked in windows, so that a multiget of thousands holds the values of one window and no more,
//! and each peer in parts of at most 64 keys (P-60). A part that fails falls apart into its keys, each of
//! which goes on as its own gather says.

use super::known::Known;
use super::pace::Pace;
use super::say;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::protocol::memcached::request::Versions;
use peercache_core::protocol::memcached::response::{self, Value};
use peercache_core::replication::{Answer, Lost, Outcome, ReadGather, Step};
use peercache_core::ring::ReplicaSet;
use peercache_core::router::{self, Mode};
use peercache_core::spec::OnDown;
use std::time::Duration;

/// Keys in one command to a peer (P-60).
pub(crate) const PART_KEYS_MAX: usize = 64;

/// Keys that are asked at a time, at most.
pub(crate) const WINDOW_KEYS_MAX: usize = 256;

/// What the buffers of a multiget may have for the next one to use them, in bytes and in keys: enough for
/// hundreds of values of a kilobyte, because memory that is new costs more than what is copied into it.
const KEPT_BYTES_MAX: usize = 512 * 1024;
const KEPT_KEYS_MAX: usize = 1024;

/// What the buffer of a window may have for the next window to use it, in bytes: as much as is asked for at a
/// time where sizes can be foretold.
const WINDOW_BYTES_MAX: usize = 4 << 20;

/// A multiget.
#[derive(Debug, Default)]
pub(crate) struct Many {
    pub(crate) versions: Versions,
    /// [`Mode::Read`] or [`Mode::Fetch`]; none before it is begun.
    mode: Option<Mode>,
    pub(crate) deadline: Duration,
    /// The keys' bytes, one behind the other.
    text: Vec<u8>,
    /// Where each key ends in `text`, those of windows that are done included.
    ends: Vec<u32>,
    /// The first key of the window.
    window: usize,
    keys: Vec<KeyInWork>,
    /// Keys of the window that are not decided.
    undecided: usize,
    /// Keys of the window that have to be asked, and whom.
    again: Vec<(u16, u8)>,
    /// For each part, one behind the other, the keys that were asked.
    order: Vec<u16>,
    parts: Vec<Part>,
    /// Parts whose peers have not ended their answers. A window that is over owes none, so that no answer
    /// to one window is taken for one to the next.
    unended: usize,
    /// The values of the window as they came, written for the client.
    values: Vec<u8>,
    /// Keys of the window that its session counts as in flight.
    pub(crate) in_flight: usize,
    /// Nobody hears it: nothing more is asked, and what comes is thrown away.
    is_unheard: bool,
    /// Why a key could not be read.
    trouble: Option<String>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// Keys that were asked of another replica because one could not answer.
    pub(crate) failovers: u64,
}

#[derive(Debug)]
struct KeyInWork {
    set: ReplicaSet,
    gather: ReadGather,
    /// Whom it was asked of last.
    position: u8,
    /// Where its value stands in `values`.
    found: Option<(u32, u32)>,
}

/// One command to one peer: a range of `order`.
#[derive(Debug, Clone, Copy)]
struct Part {
    next: u32,
    end: u32,
}

impl Many {
    /// A multiget of nothing yet, in the buffers of one that is over.
    pub(crate) fn begin(&mut self, versions: Versions, mode: Mode, deadline: Duration) {
        (self.versions, self.mode, self.deadline) = (versions, Some(mode), deadline);
        (self.window, self.undecided, self.unended) = (0, 0, 0);
        (self.hits, self.misses, self.failovers) = (0, 0, 0);
        (self.in_flight, self.is_unheard) = (0, false);
        self.trouble = None;
        self.text.clear();
        self.ends.clear();
        self.keys.clear();
        self.again.clear();
        self.order.clear();
        self.parts.clear();
        self.values.clear();
    }

    /// Whether its buffers are worth keeping for the next one.
    pub(crate) fn is_small(&self) -> bool {
        self.buffer_bytes() <= KEPT_BYTES_MAX && self.ends.capacity() <= KEPT_KEYS_MAX
    }

    /// Bytes of memory for keys and values.
    pub(crate) fn buffer_bytes(&self) -> usize {
        self.text.capacity() + self.values.capacity()
    }

    /// Asks for one more key.
    pub(crate) fn add(&mut self, key: Key<'_>) {
        self.text.extend_from_slice(key.as_bytes());
        self.ends.push(self.text.len() as u32);
    }

    /// Whether every key that was begun is decided, and every peer that was asked has ended its answer.
    pub(crate) fn is_window_done(&self) -> bool {
        self.undecided == 0 && self.unended == 0
    }

    /// Whether keys wait to be asked.
    pub(crate) fn wants_asking(&self) -> bool {
        !self.again.is_empty()
    }

    /// Whether there are keys behind the window that somebody wants.
    pub(crate) fn has_more(&self) -> bool {
        !self.is_unheard && self.window + self.keys.len() < self.ends.len()
    }

    /// Whether a window was opened.
    pub(crate) fn is_begun(&self) -> bool {
        self.window + self.keys.len() > 0
    }

    /// Nobody hears it any more. It ends when the parts that are asked for have ended.
    pub(crate) fn silence(&mut self) {
        self.is_unheard = true;
        self.undecided -= self.again.len();
        self.again.clear();
        self.keys.iter_mut().for_each(|key| key.found = None);
        self.values = Vec::new();
    }

    /// Bytes of the values that have come of the window.
    pub(crate) fn window_bytes(&self) -> usize {
        self.values.len()
    }

    /// Plans the next keys, `keys_max` at most, together as the `nth` request of their worker; false where
    /// the network has no peers.
    pub(crate) fn open_window(&mut self, known: &Known, keys_max: usize, nth: u32) -> bool {
        // A client that takes its time between windows does not use up that of the peers.
        self.deadline = known.request_deadline();
        self.window += self.keys.len();
        self.keys.clear();
        self.order.clear();
        self.parts.clear();
        self.values.clear();
        let count = (self.ends.len() - self.window).min(keys_max).min(WINDOW_KEYS_MAX);
        for number in 0..count {
            let name = self.name(number as u16);
            let mode = self.mode.unwrap_or(Mode::Fetch);
            let plan = router::plan_reading(&known.topology, name, mode, nth);
            let Some((set, mut gather)) = plan else { return false };
            let first = gather.ask_next();
            self.keys.push(KeyInWork { set, gather, position: 0, found: None });
            self.undecided += 1;
            match first {
                Some(position) => self.again.push((number as u16, position)),
                None => self.step(number as u16, gather.begin(), known),
            }
        }
        self.in_flight = count;
        true
    }

    /// The network has no peers.
    pub(crate) fn nobody_there(&mut self) {
        self.trouble = Some("No peers available.".to_owned());
        self.keys.clear();
        (self.undecided, self.window) = (0, self.ends.len());
    }

    /// Takes out what has to be asked, sorted by peer: into each peer's list the keys for it.
    pub(crate) fn take_asks(&mut self, by_peer: &mut [Vec<u16>]) {
        for (number, position) in self.again.drain(..) {
            let key = &mut self.keys[usize::from(number)];
            key.position = position;
            by_peer[router::peer_at(&key.set, position).get()].push(number);
        }
    }

    /// Notes that `numbers` are asked in one command; tells its number.
    pub(crate) fn add_part(&mut self, numbers: &[u16]) -> u16 {
        let next = self.order.len() as u32;
        self.order.extend_from_slice(numbers);
        self.parts.push(Part { next, end: self.order.len() as u32 });
        self.unended += 1;
        (self.parts.len() - 1) as u16
    }

    /// A key of the window.
    pub(crate) fn key(&self, number: u16) -> Key<'_> {
        Key::known(self.name(number))
    }

    /// The bytes of a key of the window.
    #[inline]
    fn name(&self, number: u16) -> &[u8] {
        let index = self.window + usize::from(number);
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.text[start..self.ends[index] as usize]
    }

    /// The peer sent a value. Values come in the order of the keys; those it has not are left out.
    pub(crate) fn value(&mut self, part: u16, reply: &Reply<'_>, known: &Known) {
        let &Reply::Value { key, flags, data, cas, text } = reply else { return };
        while let Some(number) = self.next_of(part) {
            if self.name(number) == key {
                self.undecided -= 1;
                self.hits += 1;
                if self.is_unheard {
                    return;
                }
                let work = &mut self.keys[usize::from(number)];
                let start = self.values.len();
                match cas {
                    // The client is told what the peer told: it is memcached's answer to the same question.
                    None => self.values.extend_from_slice(text),
                    Some(own) => {
                        let cas = Some(say::given_version(known.tag(&work.set, work.position), own));
                        response::value(&mut self.values, Value { key, flags, data, cas });
                    }
                }
                work.found = Some((start as u32, self.values.len() as u32));
                return;
            }
            self.outcome(number, Outcome::Miss, known);
        }
    }

    /// The peer has answered: what did not come, it has not.
    pub(crate) fn part_ended(&mut self, part: u16, reply: &Reply<'_>, known: &Known) {
        self.unended -= 1;
        while let Some(number) = self.next_of(part) {
            let outcome = match reply {
                Reply::Refused(line) => Outcome::Refused(reply::refusal(line)),
                _ => Outcome::Miss,
            };
            self.outcome(number, outcome, known);
        }
    }

    /// The peer has not answered.
    pub(crate) fn part_lost(&mut self, part: u16, lost: Lost, known: &Known) {
        self.unended -= 1;
        while let Some(number) = self.next_of(part) {
            self.outcome(number, Outcome::Lost(lost), known);
        }
    }

    fn next_of(&mut self, part: u16) -> Option<u16> {
        let part = self.parts.get_mut(usize::from(part))?;
        if part.next == part.end {
            return None;
        }
        part.next += 1;
        Some(self.order[part.next as usize - 1])
    }

    fn outcome(&mut self, number: u16, outcome: Outcome, known: &Known) {
        let key = &mut self.keys[usize::from(number)];
        let (topology, position) = (&known.topology, key.position);
        let step = router::observe_reading(topology, &key.set, &mut key.gather, position, &outcome);
        self.failovers += u64::from(outcome != Outcome::Miss && matches!(step, Step::Ask(..)));
        self.step(number, step, known);
    }

    fn step(&mut self, number: u16, step: Step, known: &Known) {
        match step {
            Step::Pending => {}
            Step::Ask(..) if self.is_unheard => self.undecided -= 1,
            Step::Ask(positions, _) => {
                self.again.extend(positions.lowest().map(|position| (number, position)));
            }
            Step::Settled(verdict) => {
                self.undecided -= 1;
                let is_miss =
                    verdict.answer == Answer::Miss || known.topology.policy().on_down == OnDown::Miss;
                self.misses += u64::from(is_miss);
                if !is_miss && self.trouble.is_none() {
                    self.trouble = Some(known.why_unavailable(&self.keys[usize::from(number)].set));
                }
            }
        }
    }

    /// Notes the sizes of the window's values. What did not come, for whatever reason, says nothing of sizes.
    pub(crate) fn note_sizes(&self, values: &mut Pace) {
        for (start, end) in self.keys.iter().filter_map(|key| key.found) {
            values.note((end - start) as usize);
        }
    }

    /// Appends the values of the window, in the client's order.
    pub(crate) fn write_window(&mut self, out: &mut Vec<u8>) {
        out.reserve(self.values.len());
        for (start, end) in self.keys.iter_mut().filter_map(|key| key.found.take()) {
            out.extend_from_slice(&self.values[start as usize..end as usize]);
        }
        self.values.clear();
        if self.values.capacity() > WINDOW_BYTES_MAX {
            self.values = Vec::new();
        }
    }

    /// Why a key could not be read, if so.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

/// How the keys of a multiget are read.
pub(crate) fn mode(versions: Versions) -> Mode {
    match versions {
        Versions::Hidden => Mode::Read,
        Versions::Shown => Mode::Fetch,
    }
}
