//! What requests do to a store: one file for each family of commands.

use crate::engine::Engine;
use crate::prefixes::Asked;
use peercache_core::protocol::memcached::request::{AdminVerb, Answer, Request};
use peercache_core::protocol::memcached::response;
use peercache_engine::{Count, Cursor, Now, Parcel, Put};

mod admin;
mod count;
mod crawl;
mod list;
mod meta;
mod read;
mod stats;
mod write;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It is answered, or wanted no answer.
    Answered,
    /// There is enough to send before it can go on from here.
    Paused(Progress),
    /// The connection ends here.
    Close,
}

/// How much of a request has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    /// The first keys of a multiget.
    keys: usize,
    /// The items up to here of a listing.
    listed: Cursor,
}

/// Does what `request` asks, from where its answer was paused, and appends the answer to `out`.
pub(crate) fn execute(
    engine: &Engine,
    request: &Request<'_>,
    progress: Progress,
    now: Now,
    out: &mut Vec<u8>,
) -> Done {
    match *request {
        Request::Get { keys, versions } => {
            return read::get(engine, keys, read::How { versions, exptime: None }, progress, now, out);
        }
        Request::GetAndTouch { keys, exptime, versions } => {
            let how = read::How { versions, exptime: Some(exptime) };
            return read::get(engine, keys, how, progress, now, out);
        }
        Request::Inspect(key) => read::inspect(engine, key, now, out),
        Request::Store { verb, key, flags, exptime, value, answer } => {
            let put = Put::classic(verb, flags, exptime, value);
            engine.prefixes.count(key, Asked::Set);
            say(out, answer, write::stored(engine.store.store(key.as_bytes(), &put, now)));
        }
        Request::Touch { key, exptime, answer } => say(out, answer, write::touch(engine, key, exptime, now)),
        Request::Delete { key, answer } => say(out, answer, write::delete(engine, key, now)),
        Request::Count { verb, key, delta, answer } => {
            count::count(engine, key, &Count::classic(verb, delta), answer, now, out);
        }
        Request::FlushAll { exptime, answer } => say(out, answer, admin::flush_all(engine, exptime, now)),
        Request::Verbosity { answer, .. } => say(out, answer, "OK"),
        Request::Stats { about, arguments } => stats::stats(engine, about, arguments, now, out),
        Request::Meta(ref request) => meta::execute(engine, request, now, out),
        Request::Noop => say(out, Answer::Wanted, "MN"),
        Request::Version => admin::version(out),
        Request::Admin { verb: AdminVerb::Shutdown, arguments, .. } => {
            return admin::shutdown(engine, arguments, out);
        }
        Request::Admin { verb: AdminVerb::CacheMemlimit, arguments, answer } => {
            say(out, answer, admin::cache_memlimit(engine, arguments, now));
        }
        Request::Admin { verb: AdminVerb::LruCrawler, arguments, answer } => {
            return crawl::crawl(engine, arguments, answer, progress, now, out);
        }
        Request::Admin { verb: AdminVerb::Slabs, arguments, answer } => {
            say(out, answer, admin::slabs(arguments));
        }
        // What it does not do it does not know, whether or not it was asked to be silent.
        Request::Admin { .. } => response::line(out, b"ERROR"),
        Request::Quit => return Done::Close,
    }
    Done::Answered
}

/// Does what a `request` asks whose value came into the store in pieces, and appends the answer to `out`.
pub(crate) fn deliver(engine: &Engine, request: &Request<'_>, parcel: Parcel, now: Now, out: &mut Vec<u8>) {
    match *request {
        Request::Store { verb, key, flags, exptime, answer, .. } => {
            let put = Put::classic(verb, flags, exptime, b"");
            engine.prefixes.count(key, Asked::Set);
            say(out, answer, write::stored(engine.store.deliver(key.as_bytes(), &put, parcel, now)));
        }
        Request::Meta(ref request) => meta::deliver(engine, request, parcel, now, out),
        _ => engine.store.abandon(parcel),
    }
}

/// Answers a line, if an answer is wanted.
fn say(out: &mut Vec<u8>, answer: Answer, line: &str) {
    if answer == Answer::Wanted {
        response::line(out, line.as_bytes());
    }
}
