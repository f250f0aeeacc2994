//! One question to one peer, over a connection of its own: `stats`, or `version`.
//!
//! This is how a daemon proves who it is and that it speaks memcached's protocol at all, so nothing here is
//! trusted: an answer has a time limit and a size limit, and the first line that does not fit ends it. A peer
//! that wants to know who asks is told that first.

use peercache_client::login::{Login, LoginError, is_wanted};
use peercache_core::spec::AuthFile;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest answer taken, in bytes; memcached's own is about 3 KiB.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How much of a foreign answer an error quotes, in bytes.
const QUOTE_BYTES_MAX: usize = 60;

/// Everything the peer at `address` answers to `stats`, in its order. `users` says who to be there, where it
/// wants to know.
///
/// # Errors
/// [`StatsError`]: no connection, no whole answer in time, or not memcached's protocol.
pub async fn query(
    address: SocketAddr,
    users: Option<&AuthFile>,
    within: Duration,
) -> Result<Vec<(String, String)>, StatsError> {
    ask(address, users, ("stats", decode_stats), within).await
}

/// The version that the peer at `address` says it has: proof that memcached's protocol is spoken there.
///
/// # Errors
/// As [`query`].
pub async fn version(
    address: SocketAddr,
    users: Option<&AuthFile>,
    within: Duration,
) -> Result<String, StatsError> {
    ask(address, users, ("version", decode_version), within).await
}

/// The value of the statistic `name`.
#[must_use]
pub fn value<'a>(stats: &'a [(String, String)], name: &str) -> Option<&'a str> {
    stats.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// What the bytes that arrived so far amount to.
#[derive(Debug, PartialEq, Eq)]
enum Answer<T> {
    Whole(T),
    Incomplete,
    Foreign,
}

/// Why talking failed, before an address is put to it.
enum Failure {
    Io(io::Error),
    Login(LoginError),
    Foreign(Vec<u8>),
}

/// A question, and what its answer is read by.
type Question<T> = (&'static str, fn(&[u8]) -> Answer<T>);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn ask<T>(
    address: SocketAddr,
    users: Option<&AuthFile>,
    question: Question<T>,
    within: Duration,
) -> Result<T, StatsError> {
    let (command, _) = question;
    let no_login = |source| StatsError::Login { address, source };
    let talk = async {
        let login = match users {
            Some(file) => Some(Login::read(file).await.map_err(no_login)?),
            None => None,
        };
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|source| StatsError::Connect { address, source })?;
        converse(stream, login.as_ref(), question).await.map_err(|failure| match failure {
            Failure::Io(source) => StatsError::Lost { address, command, source },
            Failure::Login(source) => no_login(source),
            Failure::Foreign(said) if is_wanted(said.trim_ascii_end()) => StatsError::Unknown { address },
            Failure::Foreign(bytes) => StatsError::NotMemcached { address, command, said: quote(&bytes) },
        })
    };
    timeout(within, talk).await.unwrap_or(Err(StatsError::TimedOut { address, command, within }))
}

async fn converse<S, T>(
    mut stream: S,
    login: Option<&Login>,
    (command, decode): Question<T>,
) -> Result<T, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(login) = login {
        login.log_in(&mut stream).await.map_err(Failure::Login)?;
    }
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        let read = stream.read_buf(&mut answer).await?;
        match decode(&answer) {
            Answer::Whole(decoded) => return Ok(decoded),
            Answer::Incomplete if answer.len() > ANSWER_BYTES_MAX => return Err(Failure::Foreign(answer)),
            Answer::Incomplete if read > 0 => {}
            Answer::Incomplete => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Answer::Foreign => return Err(Failure::Foreign(answer)),
        }
    }
}

fn decode_stats(mut bytes: &[u8]) -> Answer<Vec<(String, String)>> {
    let mut stats = Vec::new();
    while let Some((line, rest)) = split_line(bytes) {
        if line == b"END" {
            return Answer::Whole(stats);
        }
        match decode_stat(line) {
            Some(stat) => stats.push(stat),
            None => return Answer::Foreign,
        }
        bytes = rest;
    }
    if may_become(bytes, b"STAT ") || may_become(bytes, b"END\r\n") {
        Answer::Incomplete
    } else {
        Answer::Foreign
    }
}

