//! What clients ask, read off the wire without copying.
//!
//! [`decode`] looks at the first bytes a client sent and says what they are; it never waits, never copies and
//! gives the same result however the bytes were cut into packets. Nothing that it hands on is unchecked: keys
//! are [`Key`]s, numbers are numbers, a body is as long as its header says.
//!
//! A request that is refused takes its body with it. memcached reads the body behind a header that it refuses
//! as if it were commands, so whoever chooses a value could run `flush_all`; here such a body is swallowed
//! when its length is known, and the connection is closed when it is not.

use super::words::{self, Words};
use crate::key::Key;
use memchr::memchr;

mod keys;
mod meta;
mod plain;
mod store;

#[cfg(test)]
mod tests;

pub use keys::Keys;
pub use meta::{MetaFlags, MetaKey, MetaRequest, MetaVerb, Placement};
pub use store::BAD_CHUNK;

/// The longest line, in bytes without its line feed (memcached's); a multiget may have
/// [`GET_LINE_BYTES_MAX`].
pub const LINE_BYTES_MAX: usize = 2 * 1024;

/// The longest line of a command that takes many keys, in bytes without its line feed: a thousand of the
/// longest keys.
pub const GET_LINE_BYTES_MAX: usize = 256 * 1024;

/// The shortest line in which there can be a command, with its line feed.
const SHORTEST_LINE_BYTES: usize = 4;

/// memcached's answer to what it does not know.
const ERROR: &str = "ERROR";

/// memcached's answer to a command that it knows with arguments that it cannot use.
const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";

/// memcached's answer to an expiry that is not a number.
const BAD_EXPTIME: &str = "CLIENT_ERROR invalid exptime argument";

/// What a decoder takes, apart from the fixed lengths of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest value that is worth reading, in bytes; a longer one is swallowed and refused.
    pub value_bytes_max: usize,
    /// Whose requests they are.
    pub edition: Edition,
}

/// The memcached whose requests a decoder takes. Later ones have more flags, and other words for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// 1.6.18: any memcached that may stand behind a proxy knows what it knows.
    Common,
    /// 1.6.45.
    Current,
}

/// What the bytes at hand amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// Not a whole request yet.
    Incomplete {
        /// The request is at least this many bytes long, counted from its start.
        bytes_needed: usize,
    },
    /// The line of a request whose value has not come whole.
    Announced {
        /// What is asked, with an empty value.
        request: Request<'a>,
        /// How many bytes the line took.
        bytes: usize,
        /// How long the value is that follows, without its line end.
        value_bytes: usize,
    },
    /// A request.
    Request {
        /// What is asked.
        request: Request<'a>,
        /// How many bytes it took.
        bytes: usize,
    },
    /// A request that must not be executed; the connection goes on behind it.
    Refused(Refused<'a>),
    /// What follows cannot be understood, so it must not be executed: the connection has to go.
    Close {
        /// A last line to send, without its line end.
        answer: Option<&'static str>,
        /// Why.
        reason: Reason,
    },
}

/// What ends a value.
pub const VALUE_END: &[u8] = b"\r\n";

/// A request that must not be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The line to answer, without its line end; none when the client asked for no answer.
    pub answer: Option<&'static str>,
    /// How many of the bytes at hand it took.
    pub bytes: usize,
    /// How many bytes behind those are its body. They may not have come yet, and are not commands.
    pub swallow: u64,
    /// The key whose old value must not be served any more: a `set` or `ms` that failed
    /// would leave it there.
    pub forget: Option<MetaKey<'a>>,
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// memcached's binary protocol, which is not spoken here.
    BinaryProtocol,
    /// A web request; its body could be made of commands.
    Http,
    /// The beginning of an encrypted connection.
    Tls,
    /// Redis's protocol; its arguments stand on lines of their own, where they would be commands.
    Redis,
    /// A line longer than is allowed.
    LineTooLong,
    /// A command with a body whose length could not be read.
    BodyLengthUnknown,
}

impl Reason {
    /// The reason in words, for a log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BinaryProtocol => {
                "it speaks memcached's binary protocol, which is not supported: choose the text protocol in \
                 the client (pylibmc: binary=False; php-memcached: OPT_BINARY_PROTOCOL off; spymemcached: \
                 Protocol.TEXT)"
            }
            Self::Http => "it sent a web request",
            Self::Tls => "it begins with TLS, which is not spoken here: turn TLS off in the client",
            Self::Redis => "it speaks Redis's protocol: use a client for memcached",
            Self::LineTooLong => "it sent a line that is too long",
            Self::BodyLengthUnknown => "the length of a body could not be read",
        }
    }
}

/// Whether the client waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Wanted,
    /// It said `noreply`: neither success nor failure is told.
    Unwanted,
}

/// How a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreVerb {
    /// Whatever was there.
    Set,
    /// Only if nothing was there.
    Add,
    /// Only if something was there.
    Replace,
    /// Behind what is there.
    Append,
    /// In front of what is there.
    Prepend,
    /// Only if what is there has this version.
    Cas(u64),
}

