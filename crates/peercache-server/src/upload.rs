//! A large value on its way: it goes into the store as it comes, so that no session has to hold it.

use crate::engine::Engine;
use crate::execute;
use peercache_core::protocol::memcached::request::{
    Answer, BAD_CHUNK, Decoded, Limits, MetaKey, Request, VALUE_END, decode,
};
use peercache_core::protocol::memcached::response;
use peercache_engine::{Now, Parcel};

/// Values from this length on go into the store as they come; shorter ones are held until they are whole.
pub(crate) const VALUE_BYTES_MIN: usize = 32 * 1024;

/// A request whose value is coming.
#[derive(Debug)]
pub(crate) struct Upload {
    /// Its line.
    line: Vec<u8>,
    parcel: Parcel,
    value_bytes_left: usize,
}

impl Upload {
    /// The value of `request` is about to come; nothing if it is not of a kind that has one.
    pub(crate) fn of(
        engine: &Engine,
        request: &Request<'_>,
        line: &[u8],
        value_bytes: usize,
        now: Now,
    ) -> Option<Self> {
        let key = match *request {
            Request::Store { key, .. } => MetaKey::plain(key),
            Request::Meta(ref request) => request.key,
            _ => return None,
        };
        let parcel = engine.store.open(key.placement().as_ref(), value_bytes, now);
        Some(Self { line: line.to_vec(), parcel, value_bytes_left: value_bytes })
    }

    /// Takes what `input` begins with of the value; says how much that was.
    pub(crate) fn take(&mut self, engine: &Engine, input: &[u8], now: Now) -> usize {
        let piece = &input[..input.len().min(self.value_bytes_left)];
        engine.store.append(&mut self.parcel, piece, now);
        self.value_bytes_left -= piece.len();
        piece.len()
    }

    /// Whether all of the value has come, but for what ends it.
    pub(crate) const fn is_whole(&self) -> bool {
        self.value_bytes_left == 0
    }

    /// Does what is asked, if the value ends with what it has to `end` with, and answers.
    pub(crate) fn finish(self, engine: &Engine, end: &[u8], limits: &Limits, now: Now, out: &mut Vec<u8>) {
        let Decoded::Announced { request, .. } = decode(&self.line, limits) else {
            return engine.store.abandon(self.parcel);
        };
        if end == VALUE_END {
            return execute::deliver(engine, &request, self.parcel, now, out);
        }
        engine.store.abandon(self.parcel);
        if !matches!(request, Request::Store { answer: Answer::Unwanted, .. }) {
            response::line(out, BAD_CHUNK.as_bytes());
        }
    }

    /// The rest will not come.
    pub(crate) fn abandon(self, engine: &Engine) {
        engine.store.abandon(self.parcel);
    }
}