fn decode_stat(line: &[u8]) -> Option<(String, String)> {
    let stat = std::str::from_utf8(line.strip_prefix(b"STAT ")?).ok()?;
    let (name, value) = stat.split_once(' ').unwrap_or((stat, ""));
    Some((name.to_owned(), value.to_owned()))
}

fn decode_version(bytes: &[u8]) -> Answer<String> {
    let Some((line, _)) = split_line(bytes) else {
        let may_fit = may_become(bytes, b"VERSION ");
        return if may_fit { Answer::Incomplete } else { Answer::Foreign };
    };
    let version = line.strip_prefix(b"VERSION ").and_then(|version| std::str::from_utf8(version).ok());
    version.map_or(Answer::Foreign, |version| Answer::Whole(version.to_owned()))
}

/// The first line without its end, and what follows it.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

/// Whether `bytes` is the beginning of a line that begins with `prefix`.
fn may_become(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.starts_with(prefix) || prefix.starts_with(bytes)
}

fn quote(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(QUOTE_BYTES_MAX)];
    let dots = if cut.len() < bytes.len() { "..." } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}

/// Why a peer gave no answer. The question changes nothing, so it may be put again.
#[derive(Debug, Error)]
pub enum StatsError {
    /// Nothing took the connection.
    #[error("no connection to {address}: {source}; is the daemon running?")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The connection ended before the answer did.
    #[error("{address} closed the connection before it had answered `{command}`: {source}")]
    Lost {
        /// Where.
        address: SocketAddr,
        /// The question.
        command: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Something else than memcached's answer came back.
    #[error("{address} does not speak memcached's protocol: it answered `{command}` with \"{said}\"")]
    NotMemcached {
        /// Where.
        address: SocketAddr,
        /// The question.
        command: &'static str,
        /// The beginning of the answer, escaped.
        said: String,
    },
    /// It wants to know who asks.
    #[error(
        "{address} wants to know who asks: `peercache peer attach --auth-file FILE` says who to be there"
    )]
    Unknown {
        /// Where.
        address: SocketAddr,
    },
    /// It could not be told who asks.
    #[error("{address} cannot be asked: {source}")]
    Login {
        /// Where.
        address: SocketAddr,
        /// Why; it names the file.
        source: LoginError,
    },
    /// The answer was not whole in time.
    #[error("{address} did not answer `{command}` within {} ms", within.as_millis())]
    TimedOut {
        /// Where.
        address: SocketAddr,
        /// The question.
        command: &'static str,
        /// The time it had.
        within: Duration,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] =
        b"STAT pid 4711\r\nSTAT version 1.6.18\r\nSTAT empty \r\nSTAT two words here\r\nEND\r\n";

    #[test]
    fn an_answer_is_the_same_at_every_split() {
        for cut in 0..ANSWER.len() {
            assert_eq!(decode_stats(&ANSWER[..cut]), Answer::Incomplete, "cut at {cut}");
        }
        let Answer::Whole(stats) = decode_stats(ANSWER) else { panic!("the answer is whole") };
        assert_eq!(value(&stats, "pid"), Some("4711"));
        assert_eq!(value(&stats, "empty"), Some(""));
        assert_eq!(value(&stats, "two"), Some("words here"));
        assert_eq!(value(&stats, "none"), None);
    }

    #[test]
    fn rubbish_is_noticed_at_its_first_byte() {
        let foreign: [&[u8]; 7] =
            [b"-ERR unknown command", b"ERROR\r\n", b"HTTP/1.1 400", b"\0", b"STATUS", b"END\n", b"\xff\r\n"];
        for bytes in foreign {
            assert_eq!(decode_stats(bytes), Answer::Foreign, "{}", bytes.escape_ascii());
            assert_eq!(decode_version(bytes), Answer::Foreign, "{}", bytes.escape_ascii());
        }
        assert_eq!(decode_stats(b"STAT \xff\xff 1\r\nEND\r\n"), Answer::Foreign);
    }

    #[test]
    fn a_version_needs_its_whole_line() {
        assert_eq!(decode_version(b"VERSION 1.6"), Answer::Incomplete);
        assert_eq!(decode_version(b"VERSION 1.6.18\r\n"), Answer::Whole("1.6.18".to_owned()));
    }

    #[test]
    fn a_quote_is_short_and_harmless() {
        assert_eq!(quote(b"\x1b[2J\r\n"), "\\x1b[2J\\r\\n");
        assert_eq!(quote(&[b'x'; 200]).len(), QUOTE_BYTES_MAX + 3);
    }
}