/// Which way a counter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountVerb {
    /// Up, wrapping at 2^64.
    Incr,
    /// Down, stopping at 0.
    Decr,
}

/// Whether values are answered with their versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versions {
    /// `gets`, `gats`.
    Shown,
    /// `get`, `gat`.
    #[default]
    Hidden,
}

/// The words of memcached that change the daemon itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminVerb {
    /// `cache_memlimit`: how much memory it may use.
    CacheMemlimit,
    /// `extstore`: what it keeps on disk.
    Extstore,
    /// `lru`: how it chooses what to forget.
    Lru,
    /// `lru_crawler`: walks over all items, and lists them.
    LruCrawler,
    /// `misbehave`: tests its sandbox; only in debugging builds.
    Misbehave,
    /// `refresh_certs`: reads its certificates again.
    RefreshCerts,
    /// `shutdown`: ends it.
    Shutdown,
    /// `slabs`: moves its memory about.
    Slabs,
    /// `watch`: turns the connection into a log.
    Watch,
}

/// What a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// `get`, `gets`.
    Get {
        /// At least one.
        keys: Keys<'a>,
        /// With or without versions.
        versions: Versions,
    },
    /// `gat`, `gats`: reads and gives a new expiry.
    GetAndTouch {
        /// Possibly none, as memcached has it.
        keys: Keys<'a>,
        /// memcached's expiry, see [`Request::Store`].
        exptime: i64,
        /// With or without versions.
        versions: Versions,
    },
    /// `set` and its like.
    Store {
        /// How.
        verb: StoreVerb,
        /// Where.
        key: Key<'a>,
        /// Opaque; comes back with the value.
        flags: u32,
        /// memcached's expiry: 0 is never, up to 30 days relative seconds, beyond that a Unix date, below 0
        /// at once.
        exptime: i64,
        /// The value.
        value: &'a [u8],
        /// Whether to answer.
        answer: Answer,
    },
    /// `incr`, `decr`.
    Count {
        /// Which way.
        verb: CountVerb,
        /// Which counter.
        key: Key<'a>,
        /// By how much.
        delta: u64,
        /// Whether to answer.
        answer: Answer,
    },
    /// `touch`: a new expiry.
    Touch {
        /// Of this.
        key: Key<'a>,
        /// memcached's expiry, see [`Request::Store`].
        exptime: i64,
        /// Whether to answer.
        answer: Answer,
    },
    /// `delete`.
    Delete {
        /// This.
        key: Key<'a>,
        /// Whether to answer.
        answer: Answer,
    },
    /// `flush_all`.
    FlushAll {
        /// When, like an expiry; 0 and below is now.
        exptime: i64,
        /// Whether to answer.
        answer: Answer,
    },
    /// `verbosity`.
    Verbosity {
        /// The level that is asked for.
        level: u32,
        /// Whether to answer.
        answer: Answer,
    },
    /// `stats`.
    Stats {
        /// Its first argument, or nothing.
        about: &'a [u8],
        /// What follows that, unchecked.
        arguments: &'a [u8],
    },
    /// `mg`, `ms`, `md`, `ma`.
    Meta(MetaRequest<'a>),
    /// `me`: what is known of an item.
    Inspect(MetaKey<'a>),
    /// `mn`: answers `MN`, when all before it are answered.
    Noop,
    /// `version`.
    Version,
    /// A word for whoever runs the daemon, not for those who use it.
    Admin {
        /// Which.
        verb: AdminVerb,
        /// What follows it, unchecked.
        arguments: &'a [u8],
        /// Whether to answer; memcached heeds it for some of them only.
        answer: Answer,
    },
    /// `quit`: close the connection.
    Quit,
}

/// Decodes the request at the start of `input`.
#[must_use]
pub fn decode<'a>(input: &'a [u8], limits: &Limits) -> Decoded<'a> {
    if input.first() == Some(&0x80) {
        return Decoded::Close { answer: None, reason: Reason::BinaryProtocol };
    }
    // The first record of a connection is a handshake; what is behind its header may look like anything.
    if input.starts_with(b"\x16\x03") {
        return Decoded::Close { answer: None, reason: Reason::Tls };
    }
    // Every line may be so long; whether it may be longer is asked only of those that are.
    let window = &input[..input.len().min(LINE_BYTES_MAX + 1)];
    let Some(end) = memchr(b'\n', window).or_else(|| end_of_long_line(input)) else {
        if input.len() > line_bytes_max(input) {
            let answer = Some("CLIENT_ERROR line too long");
            return Decoded::Close { answer, reason: Reason::LineTooLong };
        }
        return Decoded::Incomplete { bytes_needed: input.len() + 1 };
    };
    // Like memcached: the CR before the LF is optional, and a lone CR LF is a command of one byte.
    let text =
        if end > 1 { input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]) } else { &input[..end] };
    dispatch(&Line { text, bytes: end + 1 }, &input[end + 1..], limits)
}

/// Where a line ends that is longer than most may be, if it may.
fn end_of_long_line(input: &[u8]) -> Option<usize> {
    memchr(b'\n', &input[..input.len().min(line_bytes_max(input) + 1)])
}

