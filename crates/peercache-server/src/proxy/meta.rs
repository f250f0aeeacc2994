//! How a meta command goes about the replicas: what may be asked of any copy, what only of the leader, and
//! what of all.

use super::ask::{NEVER, own_version};
use super::op::MetaOp;
use peercache_core::protocol::memcached::command::Effect;
use peercache_core::protocol::memcached::reply;
use peercache_core::protocol::memcached::request::{MetaRequest, MetaVerb};
use peercache_core::replication::{Follow, Tag};
use peercache_core::router::Mode;

/// What is to be remembered of `request`.
pub(crate) fn op(request: &MetaRequest<'_>) -> MetaOp {
    let flags = request.flags;
    let has_any = |letters: &[u8]| letters.iter().any(|&letter| flags.has(letter));
    let (mode, effect) = match request.verb {
        // A new expiry goes to every copy. Who wins a lease with it cannot be asked twice.
        MetaVerb::Get if flags.has(b'T') && has_any(b"NR") => {
            (Mode::LeaderThen(Follow::Same), Effect::Decides)
        }
        MetaVerb::Get if flags.has(b'T') => (Mode::LeaderThen(Follow::Touch), Effect::Decides),
        // Who wins a lease, and what differs from copy to copy, is the leader's to say.
        MetaVerb::Get if has_any(b"NRchlu") => (Mode::Fetch, Effect::Reads),
        MetaVerb::Get => (Mode::Read, Effect::Reads),
        MetaVerb::Set if flags.has(b'C') || !matches!(flags.mode(), None | Some(b'S')) => {
            (Mode::LeaderThen(Follow::Invalidate), Effect::Decides)
        }
        MetaVerb::Delete if has_any(b"CI") => (Mode::LeaderThen(Follow::Invalidate), Effect::Decides),
        MetaVerb::Set | MetaVerb::Delete => (Mode::WriteAll, Effect::Writes),
        MetaVerb::Arithmetic => (Mode::LeaderThen(Follow::Same), Effect::Decides),
    };
    MetaOp {
        verb: request.verb,
        mode,
        effect,
        quiet: flags.is_quiet(),
        shows_value: flags.has(b'v'),
        touch: flags.exptime().filter(|_| request.verb == MetaVerb::Get),
    }
}

/// Appends the flags as a peer is asked with them: never quiet, and a counter always with its value, because
/// replicas are compared by it.
pub(crate) fn push_flags(out: &mut Vec<u8>, request: &MetaRequest<'_>) {
    for (letter, argument) in request.flags.iter().filter(|(letter, _)| *letter != b'q') {
        out.extend_from_slice(&[b' ', letter]);
        out.extend_from_slice(argument);
    }
    if request.verb == MetaVerb::Arithmetic && !request.flags.has(b'v') {
        out.extend_from_slice(b" v");
    }
}

/// Appends `flags` with the version to compare as the peer with this `tag` counts it.
pub(crate) fn push_flags_for(out: &mut Vec<u8>, flags: &[u8], tag: Option<Tag>) {
    for flag in flags.split(|&byte| byte == b' ').filter(|flag| !flag.is_empty()) {
        out.push(b' ');
        match flag.strip_prefix(b"C") {
            Some(digits) => {
                out.push(b'C');
                let own = own_version(tag, version(digits));
                out.extend_from_slice(itoa::Buffer::new().format(own).as_bytes());
            }
            None => out.extend_from_slice(flag),
        }
    }
}

/// A version as a client wrote it: however many zeros it begins with, it is a number, which was checked when
/// it came. It is never handed on as it stands.
fn version(digits: &[u8]) -> u64 {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    match &digits[zeros..] {
        [] => 0,
        rest => reply::number(rest).unwrap_or(NEVER),
    }
}
