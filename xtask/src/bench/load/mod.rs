//! The load generator: one thread, many connections, each with the same number of requests outstanding.
//!
//! It answers as many requests as one read brought with as many new ones in one write. A closed loop: a slow
//! target is asked less often, so throughput and latency belong together. It judges every answer, and it is
//! cheap, so that the target and not the generator is what gets measured; it runs from the release build, in
//! a process of its own.

mod answers;
mod connection;
mod requests;
mod tally;

use super::process;
use super::work::{Command, Work};
use connection::Connection;
use requests::Keys;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};
use tally::Tally;

/// How long answers may take after the last request.
const DRAIN: Duration = Duration::from_secs(2);

/// The longest wait for sockets, so that the end is seen when no answer comes.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Requests outstanding while values are stored before the measurement.
const FILL_DEPTH: usize = 16;

/// A run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) work: Work,
    pub(super) connections: usize,
    /// Keys are numbered from 1 to this.
    pub(super) keys: u32,
    pub(super) duration: Duration,
    /// Store every key once instead, in the size of the work's values.
    pub(super) fill: bool,
    /// The processor to stay on.
    pub(super) cpu: Option<usize>,
    pub(super) seed: u64,
}

impl Load {
    /// The words that [`command`] reads.
    pub(super) fn to_words(self) -> Vec<String> {
        let Self { address, work, connections, keys, duration, fill, cpu, seed } = self;
        let cpu = cpu.map_or_else(|| "any".to_string(), |cpu| cpu.to_string());
        vec![
            address.to_string(),
            work.to_string(),
            connections.to_string(),
            keys.to_string(),
            if fill { "fill".to_string() } else { duration.as_secs().to_string() },
            cpu,
            seed.to_string(),
        ]
    }

    fn parse(words: &[String]) -> Option<Self> {
        let [address, work, connections, keys, duration, cpu, seed] = words else { return None };
        let fill = duration == "fill";
        Some(Self {
            address: address.parse().ok()?,
            work: work.parse().ok()?,
            connections: connections.parse().ok().filter(|count| (1..=10_000).contains(count))?,
            keys: keys.parse().ok()?,
            duration: if fill {
                Duration::from_secs(60)
            } else {
                Duration::from_secs(duration.parse().ok()?)
            },
            fill,
            cpu: if cpu == "any" { None } else { Some(cpu.parse().ok()?) },
            seed: seed.parse().ok()?,
        })
    }
}

/// `xtask load …`: one run, started by `bench compare`; prints one JSON document.
pub(crate) fn command(_root: &Path, words: &[String]) -> Result<(), String> {
    let load = Load::parse(words).ok_or(
        "it takes ADDRESS WORK CONNECTIONS KEYS SECONDS|fill CPU|any SEED, and is started by `bench compare`",
    )?;
    if let Some(cpu) = load.cpu {
        process::pin_thread(None, cpu).map_err(|error| format!("cannot stay on processor {cpu}: {error}"))?;
    }
    let report = run(load).map_err(|error| format!("{}: {error}", load.address))?;
    println!("{report}");
    Ok(())
}

fn run(load: Load) -> std::io::Result<serde_json::Value> {
    let (work, mut keys) = if load.fill {
        let work = Work { command: Command::Set, depth: FILL_DEPTH, request_keys: 1, ..load.work };
        (work, Keys::Once { next: 0, count: load.keys })
    } else {
        (load.work, Keys::random(load.seed, load.keys))
    };
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut connections = Vec::with_capacity(load.connections);
    for index in 0..load.connections {
        let connection = Connection::open(load.address)?;
        epoll::add(
            &poll,
            &connection.socket,
            epoll::EventData::new_u64(index as u64),
            epoll::EventFlags::IN,
        )?;
        connections.push(connection);
    }
    let (busy, started) = (process::own_cpu()?, Instant::now());
    let mut tally = Tally::new();
    let ended = exchange(&poll, &mut connections, work, &mut keys, started + load.duration, &mut tally)?;
    for connection in &connections {
        tally.failed(connection.waiting() + usize::from(connection.broken));
    }
    Ok(tally.to_json(ended - started, process::own_cpu()? - busy))
}

