//! `network create`: a network without peers, and the promises it makes.

use super::{failure, placement};
use crate::cli::{Context, Ended};
use crate::output::joined;
use crate::state::{NetworkRecord, Placement};
use anyhow::Result;
use clap::Args;
use peercache_core::spec::{
    EngineKind, HashKind, HashTag, Ketama, KetamaProgram, KeyHash, NetworkName, OnDown, ReadPolicy,
    Replication, Vnodes,
};

/// Create a network without peers
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Its name
    name: NetworkName,
    /// Copies of each key, on different peers [default: 1]
    #[arg(long, short = 'r', value_name = "R")]
    replication: Option<Replication>,
    /// Ring points per unit of weight; ketama has its own [default: 100]
    #[arg(long, value_name = "V")]
    vnodes: Option<Vnodes>,
    /// How points and keys are hashed: xxh3, md5, ketama (as twemproxy places keys) or ketama-libmemcached
    /// (as its KETAMA_WEIGHTED does) [default: xxh3]
    #[arg(long)]
    hash: Option<HashKind>,
    /// With ketama: how keys are hashed, in twemproxy's words [default: fnv1a_64; of libmemcached: md5]
    #[arg(long, value_name = "HASH")]
    key_hash: Option<KeyHash>,
    /// With ketama: the two characters around the part of a key that alone is hashed
    #[arg(long, value_name = "CHARACTERS")]
    hash_tag: Option<HashTag>,
    /// What a read answers when no copy can be read: error or miss [default: error]
    #[arg(long, value_name = "POLICY")]
    on_down: Option<OnDown>,
    /// Which copy a read asks first: owner-first, or each in turn: spread [default: owner-first]
    #[arg(long, value_name = "POLICY")]
    read: Option<ReadPolicy>,
}

impl Create {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let settings = &context.settings;
        let placement = Placement {
            replication: self.replication.or(settings.replication).unwrap_or_default(),
            vnodes: self.vnodes.unwrap_or(settings.vnodes),
            hash: self.hash(settings.hash)?,
            on_down: self.on_down.unwrap_or(settings.policy.on_down),
            read: self.read.unwrap_or(settings.policy.read),
        };
        let record = NetworkRecord::new(self.name, placement);
        let name = &record.name;
        context.state.change(|state| {
            if state.network(name)?.is_some() {
                let hint = context.command(&format!("network show {name}"));
                return Err(failure(format!("there is a network {name} already"), hint));
            }
            Ok(state.put_network(&record)?)
        })?;
        let next = context.command(&format!("network add {name} ID…"));
        let text = || format!("created network {name}\n{}next: {next}\n", promises(&record));
        context.output.result(&record, text)?;
        Ok(Ended::Done)
    }

    /// The hash with what belongs to it, or why the flags contradict each other.
    fn hash(&self, default: HashKind) -> Result<HashKind> {
        let hash = self.hash.unwrap_or(default);
        let HashKind::Ketama(ketama) = hash else {
            if self.key_hash.is_some() || self.hash_tag.is_some() {
                let sentence = format!("--key-hash and --hash-tag belong to ketama, and the hash is {hash}");
                return Err(failure(sentence, "add --hash ketama, or leave them out".to_owned()));
            }
            return Ok(hash);
        };
        if self.vnodes.is_some() {
            let sentence = format!("--vnodes cannot be chosen with {hash}, which has 160 points");
            return Err(failure(sentence, "leave --vnodes out".to_owned()));
        }
        if self.hash_tag.is_some() && ketama.program == KetamaProgram::Libmemcached {
            let sentence = "libmemcached knows no hash tags".to_owned();
            return Err(failure(sentence, "leave --hash-tag out, or use --hash ketama".to_owned()));
        }
        let key_hash = self.key_hash.unwrap_or(ketama.key_hash);
        Ok(HashKind::Ketama(Ketama { key_hash, hash_tag: self.hash_tag, ..ketama }))
    }
}

/// What the network promises, in a few lines (P-01, P-14, P-20, P-21).
fn promises(network: &NetworkRecord) -> String {
    let NetworkRecord { replication, on_down, read, .. } = network;
    let placement = placement(network);
    let copies = match replication.get() {
        1 => "one copy of each key: what a peer held is gone when it stops".to_owned(),
        copies => {
            format!("{copies} copies of each key, each on another peer (fewer while it has fewer peers)")
        }
    };
    let unreadable = match on_down {
        OnDown::Error => "an error that names the peers",
        OnDown::Miss => "a plain miss",
    };
    let reads = match read {
        ReadPolicy::OwnerFirst => "from the owner",
        ReadPolicy::Spread => "from each copy in turn",
    };
    format!(
        "  copies     {copies}\n  \
           placement  {placement}: the same in every process and version\n  \
           writes     to every live copy at once; acknowledged when all of them confirmed\n  \
           reads      {reads}, else from the next copy; if none can be read: {unreadable}\n  \
           engines    {}, in any mixture\n",
        joined(EngineKind::ALL)
    )
}
