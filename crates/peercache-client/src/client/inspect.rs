//! What each replica holds of a key, without reading or touching it.

use super::{Client, PeerError};
use crate::answer::Answer;
use peercache_core::health::Phase;
use peercache_core::key::Key;
use peercache_core::protocol::memcached::command::Command;
use peercache_core::router::{self, Mode};
use peercache_core::spec::PeerId;

/// One replica of a key.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Who keeps it.
    pub peer: PeerId,
    /// How that peer stands with this client.
    pub phase: Phase,
    /// Whether it may be read.
    pub readable: bool,
    /// Whether a read that began now might ask it first.
    pub serves: bool,
    /// What it holds: none if it has no such key.
    pub item: Result<Option<ItemInfo>, PeerError>,
}

/// What a peer tells of an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemInfo {
    /// Seconds until it expires; none is never.
    pub expires_in_s: Option<u64>,
    /// Seconds since it was last read or written.
    pub idle_s: Option<u64>,
    /// Bytes of key, value and overhead, as the engine counts them.
    pub item_bytes: Option<u64>,
    /// The engine's version number of it.
    pub cas: Option<u64>,
}

impl Client {
    /// Asks every replica of `key` what it holds of it, in parallel.
    ///
    /// # Errors
    /// The key is none, or the network has no peers. What a single peer did is in its [`struct@Copy`].
    pub async fn inspect(&self, key: &[u8]) -> Result<Vec<Copy>, super::ReadError> {
        let key = Key::new(key)?;
        let plan = self.plan(key, Mode::Read).ok_or(super::ReadError::NoPeers)?;
        let serving = router::read_first(self.topology(), &plan.set);
        let copies = (0u8..).zip(plan.set.as_slice()).map(|(position, _)| {
            let peer = self.topology().peer(router::peer_at(&plan.set, position));
            async move {
                let item = self.inspect_at(&peer.spec.id, key).await;
                let state = peer.cell.state();
                Copy {
                    peer: peer.spec.id.clone(),
                    phase: state.phase(),
                    readable: state.is_readable(),
                    serves: serving.contains(position),
                    item,
                }
            }
        });
        Ok(futures_util::future::join_all(copies).await)
    }

    async fn inspect_at(&self, peer: &PeerId, key: Key<'_>) -> Result<Option<ItemInfo>, PeerError> {
        match self.ask_peer(peer, &Command::Inspect { key, base64: false }).await? {
            Answer::Line(line) if line == "EN" => Ok(None),
            Answer::Line(line) if line.starts_with(b"ME ") => Ok(Some(ItemInfo::parse(&line))),
            other => Err(self.peer_error(peer, &other)),
        }
    }
}

impl ItemInfo {
    /// Reads `ME <key> exp=-1 la=3 cas=1 fetch=no cls=1 size=63`; what is missing or odd stays unknown.
    fn parse(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let field = |name: &str| -> Option<i64> {
            let value = text.split(' ').skip(2).find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok())
        };
        let count = |name: &str| field(name).and_then(|number| u64::try_from(number).ok());
        // memcached 1.6.18 writes the seconds left with the wrong sign; -1 is never, in every version.
        let expires_in_s = field("exp").filter(|&seconds| seconds != -1).map(i64::unsigned_abs);
        Self { expires_in_s, idle_s: count("la"), item_bytes: count("size"), cas: count("cas") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_line_of_an_item_is_read() {
        let info = ItemInfo::parse(b"ME exp=9 exp=-1 la=3 cas=17 fetch=no cls=1 size=63");
        let expected = ItemInfo { expires_in_s: None, idle_s: Some(3), item_bytes: Some(63), cas: Some(17) };
        assert_eq!(info, expected, "the key is skipped, whatever it looks like");
        assert_eq!(ItemInfo::parse(b"ME k exp=-100 la=0").expires_in_s, Some(100));
        assert_eq!(ItemInfo::parse(b"ME k exp=100 la=0").expires_in_s, Some(100));
    }
}