/// Asks and hears until the time is over and everything is answered; returns when the last answer came.
fn exchange(
    poll: &OwnedFd,
    connections: &mut [Connection],
    work: Work,
    keys: &mut Keys,
    stop: Instant,
    tally: &mut Tally,
) -> std::io::Result<Instant> {
    let mut now = Instant::now();
    let mut ended = now;
    for (index, connection) in connections.iter_mut().enumerate() {
        connection.ask(work.depth, work, keys, now);
        connection.flush();
        watch(poll, index, connection, false)?;
    }
    let mut chunk = connection::chunk();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(connections.len());
    while now < stop + DRAIN && connections.iter().any(|one| !one.broken && one.waiting() > 0) {
        events.clear();
        match epoll::wait(poll, rustix::buffer::spare_capacity(&mut events), Some(&WAIT)) {
            // A signal came: to wait once more is all there is to do.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        now = Instant::now();
        for event in &events {
            let index = event.data.u64() as usize;
            let connection = &mut connections[index];
            let had_output = connection.has_output();
            let answers = connection.receive(work, &mut chunk, tally);
            if answers > 0 {
                now = Instant::now();
                ended = now;
                if now < stop {
                    connection.ask(answers, work, keys, now);
                }
            }
            connection.flush();
            watch(poll, index, connection, had_output)?;
        }
    }
    Ok(ended)
}

/// Has the poll wait for what the connection waits for.
fn watch(poll: &OwnedFd, index: usize, connection: &Connection, had_output: bool) -> std::io::Result<()> {
    let data = epoll::EventData::new_u64(index as u64);
    if connection.broken {
        // A socket that was taken out already is no error: it can break only once more.
        let _ = epoll::delete(poll, &connection.socket);
    } else if connection.has_output() {
        epoll::modify(poll, &connection.socket, data, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
    } else if had_output {
        epoll::modify(poll, &connection.socket, data, epoll::EventFlags::IN)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemons::memcached;

    fn report(load: Load) -> impl Fn(&str) -> f64 {
        let report = run(load).unwrap();
        move |name| report[name].as_f64().unwrap()
    }

    #[test]
    fn a_run_is_read_as_it_is_written() {
        let load = Load {
            address: "127.0.0.1:11211".parse().unwrap(),
            work: "mget:32:2:10".parse().unwrap(),
            connections: 3,
            keys: 100,
            duration: Duration::from_secs(2),
            fill: false,
            cpu: Some(1),
            seed: 7,
        };
        let words = load.to_words();
        assert_eq!(Load::parse(&words).unwrap().to_words(), words);
        assert!(Load::parse(&words[1..]).is_none());
    }

    #[test]
    fn a_real_memcached_gives_every_value_that_was_stored_and_misses_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let daemon = memcached(folder.path()).unwrap();
        let load = |work: &str, fill, keys| Load {
            address: daemon.address,
            work: work.parse().unwrap(),
            connections: 3,
            keys,
            duration: if fill { Duration::from_secs(60) } else { Duration::from_millis(50) },
            fill,
            cpu: None,
            seed: 1,
        };
        let filled = report(load("get:100:1", true, 1000));
        assert_eq!((filled("requests"), filled("errors")), (1000.0, 0.0));
        for work in ["get:100:4", "mget:100:2:10", "set:100:4"] {
            let found = report(load(work, false, 1000));
            assert!(found("requests") > 0.0, "{work}");
            assert_eq!((found("misses"), found("errors")), (0.0, 0.0), "{work}");
        }
        assert!(report(load("get:100:1", false, 100_000))("misses") > 0.0);
        assert!(report(load("get:99:1", false, 1000))("errors") > 0.0, "values of another length are wrong");
    }
}
