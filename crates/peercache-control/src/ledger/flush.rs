//! A delayed flush that is still to come, kept with the state of its network (P-18).
//!
//! One network has one: a second replaces it, and an immediate one cancels it, as in a daemon. The healers
//! carry it out; why no daemon is told of it is explained there, in `flusher`.
//!
//! Each has a number of its own and names the peers that it has still to reach. Whoever carried it out or
//! cancels it says which number it means, and strikes out only the peers that it reached: so an order that
//! came later is never taken for the one before, and no process speaks for peers that it does not know. Every
//! change is a short read, compare and write under a lock.

use super::folder::Folder;
use super::{Ledger, try_lock};
use peercache_core::spec::{NetworkName, PeerId};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The folder of pending flushes, in the state directory.
const FLUSH: &str = "flush";

/// A record of 65,535 peers with the longest names has 17 MB; a foreign file is not read further.
const BYTES_MAX: u64 = 32 << 20;

/// How long another process may take for a change, which is two writes and a rename. One that takes longer
/// was stopped in the middle.
const CHANGE_WITHIN: Duration = Duration::from_secs(2);

/// How soon to look again whether it is through.
const CHANGE_PAUSE: Duration = Duration::from_millis(5);

/// A flush of a network that is still to come, or due and not yet carried out everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingFlush {
    /// What tells it from every other one.
    pub number: u64,
    /// When it is due, in seconds since 1970; that may have passed.
    pub at_unix_s: u64,
    /// The peers that it has still to reach.
    pub peers: BTreeSet<PeerId>,
}

/// Whose turn it is to carry out a flush.
#[derive(Debug)]
pub(crate) enum FlushTurn {
    /// This process's, for as long as the file is held.
    Ours(File),
    /// That of a process with this pid, where it wrote that down.
    Others(Option<u32>),
}

impl PendingFlush {
    /// Whether its time has come.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.at_unix_s <= now
    }

    fn decode(text: &str) -> Option<Self> {
        let record: Value = serde_json::from_str(text).ok()?;
        let number = |name: &str| record.get(name).and_then(Value::as_u64);
        let peers = record.get("peers")?.as_array()?.iter();
        let peers = peers.map(|id| id.as_str()?.parse().ok()).collect::<Option<_>>()?;
        Some(Self { number: number("number")?, at_unix_s: number("at_unix_s")?, peers })
    }

    fn encode(&self) -> String {
        let Self { number, at_unix_s, peers } = self;
        let peers: Vec<_> = peers.iter().map(PeerId::as_str).collect();
        let record =
            serde_json::json!({ "schema": 1, "number": number, "at_unix_s": at_unix_s, "peers": peers });
        format!("{record}\n")
    }
}

impl Ledger {
    /// The pending flush of `network`. Blocks.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours; the error names it.
    pub fn pending_flush(&self, network: &NetworkName) -> io::Result<Option<PendingFlush>> {
        self.flushes()?.map_or(Ok(None), |folder| self.read_flush(&folder, network))
    }

