//! Waits until a daemon that was just started serves, and makes sure that it is the one that serves.
//!
//! An answer on the port proves nothing: another program may have had the port all along while ours has died
//! of it. So the answer must name our daemon's pid.

use super::engine::{Engine, Statistic};
use super::launch::Launched;
use super::process::{Exit, WatchError};
use super::stats::StatsError;
use peercache_core::spec::AuthFile;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::time::timeout;

/// How long one question may take. Ours answers in well under a millisecond once it listens.
const ATTEMPT: Duration = Duration::from_millis(500);

/// The pause after the first question that failed; it doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(2);

/// The longest pause between two questions.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// How many of the daemon's last words an error repeats, in lines.
const LAST_LINES: usize = 5;

/// A daemon that serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The version it says it has.
    pub version: String,
    /// Its pid, as it says itself and as we know it.
    pub pid: u32,
}

/// Returns when `daemon` itself, which runs `engine`, answers at `address`. `users` says who to be there,
/// where it wants to know.
///
/// # Errors
/// [`NotReady`] says what happened instead. Except for [`NotReady::Exited`] the daemon may still run; it is
/// the caller's to stop.
pub async fn wait_ready(
    engine: &'static dyn Engine,
    daemon: &Launched,
    address: SocketAddr,
    users: Option<&AuthFile>,
    within: Duration,
) -> Result<Ready, NotReady> {
    let start = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let left = within.saturating_sub(start.elapsed());
        let reason = match engine.protocol().statistics(address, users, ATTEMPT.min(left)).await {
            Ok(answer) => return judge(engine, daemon, address, &answer),
            Err(StatsError::NotMemcached { said, .. }) => return Err(NotReady::Stranger { address, said }),
            Err(error) => error,
        };
        // The pause ends early when the daemon does.
        if let Ok(exit) = timeout(pause, daemon.process.exited()).await {
            return Err(NotReady::Exited { exit: exit?, last_words: last_words(daemon) });
        }
        if start.elapsed() >= within {
            let pid = daemon.process.pid();
            return Err(NotReady::TimedOut { pid, within, reason, last_words: last_words(daemon) });
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn judge(
    engine: &'static dyn Engine,
    daemon: &Launched,
    address: SocketAddr,
    answer: &[(String, String)],
) -> Result<Ready, NotReady> {
    let version = engine.statistic(answer, Statistic::Version).unwrap_or("unknown").to_owned();
    match engine.statistic(answer, Statistic::Pid).and_then(|pid| pid.parse().ok()) {
        Some(pid) if pid == daemon.process.pid() => Ok(Ready { version, pid }),
        Some(pid) => Err(NotReady::PortTaken { address, pid, version }),
        None => Err(NotReady::Stranger { address, said: "statistics without a pid".to_owned() }),
    }
}

/// The end of the daemon's log as the tail of a sentence.
fn last_words(daemon: &Launched) -> String {
    let path = daemon.log.path.display();
    match daemon.log.last_lines(LAST_LINES) {
        Ok(lines) if lines.is_empty() => format!("it wrote nothing to {path}"),
        Ok(lines) => lines.iter().fold(format!("its last words in {path}:"), |mut text, line| {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n    {line}");
            text
        }),
        Err(error) => format!("its log {path} cannot be read: {error}"),
    }
}

/// Why a daemon does not serve.
#[derive(Debug, Error)]
pub enum NotReady {
    /// It has ended; nothing is left running.
    #[error("the daemon {exit} before it answered; {last_words}")]
    Exited {
        /// How it ended.
        exit: Exit,
        /// The end of its log, for people.
        last_words: String,
    },
    /// Another daemon answers at its address. Ours may still run, but nobody can reach it.
    #[error(
        "{address} is taken by process {pid}, which says it is version {version}; \
         stop that one or choose another port"
    )]
    PortTaken {
        /// The address both want.
        address: SocketAddr,
        /// The pid of the other one, as it says itself.
        pid: u32,
        /// Its version, as it says itself.
        version: String,
    },
    /// Something answers at its address that is no cache daemon. Ours may still run.
    #[error(
        "{address} is taken by something that does not speak memcached's protocol (it said \"{said}\"); \
         stop it or choose another port"
    )]
    Stranger {
        /// The address both want.
        address: SocketAddr,
        /// The beginning of its answer, escaped.
        said: String,
    },
    /// It runs but did not answer in time.
    #[error(
        "the daemon (process {pid}) runs but was not ready within {} ms: {reason}; {last_words}",
        within.as_millis()
    )]
    TimedOut {
        /// Its pid.
        pid: u32,
        /// The time it had.
        within: Duration,
        /// What the last question met.
        reason: StatsError,
        /// The end of its log, for people.
        last_words: String,
    },
    /// Nobody knows whether it runs.
    #[error(transparent)]
    Watch(#[from] WatchError),
}
