//! `network`: a named set of peers, how keys are placed on them, and the keys themselves.

mod add;
mod create;
mod delete;
mod explain;
mod get;
mod import;
mod list;
mod remove;
mod set;
mod show;
mod unset;

use super::{Context, Ended};
use crate::output::WithHint;
use crate::output::{Failure, joined};
use crate::state::NetworkRecord;
use anyhow::Result;
use clap::Subcommand;
use peercache_client::{ReadError, WriteError};
use peercache_core::key::Key;
use peercache_core::spec::{HashKind, NetworkName, PeerId};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Group peers into networks; read and write keys
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    Create(create::Create),
    Import(import::Import),
    Delete(delete::Delete),
    List(list::List),
    Show(show::Show),
    Add(add::Add),
    Remove(remove::Remove),
    Set(set::Set),
    Get(get::Get),
    Unset(unset::Unset),
    Explain(explain::Explain),
}

impl Verb {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        match self {
            Self::Create(create) => create.run(context),
            Self::Import(import) => import.run(context).await,
            Self::Delete(delete) => delete.run(context),
            Self::List(list) => list.run(context),
            Self::Show(show) => show.run(context).await,
            Self::Add(add) => add.run(context).await,
            Self::Remove(remove) => remove.run(context),
            Self::Set(set) => set.run(context).await,
            Self::Get(get) => get.run(context).await,
            Self::Unset(unset) => unset.run(context).await,
            Self::Explain(explain) => explain.run(context).await,
        }
    }
}

/// A network and one of its keys.
#[derive(Debug, clap::Args)]
struct KeyArgs {
    /// The network
    name: NetworkName,
    /// The key: 1 to 250 bytes without spaces and control characters
    #[arg(allow_negative_numbers = true)]
    key: OsString,
}

impl KeyArgs {
    /// The key's bytes, checked before anything is opened.
    fn key(&self) -> Result<&[u8]> {
        Ok(Key::new(self.key.as_bytes())?.as_bytes())
    }

    /// The key as it is shown.
    fn shown(&self) -> String {
        shown_bytes(&self.key)
    }
}

fn shown_bytes(text: &OsStr) -> String {
    text.to_str().map_or_else(|| text.as_bytes().escape_ascii().to_string(), str::to_owned)
}

/// What a request says when it fails and more than that is worth typing.
trait RequestError: std::error::Error + Send + Sync + Sized + 'static {
    fn is_no_peers(&self) -> bool;
    fn is_peers_trouble(&self) -> bool;
}

impl RequestError for ReadError {
    fn is_no_peers(&self) -> bool {
        matches!(self, Self::NoPeers)
    }

    fn is_peers_trouble(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl RequestError for WriteError {
    fn is_no_peers(&self) -> bool {
        matches!(self, Self::NoPeers)
    }

    fn is_peers_trouble(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Ambiguous { .. })
    }
}

/// The answer to a request, or none when the network is empty, which is said in a line of its own.
fn answer<T, E: RequestError>(
    context: &Context,
    name: &NetworkName,
    result: Result<T, E>,
) -> Result<Option<T>> {
    let add = || context.command(&format!("network add {name} ID…"));
    match result {
        Err(error) if error.is_no_peers() && !context.output.is_json() => {
            context.output.say(&error);
            crate::output::hint(add());
            Ok(None)
        }
        Err(error) if error.is_no_peers() => Err(error).hint(add),
        Err(error) if error.is_peers_trouble() => {
            Err(error).hint(|| context.command("peer list") + " shows which peers run")
        }
        result => Ok(Some(result?)),
    }
}

/// Replicas that did not confirm a write.
fn warn_of_missed(context: &Context, missed: &[PeerId]) {
    if !missed.is_empty() {
        let list = joined(missed);
        context
            .output
            .warn(format_args!("not confirmed by {list}, which may have kept what was there before"));
    }
}

/// How a network places keys, in a few words.
fn placement(network: &NetworkRecord) -> String {
    let NetworkRecord { hash, vnodes, .. } = network;
    match hash {
        HashKind::Ketama(ketama) => format!("{hash}, {ketama}"),
        HashKind::Xxh3 | HashKind::Md5 => format!("{hash}, {vnodes} points per unit of weight"),
    }
}

/// The error that a network exists already, and its like.
fn failure(sentence: String, hint: String) -> anyhow::Error {
    Failure::new(sentence, hint).into()
}
