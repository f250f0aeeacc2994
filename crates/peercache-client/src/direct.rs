//! Words with one peer on a connection that nothing else uses yet: who answers, is it a cache at all (P-33),
//! and the order to forget everything.

use crate::login::{Login, LoginError, is_wanted};
use crate::network::Network;
use crate::register::Tenant;
use crate::users::UsersError;
use peercache_core::health::Incarnation;
use peercache_core::protocol::memcached::command::{Command, Dialect};
use peercache_core::protocol::memcached::reply::{Decoded, Reply, Shape, decode, number};
use peercache_core::spec::PeerSpec;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most bytes a peer's statistics may take; memcached's are about 3 KB.
const STATS_BYTES_MAX: usize = 64 * 1024;

/// A meta command that does nothing: whoever knows none refuses it.
const META_PROBE: &[u8] = b"mg peercache:probe\r\n";

/// How long a host may leave sent bytes unacknowledged before its connections count as broken. A daemon that
/// only hangs is not concerned: its kernel acknowledges for it.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);

/// What a peer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    /// Which run of the daemon it is.
    pub incarnation: Incarnation,
    /// How many items it holds.
    pub items: u64,
    /// How it can be asked.
    pub dialect: Dialect,
}

/// Why there is no answer. The connection is to be closed.
#[derive(Debug, Error)]
pub enum DirectError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Nothing came in time.
    #[error("it did not answer within {within_ms} ms")]
    Late {
        /// The policy's time.
        within_ms: u128,
    },
    /// It was closed in the middle.
    #[error("it closed the connection")]
    Closed,
    /// It is alive and will not.
    #[error("it refused with {words:?}")]
    Refused {
        /// Its words.
        words: String,
    },
    /// What answers does not speak memcached's protocol.
    #[error("what listens there does not answer as a memcached does")]
    Stranger,
    /// It asks who its clients are, and nobody told us who to be.
    #[error("it wants to know who asks: give it a file of users, as in `peer attach --auth-file FILE`")]
    Unauthenticated,
    /// It could not be told who we are.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Another daemon has got the peer's address. Nothing was read of what it holds, and nothing changed.
    #[error(
        "another daemon (pid {met}) answers at this address and is left alone; \
         the peer's own was pid {expected}: start the peer again"
    )]
    Squatter {
        /// The pid of the daemon that answers, as it says itself.
        met: u32,
        /// The pid that the peer's daemon has, or had.
        expected: u32,
    },
    /// Its record says that it does not run. Nobody was asked.
    #[error("it does not run: start the peer again")]
    NotRunning,
    /// Nobody knows which daemon it is. Nobody was asked.
    #[error("it is unknown which daemon it is: {0}")]
    Unregistered(io::Error),
}

impl DirectError {
    /// Whether it says something about this process, which has no descriptor or port left, and nothing about
    /// the peer.
    #[must_use]
    pub fn is_our_own(&self) -> bool {
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        let (Self::Io(error)
        | Self::Unregistered(error)
        | Self::Login(
            LoginError::Io(error) | LoginError::Users(UsersError::Unreadable { source: error, .. }),
        )) = self
        else {
            return false;
        };
        let out_of_descriptors = matches!(error.raw_os_error(), Some(ENFILE | EMFILE));
        out_of_descriptors || error.kind() == io::ErrorKind::AddrNotAvailable
    }
}

/// Connects to a peer, tells it who we are where it asks, and greets it, each within the policy's time. Where
/// the network's register knows which daemon the peer is, no other one is taken for it (P-33).
///
/// # Errors
/// [`DirectError`]; no connection is left.
pub async fn open_greeted(network: &Network, peer: &PeerSpec) -> Result<(TcpStream, Greeting), DirectError> {
    let policy = network.policy();
    let known = tokio::time::timeout(policy.request, async {
        let tenant = tenant(network, peer).await?;
        let login = match &peer.auth_file {
            Some(file) if tenant != Tenant::Nobody => Some(Login::read(file).await?),
            _ => None,
        };
        Ok::<_, DirectError>((tenant, login))
    });
    let known = known.await.map_err(|_| DirectError::Unregistered(io::ErrorKind::TimedOut.into()));
    let (tenant, login) = known??;
    if tenant == Tenant::Nobody {
        return Err(DirectError::NotRunning);
    }
    let late = |within: Duration| move |_| DirectError::Late { within_ms: within.as_millis() };
    let connecting = tokio::time::timeout(policy.connect, TcpStream::connect(peer.address));
    let mut stream = connecting.await.map_err(late(policy.connect))??;
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(&stream);
    socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(UNACKNOWLEDGED_MAX))?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    let meet = async {
        if let Some(login) = login {
            login.log_in(&mut stream).await?;
        }
        greet(&mut stream).await
    };
    let greeting = tokio::time::timeout(policy.attempt, meet).await.map_err(late(policy.attempt))??;
    match (tenant, greeting.incarnation.pid) {
        (Tenant::Process(expected), met) if met != expected => Err(DirectError::Squatter { met, expected }),
        _ => Ok((stream, greeting)),
    }
}

