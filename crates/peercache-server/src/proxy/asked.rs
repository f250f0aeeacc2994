//! A request for one key as a client asked for it, and how it begins: it is planned, waits where it must, and
//! its replicas are asked.

use super::ask::{How, push};
use super::core::Core;
use super::hub::Hub;
use super::intake::{Began, NO_PEERS};
use super::op::Op;
use super::orders::Place;
use super::slot::{One, RequestBytes, Slot, Token, Work};
use super::turns::{GIVEN_UP, Turn, refused};
use peercache_core::protocol::memcached::command::Dialect;
use peercache_core::protocol::memcached::request::{Answer as Wanted, MetaKey};
use peercache_core::protocol::memcached::response;
use peercache_core::replication::{Positions, Step};
use peercache_core::router::{self, Mode, Plan};

/// A request for one key as it came.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) op: Op,
    pub(super) key: MetaKey<'a>,
    pub(super) flags: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) wanted: Wanted,
}

impl Hub {
    /// Begins a request for one key, unless a link that it needs is full.
    pub(super) fn begin_one(&mut self, id: u32, asked: Asked<'_>) -> Began {
        let mut plan = self.plan(id, &asked);
        if let Some(plan) = &mut plan {
            self.heed_dialects(&asked, plan);
        }
        if let Some(Plan { set, first: Step::Ask(positions, _), .. }) = &plan {
            let mut asked = positions.iter().map(|position| router::peer_at(set, position));
            if let Some(peer) = asked.find(|&peer| self.is_full(peer)).filter(|_| !self.is_overdue(id)) {
                return Began::Parked(peer);
            }
        }
        let place = match self.take_turn(id, &asked) {
            Turn::Now(place) => place,
            Turn::Later => return Began::Waiting,
            Turn::Over => {
                plan.iter_mut().for_each(|plan| plan.first = Step::Settled(refused(GIVEN_UP.to_owned())));
                None
            }
        };
        self.start_one(id, &asked, plan, place);
        Began::Yes
    }

    #[inline]
    fn plan(&mut self, id: u32, asked: &Asked<'_>) -> Option<Plan> {
        let Core { sessions, known, planned, .. } = &mut self.core;
        let mode = sessions.get(id as usize)?.plans(asked.op.mode());
        let nth = *planned;
        *planned = nth.wrapping_add(1);
        router::plan_named(&known.topology, asked.key.placement().as_ref(), mode, nth)
    }

    /// Begins a request for one key as it was planned.
    fn start_one(&mut self, id: u32, asked: &Asked<'_>, plan: Option<Plan>, place: Option<Place>) {
        let Self { core, peers, .. } = self;
        let &Asked { op, key, flags, value, wanted } = asked;
        let mode = op.mode();
        let Some(session) = core.sessions.get_mut(id as usize) else { return };
        let Some(Plan { set, gather, first }) = plan else {
            core.counts.errors += 1;
            let mut line = core.buffers.take();
            if wanted == Wanted::Wanted {
                response::line(&mut line, NO_PEERS.as_bytes());
            }
            return core.say(id, line);
        };
        let token = Token { session: id, slot: session.next_slot(), part: 0 };
        let deadline = core.known.request_deadline();
        let is_led = matches!(mode, Mode::LeaderThen(_));
        // It may be sent a second time.
        let kept = if is_led { value } else { b"" };
        let one = One {
            op,
            mode,
            set,
            gather,
            deadline,
            wanted,
            kept: None,
            held: None,
            place,
            bytes: RequestBytes::keep(core.buffers.take(), key.text(), flags, kept),
        };
        let mut unsent = Positions::NONE;
        let mut sent = Positions::NONE;
        if let Step::Ask(positions, ask) = &first {
            let attempt = core.known.attempt_deadline(deadline);
            let mut written = None;
            for position in positions.iter() {
                let index = router::peer_at(&set, position).get();
                if peers[index].link.room().is_err() {
                    unsent.insert(position);
                    continue;
                }
                sent.insert(position);
                let token = Token { part: u16::from(position), ..token };
                if let Some(written) = written.replace(index).filter(|_| op.is_same_for_all())
                    && let Ok([peer, other]) = peers.get_disjoint_mut([index, written])
                {
                    peer.link.push_like(&other.link, token);
                    continue;
                }
                let peer = &mut peers[index];
                let how = How {
                    ask: *ask,
                    dialect: peer.dialect.unwrap_or(Dialect::Classic),
                    tag: core.known.tags[index],
                };
                push(&mut peer.link, &how, &op, (key.text(), flags, value), (token, attempt));
            }
        }
        let answer = core.buffers.take();
        session.leading += usize::from(is_led);
        session.push(Slot::new(Work::One(one), answer, core.known.now));
        if let Step::Settled(_) = first {
            core.step(token, first, None);
        }
        for position in sent.iter() {
            self.mark_peer(router::peer_at(&set, position).get());
        }
        for position in unsent.iter() {
            self.not_sent(Token { part: u16::from(position), ..token });
        }
    }
}
