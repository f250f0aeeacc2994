//! One run: peers, processes and the wire between them, driven by the queue of events until nothing is left
//! to see. One thread, one seed, no clock but the queue's.

use crate::dice::Dice;
use crate::faults::{self, Fault};
use crate::history::{History, Standing};
use crate::mutants::Mutant;
use crate::peer::Peer;
use crate::process::Process;
use crate::scenario::Scenario;
use crate::stage::{Event, Stage};
use crate::wire::Wire;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How long a run goes on after its last operation and fault: longer than the longest backoff between probes
/// (12.5 s) and a return with its wait (some 3 s).
const AFTERMATH: Duration = Duration::from_secs(18);

/// What is left of a run.
#[derive(Debug)]
pub struct Played {
    /// Everything that happened.
    pub history: History,
    /// A number that two runs share only if the same things happened in the same order.
    pub trace: u64,
}

struct World {
    stage: Stage,
    peers: Vec<Peer>,
    processes: Vec<Process>,
}

/// Plays `scenario` with the dice of `seed`, true to its promises or with one broken on purpose.
#[must_use]
pub fn play(scenario: &Scenario, seed: u64, mutant: Option<Mutant>) -> Played {
    let mut world = World::new(scenario, seed, mutant);
    let mut trace = DefaultHasher::new();
    let last_fault = world.script(scenario);
    let end = last_fault.max(scenario.works_for) + AFTERMATH;
    while let Some((at, event)) = world.stage.queue.pop() {
        if at > end {
            break;
        }
        world.stage.now = at;
        (at, &event).hash(&mut trace);
        world.happen(event);
    }
    world.conclude();
    Played { history: world.stage.history, trace: trace.finish() }
}

impl World {
    fn new(scenario: &Scenario, seed: u64, mutant: Option<Mutant>) -> Self {
        let wire = Wire::new(scenario.window);
        let mut stage = Stage::new(Dice::new(seed), wire, History::new(*scenario), mutant);
        let peers = (0..scenario.peers).map(|number| Peer::new(number, scenario.refusals_percent)).collect();
        let processes = (0..scenario.processes).map(|n| Process::new(n, scenario, &mut stage)).collect();
        Self { stage, peers, processes }
    }

    /// Fills the queue with all that is known beforehand. Returns when the last fault is over.
    fn script(&mut self, scenario: &Scenario) -> Duration {
        for process in 0..scenario.processes {
            for lane in 0..scenario.workers * scenario.lanes {
                // Workers do not begin together: some meet a peer for the first time when others know it
                // well.
                let is_late = self.stage.dice.chance(50);
                let latest = if is_late { scenario.late_start } else { Duration::from_millis(1) };
                let at = self.stage.dice.duration(Duration::ZERO..latest);
                self.stage.queue.push(at, Event::Next { process, worker: lane % scenario.workers });
            }
        }
        let script = faults::script(scenario, &mut self.stage.dice);
        let over = |&(at, fault): &(Duration, Fault)| match fault {
            Fault::Slow { until, .. } | Fault::Cut { until, .. } => until,
            _ => at,
        };
        let last = script.iter().map(over).max().unwrap_or_default();
        for (at, fault) in script {
            self.stage.queue.push(at, Event::Fault(fault));
        }
        last
    }

    fn happen(&mut self, event: Event) {
        let stage = &mut self.stage;
        match event {
            Event::Knock(id) => self.peers[stage.wire.peer(id)].knock(id, stage),
            Event::ToPeer(id, bytes) => self.peers[stage.wire.peer(id)].receive(id, &bytes, stage),
            Event::LeftByClient(id) => stage.left(id),
            Event::Execute { peer, run } => self.peers[peer].execute(run, stage),
            Event::Fault(fault) => self.strike(fault),
            event => self.happen_to_process(event),
        }
    }

    fn happen_to_process(&mut self, event: Event) {
        let stage = &mut self.stage;
        let index = match &event {
            Event::Connected(id) | Event::Refused(id) | Event::ToClient(id, _) | Event::Gone(id) => {
                stage.wire.endpoint(*id).process
            }
            Event::Room(id) => stage.wire.endpoint(*id).process,
            Event::Alarm(endpoint) => endpoint.process,
            Event::Answered { process, .. }
            | Event::LateSettle { process, .. }
            | Event::Handoff { process, .. }
            | Event::EntryMoved { process, .. }
            | Event::LedgerHeard { process, .. }
            | Event::Next { process, .. } => *process,
            _ => return,
        };
        let process = &mut self.processes[index];
        match event {
            Event::Alarm(endpoint) => process.alarm(endpoint.port, stage),
            Event::Answered { operation, position, answer, .. } => {
                process.answered(operation, position, answer, stage);
            }
            Event::LateSettle { operation, .. } => process.settle_late(operation),
            Event::Handoff { operation, place, .. } => process.hand_off(operation, place, stage),
            Event::EntryMoved { place, is_there, .. } => process.entry_moved(place, is_there, stage),
            Event::LedgerHeard { peer, .. } => process.heard(peer, stage),
            Event::Next { worker, .. } => process.next(worker, stage),
            Event::Connected(id) | Event::Refused(id) | Event::ToClient(id, _) | Event::Gone(id)
                if stage.wire.is_heard(id) =>
            {
                process.connection(id, &event, stage);
            }
            _ => {}
        }
        process.poll(stage);
    }

    fn strike(&mut self, fault: Fault) {
        let stage = &mut self.stage;
        stage.history.fault(stage.now, fault);
        let peer = &mut self.peers[fault.peer()];
        match fault {
            Fault::Crash { .. } => peer.crash(stage),
            Fault::Start { memory, .. } => peer.start(memory, stage),
            Fault::Hang { .. } => peer.hang(),
            Fault::Continue { .. } => peer.go_on(stage),
            Fault::Slow { peer, by, until } => stage.wire.slow_down(peer, until, by),
            Fault::Reset { peer } => stage.wire.of_peer(peer).into_iter().for_each(|id| stage.reset(id)),
            Fault::Cut { peer, process, until } => stage.wire.cut_off(process, peer, until),
        }
    }

    /// Writes down how everybody stands at the end.
    fn conclude(&mut self) {
        let history = &mut self.stage.history;
        history.ended = self.stage.now;
        for (index, process) in self.processes.iter().enumerate() {
            let standing = process.standing().into_iter();
            history.standings.extend(standing.map(|(peer, phase, readable)| Standing {
                process: index,
                peer,
                phase,
                readable,
            }));
        }
    }
}
