//! Asks peers: writes commands behind what their links already have to send.

use super::hub::Hub;
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
