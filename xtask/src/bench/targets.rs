//! What is compared, running: four peers that all proxies share, the proxies, and what the user named.

use super::options::{Options, Pin, Rival};
use super::process::{self, Pinned};
use crate::daemons::{self, Daemon, Proxy};
use std::net::SocketAddr;
use std::path::Path;

/// Peers behind each proxy.
const PEERS: usize = 4;

/// Something that answers at an address.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) pid: u32,
    /// Copies of each key, when it is one of ours.
    pub(super) copies: Option<usize>,
}

/// All of them, until it is dropped. The first target is the reference.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) targets: Vec<Target>,
    /// The processor of the generator; none where nobody is kept anywhere.
    pub(super) generator_cpu: Option<usize>,
    /// Every process of the comparison but the generator.
    pub(super) pids: Vec<u32>,
    _pinned: Vec<Pinned>,
    _daemons: Vec<Daemon>,
}

impl Stage {
    pub(super) fn set(options: &Options, peercache: &Path, folder: &Path) -> Result<Self, String> {
        let needs_peers = options.against.contains(&Rival::Nutcracker) || !options.ours.is_empty();
        let count = if needs_peers { PEERS } else { 0 };
        let mut daemons: Vec<Daemon> =
            (0..count).map(|_| daemons::memcached(folder)).collect::<Result<_, _>>()?;
        let peers: Vec<SocketAddr> = daemons.iter().map(|peer| peer.address).collect();
        let mut targets = Vec::new();
        let mut add = |name: String, copies, daemon: Daemon| {
            targets.push(Target { name, address: daemon.address, pid: daemon.pid(), copies });
            daemons.push(daemon);
        };
        for rival in &options.against {
            match rival {
                Rival::Nutcracker => {
                    add("nutcracker".to_string(), None, daemons::nutcracker(&peers, folder)?);
                }
                Rival::Memcached => add("memcached".to_string(), None, daemons::memcached(folder)?),
            }
        }
        for &copies in &options.ours {
            let proxy = Proxy { hash: options.hash.as_deref(), ..Proxy::over(&peers, copies) };
            add(format!("ours R={copies}"), Some(copies), daemons::proxy(peercache, proxy, folder)?);
        }
        for (address, name) in &options.targets {
            let pid = process::listener(*address)
                .ok_or_else(|| format!("no process of ours to see listens on {address}"))?;
            targets.push(Target { name: name.clone(), address: *address, pid, copies: None });
        }
        let mut pids: Vec<u32> = targets.iter().map(|target| target.pid).collect();
        pids.extend(daemons.iter().map(Daemon::pid));
        pids.sort_unstable();
        pids.dedup();
        let (generator_cpu, pinned) = match options.pin {
            Pin::Apart => pin(&pids)?,
            Pin::Nobody => (None, Vec::new()),
        };
        Ok(Self { targets, generator_cpu, pids, _pinned: pinned, _daemons: daemons })
    }
}

/// The first processor for the generator, the second for everything else, so that neither takes the other's
/// time.
fn pin(pids: &[u32]) -> Result<(Option<usize>, Vec<Pinned>), String> {
    let [generator, servers, ..] = process::cpus()[..] else {
        println!("warning: with one processor the generator takes the targets' time; trust only ratios");
        return Ok((None, Vec::new()));
    };
    let pin = |&pid: &u32| {
        Pinned::new(pid, servers).map_err(|error| format!("process {pid} cannot be pinned: {error}"))
    };
    Ok((Some(generator), pids.iter().map(pin).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::load::Load;
    use crate::bench::sample;
    use std::time::Duration;

    #[test]
    fn rivals_are_started_pinned_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["--ours", "none", "--against", "nutcracker", "--against", "memcached"].map(String::from);
        let options = Options::parse(&words).unwrap();
        let stage = Stage::set(&options, Path::new("unused"), folder.path()).unwrap();
        let names: Vec<&str> = stage.targets.iter().map(|target| target.name.as_str()).collect();
        assert_eq!(names, ["nutcracker", "memcached"]);
        assert_eq!(stage.pids.len(), PEERS + 2);
        let addresses: Vec<SocketAddr> = stage.targets.iter().map(|target| target.address).collect();
        assert!(addresses.iter().all(|&address| process::listener(address).is_some()));
        drop(stage);
        assert!(addresses.iter().all(|&address| process::listener(address).is_none()));
    }

    #[test]
    fn a_generator_that_reports_nothing_is_an_error() {
        let load = Load {
            address: "127.0.0.1:1".parse().unwrap(),
            work: "get:32:1".parse().unwrap(),
            connections: 1,
            keys: 1,
            duration: Duration::from_secs(1),
            fill: false,
            cpu: None,
            seed: 1,
        };
        let pid = std::process::id();
        assert!(sample::take(Path::new("true"), pid, &[pid], load).unwrap_err().contains("no report"));
        assert!(sample::take(Path::new("false"), pid, &[pid], load).unwrap_err().contains("ended with"));
    }
}
