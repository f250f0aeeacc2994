//! One client process: its own topology and cells, one or two workers with their links, and a healer for
//! every peer. Drivers are simulated, decisions are not: plan, gather, settle, pipeline, cell and return
//! are the real ones.

mod answer;
mod flush;
mod healer;
mod ledger;
mod link;
mod opening;
mod request;
mod wish;

pub(crate) use answer::Answer;

use crate::history::OperationId;
use crate::mutants::Mutant;
use crate::scenario::{Commands, Scenario};
use crate::stage::{Endpoint, Event, Port, Stage};
use crate::wire::ConnectionId;
use flush::Flush;
use healer::Healer;
use ledger::{Entries, Held};
use link::Link;
use peercache_core::health::Phase;
use peercache_core::replication::order::Stripe;
use peercache_core::spec::{
    EngineKind, HashKind, NetworkSpec, PeerId, PeerSpec, Policy, Replication, Vnodes, Weight,
};
use peercache_core::topology::Topology;
use request::Request;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use wish::Wish;

/// Points per peer: few, since rings are built for every run and balance is not what is tested here.
const VNODES: u32 = 8;

/// A client process.
#[derive(Debug)]
pub(crate) struct Process {
    index: usize,
    topology: Topology,
    /// The run's number of the peer at each place of the topology.
    numbers: Vec<usize>,
    workers: Vec<Vec<Link>>,
    healers: Vec<Healer>,
    requests: BTreeMap<OperationId, Request>,
    /// How many requests were planned.
    planned: u32,
    /// Place, operation, key and value of writes that a peer missed; kept by a mutant only.
    missed: Vec<(usize, OperationId, String, String)>,
    flushes: BTreeMap<OperationId, Flush>,
    /// By place; none where no ledger is kept.
    entries: Vec<Entries>,
    held: Vec<Held>,
    processes: usize,
    /// The value and the token of the last `gets` of each key.
    versions: BTreeMap<usize, (String, u64)>,
    /// The order of writes, and operations that wait for their turn.
    stripes: [Stripe; 2],
    waiting: BTreeMap<u32, Wish>,
    wishes: u32,
    keys: usize,
    counters: usize,
    commands: Commands,
    flushes_percent: u64,
    writes: usize,
    /// How long a worker rests between operations, at most.
    rest_max: Duration,
    works_until: Duration,
}

impl Process {
    pub(crate) fn new(index: usize, scenario: &Scenario, stage: &mut Stage) -> Self {
        let mut numbers: Vec<usize> = (0..scenario.peers).collect();
        // No two processes list the peers in the same order, and all must agree on placement (P-01).
        stage.dice.shuffle(&mut numbers);
        let is_foreign = index > 0 && stage.has(Mutant::ForeignRing);
        let spec = network(scenario, &numbers, if is_foreign { VNODES + 1 } else { VNODES });
        let phases: BTreeMap<PeerId, Phase> =
            spec.peers.iter().map(|peer| (peer.id.clone(), believed(scenario, stage))).collect();
        let topology = Topology::with_phases(&spec, |id| phases[id]).expect("the peers are distinct");
        if scenario.keeps_ledger {
            topology.peers().iter().for_each(|peer| peer.cell.keep_ledger());
        }
        let cell = |place: usize| Arc::clone(&topology.peers()[place].cell);
        let link = |worker, place| {
            let endpoint = Endpoint { process: index, port: Port::Link { worker, place } };
            Link::new(endpoint, numbers[place], cell(place), *topology.policy())
        };
        let links = |worker| (0..scenario.peers).map(|place| link(worker, place)).collect();
        let healer = |place| {
            let endpoint = Endpoint { process: index, port: Port::Healer { place } };
            let has_siblings = topology.has_siblings();
            Healer::new(endpoint, numbers[place], cell(place), *topology.policy(), has_siblings)
        };
        Self {
            index,
            workers: (0..scenario.workers).map(links).collect(),
            healers: (0..scenario.peers).map(healer).collect(),
            topology,
            numbers,
            requests: BTreeMap::new(),
            planned: 0,
            missed: Vec::new(),
            flushes: BTreeMap::new(),
            entries: (0..if scenario.keeps_ledger { scenario.peers } else { 0 })
                .map(|_| Entries::default())
                .collect(),
            held: Vec::new(),
            processes: scenario.processes,
            versions: BTreeMap::new(),
            stripes: <[Stripe; 2]>::default(),
            waiting: BTreeMap::new(),
            wishes: 0,
            keys: scenario.keys,
            counters: scenario.counters,
            commands: scenario.commands,
            flushes_percent: scenario.flushes_percent,
            writes: 0,
            rest_max: Duration::from_micros(stage.dice.pick(&[30_000, 80_000, 200_000])),
            works_until: scenario.works_for,
        }
    }

