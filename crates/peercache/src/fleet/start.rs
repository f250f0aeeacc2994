//! Starts peers: claim, spawn, write the pid down, wait until the daemon itself answers, confirm.

use super::READY_WITHIN;
use super::claim::{Claim, stop_all_of};
use super::users::refuse_unless_asking;
use crate::cli::words::EngineWish;
use crate::state::{PeerRecord, State};
use anyhow::{Context, Result, anyhow};
use futures_util::future::{join_all, pending};
use peercache_agent::supervise::{
    Choice, EngineSettings, FindError, Launch, NotReady, Process, Ready, Surroundings, engine, port, spawn,
    wait_ready,
};
use peercache_core::spec::{AuthFile, PeerId, Weight};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use thiserror::Error;
use tokio::sync::watch;

/// How often a start that may choose its port does so again after somebody else was faster.
const PORT_TRIES: usize = 10;

/// What every engine says of a port that is taken: memcached repeats the operating system's "Address already
/// in use", ours has a sentence of its own.
const IN_USE: &str = " in use";

/// How a peer is to run.
#[derive(Debug, Clone)]
pub(crate) struct StartWish {
    /// The engine, found.
    pub(crate) choice: Choice,
    /// Memory for items, in MiB; none: as before.
    pub(crate) memory_mb: Option<NonZeroU32>,
    /// What a peer without a memory of its own gets, in MiB.
    pub(crate) memory_mb_default: NonZeroU32,
    /// This port and no other; none: as before, else any free one.
    pub(crate) port: Option<NonZeroU16>,
    /// Its weight; none: as before.
    pub(crate) weight: Option<Weight>,
    /// Who may use it; none: as before.
    pub(crate) auth_file: Option<AuthFile>,
}

/// A peer that runs and answers.
#[derive(Debug)]
pub(crate) struct Started {
    /// Its record, as written.
    pub(crate) record: PeerRecord,
    /// Its daemon.
    pub(crate) process: Process,
    /// The version it says it has.
    pub(crate) version: String,
}

/// Finds engines, each once.
#[derive(Debug)]
pub(crate) struct Engines {
    surroundings: Surroundings,
    found: BTreeMap<EngineWish, Choice>,
}

impl Engines {
    pub(crate) fn new() -> Result<Self> {
        let own = std::env::current_exe().context("the path of this very program is unknown")?;
        Ok(Self { surroundings: Surroundings::of_this_process(own), found: BTreeMap::new() })
    }

    /// The engine for `wish`.
    pub(crate) fn find(&mut self, wish: EngineWish) -> Result<Choice, FindError> {
        if let Some(choice) = self.found.get(&wish) {
            return Ok(choice.clone());
        }
        let choice = match wish {
            EngineWish::Auto => Choice::auto(&self.surroundings),
            EngineWish::Kind(kind) => Choice::fixed(kind, &self.surroundings),
        }?;
        self.found.insert(wish, choice.clone());
        Ok(choice)
    }
}

impl StartWish {
    pub(super) fn apply_to(&self, record: &mut PeerRecord) -> Result<()> {
        record.engine = self.choice.kind;
        let before = record.memory_mb.and_then(NonZeroU32::new);
        record.memory_mb = Some(self.memory_mb.or(before).unwrap_or(self.memory_mb_default).get());
        record.weight = self.weight.unwrap_or(record.weight);
        record.port_fixed |= self.port.is_some();
        record.auth_file = self.auth_file.clone().or_else(|| record.auth_file.take());
        if record.auth_file.is_some() {
            refuse_unless_asking(&self.choice)?;
        }
        Ok(())
    }

    fn launch(&self, state: &State, claim: &Claim) -> Result<(Launch, SocketAddr)> {
        let record = &claim.record;
        let settings = EngineSettings {
            auth_file: record.auth_file.clone(),
            ..EngineSettings::new(record.port, record.memory_mb.unwrap_or_default())?
        };
        let log_path = record.log_in(&state.canonical()?).context("a peer of ours has a log")?;
        let launch = Launch {
            program: self.choice.program.path.clone(),
            args: engine::of(self.choice.kind).args(&settings),
            log_path,
            marker: claim.marker.clone(),
        };
        Ok((launch, settings.address()))
    }
}

