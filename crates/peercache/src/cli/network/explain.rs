//! `network explain`: where a key belongs and why, what each copy is, and who would serve it now (P-51).

use super::{KeyArgs, answer};
use crate::cli::outage::{OutageView, outages};
use crate::cli::{Context, Ended};
use crate::output::{Table, quoted};
use anyhow::Result;
use clap::Args;
use peercache_client::Copy;
use peercache_core::key::Key;
use peercache_core::ring::hash_key;
use peercache_core::spec::HashKind;
use serde::Serialize;

/// Explain where a key is and who serves it, without reading it
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    #[command(flatten)]
    at: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Explanation {
    network: String,
    key: String,
    hash: String,
    /// How a ketama ring hashes keys.
    key_hash: Option<String>,
    /// The key's position on the ring.
    position: u32,
    replication: u8,
    /// Owner first.
    replicas: Vec<String>,
    copies: Vec<CopyView>,
    /// Who would be asked first by a read that began now; where reads are spread, the nearest to the owner.
    serves: Option<String>,
}

#[derive(Debug, Serialize)]
struct CopyView {
    peer: String,
    role: &'static str,
    phase: String,
    readable: bool,
    /// Whether a read that began now may ask it first.
    serves: bool,
    /// Who missed writes on this peer.
    outages: Vec<OutageView>,
    present: Option<bool>,
    item_bytes: Option<u64>,
    expires_in_s: Option<u64>,
    idle_s: Option<u64>,
    error: Option<String>,
}

impl Explain {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let key = Key::new(self.at.key()?)?;
        let connected = context.connect(&self.at.name)?;
        let inspected = connected.client.inspect(key.as_bytes()).await;
        let Some(copies) = answer(context, &self.at.name, inspected)? else { return Ok(Ended::NotDone) };
        let network = &connected.network;
        let explanation = Explanation {
            network: network.name.to_string(),
            key: self.at.shown(),
            hash: network.hash.to_string(),
            key_hash: key_hash(network.hash),
            position: hash_key(network.hash, key),
            replication: network.replication.get(),
            replicas: copies.iter().map(|copy| copy.peer.to_string()).collect(),
            serves: copies.iter().find(|copy| copy.serves).map(|copy| copy.peer.to_string()),
            copies: copies
                .iter()
                .enumerate()
                .map(|(position, copy)| view(context, position, copy))
                .collect::<Result<_>>()?,
        };
        context.output.result(&explanation, || text(&explanation))?;
        Ok(Ended::Done)
    }
}

fn key_hash(hash: HashKind) -> Option<String> {
    match hash {
        HashKind::Ketama(ketama) => Some(ketama.key_hash.to_string()),
        HashKind::Xxh3 | HashKind::Md5 => None,
    }
}

fn view(context: &Context, position: usize, copy: &Copy) -> Result<CopyView> {
    let item = copy.item.as_ref().ok().and_then(Option::as_ref);
    Ok(CopyView {
        outages: outages(context, &copy.peer)?,
        peer: copy.peer.to_string(),
        role: if position == 0 { "owner" } else { "replica" },
        phase: copy.phase.to_string(),
        readable: copy.readable,
        serves: copy.serves,
        present: copy.item.as_ref().ok().map(Option::is_some),
        item_bytes: item.and_then(|item| item.item_bytes),
        expires_in_s: item.and_then(|item| item.expires_in_s),
        idle_s: item.and_then(|item| item.idle_s),
        error: copy.item.as_ref().err().map(ToString::to_string),
    })
}

fn text(explanation: &Explanation) -> String {
    let Explanation { key, hash, position, replication, replicas, .. } = explanation;
    // A key that hits a point belongs to the next one, but on a ketama ring to that very point.
    let (by, after) = match &explanation.key_hash {
        Some(key_hash) => (format!("{hash} by {key_hash}"), "from there on"),
        None => (hash.clone(), "after that"),
    };
    let mut table = Table::new(["PEER", "ROLE", "PHASE", "COPY", "BYTES", "EXPIRES", "IDLE"]);
    for copy in &explanation.copies {
        let seconds = |value: Option<u64>| value.map_or("-".to_owned(), |seconds| format!("{seconds} s"));
        let expires = if copy.present == Some(true) && copy.expires_in_s.is_none() {
            "never".to_owned()
        } else {
            seconds(copy.expires_in_s)
        };
        table.row([
            copy.peer.clone(),
            copy.role.to_owned(),
            if copy.readable { copy.phase.clone() } else { format!("{}, not read", copy.phase) },
            present(copy),
            copy.item_bytes.map_or("-".to_owned(), |bytes| bytes.to_string()),
            expires,
            seconds(copy.idle_s),
        ]);
    }
    let missed: String = (explanation.copies.iter())
        .flat_map(|copy| copy.outages.iter().map(|outage| outage.line(&copy.peer)))
        .collect();
    let serving: Vec<&str> =
        explanation.copies.iter().filter(|copy| copy.serves).map(|copy| copy.peer.as_str()).collect();
    let serves = match serving[..] {
        [] => "no copy can be read now".to_owned(),
        [peer] => format!("a read now asks {peer} first"),
        _ => format!("reads now ask {} first, each in turn", serving.join(", ")),
    };
    format!(
        "key {key}: {by} puts it at {position} of 4294967296\n\
         the first {replication} distinct peers clockwise {after} keep it, owner first: {}\n{}{serves}\n",
        quoted(replicas),
        table.aligned() + &missed
    )
}

fn present(copy: &CopyView) -> String {
    match (copy.present, &copy.error) {
        (Some(true), _) => "present".to_owned(),
        (Some(false), _) => "missing".to_owned(),
        (None, Some(error)) => format!("unknown: {error}"),
        (None, None) => "unknown".to_owned(),
    }
}
