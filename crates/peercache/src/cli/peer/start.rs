//! `peer start`: one daemon for each id, ready when the command returns.

use super::PeerView;
use crate::cli::context::refuse_duplicates;
use crate::cli::signals::Signals;
use crate::cli::words::{self, EngineWish};
use crate::cli::{Context, Ended};
use crate::fleet::{Condition, Engines, StartWish, Started, check_users, start_all, warn_of_root};
use crate::output::{Failure, complain, joined, print_error};
use crate::state::PeerRecord;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::{AuthFile, PeerId, Weight};
use serde_json::{Value, json};
use std::num::{NonZeroU16, NonZeroU32};

/// Start peers: new ones, or stopped ones as they were
#[derive(Debug, Args)]
pub(in crate::cli) struct Start {
    /// The peers
    #[arg(required = true, value_name = "ID", value_parser = words::peer_id)]
    ids: Vec<PeerId>,
    #[arg(long, help = words::engine_help("as before, else auto"))]
    engine: Option<EngineWish>,
    /// Memory for items, in MiB [default: as before, else 64]
    #[arg(long, value_name = "MB", value_parser = words::count::<NonZeroU32>)]
    memory: Option<NonZeroU32>,
    /// The port on 127.0.0.1, of a single peer [default: as before, else the first free one from 12000]
    #[arg(long, value_parser = words::port)]
    port: Option<NonZeroU16>,
    /// Its share of a ring in proportion to the others' [default: as before, else 1]
    #[arg(long)]
    weight: Option<Weight>,
    /// Serve only those who name a user and a password of this file, a user:password on each line; our own
    /// connections are its first user [default: as before, else everybody]
    #[arg(long, value_name = "FILE", value_parser = words::auth_file)]
    auth_file: Option<AuthFile>,
}

impl Start {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        refuse_duplicates(&self.ids)?;
        if self.port.is_some() && self.ids.len() > 1 {
            let hint = "start them one by one, or leave --port away";
            return Err(Failure::new("one port cannot be given to several peers", hint).into());
        }
        let known = context.state.read(|state| {
            self.ids.iter().map(|id| state.peer(id)).collect::<Result<Vec<_>, crate::state::StateError>>()
        })?;
        self.refuse_new_weight_in_network(context, &known)?;
        let mut signals = Signals::install()?;
        let mut engines = Engines::new()?;
        let mut wishes = Vec::new();
        for (id, before) in self.ids.iter().zip(&known) {
            wishes.push((id.clone(), self.wish(context, before.as_ref(), &mut engines)?));
        }
        report(context, start_all(&context.state, wishes, signals.next()).await)
    }

    fn wish(
        &self,
        context: &Context,
        before: Option<&PeerRecord>,
        engines: &mut Engines,
    ) -> Result<StartWish> {
        let engine_before = before.map(|peer| EngineWish::Kind(peer.engine));
        let engine = self.engine.or(engine_before).unwrap_or(context.settings.engine);
        let choice = engines.find(engine)?;
        let users_before = before.and_then(|peer| peer.auth_file.as_ref());
        if let Some(file) = self.auth_file.as_ref().or(users_before) {
            check_users(context.output, file)?;
            warn_of_root(context.output, choice.kind, file);
        }
        Ok(StartWish {
            choice,
            memory_mb: self.memory,
            memory_mb_default: context.settings.memory_mb,
            port: self.port,
            weight: self.weight,
            auth_file: self.auth_file.clone(),
        })
    }

    /// Another weight moves keys of every peer of the network: that is a change of the network, not of a
    /// peer.
    fn refuse_new_weight_in_network(&self, context: &Context, known: &[Option<PeerRecord>]) -> Result<()> {
        let Some(weight) = self.weight else { return Ok(()) };
        for peer in known.iter().flatten().filter(|peer| peer.weight != weight) {
            let id = &peer.id;
            if let Some(network) = context.state.read(|state| state.network_of(id))? {
                let name = &network.name;
                let sentence = format!("peer {id} is in network {name} with weight {}", peer.weight);
                let hint = format!("peercache network remove {name} {id} first, then start and add it again");
                return Err(Failure::new(sentence, hint).into());
            }
        }
        Ok(())
    }
}

/// Says which peers started and which did not.
pub(super) fn report(context: &Context, started: Vec<(PeerId, Result<Started>)>) -> Result<Ended> {
    let mut documents = Vec::new();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (id, result) in started {
        match result {
            Ok(started) => {
                context.output.say(line(&started));
                documents.push(json!(PeerView::new(&started.record, Condition::Running, None)));
                good.push(id);
            }
            Err(error) => {
                documents.push(json!({ "id": id.to_string(), "error": crate::output::sentence(&error) }));
                print_error(&error.context(format!("peer {id} was not started")));
                bad.push(id);
            }
        }
    }
    if !good.is_empty() && !bad.is_empty() {
        complain(format!("{} started, {} did not", joined(&good), joined(&bad)));
    }
    context.output.result(&Value::Array(documents), String::new)?;
    Ok(Ended::done_if(bad.is_empty()))
}

fn line(started: &Started) -> String {
    let Started { record, process, version } = started;
    let (id, engine, address) = (&record.id, record.engine, record.address());
    let warming = if record.warming { "; it came back empty and warms up" } else { "" };
    format!("started {id}: {engine} {version} on {address} (pid {}){warming}", process.pid())
}
