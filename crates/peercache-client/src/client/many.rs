//! Reading many keys with few requests: one multi-key `get` to each peer a round, until every key is decided.
//!
//! Each key has a gather of its own, so a part that fails only sends its own keys on to other replicas.

use super::request::Finished;
use super::{Client, ReadError, Value};
use crate::answer::{Answer, Found};
use futures_util::stream::{FuturesUnordered, StreamExt};
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::protocol::memcached::request::Versions;
use peercache_core::replication::{Lost, Outcome, Step};
use peercache_core::router::{self, Mode, Plan};
use peercache_core::topology::Topology;
use std::collections::{BTreeMap, HashMap};

/// Keys in one request (P-60).
const PART_KEYS_MAX: usize = 64;

/// Keys that are on their way at once; more are read window by window, each with a whole request's time.
const WINDOW_KEYS_MAX: usize = 4096;

/// One key on its way.
struct Pending<'k> {
    key: Key<'k>,
    plan: Plan,
    /// What to do next.
    step: Step,
    /// The last answer of each replica, for the value or the error.
    answers: Vec<Option<Answer>>,
    /// The replica asked in this round.
    asked: u8,
}

pub(super) async fn get_many(client: &Client, keys: &[&[u8]]) -> Result<Vec<Option<Value>>, ReadError> {
    let mut values = Vec::with_capacity(keys.len());
    for window in keys.chunks(WINDOW_KEYS_MAX) {
        values.extend(get_window(client, window).await?);
    }
    Ok(values)
}

async fn get_window(client: &Client, keys: &[&[u8]]) -> Result<Vec<Option<Value>>, ReadError> {
    let mut pending = keys.iter().map(|key| Pending::plan(client, key)).collect::<Result<Vec<_>, _>>()?;
    let request_deadline = client.network().now() + client.topology().policy().request;
    loop {
        let parts = next_parts(&mut pending);
        if parts.is_empty() {
            break;
        }
        let deadline = client.attempt_deadline(request_deadline);
        let mut asked = FuturesUnordered::new();
        for (peer, members) in parts {
            let keys: Vec<_> = members.iter().map(|&member| pending[member].key).collect();
            let link = client.link(peer);
            asked.push(async move {
                (members, link.call(&Command::Get(&keys, Versions::Hidden), deadline).await)
            });
        }
        while let Some((members, answer)) = asked.next().await {
            take_part(client.topology(), &mut pending, &members, answer);
        }
    }
    pending.into_iter().map(|pending| pending.finish(client)).collect()
}

/// Whom to ask for which keys: for each peer its keys, in parts of bounded size.
fn next_parts(pending: &mut [Pending<'_>]) -> Vec<(usize, Vec<usize>)> {
    let mut by_peer: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (member, pending) in pending.iter_mut().enumerate() {
        if let Step::Ask(positions, _) = &pending.step {
            pending.asked = positions.lowest().unwrap_or(0);
            let peer = router::peer_at(&pending.plan.set, pending.asked);
            by_peer.entry(peer.get()).or_default().push(member);
        }
    }
    let split = |(peer, members): (usize, Vec<usize>)| {
        members.chunks(PART_KEYS_MAX).map(|part| (peer, part.to_vec())).collect::<Vec<_>>()
    };
    by_peer.into_iter().flat_map(split).collect()
}

/// Tells each key of a part what became of it.
fn take_part(topology: &Topology, pending: &mut [Pending<'_>], members: &[usize], answer: Answer) {
    match answer {
        Answer::Values(found) => {
            let by_key: HashMap<_, _> = found.into_iter().map(|f| (f.key.clone(), f)).collect();
            for &member in members {
                let key = pending[member].key.as_bytes();
                // The same key may have been asked for twice, so the value is not taken away.
                let found: Vec<Found> = by_key.get(key).cloned().into_iter().collect();
                pending[member].take(topology, Answer::Values(found));
            }
        }
        Answer::Refused(refusal) => {
            members
                .iter()
                .for_each(|&member| pending[member].take(topology, Answer::Refused(refusal.clone())));
        }
        Answer::Lost(lost) => {
            members.iter().for_each(|&member| pending[member].take(topology, Answer::Lost(lost)));
        }
        // A link answers a read with values or not at all; anything else is no answer.
        Answer::Line(_) | Answer::Stats(_) => {
            members.iter().for_each(|&member| pending[member].take(topology, Answer::Lost(Lost::Ambiguous)));
        }
    }
}

impl<'k> Pending<'k> {
    fn plan(client: &Client, key: &'k [u8]) -> Result<Self, ReadError> {
        let key = Key::new(key)?;
        let plan = client.plan(key, Mode::Read).ok_or(ReadError::NoPeers)?;
        let answers = plan.set.as_slice().iter().map(|_| None).collect();
        let step = plan.first.clone();
        Ok(Self { key, plan, step, answers, asked: 0 })
    }

    fn take(&mut self, topology: &Topology, answer: Answer) {
        let outcome: Outcome = answer.outcome();
        self.answers[usize::from(self.asked)] = Some(answer);
        let Plan { set, gather, .. } = &mut self.plan;
        self.step = router::observe(topology, set, gather, self.asked, outcome);
    }

    fn finish(mut self, client: &Client) -> Result<Option<Value>, ReadError> {
        let verdict = match self.step {
            Step::Settled(verdict) => verdict,
            Step::Ask(..) | Step::Pending => self.plan.gather.expire(),
        };
        let Self { plan: Plan { set, .. }, answers, key, .. } = self;
        client.read_answer(key, Finished { set, verdict, answers, recorded: Ok(()) })
    }
}
