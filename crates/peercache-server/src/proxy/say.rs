//! What a client is told, in the dialect it asked in.

use super::known::Known;
use super::op::{MetaOp, Op};
use super::slot::One;
use peercache_core::protocol::Refusal;
use peercache_core::protocol::memcached::reply::{self, Reply};
use peercache_core::protocol::memcached::request::{Answer as Wanted, MetaVerb, StoreVerb, Versions};
use peercache_core::protocol::memcached::response::{self, Value};
use peercache_core::replication::{Answer, Tag};
use peercache_core::spec::OnDown;

/// Whether what was [kept](keep) of a replica's answer is what the client is told.
pub(crate) fn uses_kept(one: &One, answer: &Answer) -> bool {
    let is_error = matches!(answer, Answer::Refused(..) | Answer::Ambiguous(_) | Answer::Unavailable);
    one.wanted == Wanted::Wanted && !is_error
}

/// Appends the answer to a request that was decided. `reply` is what decided a read; what was kept of a
/// replica's answer stands in `out` already, where it [counts](uses_kept).
pub(crate) fn one(out: &mut Vec<u8>, one: &One, answer: &Answer, reply: Option<&Reply<'_>>, known: &Known) {
    if one.wanted == Wanted::Unwanted {
        return;
    }
    match answer {
        Answer::Refused(_, refusal) => response::line(out, refusal_words(refusal).as_bytes()),
        Answer::Ambiguous(positions) => server_error(out, &known.why_ambiguous(&one.set, *positions)),
        Answer::Unavailable if is_miss(one.op, answer, known) => match one.op {
            Op::Meta(MetaOp { quiet: true, .. }) => {}
            Op::Meta(_) => response::line(out, b"EN"),
            _ => response::line(out, b"END"),
        },
        Answer::Unavailable => server_error(out, &known.why_unavailable(&one.set)),
        decided => positive(out, one, decided, reply, known),
    }
}

/// Whether the client is told that nothing is there.
pub(crate) fn is_miss(op: Op, answer: &Answer, known: &Known) -> bool {
    match answer {
        Answer::Miss => true,
        Answer::Unavailable => {
            let reads = matches!(op, Op::Get(_) | Op::Meta(MetaOp { verb: MetaVerb::Get, .. }));
            reads && known.topology.policy().on_down == OnDown::Miss
        }
        _ => false,
    }
}

fn positive(out: &mut Vec<u8>, one: &One, answer: &Answer, reply: Option<&Reply<'_>>, known: &Known) {
    let found = !matches!(answer, Answer::Done { found: false, .. } | Answer::Miss);
    match one.op {
        Op::Get(versions) => {
            if let (Answer::Hit(position), Some(Reply::MetaValue { flags, data })) = (answer, reply) {
                let tag = known.tag(&one.set, *position);
                meta_as_value(
                    out,
                    one.bytes.key(),
                    flags,
                    data,
                    (versions == Versions::Shown).then_some(tag).flatten(),
                );
            }
            out.extend_from_slice(b"END\r\n");
        }
        Op::GetAndTouch { last: true, .. } => out.extend_from_slice(b"END\r\n"),
        Op::Store { verb: StoreVerb::Set, .. } => out.extend_from_slice(b"STORED\r\n"),
        Op::Touch { .. } => response::line(out, if found { b"TOUCHED" } else { b"NOT_FOUND" }),
        Op::Delete => response::line(out, if found { b"DELETED" } else { b"NOT_FOUND" }),
        Op::Forget(line) => response::line(out, line.as_bytes()),
        Op::GetAndTouch { .. } | Op::Store { .. } | Op::Count { .. } | Op::Inspect | Op::Meta(_) => {}
    }
}

