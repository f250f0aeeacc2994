//! `network import`: the fleet of a twemproxy becomes a network with all that its daemons hold (P-02, P-40).
//!
//! Keys stay where they are, because the network places them as twemproxy does. So a whole fleet enters as it
//! is, and nothing is asked of it but who it is: no daemon is emptied, started or stopped.

use super::{failure, placement};
use crate::cli::{Context, Ended, words};
use crate::fleet::{record_attached, refuse_known, topology, version};
use crate::nutcracker::{self, Daemon, Fleet};
use crate::output::{Failure, Table, WithHint, joined};
use crate::state::{self, NetworkRecord, PeerRecord, Reader};
use anyhow::{Context as _, Result};
use clap::Args;
use futures_util::future::join_all;
use peercache_core::spec::{HashKind, NAME_BYTES_MAX, NetworkName, PeerId, Replication};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon may take to say its version.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What is said of a twemproxy that will not agree with us for ever.
const EJECTS: &str = "this twemproxy sends the keys of a daemon that failed to others (auto_eject_hosts), \
                      and peercache does not: set it to false before both serve at the same time";

/// Make a network of a twemproxy's fleet, with all that it holds
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// twemproxy's configuration, as in nutcracker.yml
    file: PathBuf,
    /// Which of its pools, where it has several
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    /// The name of the network [default: the pool's]
    #[arg(long)]
    name: Option<NetworkName>,
    /// Take daemons that do not answer too: placement needs all of them, whether they run or not
    #[arg(long)]
    accept_unreachable: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let file = self.file.display();
        let text = fs::read_to_string(&self.file).with_context(|| format!("{file} cannot be read"))?;
        let fleet = nutcracker::read(&text, self.pool.as_deref())
            .with_context(|| format!("{file} cannot be imported"))
            .hint(|| "nothing was changed; correct the file, or a copy of it, and try again".to_owned())?;
        let name = self.name(&fleet)?;
        let plan = context.state.read(|state| plan(context, state, &name, &fleet, &self.file))?;
        let silent = silent(&plan.peers).await;
        if !silent.is_empty() && !self.accept_unreachable {
            let hint =
                "start it, or --accept-unreachable takes it as it is: keys are placed on it all the same";
            return Err(Failure::new(silent.join("; "), hint).into());
        }
        silent.iter().for_each(|sentence| context.output.warn(sentence));
        if fleet.ejects {
            context.output.warn(EJECTS);
        }
        if !self.dry_run {
            context.state.change(|state| {
                // Others may have changed something while the daemons were asked.
                check(context, state, &plan)?;
                record_attached(state, &plan.peers)?;
                anyhow::Ok(state.put_network(&plan.network)?)
            })?;
        }
        let members: Vec<Value> = plan.peers.iter().zip(&plan.owned).map(view).collect();
        let document = json!({
            "network": plan.network,
            "members": members,
            "pool": fleet.name,
            "listen": fleet.listen,
            "left_out": fleet.left_out,
            "dry_run": self.dry_run,
        });
        context.output.result(&document, || self.text(context, &fleet, &plan))?;
        Ok(Ended::Done)
    }

    fn name(&self, fleet: &Fleet) -> Result<NetworkName> {
        let given = self.name.clone().map(Ok);
        let name = given.unwrap_or_else(|| fleet.name.parse());
        name.hint(|| "give the network another name, as in --name main".to_owned())
    }

    fn text(&self, context: &Context, fleet: &Fleet, plan: &Plan) -> String {
        let (pool, name) = (&fleet.name, &plan.network.name);
        let head = if self.dry_run { "would be imported" } else { "imported" };
        let mut table = Table::new(["PEER", "ADDRESS", "WEIGHT", "RING_NAME", "OWNS"]);
        for (peer, owned) in plan.peers.iter().zip(&plan.owned) {
            table.row([
                peer.id.to_string(),
                peer.address().to_string(),
                peer.weight.to_string(),
                peer.ring_name.as_ref().map_or_else(String::new, ToString::to_string),
                format!("{:.2}%", owned * 100.0),
            ]);
        }
        let left_out = match fleet.left_out.as_slice() {
            [] => String::new(),
            keys => format!("not taken over, since it only says how twemproxy behaves: {}\n", joined(keys)),
        };
        let next = match self.dry_run {
            true => "nothing was changed; without --dry-run this is done".to_owned(),
            false => format!("next: {}", context.command(&format!("network explain {name} KEY"))),
        };
        format!(
            "{head}: pool {pool} as network {name}, with all that it holds\n\
             {}placement: {}\n{left_out}{next}\n",
            table.aligned(),
            placement(&plan.network)
        )
    }
}

