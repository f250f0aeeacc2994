//! A `flush_all` from its plan to what the client is told, around the real broadcast.

use super::{Answer, Process};
use crate::history::OperationId;
use crate::mutants::Mutant;
use crate::stage::{Event, Stage};
use peercache_core::protocol::memcached::command::Command;
use peercache_core::replication::{BroadcastAnswer, BroadcastGather, BroadcastVerdict, Lost};
use peercache_core::ring::PeerIndex;
use peercache_core::router;

/// A broadcast in progress.
#[derive(Debug)]
pub(super) struct Flush {
    worker: usize,
    gather: BroadcastGather,
}

impl Process {
    pub(super) fn begin_flush(&mut self, worker: usize, stage: &mut Stage) {
        let Some(mut gather) = router::plan_broadcast(&self.topology) else { return };
        let operation = stage.history.begin_flush(stage.now, self.index);
        let asked: Vec<PeerIndex> = gather.waiting().iter().collect();
        if asked.is_empty() {
            let verdict = gather.expire();
            return self.settle_flush(operation, worker, &verdict, stage);
        }
        self.flushes.insert(operation, Flush { worker, gather });
        let deadline = stage.now + self.topology.policy().attempt;
        for peer in asked {
            let link = &mut self.workers[worker][peer.get()];
            let position = peer.get() as u8;
            if !link.push(&Command::FlushAll { after_s: 0 }, (operation, position), deadline) {
                let answer = Answer::Lost(Lost::NotSent);
                stage.soon(Event::Answered { process: self.index, operation, position, answer });
            }
        }
    }

    pub(super) fn flush_answered(
        &mut self,
        operation: OperationId,
        position: u8,
        answer: &Answer,
        stage: &mut Stage,
    ) {
        let Some(flush) = self.flushes.get_mut(&operation) else { return };
        let peer = PeerIndex::new(u16::from(position));
        if let Some(verdict) = flush.gather.observe(peer, answer.outcome()) {
            let worker = flush.worker;
            self.flushes.remove(&operation);
            self.settle_flush(operation, worker, &verdict, stage);
        }
    }

    fn settle_flush(
        &self,
        operation: OperationId,
        worker: usize,
        verdict: &BroadcastVerdict,
        stage: &mut Stage,
    ) {
        if !stage.has(Mutant::FlushUnsettled) {
            router::settle_broadcast(&self.topology, verdict);
        }
        stage.history.end_flush(operation, stage.now, verdict.answer == BroadcastAnswer::Done);
        self.rest(worker, stage);
    }
}