/// One line, and what it took of the input.
struct Line<'a> {
    text: &'a [u8],
    bytes: usize,
}

impl<'a> Line<'a> {
    fn words(&self) -> Words<'a> {
        Words::of(self.text)
    }

    const fn request(&self, request: Request<'a>) -> Decoded<'a> {
        Decoded::Request { request, bytes: self.bytes }
    }

    /// Refuses a line that has no body.
    const fn refused(&self, answer: &'static str) -> Decoded<'a> {
        self.refused_to(Answer::Wanted, answer)
    }

    /// Refuses a line that has no body, silently if no answer is wanted.
    const fn refused_to(&self, wanted: Answer, line: &'static str) -> Decoded<'a> {
        let answer = match wanted {
            Answer::Wanted => Some(line),
            Answer::Unwanted => None,
        };
        Decoded::Refused(Refused { answer, bytes: self.bytes, swallow: 0, forget: None })
    }
}

/// Every command there is, with what reads it.
fn dispatch<'a>(line: &Line<'a>, behind: &'a [u8], limits: &Limits) -> Decoded<'a> {
    let (verb, arguments) = words::next(line.text);
    let store = |form| store::decode(line, form, arguments, behind, limits);
    match verb {
        b"get" | b"bget" => plain::get(line, arguments, Versions::Hidden),
        b"gets" => plain::get(line, arguments, Versions::Shown),
        b"gat" => plain::get_and_touch(line, arguments, Versions::Hidden),
        b"gats" => plain::get_and_touch(line, arguments, Versions::Shown),
        b"set" => store(store::Form::Plain(StoreVerb::Set)),
        b"add" => store(store::Form::Plain(StoreVerb::Add)),
        b"replace" => store(store::Form::Plain(StoreVerb::Replace)),
        b"append" => store(store::Form::Plain(StoreVerb::Append)),
        b"prepend" => store(store::Form::Plain(StoreVerb::Prepend)),
        b"cas" => store(store::Form::Cas),
        b"mg" => meta::decode(line, MetaVerb::Get, limits),
        b"ms" => meta::decode_set(line, behind, limits),
        b"md" => meta::decode(line, MetaVerb::Delete, limits),
        b"ma" => meta::decode(line, MetaVerb::Arithmetic, limits),
        b"incr" => plain::count(line, CountVerb::Incr),
        b"decr" => plain::count(line, CountVerb::Decr),
        b"touch" => plain::touch(line),
        b"delete" => plain::delete(line),
        b"flush_all" => plain::flush_all(line),
        b"verbosity" => plain::verbosity(line),
        b"me" => plain::inspect(line),
        b"stats" => {
            let (about, arguments) = words::next(arguments);
            line.request(Request::Stats { about, arguments })
        }
        b"mn" => line.request(Request::Noop),
        b"version" => line.request(Request::Version),
        b"quit" => line.request(Request::Quit),
        word => match admin_verb(word) {
            Some(verb) => plain::admin(line, arguments, verb),
            None => unknown(line, limits),
        },
    }
}

const fn admin_verb(word: &[u8]) -> Option<AdminVerb> {
    Some(match word {
        b"cache_memlimit" => AdminVerb::CacheMemlimit,
        b"extstore" => AdminVerb::Extstore,
        b"lru" => AdminVerb::Lru,
        b"lru_crawler" => AdminVerb::LruCrawler,
        b"misbehave" => AdminVerb::Misbehave,
        b"refresh_certs" => AdminVerb::RefreshCerts,
        b"shutdown" => AdminVerb::Shutdown,
        b"slabs" => AdminVerb::Slabs,
        b"watch" => AdminVerb::Watch,
        _ => return None,
    })
}

/// A web page can make a browser send a request to any port, and a client may have the wrong port; what such
/// a request carries is never executed.
fn unknown<'a>(line: &Line<'a>, limits: &Limits) -> Decoded<'a> {
    let last = line.text.rsplit(|&byte| byte == b' ').find(|word| !word.is_empty()).unwrap_or_default();
    if line.words().count() > 1 && last.starts_with(b"HTTP/") {
        return Decoded::Close { answer: None, reason: Reason::Http };
    }
    if let [b'*', count @ ..] = line.text
        && !count.is_empty()
        && count.iter().all(u8::is_ascii_digit)
    {
        let answer = Some("-ERR this is memcached's protocol and not Redis's");
        return Decoded::Close { answer, reason: Reason::Redis };
    }
    // Later memcacheds look at nothing that is so short.
    let is_no_line = line.bytes < SHORTEST_LINE_BYTES && limits.edition == Edition::Current;
    line.refused(if is_no_line { BAD_FORMAT } else { ERROR })
}

/// How long the line at the start of `input` may be. Looks only at bytes that every line may have, so that
/// the answer for a line does not change while it arrives.
fn line_bytes_max(input: &[u8]) -> usize {
    let head = &input[..input.len().min(LINE_BYTES_MAX)];
    match words::split(head).next().unwrap_or_default() {
        b"get" | b"gets" | b"gat" | b"gats" | b"bget" => GET_LINE_BYTES_MAX,
        _ => LINE_BYTES_MAX,
    }
}