/// A start that the user ended; nothing of it is left.
#[derive(Debug, Error)]
#[error("interrupted; what had begun was stopped again")]
pub(crate) struct Interrupted;

/// Starts peers at once; the answers stand in the order of `wishes`. When `interrupted` comes first, those
/// that do not run yet are given up, each with [`Interrupted`].
pub(crate) async fn start_all(
    state: &State,
    wishes: impl IntoIterator<Item = (PeerId, StartWish)>,
    interrupted: impl Future<Output = ()>,
) -> Vec<(PeerId, Result<Started>)> {
    together(wishes, interrupted, async |id, wish, interrupt| start(state, id, wish, interrupt).await).await
}

/// Does `one` for each peer at once, and hands each the news of an interruption.
pub(crate) async fn together(
    wishes: impl IntoIterator<Item = (PeerId, StartWish)>,
    interrupted: impl Future<Output = ()>,
    one: impl AsyncFn(&PeerId, &StartWish, Interrupt) -> Result<Started>,
) -> Vec<(PeerId, Result<Started>)> {
    let (tell, interrupt) = watch::channel(false);
    let starts = wishes.into_iter().map(async |(id, wish)| {
        let started = one(&id, &wish, interrupt.clone()).await;
        (id, started)
    });
    let tell_all = async {
        interrupted.await;
        tell.send_replace(true);
        pending::<()>().await;
    };
    tokio::select! {
        all = join_all(starts) => all,
        () = tell_all => Vec::new(),
    }
}

/// Becomes true when the user interrupts.
pub(crate) type Interrupt = watch::Receiver<bool>;

/// Starts one peer and waits until it serves. Interrupted or failed, it leaves nothing running and nothing
/// written.
pub(crate) async fn start(
    state: &State,
    id: &PeerId,
    wish: &StartWish,
    mut interrupt: Interrupt,
) -> Result<Started> {
    // What no engine takes is refused before anything is written or stopped.
    let memory_mb = wish.memory_mb.unwrap_or(wish.memory_mb_default).get();
    EngineSettings::new(port::FIRST_PORT, memory_mb)?;
    let mut claim = Claim::take(state, id, wish)?;
    let brought_up = tokio::select! {
        biased;
        _ = interrupt.wait_for(|is_interrupted| *is_interrupted) => Err(Interrupted.into()),
        ready = bring_up(state, wish, &mut claim) => ready,
    };
    match brought_up {
        Ok(ready) => claim.confirm(ready),
        Err(error) => {
            // A daemon takes its time to end; others that were given up end meanwhile.
            tokio::task::spawn_blocking(move || drop(claim)).await?;
            Err(error)
        }
    }
}

async fn bring_up(state: &State, wish: &StartWish, claim: &mut Claim) -> Result<Ready> {
    let strays = std::mem::take(&mut claim.strays);
    if !strays.is_empty() {
        tokio::task::spawn_blocking(move || stop_all_of(&strays)).await??;
    }
    for _ in 0..PORT_TRIES {
        let (launch, address) = wish.launch(state, claim)?;
        claim.note(spawn(&launch)?)?;
        let daemon = claim.daemon().context("the daemon was just started")?;
        let (engine, users) = (engine::of(wish.choice.kind), claim.record.auth_file.as_ref());
        match wait_ready(engine, daemon, address, users, READY_WITHIN).await {
            Ok(ready) => return Ok(ready),
            // A port that the user chose is tried again where it was taken for a moment only.
            Err(error)
                if is_lost_race(&error) && (!claim.record.port_fixed || port::is_free(address.port())) =>
            {
                claim.begin_again()?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(anyhow!(
        "{PORT_TRIES} ports in a row were taken by other programs at the last moment; start it again"
    ))
}

/// Whether another program took the port between the choice and the start. Often it has given it back by the
/// time one looks (another peercache that searches holds each port for a moment), so the daemon's word
/// counts.
fn is_lost_race(error: &NotReady) -> bool {
    match error {
        NotReady::PortTaken { .. } | NotReady::Stranger { .. } => true,
        NotReady::Exited { last_words, .. } => last_words.contains(IN_USE),
        NotReady::TimedOut { .. } | NotReady::Watch(_) => false,
    }
}
