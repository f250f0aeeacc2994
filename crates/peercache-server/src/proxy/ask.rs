//! Asks peers: writes commands behind what their links already have to send.

use super::hub::Hub;
use super::many::PART_KEYS_MAX;
use super::meta;
use super::op::Op;
use super::slot::{Slot, Token, Work};
use peercache_core::key::Key;
use peercache_core::link::{Busy, Link};
use peercache_core::protocol::memcached::command::{Command, Dialect};
use peercache_core::protocol::memcached::request::StoreVerb;
use peercache_core::replication::{Ask, Tag};
use peercache_core::router;
use std::time::Duration;

/// How a peer is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) ask: Ask,
    pub(super) dialect: Dialect,
    /// The mark of the peer's versions.
    pub(super) tag: Option<Tag>,
}

/// Appends the command for `op` to a link that has room.
#[inline]
pub(super) fn push(
    link: &mut Link<Token>,
    how: &How,
    op: &Op,
    (key, flags, value): (Key<'_>, &[u8], &[u8]),
    (token, deadline): (Token, Duration),
) {
    // A version comes back to a peer as it counts it, and never to another (P-17).
    match *op {
        Op::Store { verb: StoreVerb::Cas(given), flags: stored_flags, exptime } => {
            let verb = StoreVerb::Cas(own_version(how.tag, given));
            let op = Op::Store { verb, flags: stored_flags, exptime };
            link.push(&op.command(how.ask, how.dialect, key, &[key], flags, value), token, deadline);
        }
        Op::Meta(_) if flags.windows(2).any(|pair| pair == b" C") => {
            let mut rewritten = Vec::with_capacity(flags.len() + 20);
            meta::push_flags_for(&mut rewritten, flags, how.tag);
            link.push(&op.command(how.ask, how.dialect, key, &[key], &rewritten, value), token, deadline);
        }
        _ => link.push(&op.command(how.ask, how.dialect, key, &[key], flags, value), token, deadline),
    }
}

/// What no peer's version ever is. A foreign version is sent as this, because only the peer knows whether the
/// answer is that there is another version or that there is no item.
pub(super) const NEVER: u64 = u64::MAX;

/// A version that a client gives, as the peer with this `tag` counts it. 0 is none: a daemon knows what that
/// means to each command.
pub(super) fn own_version(tag: Option<Tag>, given: u64) -> u64 {
    if given == 0 {
        return 0;
    }
    tag.and_then(|tag| tag.unwrap(given)).unwrap_or(NEVER)
}

impl Hub {
    /// Asks one more replica for the key of a slot.
    pub(super) fn ask_one(&mut self, token: Token, ask: Ask) {
        let Self { core, peers, .. } = self;
        let Some(session) = core.sessions.get_mut(token.session as usize) else { return };
        let Some(Slot { work: Work::One(one), .. }) = session.slot(token.slot) else { return };
        let index = router::peer_at(&one.set, token.part as u8).get();
        let peer = &mut peers[index];
        let bytes = &one.bytes;
        let key = Key::known(bytes.key());
        // A full link takes it: the request was let in when there was room, and a peer that is well must not
        // become unreadable because of it.
        let is_foreign = peer.is_classic() && one.op.asks_meta(ask, bytes.flags());
        if is_foreign || peer.link.room() == Err(Busy::Refusing) {
            return self.not_sent(token);
        }
        let how = How { ask, dialect: peer.dialect.unwrap_or(Dialect::Classic), tag: core.known.tags[index] };
        let deadline = core.known.attempt_deadline(one.deadline);
        push(&mut peer.link, &how, &one.op, (key, bytes.flags(), bytes.value()), (token, deadline));
        self.mark_peer(index);
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
            if !many.open_window(&core.known, keys_max) {
                many.nobody_there();
            }
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
                        let lost = peercache_core::replication::Lost::NotSent;
                        many.part_lost(part, lost, &core.known);
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

    /// Tells a peer to forget everything.
    pub(super) fn ask_flush(&mut self, token: Token) {
        let index = usize::from(token.part);
        if self.peers[index].link.room() == Err(Busy::Refusing) {
            return self.not_sent(token);
        }
        let known = &self.core.known;
        let deadline = known.attempt_deadline(known.request_deadline());
        self.peers[index].link.push(&Command::FlushAll { after_s: 0 }, token, deadline);
        self.mark_peer(index);
    }
}