/// Keeps what a replica answered, as the client will be told it if the replica's word counts.
pub(crate) fn keep(kept: &mut Vec<u8>, op: Op, reply: &Reply<'_>, tag: Option<Tag>) {
    match (op, reply) {
        (Op::Get(_) | Op::GetAndTouch { .. }, &Reply::Value { key, flags, data, cas, .. }) => {
            kept.clear();
            response::value(kept, Value { key, flags, data, cas: cas.map(|own| given_version(tag, own)) });
        }
        (Op::Meta(meta), Reply::MetaValue { flags, data }) => {
            kept.clear();
            if meta.verb == MetaVerb::Arithmetic && (meta.quiet || !meta.shows_value) {
                if !meta.quiet {
                    meta_line(kept, b"HD", flags, tag);
                }
                return;
            }
            kept.extend_from_slice(b"VA ");
            kept.extend_from_slice(itoa::Buffer::new().format(data.len()).as_bytes());
            meta_line(kept, b"", flags, tag);
            kept.extend_from_slice(data);
            kept.extend_from_slice(b"\r\n");
        }
        (Op::Meta(meta), Reply::Line(line)) => {
            kept.clear();
            let (word, flags) = line.split_at(line.iter().position(|&b| b == b' ').unwrap_or(line.len()));
            if !(meta.quiet && is_hidden(meta.verb, word)) {
                meta_line(kept, word, flags, tag);
            }
        }
        // Of a write to all replicas, what all of them say is told.
        (Op::Store { verb: StoreVerb::Set, .. }, _) => {}
        (Op::Count { .. } | Op::Store { .. } | Op::Inspect, Reply::Line(line)) => {
            kept.clear();
            response::line(kept, line);
        }
        _ => {}
    }
}

/// Whether a quiet command does not tell this.
fn is_hidden(verb: MetaVerb, word: &[u8]) -> bool {
    match verb {
        MetaVerb::Get => word == b"EN",
        MetaVerb::Set => word == b"HD",
        MetaVerb::Delete | MetaVerb::Arithmetic => word == b"HD",
    }
}

/// A line of a word and flags, with versions as clients get them.
fn meta_line(out: &mut Vec<u8>, word: &[u8], flags: &[u8], tag: Option<Tag>) {
    out.extend_from_slice(word);
    for flag in flags.split(|&byte| byte == b' ').filter(|flag| !flag.is_empty()) {
        out.push(b' ');
        match flag.strip_prefix(b"c").and_then(reply::number) {
            Some(own) => {
                out.push(b'c');
                out.extend_from_slice(itoa::Buffer::new().format(given_version(tag, own)).as_bytes());
            }
            None => out.extend_from_slice(flag),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// A peer's version as clients are given it (P-17). Whoever answers was met, so there is a tag; without one
/// nothing is given that could match. 0 is what a daemon tells of a write that it did not do.
pub(super) fn given_version(tag: Option<Tag>, own: u64) -> u64 {
    if own == 0 {
        return 0;
    }
    tag.map_or(0, |tag| tag.wrap(own))
}

/// A value that was asked for by `mg`, as `get` tells it.
fn meta_as_value(out: &mut Vec<u8>, key: &[u8], flags: &[u8], data: &[u8], tag: Option<Tag>) {
    let stored_flags = reply::flag(flags, b'f').and_then(reply::number).unwrap_or_default();
    let cas = tag.and_then(|tag| Some(tag.wrap(reply::flag(flags, b'c').and_then(reply::number)?)));
    response::value(out, Value { key, flags: stored_flags as u32, data, cas });
}

/// What memcached says when it refuses; other words are the peer's own.
fn refusal_words(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::TooLarge => "SERVER_ERROR object too large for cache",
        Refusal::OutOfMemory => "SERVER_ERROR out of memory storing object",
        Refusal::Other(words) => words,
    }
}

/// `SERVER_ERROR` and why.
pub(crate) fn server_error(out: &mut Vec<u8>, words: &str) {
    out.extend_from_slice(b"SERVER_ERROR ");
    response::line(out, words.as_bytes());
}