/// Who may answer for the peer. A register may have to read a file, and a worker serves others meanwhile.
async fn tenant(network: &Network, peer: &PeerSpec) -> Result<Tenant, DirectError> {
    let Some(register) = network.register() else { return Ok(Tenant::Anybody) };
    let (register, peer) = (Arc::clone(register), peer.clone());
    let looked = tokio::task::spawn_blocking(move || register.tenant(&peer)).await;
    looked.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(DirectError::Unregistered)
}

/// Asks who is there. The caller bounds the time.
///
/// # Errors
/// [`DirectError`]; the connection is useless then.
pub async fn greet<S>(stream: &mut S) -> Result<Greeting, DirectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::new();
    Command::Stats.encode(&mut request);
    request.extend_from_slice(META_PROBE);
    stream.write_all(&request).await?;
    let mut input = Vec::new();
    loop {
        if let Some(greeting) = read_greeting(&input)? {
            return Ok(greeting);
        }
        if input.len() > STATS_BYTES_MAX {
            return Err(DirectError::Stranger);
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Err(DirectError::Closed);
        }
    }
}

/// Empties the peer. The caller bounds the time.
///
/// # Errors
/// [`DirectError`]; unless it says that the peer refuses, the peer may or may not be empty.
pub async fn flush<S>(stream: &mut S) -> Result<(), DirectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::new();
    Command::FlushAll { after_s: 0 }.encode(&mut request);
    stream.write_all(&request).await?;
    let mut input = Vec::new();
    loop {
        match decode(Shape::Line, &input, 0) {
            Decoded::Reply(Reply::Line(b"OK"), _) => return Ok(()),
            Decoded::Reply(Reply::Line(words) | Reply::Refused(words), _) => {
                return Err(DirectError::Refused { words: String::from_utf8_lossy(words).into_owned() });
            }
            Decoded::Reply(..) | Decoded::Malformed => return Err(DirectError::Stranger),
            Decoded::Incomplete(_) => {}
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Err(DirectError::Closed);
        }
    }
}

/// The greeting, once the statistics and the answer to [`META_PROBE`] have come.
fn read_greeting(mut input: &[u8]) -> Result<Option<Greeting>, DirectError> {
    let (mut pid, mut time, mut uptime, mut items) = (None, None, None, None);
    loop {
        match decode(Shape::Stats, input, 0) {
            Decoded::Incomplete(_) => return Ok(None),
            Decoded::Reply(Reply::Stat { name, value }, taken) => {
                input = &input[taken..];
                match name {
                    b"pid" => pid = number(value),
                    b"time" => time = number(value),
                    b"uptime" => uptime = number(value),
                    b"curr_items" => items = number(value),
                    _ => {}
                }
            }
            Decoded::Reply(Reply::End, taken) => {
                input = &input[taken..];
                break;
            }
            Decoded::Reply(Reply::Refused(line), _) if is_wanted(line) => {
                return Err(DirectError::Unauthenticated);
            }
            Decoded::Reply(..) | Decoded::Malformed => return Err(DirectError::Stranger),
        }
    }
    let dialect = match decode(Shape::Meta, input, 0) {
        Decoded::Incomplete(_) => return Ok(None),
        Decoded::Reply(Reply::Line(b"EN" | b"HD"), _) => Dialect::Meta,
        Decoded::Reply(Reply::Refused(_), _) => Dialect::Classic,
        Decoded::Reply(..) | Decoded::Malformed => return Err(DirectError::Stranger),
    };
    let greeting = || {
        let started_s = u32::try_from(time?.checked_sub(uptime?)?).ok()?;
        let pid = u32::try_from(pid?).ok().filter(|&pid| pid != 0)?;
        Some(Greeting { incarnation: Incarnation { pid, started_s }, items: items?, dialect })
    };
    greeting().map(Some).ok_or(DirectError::Stranger)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &[u8] = b"STAT pid 42\r\nSTAT uptime 5\r\nSTAT time 1005\r\nSTAT curr_items 3\r\nEND\r\n";

    #[test]
    fn statistics_say_who_answers_and_the_probe_how_it_can_be_asked() {
        for (answer, dialect) in [(&b"EN\r\n"[..], Dialect::Meta), (b"ERROR\r\n", Dialect::Classic)] {
            let input = [STATS, answer].concat();
            let incarnation = Incarnation { pid: 42, started_s: 1000 };
            let greeting = read_greeting(&input).unwrap().unwrap();
            assert_eq!(greeting, Greeting { incarnation, items: 3, dialect });
            for split in 0..input.len() {
                assert!(matches!(read_greeting(&input[..split]), Ok(None)), "{split}");
            }
        }
    }

    #[test]
    fn strangers_are_recognised() {
        for words in [&b"-ERR unknown command\r\n"[..], b"END\r\nEN\r\n", b"ERROR\r\n"] {
            assert!(matches!(read_greeting(words), Err(DirectError::Stranger)), "{}", words.escape_ascii());
        }
        let words = b"CLIENT_ERROR unauthenticated\r\n";
        assert!(matches!(read_greeting(words), Err(DirectError::Unauthenticated)));
        let words = b"STAT pid x\r\nEND\r\nEN\r\n";
        assert!(matches!(read_greeting(words), Err(DirectError::Stranger)));
    }
}
