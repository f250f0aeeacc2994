//! How the hash of a network is written: a word, and beside it what belongs to a ketama ring.
//!
//! Use as `#[serde(flatten, with = "placing")]`. A file that holds the choices of a ketama ring beside
//! another hash contradicts itself and is refused: half of it would be lost with the next change.

use peercache_core::spec::HashKind;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    hash: String,
    /// How keys are hashed on a ketama ring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_hash: Option<String>,
    /// The two characters around the part of a key that is hashed there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash_tag: Option<String>,
}

pub(super) fn serialize<S: Serializer>(hash: &HashKind, to: S) -> Result<S::Ok, S::Error> {
    let mut written = Written { hash: hash.to_string(), key_hash: None, hash_tag: None };
    if let HashKind::Ketama(ketama) = hash {
        written.key_hash = Some(ketama.key_hash.to_string());
        written.hash_tag = ketama.hash_tag.map(|tag| tag.to_string());
    }
    written.serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<HashKind, D::Error> {
    let Written { hash, key_hash, hash_tag } = Written::deserialize(from)?;
    match typed(&hash)? {
        HashKind::Ketama(mut ketama) => {
            if let Some(key_hash) = key_hash {
                ketama.key_hash = typed(&key_hash)?;
            }
            ketama.hash_tag = hash_tag.as_deref().map(typed).transpose()?;
            Ok(HashKind::Ketama(ketama))
        }
        other if key_hash.is_none() && hash_tag.is_none() => Ok(other),
        other => Err(D::Error::custom(format!("key_hash and hash_tag belong to ketama, not to {other}"))),
    }
}

fn typed<T: FromStr<Err: Display>, E: Error>(text: &str) -> Result<T, E> {
    text.parse().map_err(E::custom)
}
