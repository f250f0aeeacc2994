//! `peer attach`: daemons that somebody else runs become peers, all of them or none.

use super::PeerView;
use super::pairs::Pairs;
use crate::cli::context::refuse_duplicates;
use crate::cli::{Context, Ended, words};
use crate::fleet::{Condition, check_users, record_attached};
use crate::output::Failure;
use crate::state::PeerRecord;
use anyhow::Result;
use clap::Args;
use futures_util::future::try_join_all;
use peercache_agent::supervise::{Protocol, StatsError};
use peercache_core::spec::{AuthFile, PeerId, RingName, Weight};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a daemon may take to say its version.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Add memcacheds that somebody else runs; they are never started or stopped by us
#[derive(Debug, Args)]
pub(in crate::cli) struct Attach {
    #[command(flatten)]
    peers: Pairs,
    /// Their share of a ring in proportion to the others'
    #[arg(long, default_value_t)]
    weight: Weight,
    /// What its fleet calls it on a ketama ring [default: HOST:PORT as typed, without the port 11211]
    #[arg(long, value_name = "NAME")]
    ring_name: Option<RingName>,
    /// A file with a user:password on its first line, which they want to be told (memcached's -Y FILE)
    #[arg(long, value_name = "FILE", value_parser = words::auth_file)]
    auth_file: Option<AuthFile>,
}

impl Attach {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let Pairs(mut named) = self.peers;
        let ids: Vec<PeerId> = named.iter().map(|(id, _)| id.clone()).collect();
        refuse_duplicates(&ids)?;
        if let Some(name) = self.ring_name {
            let [(_, only)] = named.as_mut_slice() else {
                let sentence = "one ring name cannot be given to several peers";
                return Err(Failure::new(sentence, "attach them one by one, or leave --ring-name out").into());
            };
            only.ring_name = name;
        }
        if let Some(file) = &self.auth_file {
            check_users(context.output, file)?;
        }
        let asked = named.iter().map(|(id, daemon)| ask(id, daemon.address, self.auth_file.as_ref()));
        let versions = try_join_all(asked).await?;
        let record = |(id, at): (PeerId, words::Daemon)| {
            let mut record = PeerRecord::attached(id, at.address, self.weight, at.ring_name);
            record.auth_file.clone_from(&self.auth_file);
            record
        };
        let records: Vec<PeerRecord> = named.into_iter().map(record).collect();
        context.state.change(|state| record_attached(state, &records))?;
        let views = records.iter().map(|record| PeerView::new(record, Condition::Running, None));
        // One peer is an object, as it was before several could be given.
        let document = match views.map(|view| json!(view)).collect::<Vec<_>>() {
            mut views if views.len() == 1 => views.remove(0),
            views => Value::Array(views),
        };
        context.output.result(&document, || records.iter().zip(&versions).map(line).collect())?;
        Ok(Ended::Done)
    }
}

/// The version of a daemon that is to be attached.
async fn ask(id: &PeerId, address: SocketAddr, users: Option<&AuthFile>) -> Result<String> {
    let version = async |users| Protocol::Memcached.version(address, users, ANSWER_WITHIN).await;
    if users.is_some() && version(None).await.is_ok() {
        // It would take the password for a value to keep.
        let sentence = format!("peer {id}: {address} asks nobody who they are");
        return Err(Failure::new(sentence, "leave --auth-file out, or start it with -Y FILE").into());
    }
    version(users).await.map_err(|error| {
        let hint = match &error {
            StatsError::Login { .. } => "correct the file, or name another".to_owned(),
            StatsError::Unknown { .. } => "--auth-file FILE says who to be there".to_owned(),
            _ => format!("start it, or correct the address {address}"),
        };
        Failure::new(format!("peer {id}: {error}"), hint).into()
    })
}

fn line((peer, version): (&PeerRecord, &String)) -> String {
    let (id, engine, address) = (&peer.id, peer.engine, peer.address());
    format!("attached {id}: {engine} {version} at {address}; it is not ours to start or stop\n")
}
