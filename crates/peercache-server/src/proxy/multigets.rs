//! Multigets on their way through a worker: begun when no link that they need is full, asked window by
//! window, and told as far as it is their turn. What becomes of their keys is decided in [`super::many`].

use super::core::{Core, Todo};
use super::hub::Hub;
use super::intake::Began;
use super::many::{self, PART_KEYS_MAX};
use super::say;
use super::slot::{Slot, Token, Work};
use peercache_core::key::Key;
use peercache_core::link::Busy;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::protocol::memcached::request::{Keys, Versions};
use peercache_core::replication::Lost;
use peercache_core::ring::PeerIndex;
use peercache_core::router::{self, Mode};

impl Hub {
    /// Begins a multiget, unless a link that it needs is full.
    pub(super) fn begin_many(&mut self, id: u32, keys: Keys<'_>, versions: Versions) -> Began {
        let Some(session) = self.core.sessions.get(id as usize) else { return Began::Yes };
        let mode = session.plans(many::mode(versions));
        if let Some(peer) = self.full_for_many(keys, mode).filter(|_| !self.is_overdue(id)) {
            return Began::Parked(peer);
        }
        let known = &self.core.known;
        let deadline = known.request_deadline();
        let mut many = self.core.buffers.take_many();
        many.begin(versions, mode, deadline);
        keys.iter().for_each(|key| many.add(key));
        let started = self.core.known.now;
        let answer = self.core.buffers.take();
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return Began::Yes };
        let token = Token { session: id, slot: session.next_slot(), part: 0 };
        session.push(Slot::new(Work::Many(many), answer, started));
        self.core.todo.push(Todo::Many(token));
        self.ask_noted();
        Began::Yes
    }

    /// A full link that a multiget needs.
    fn full_for_many(&self, keys: Keys<'_>, mode: Mode) -> Option<PeerIndex> {
        let topology = &self.core.known.topology;
        // Mostly none is full, and nothing has to be planned to find that out.
        topology.indexes().find(|&peer| self.is_full(peer))?;
        let first = |key: Key<'_>| {
            let (set, mut read) = router::plan_reading(topology, key.as_bytes(), mode, self.core.planned)?;
            read.ask_next().map(|position| router::peer_at(&set, position))
        };
        keys.iter().filter_map(first).find(|&peer| self.is_full(peer))
    }

    /// Asks for the keys of a multiget that wait for it, beginning the next window when one is done.
    pub(super) fn ask_many(&mut self, token: Token) {
        let Self { core, peers, by_peer, is_changing, .. } = self;
        let bytes_full = core.bytes_full();
        let Some(session) = core.sessions.get(token.session as usize) else { return };
        let keys_max = core.window_keys(session.values.at_once());
        let Some(session) = core.sessions.get_mut(token.session as usize) else { return };
        let has_room = session.is_first(token.slot) && session.has_room_to_write(bytes_full);
        let Some(Slot { work: Work::Many(many), .. }) = session.slot(token.slot) else { return };
        let mut opened = 0;
        if !many.wants_asking() && many.is_window_done() && many.has_more() {
            // Behind others, or while its client reads slowly, it goes on when there is room.
            if *is_changing || many.is_begun() && !has_room {
                return;
            }
            if !many.open_window(&core.known, keys_max, core.planned) {
                many.nobody_there();
            }
            core.planned = core.planned.wrapping_add(1);
            opened = many.in_flight;
        }
        let deadline = core.known.attempt_deadline(many.deadline);
        let versions = many.versions;
        let mut asked = Vec::new();
        // Whoever cannot be asked is passed over at once, which may be said of the next one too.
        while many.wants_asking() {
            many.take_asks(by_peer);
            for (index, numbers) in by_peer.iter_mut().enumerate().filter(|(_, numbers)| !numbers.is_empty())
            {
                for numbers in numbers.chunks(PART_KEYS_MAX) {
                    let part = many.add_part(numbers);
                    let link = &mut peers[index].link;
                    // A full link takes it: whole multigets are parked before they begin.
                    if link.room() == Err(Busy::Refusing) {
                        many.part_lost(part, Lost::NotSent, &core.known);
                        continue;
                    }
                    let mut keys = [many.key(numbers[0]); PART_KEYS_MAX];
                    for (to, &number) in keys.iter_mut().zip(numbers) {
                        *to = many.key(number);
                    }
                    let token = Token { part, ..token };
                    link.push(&Command::Get(&keys[..numbers.len()], versions), token, deadline);
                }
                numbers.clear();
                asked.push(index);
            }
        }
        session.keys_in_flight += opened;
        core.look_at_many(token);
        asked.into_iter().for_each(|index| self.mark_peer(index));
    }

    /// Goes on with a multiget whose client has taken what it got so far, or ends it if that has gone.
    pub(super) fn go_on_with_many(&mut self, id: u32) {
        let Some(session) = self.core.sessions.get_mut(id as usize) else { return };
        let slot = session.first_slot();
        let token = Token { session: id, slot, part: 0 };
        let waits = session.slot(slot).is_some_and(|slot| match &slot.work {
            Work::Many(many) => many.is_window_done(),
            _ => false,
        });
        if waits {
            self.core.todo.push(Todo::Many(token));
        }
    }
}

impl Core {
    /// A multiget heard of keys: asks on, writes a window, or ends.
    pub(crate) fn look_at_many(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let (is_first, mut values) = (session.is_due(token.slot), session.values);
        let Some((slot, out)) = session.slot_and_out(token.slot) else { return };
        let waited = slot.answer.len();
        let Work::Many(many) = &mut slot.work else { return };
        if many.wants_asking() {
            return self.todo.push(Todo::Many(token));
        }
        if !many.is_window_done() {
            return;
        }
        let target = if is_first && slot.answer.is_empty() { out } else { &mut slot.answer };
        let (bytes, keys) = (many.window_bytes(), std::mem::take(&mut many.in_flight));
        many.note_sizes(&mut values);
        many.write_window(target);
        let has_more = many.has_more();
        match many.trouble() {
            _ if has_more => {}
            Some(trouble) => say::server_error(target, trouble),
            None => target.extend_from_slice(b"END\r\n"),
        }
        let written = slot.answer.len() - waited;
        session.note_written(bytes);
        session.note_waiting(written);
        (session.values, session.keys_in_flight) = (values, session.keys_in_flight.saturating_sub(keys));
        self.values = values;
        self.mark(token.session);
        if has_more { self.todo.push(Todo::Many(token)) } else { self.end_many(token) }
    }

    fn end_many(&mut self, token: Token) {
        let Some(session) = self.sessions.get_mut(token.session as usize) else { return };
        let Some(Slot { work: Work::Many(many), .. }) = session.slot(token.slot) else { return };
        self.counts.cmd_get += many.hits + many.misses;
        self.counts.get_hits += many.hits;
        self.counts.get_misses += many.misses;
        self.counts.failovers += many.failovers;
        self.counts.errors += u64::from(many.trouble().is_some());
        self.finish(token);
    }
}