    /// Whatever happened: links and healers look whether there is something to do.
    pub(crate) fn poll(&mut self, stage: &mut Stage) {
        for link in self.workers.iter_mut().flatten() {
            link.poll(stage);
        }
        for place in 0..self.healers.len() {
            self.healers[place].poll(stage);
            if self.healers[place].take_returned() {
                self.offer_missed(place, stage);
            }
        }
        self.keep_ledger(stage);
    }

    fn offer_missed(&self, place: usize, stage: &mut Stage) {
        for &(_, operation, ..) in self.missed.iter().filter(|missed| missed.0 == place) {
            let at = stage.now + Duration::from_millis(100);
            stage.queue.push(at, Event::Handoff { process: self.index, operation, place });
        }
    }

    /// Something happened to a connection of this process.
    pub(crate) fn connection(&mut self, id: ConnectionId, event: &Event, stage: &mut Stage) {
        match stage.wire.endpoint(id).port {
            Port::Link { worker, place } => {
                let link = &mut self.workers[worker][place];
                match event {
                    _ if !link.holds(id) => {}
                    Event::Connected(_) => link.connected(stage),
                    Event::ToClient(_, bytes) => link.handle_input(bytes, stage),
                    Event::Refused(_) | Event::Gone(_) => link.gone(stage),
                    _ => {}
                }
            }
            Port::Healer { place } => {
                let healer = &mut self.healers[place];
                match event {
                    _ if !healer.holds(id) => {}
                    Event::Connected(_) => healer.connected(stage),
                    Event::ToClient(_, bytes) => healer.handle_input(bytes, stage),
                    Event::Refused(_) | Event::Gone(_) => healer.gone(stage),
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn alarm(&mut self, port: Port, stage: &mut Stage) {
        match port {
            Port::Link { worker, place } => self.workers[worker][place].alarm(stage),
            Port::Healer { place } => self.healers[place].alarm(stage),
        }
    }

    /// An operation has ended: the next one follows after a while.
    fn rest(&self, worker: usize, stage: &mut Stage) {
        let at = stage.now + stage.dice.duration(Duration::from_micros(10)..self.rest_max);
        if at < self.works_until {
            stage.queue.push(at, Event::Next { process: self.index, worker });
        }
    }

    /// How each peer stands with this process, by the run's numbers.
    pub(crate) fn standing(&self) -> Vec<(usize, Phase, bool)> {
        let standing = |(peer, &number): (&peercache_core::topology::TopologyPeer, &usize)| {
            let state = peer.cell.state();
            (number, state.phase(), state.is_readable())
        };
        self.topology.peers().iter().zip(&self.numbers).map(standing).collect()
    }
}

/// In which phase a process that begins believes a peer to be, as whoever remembers it might tell.
fn believed(scenario: &Scenario, stage: &mut Stage) -> Phase {
    match stage.dice.number(0..100) {
        number if number < scenario.doubted_percent => Phase::Down,
        number if number < 2 * scenario.doubted_percent => Phase::Warming,
        _ => Phase::Up,
    }
}

fn network(scenario: &Scenario, numbers: &[usize], vnodes: u32) -> NetworkSpec {
    let peer = |&number: &usize| PeerSpec {
        id: format!("p{number}").parse().expect("a letter and a number are an id"),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 12_000 + number as u16)),
        weight: Weight::default(),
        engine: EngineKind::Memcached,
        ring_name: None,
        auth_file: None,
    };
    NetworkSpec {
        name: "simulated".parse().expect("a word is a name"),
        peers: numbers.iter().map(peer).collect(),
        replication: Replication::new(scenario.replication).expect("a scenario keeps 1 to 8 copies"),
        vnodes: Vnodes::new(vnodes).expect("a few points are in range"),
        hash: HashKind::Xxh3,
        policy: Policy { on_down: scenario.on_down, read: scenario.read, ..Policy::default() },
    }
}
