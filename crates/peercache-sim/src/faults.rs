//! What breaks in a run, and when it is mended. Every fault ends before the run does, so that the end can be
//! looked at: by then everything must have come back.

use crate::dice::Dice;
use crate::scenario::{Scenario, Victims};
use std::time::Duration;

/// What a daemon still knows when it starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Memory {
    Lost,
    /// As memcached with `-e`: it holds what it held when it stopped.
    Kept,
    /// As what restores a dump: it holds what it held some time before it stopped.
    Dumped,
}

/// Something breaks, or is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// `kill -9`.
    Crash {
        peer: usize,
    },
    Start {
        peer: usize,
        memory: Memory,
    },
    /// SIGSTOP.
    Hang {
        peer: usize,
    },
    /// SIGCONT.
    Continue {
        peer: usize,
    },
    /// Its bytes take longer, both ways.
    Slow {
        peer: usize,
        by: Duration,
        until: Duration,
    },
    /// Its connections are lost at both ends; what its host has received it may still execute.
    Reset {
        peer: usize,
    },
    /// Nothing passes between it and one process.
    Cut {
        peer: usize,
        process: usize,
        until: Duration,
    },
}

impl Fault {
    pub(crate) fn peer(&self) -> usize {
        match *self {
            Self::Crash { peer }
            | Self::Start { peer, .. }
            | Self::Hang { peer }
            | Self::Continue { peer }
            | Self::Slow { peer, .. }
            | Self::Reset { peer }
            | Self::Cut { peer, .. } => peer,
        }
    }
}

/// A kind of trouble that a scenario may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Killed,
    Hung,
    /// Hung, and its connections lost meanwhile.
    HungAndReset,
    Slow,
    Reset,
    /// Its connections are lost, and new ones are slow.
    Rerouted,
    Cut,
}

/// Writes the script of a run: troubles of the scenario's kinds, one after the other for each peer.
pub(crate) fn script(scenario: &Scenario, dice: &mut Dice) -> Vec<(Duration, Fault)> {
    let mut victims: Vec<usize> = (0..scenario.peers).collect();
    dice.shuffle(&mut victims);
    victims.truncate(match scenario.victims {
        Victims::One => 1,
        Victims::Any => scenario.peers,
    });
    let mut script = Vec::new();
    for peer in victims {
        let mut at = Duration::from_millis(dice.number(0..1500));
        while at < scenario.works_for {
            let lasts = Duration::from_millis(dice.pick(&[20, 150, 400, 1200, 2500]) + dice.number(0..100));
            let trouble = dice.pick(scenario.troubles);
            add_trouble(trouble, peer, at, at + lasts, scenario.processes, dice, &mut script);
            at += lasts + Duration::from_millis(dice.pick(&[100, 700, 2500]) + dice.number(0..700));
        }
    }
    script
}

fn add_trouble(
    trouble: Trouble,
    peer: usize,
    at: Duration,
    until: Duration,
    processes: usize,
    dice: &mut Dice,
    script: &mut Vec<(Duration, Fault)>,
) {
    match trouble {
        Trouble::Killed => {
            let memory = dice.pick(&[Memory::Lost, Memory::Kept, Memory::Dumped]);
            script.push((at, Fault::Crash { peer }));
            script.push((until, Fault::Start { peer, memory }));
        }
        Trouble::Hung => {
            script.push((at, Fault::Hang { peer }));
            script.push((until, Fault::Continue { peer }));
        }
        Trouble::HungAndReset => {
            script.push((at, Fault::Hang { peer }));
            script.push((at + dice.duration(Duration::ZERO..until - at), Fault::Reset { peer }));
            script.push((until, Fault::Continue { peer }));
        }
        Trouble::Slow => {
            let by = Duration::from_millis(dice.number(10..300));
            script.push((at, Fault::Slow { peer, by, until }));
        }
        Trouble::Rerouted => {
            // Slow enough to hurt, and not too slow to connect.
            let by = Duration::from_millis(dice.number(40..110));
            script.push((at, Fault::Slow { peer, by, until }));
            script.push((at, Fault::Reset { peer }));
        }
        Trouble::Reset => script.push((at, Fault::Reset { peer })),
        Trouble::Cut => {
            let process = dice.index(processes);
            script.push((at, Fault::Cut { peer, process, until }));
        }
    }
}
