//! What a worker's clients want next, and in which order the writes of one key go out (P-16).

use super::Process;
use crate::history::{ERA, Kind, key_name};
use crate::mutants::Mutant;
use crate::scenario::Commands;
use crate::stage::Stage;
use peercache_core::key::Key;
use peercache_core::replication::order::{Entered, Together, Who};

/// An operation that waits for others of its key.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) worker: usize,
    pub(super) key: usize,
    pub(super) kind: Kind,
}

impl Process {
    /// A worker begins its next operation.
    pub(crate) fn next(&mut self, worker: usize, stage: &mut Stage) {
        if self.flushes_percent > 0 && stage.dice.chance(self.flushes_percent) {
            return self.begin_flush(worker, stage);
        }
        let key = stage.dice.index(self.keys + self.counters);
        let kind = match self.commands {
            Commands::MostlyGet if stage.dice.chance(88) => Kind::Get,
            Commands::Plain | Commands::MostlyGet => self.plain_kind(stage),
            Commands::All if key < self.keys => self.any_kind(key, stage),
            Commands::All => self.counter_kind(stage),
        };
        self.wish(Wish { worker, key, kind }, stage);
    }

    fn plain_kind(&mut self, stage: &mut Stage) -> Kind {
        match stage.dice.number(0..100) {
            0..55 => Kind::Get,
            55..87 => Kind::Set(self.next_value(stage)),
            _ => Kind::Delete,
        }
    }

    fn any_kind(&mut self, key: usize, stage: &mut Stage) -> Kind {
        match (stage.dice.number(0..100), self.versions.get(&key)) {
            (0..30, _) => Kind::Get,
            (30..50, _) => Kind::Set(self.next_value(stage)),
            (50..60, _) => Kind::Add(self.next_value(stage)),
            (60..85, Some((read, token))) => {
                let (read, token) = (read.clone(), *token);
                Kind::Cas { value: self.next_value(stage), read, token }
            }
            (60..94, _) => Kind::Gets,
            _ => Kind::Delete,
        }
    }

    fn counter_kind(&mut self, stage: &mut Stage) -> Kind {
        match stage.dice.number(0..100) {
            0..30 => Kind::Get,
            30..42 => Kind::Set(self.next_era()),
            42..50 => Kind::Add(self.next_era()),
            50..95 => Kind::Incr,
            _ => Kind::Delete,
        }
    }

    /// A value nobody else writes: `process:operation`, sometimes too long for the peers.
    fn next_value(&mut self, stage: &mut Stage) -> String {
        self.writes += 1;
        let padding = if stage.dice.chance(3) { crate::peer::VALUE_BYTES_MAX } else { 0 };
        format!("{}:{}:{}", self.index, self.writes, "x".repeat(padding))
    }

    /// A number from which nobody else counts.
    fn next_era(&mut self) -> String {
        self.writes += 1;
        (ERA * (self.writes * 10 + self.index + 1) as u64).to_string()
    }

    /// Begins an operation, as soon as the order of its key allows.
    fn wish(&mut self, wish: Wish, stage: &mut Stage) {
        let is_read = matches!(wish.kind, Kind::Get | Kind::Gets);
        self.wishes += 1;
        let who = Who { worker: wish.worker as u16, request: self.wishes };
        if is_read || stage.has(Mutant::OrderIgnored) {
            return self.begin(wish, None, stage);
        }
        let together = if wish.kind.is_leader_first() { Together::Exclusive } else { Together::Parallel };
        match self.stripe(wish.key).enter(who, together) {
            Entered::Granted => self.begin(wish, Some(who), stage),
            Entered::Queued => {
                self.waiting.insert(who.request, wish);
            }
        }
    }

    /// A write has settled: those that waited for it begin.
    pub(super) fn leave(&mut self, key: usize, who: Who, stage: &mut Stage) {
        let mut granted = Vec::new();
        self.stripe(key).leave(who, &mut granted);
        for who in granted {
            if let Some(wish) = self.waiting.remove(&who.request) {
                self.begin(wish, Some(who), stage);
            }
        }
    }

    /// Keys of one stripe wait for each other, so two stripes are enough to see it.
    fn stripe(&mut self, key: usize) -> &mut peercache_core::replication::order::Stripe {
        let count = self.stripes.len();
        let name = key_name(key);
        let key = Key::new(name.as_bytes()).expect("the simulator's keys are keys");
        &mut self.stripes[key.as_bytes().iter().map(|&byte| usize::from(byte)).sum::<usize>() % count]
    }
}