    /// Writes down that `peers`, which are all of `network`, are to be flushed at a time in seconds since
    /// 1970, instead of what was pending: the healers of this state directory will do it, and no daemon is to
    /// be told. Blocks.
    ///
    /// # Errors
    /// It could not be written; what was pending still is.
    pub fn set_pending_flush(
        &self,
        network: &NetworkName,
        at_unix_s: u64,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> io::Result<()> {
        let peers = peers.into_iter().collect();
        let pending = PendingFlush { number: rand::random(), at_unix_s, peers };
        let folder = Folder::make(&self.state_dir)?.make_child(FLUSH)?;
        self.change_flush(&folder, network, |_| Some(pending))
    }

    /// The flush of this number is not pending any more: an immediate one was carried out in its place. One
    /// that came later stays. Blocks.
    ///
    /// # Errors
    /// It could not be removed and is still pending.
    pub fn cancel_pending_flush(&self, network: &NetworkName, number: u64) -> io::Result<()> {
        self.change_known_flush(network, |pending| Some(pending).filter(|found| found.number != number))
    }

    /// `joined` become peers of `network`, and `left` are none any more. A flush that is to come concerns
    /// whoever is a peer at its time. Blocks.
    ///
    /// # Errors
    /// It could not be written down: the peers that it names are those before.
    pub fn change_flush_peers(
        &self,
        network: &NetworkName,
        joined: &[PeerId],
        left: &[PeerId],
    ) -> io::Result<()> {
        self.change_known_flush(network, |mut pending| {
            pending.peers.retain(|peer| !left.contains(peer) && !joined.contains(peer));
            if !pending.is_due() {
                pending.peers.extend(joined.iter().cloned());
            }
            Some(pending)
        })
    }

    /// Nothing is pending any more: there is no such network, or it begins only now. Blocks.
    ///
    /// # Errors
    /// It could not be removed and is still pending.
    pub fn forget_flush(&self, network: &NetworkName) -> io::Result<()> {
        self.change_known_flush(network, |_| None)
    }

    /// These peers were reached by the flush of this number, which is due.
    pub(crate) fn strike_out_flushed(
        &self,
        network: &NetworkName,
        number: u64,
        reached: &BTreeSet<PeerId>,
    ) -> io::Result<()> {
        self.change_known_flush(network, |mut pending| {
            if pending.number == number {
                pending.peers.retain(|peer| !reached.contains(peer));
            }
            Some(pending).filter(|pending| pending.number != number || !pending.peers.is_empty())
        })
    }

    /// Takes the right to carry out the pending flush of `network`.
    pub(crate) fn lock_flush(&self, network: &NetworkName) -> io::Result<FlushTurn> {
        let folder = Folder::make(&self.state_dir)?.make_child(FLUSH)?;
        let open = || folder.open_or_create(format!(".{network}.lock").as_ref());
        let Some(mut file) = try_lock(open()?)? else {
            let mut text = String::new();
            open()?.take(20).read_to_string(&mut text)?;
            return Ok(FlushTurn::Others(text.trim().parse().ok()));
        };
        // For people: whoever waits says for whom. On a full disk nobody is named.
        let pid = std::process::id();
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{pid}"));
        Ok(FlushTurn::Ours(file))
    }

    fn flushes(&self) -> io::Result<Option<Folder>> {
        Folder::open(&self.state_dir)?.map_or(Ok(None), |state| state.child(FLUSH))
    }

    fn read_flush(&self, folder: &Folder, network: &NetworkName) -> io::Result<Option<PendingFlush>> {
        let name = file_name(network);
        let Some(file) = folder.open_file(&name)? else { return Ok(None) };
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        let foreign = || {
            let path = self.state_dir.join(FLUSH).join(&name);
            let words = format!("{} is torn or was not written by peercache; move it away", path.display());
            io::Error::new(ErrorKind::InvalidData, words)
        };
        PendingFlush::decode(&text).ok_or_else(foreign).map(Some)
    }

    /// Changes what is pending, if anything is.
    fn change_known_flush(
        &self,
        network: &NetworkName,
        change: impl FnOnce(PendingFlush) -> Option<PendingFlush>,
    ) -> io::Result<()> {
        match self.flushes()? {
            Some(folder) if folder.has(&file_name(network)) => {
                self.change_flush(&folder, network, |pending| pending.and_then(change))
            }
            _ => Ok(()),
        }
    }

    /// Changes what is pending while nobody else does.
    fn change_flush(
        &self,
        folder: &Folder,
        network: &NetworkName,
        change: impl FnOnce(Option<PendingFlush>) -> Option<PendingFlush>,
    ) -> io::Result<()> {
        let lock = format!(".{network}.change");
        let _lock = lock_within(&folder.open_or_create(lock.as_ref())?, CHANGE_WITHIN)?;
        let before = self.read_flush(folder, network)?;
        let after = change(before.clone());
        match after {
            after if after == before => Ok(()),
            None => folder.remove(&file_name(network)),
            Some(after) => folder.write_whole(&file_name(network), after.encode().as_bytes()).map(drop),
        }
    }
}

fn file_name(network: &NetworkName) -> OsString {
    format!("{network}.json").into()
}

/// Locks the file. Somebody else may have it for `within`.
fn lock_within(file: &File, within: Duration) -> io::Result<File> {
    let begun = Instant::now();
    loop {
        if let Some(locked) = try_lock(file.try_clone()?)? {
            return Ok(locked);
        }
        if begun.elapsed() > within {
            let words = "another process has been changing the pending flush for too long: is it stopped?";
            return Err(io::Error::new(ErrorKind::TimedOut, words));
        }
        std::thread::sleep(CHANGE_PAUSE);
    }
}
