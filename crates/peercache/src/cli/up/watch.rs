//! While `up` runs: says when a daemon dies, comes back, or when all have gone.
//!
//! What cannot be seen for a moment (a torn record, no descriptor left) is told and looked at again: it is no
//! reason to stop peers that serve.

use crate::cli::signals::Signals;
use crate::cli::{Context, Ended};
use crate::fleet::{Condition, Started, condition};
use crate::output::sentence;
use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use peercache_agent::supervise::{Exit, Process};
use peercache_core::spec::PeerId;
use std::time::Duration;

/// How long after a death the state is asked what it was: a `peer stop` writes it down after the death. Also
/// the pause between two looks.
const SETTLE: Duration = Duration::from_millis(300);

/// One daemon's end.
#[derive(Debug)]
struct Gone {
    id: PeerId,
    pid: u32,
    exit: Exit,
}

/// A peer whose daemon ended and that nobody has started again.
#[derive(Debug)]
struct Missing {
    id: PeerId,
    /// The end, until it was told.
    untold: Option<Gone>,
    /// Why it could not be looked at when that was last tried.
    trouble: Option<String>,
}

/// How a peer that was missing stands.
enum Seen {
    /// It has come back.
    Runs(Process),
    /// Another look will tell.
    Changes,
    Gone {
        /// Whether it was stopped by a command, and did not die.
        on_purpose: bool,
    },
}

/// Returns when the user ends it, or when no peer is left. Peers that were all stopped on purpose (`peercache
/// down`) are no failure of ours; deaths are.
pub(super) async fn until_interrupted(
    context: &Context,
    started: Vec<Started>,
    signals: &mut Signals,
) -> Ended {
    let mut watched = FuturesUnordered::new();
    for Started { record, process, .. } in started {
        watched.push(wait_for(context, record.id, process));
    }
    let mut missing: Vec<Missing> = Vec::new();
    loop {
        let gone = tokio::select! {
            () = signals.next() => return Ended::Done,
            gone = watched.next(), if !watched.is_empty() => gone,
            () = tokio::time::sleep(SETTLE), if !missing.is_empty() => None,
        };
        // Whoever has the lock of the state may have been stopped: Ctrl-C ends this all the same.
        let looked = tokio::select! {
            () = signals.next() => return Ended::Done,
            looked = look(context, gone, missing) => looked,
        };
        for (id, process) in looked.running {
            context.output.warn(format_args!("peer {id} runs again (pid {})", process.pid()));
            watched.push(wait_for(context, id, process));
        }
        missing = looked.missing;
        if watched.is_empty() && !looked.may_come {
            context.output.warn("no peer is left");
            return Ended::done_if(looked.all_on_purpose);
        }
    }
}

/// How the peers stand that were missing.
struct Looked {
    missing: Vec<Missing>,
    running: Vec<(PeerId, Process)>,
    /// Another look will tell of some.
    may_come: bool,
    /// Those that are gone were stopped by commands.
    all_on_purpose: bool,
}

/// Says what became of a daemon that is gone, and looks which of the missing have come back.
async fn look(context: &Context, gone: Option<Gone>, mut missing: Vec<Missing>) -> Looked {
    if let Some(gone) = gone {
        tokio::time::sleep(SETTLE).await;
        missing.push(Missing { id: gone.id.clone(), untold: Some(gone), trouble: None });
    }
    let (running, may_come, all_on_purpose) = (Vec::new(), false, true);
    let mut looked = Looked { missing: Vec::new(), running, may_come, all_on_purpose };
    for mut peer in missing {
        match peer.look(context).await {
            Seen::Runs(process) => {
                looked.running.push((peer.id, process));
                continue;
            }
            Seen::Changes => looked.may_come = true,
            Seen::Gone { on_purpose } => looked.all_on_purpose &= on_purpose,
        }
        looked.missing.push(peer);
    }
    looked
}

async fn wait_for(context: &Context, id: PeerId, process: Process) -> Gone {
    let mut trouble = None;
    loop {
        match process.exited().await {
            Ok(exit) => return Gone { id, pid: process.pid(), exit },
            Err(error) => warn_of(context, &id, &mut trouble, &error.into()),
        }
        tokio::time::sleep(SETTLE).await;
    }
}

/// Says what is in the way, unless it is what was in the way before.
fn warn_of(context: &Context, id: &PeerId, trouble: &mut Option<String>, error: &anyhow::Error) {
    let now = sentence(error);
    if trouble.as_ref() != Some(&now) {
        let words = format_args!("how peer {id} stands cannot be seen, and is looked at again: {now}");
        context.output.warn(words);
    }
    *trouble = Some(now);
}

impl Missing {
    async fn look(&mut self, context: &Context) -> Seen {
        match self.try_look(context).await {
            Ok(seen) => {
                self.trouble = None;
                seen
            }
            Err(error) => {
                warn_of(context, &self.id, &mut self.trouble, &error);
                Seen::Changes
            }
        }
    }

    /// The thread serves a proxy too, and must not wait for the lock.
    async fn try_look(&mut self, context: &Context) -> Result<Seen> {
        let peer = context.state.read_when_free(|state| state.peer(&self.id)).await?;
        let now = peer.as_ref().map(condition).transpose()?;
        let process = peer.and_then(|peer| peer.process()).filter(|_| now == Some(Condition::Running));
        let process = process.map(|process| Process::open(&process)).transpose()?.flatten();
        if let Some(gone) = self.untold.take() {
            say_gone(context, &gone, now);
        }
        Ok(match (now, process) {
            (Some(Condition::Running), Some(process)) => Seen::Runs(process),
            (Some(Condition::Running | Condition::Starting { .. }), _) => Seen::Changes,
            (Some(Condition::Stopped) | None, _) => Seen::Gone { on_purpose: true },
            (Some(_), _) => Seen::Gone { on_purpose: false },
        })
    }
}

/// A restart by another command is told when it runs again.
fn say_gone(context: &Context, Gone { id, pid, exit }: &Gone, now: Option<Condition>) {
    match now {
        Some(Condition::Dead { .. }) => {
            let restart = context.command(&format!("peer restart {id}"));
            let logs = context.command(&format!("peer logs {id}"));
            context.output.warn(format_args!(
                "peer {id} (pid {pid}) {exit}; its log: {logs}; to start it again, empty: {restart}"
            ));
        }
        Some(Condition::Stopped) | None => {
            context.output.warn(format_args!("peer {id} was stopped by another command"));
        }
        Some(_) => {}
    }
}