/// What is to be written down.
struct Plan {
    network: NetworkRecord,
    peers: Vec<PeerRecord>,
    /// The part of all keys that each peer owns, from 0 to 1.
    owned: Vec<f64>,
}

/// Makes records of a fleet, or says what is in the way.
fn plan(context: &Context, state: &Reader, name: &NetworkName, fleet: &Fleet, file: &Path) -> Result<Plan> {
    let mut taken: BTreeSet<PeerId> = state.peers()?.into_iter().map(|peer| peer.id).collect();
    let mut peers = Vec::with_capacity(fleet.daemons.len());
    for daemon in &fleet.daemons {
        let Daemon { host, port, weight, ring_name, line, .. } = daemon;
        let at = words::resolve(host, *port).map_err(|why| {
            let sentence = format!("{}, line {line}: {host}:{port} is not HOST:PORT {why}", file.display());
            failure(sentence, "nothing was changed; correct the host".to_owned())
        })?;
        let id = free_id(ring_name.as_str(), &taken)?;
        taken.insert(id.clone());
        peers.push(PeerRecord::attached(id, at.address, *weight, ring_name.clone()));
    }
    let placement = state::Placement {
        replication: Replication::default(),
        vnodes: context.settings.vnodes,
        hash: HashKind::Ketama(fleet.ketama),
        on_down: context.settings.policy.on_down,
        read: context.settings.policy.read,
    };
    let mut network = NetworkRecord::new(name.clone(), placement);
    network.peers = peers.iter().map(|peer| peer.id.clone()).collect();
    let shares = topology(&context.settings, &network, &peers)?;
    let shares = shares.ring().map(|ring| ring.shares(network.replication)).unwrap_or_default();
    let plan = Plan { network, peers, owned: shares.iter().map(|share| share.owned).collect() };
    check(context, state, &plan)?;
    Ok(plan)
}

fn check(context: &Context, state: &Reader, plan: &Plan) -> Result<()> {
    let name = &plan.network.name;
    if state.network(name)?.is_some() {
        let hint = format!("--name gives it another; {} shows that one", context.command("network list"));
        return Err(failure(format!("there is a network {name} already"), hint));
    }
    refuse_known(state, &plan.peers)
}

/// An id made of a ring name, which may hold what an id may not, and which another peer may have.
fn free_id(ring_name: &str, taken: &BTreeSet<PeerId>) -> Result<PeerId> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let safe: String = ring_name.chars().map(safe).collect();
    let safe = safe.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let safe = if safe.is_empty() { "peer" } else { safe };
    for number in 1u32.. {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let kept = safe.len().min(NAME_BYTES_MAX - suffix.len());
        let id = format!("{}{suffix}", &safe[..kept]);
        match words::peer_id(&id) {
            Ok(id) if !taken.contains(&id) => return Ok(id),
            // One name is reserved; the next number makes another of it.
            Ok(_) | Err(_) if number < u32::MAX => {}
            _ => break,
        }
    }
    Err(anyhow::anyhow!("no id is left for {ring_name}"))
}

/// What is to be said of the daemons that do not answer as memcached.
async fn silent(peers: &[PeerRecord]) -> Vec<String> {
    let asked = peers.iter().map(async |peer| {
        let answer = version(peer, ANSWER_WITHIN).await;
        answer.err().map(|error| format!("peer {}: {error}", peer.id))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

fn view((peer, owned): (&PeerRecord, &f64)) -> Value {
    json!({
        "id": peer.id.to_string(), "address": peer.address().to_string(), "weight": peer.weight.get(),
        "ring_name": peer.ring_name.as_ref().map(ToString::to_string), "owned": owned,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_names_and_never_twice() {
        let mut taken = BTreeSet::new();
        let mut id = |name: &str| {
            let id = free_id(name, &taken).unwrap();
            taken.insert(id.clone());
            id.to_string()
        };
        assert_eq!(id("cache-1.eu"), "cache-1.eu");
        assert_eq!(id("10.0.0.1:11212"), "10.0.0.1-11212");
        assert_eq!(id("10.0.0.1/11212"), "10.0.0.1-11212-2");
        assert_eq!(id("::1:11213"), "1-11213");
        assert_eq!(id("registry"), "registry-2", "one id is reserved");
        assert_eq!(id("ключ"), "peer");
        let long = "x".repeat(NAME_BYTES_MAX * 2);
        assert_eq!((id(&long).len(), id(&long).len()), (NAME_BYTES_MAX, NAME_BYTES_MAX));
    }
}
