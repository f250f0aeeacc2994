//! The outage ledger: one small file for each peer and each process that missed a write on it (P-11).
//!
//! ```text
//! state/outage/<peer>/<writer>    held locked by its writer for as long as that one lives
//!                     .lock       held by whoever is cleaning the peer
//!                     .emptied    says that it was, and that its misses mean nothing since
//!                     .detached   says whose entries these are, while nobody has the id
//! state/flush/<network>.json      when a delayed flush of the network is due, and for whom (P-18)
//!            .<network>.lock      held by whoever is carrying it out
//!            .<network>.change    held for a moment by whoever changes that file
//! ```
//!
//! A lock says who lives, and nothing else does: the kernel drops it with its holder, also after `kill -9`,
//! in other containers and after a reboot, and a recycled pid has none. So a file that nobody holds,
//! whatever is in it and however it came there, is the entry of a writer that is gone. Nothing here
//! decides: what follows from a folder's content is said in `sighting`, when this process's own file must
//! be there in `keeping`. All calls block for a disk's time.

mod flush;
mod folder;
pub(crate) mod keeping;
pub(crate) mod sighting;

pub(crate) use flush::FlushTurn;
pub use flush::PendingFlush;
pub(crate) use folder::is_out_of_descriptors;

use folder::Folder;
use peercache_core::spec::PeerId;
use serde_json::Value;
use sighting::{Sighting, Standing};
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The folder of all entries, in the state directory.
const OUTAGE: &str = "outage";

/// Held by the one process that is cleaning a peer.
const RETURN_LOCK: &str = ".lock";

/// Says that the peer was emptied, to processes that begin later.
const EMPTIED: &str = ".emptied";

/// Says where the daemon is that the entries concern, while nobody has its id.
const DETACHED: &str = ".detached";

/// An entry is about 60 bytes; a foreign file is not read further.
const ENTRY_BYTES_MAX: u64 = 4096;

/// How long a file may be half written before it counts as left behind by a crash.
const HALF_WRITTEN_MAX: Duration = Duration::from_secs(60);

/// The ledger of one state directory, as one writer of it.
#[derive(Debug)]
pub struct Ledger {
    state_dir: PathBuf,
    /// The name of this writer's files: no other one, before or after, has it.
    writer: String,
}

/// An entry as users are shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The process that missed writes, as it wrote itself down; none where the file does not say.
    pub pid: Option<u32>,
    /// When it first did, in seconds since 1970.
    pub since_unix_s: Option<u64>,
    /// Whether that process still lives.
    pub is_held: bool,
}

/// The right to clean a peer; given back when dropped. No file where there is nothing to lock: nobody ever
/// recorded an outage of the peer.
#[derive(Debug, Default)]
pub(crate) struct ReturnLock {
    _file: Option<File>,
}

impl Ledger {
    /// The ledger in `state_dir`, under a name that only this value has. Reads and creates nothing yet. A
    /// relative path is meant from the folder that this process is in now, wherever it goes later.
    #[must_use]
    pub fn at(state_dir: &Path) -> Self {
        let writer = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        // A path that is none, or no folder to be in: whoever reads there is told.
        let state_dir = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
        Self { state_dir, writer }
    }

    /// The state directory.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Whether a file of this name is this writer's.
    pub(crate) fn is_own(&self, name: &OsStr) -> bool {
        name == self.writer.as_str()
    }

    /// The folder of all peers' folders.
    pub(crate) fn outage_path(&self) -> PathBuf {
        self.state_dir.join(OUTAGE)
    }

    /// Who missed writes on `peer`.
    ///
    /// # Errors
    /// When the folder is there and cannot be read, or is none.
    pub fn outages(&self, peer: &PeerId) -> io::Result<Vec<Outage>> {
        let Some(folder) = self.folder(peer)? else { return Ok(Vec::new()) };
        let sightings = self.sight(peer)?.into_iter();
        Ok(sightings.map(|sighting| read_outage(&folder, &sighting)).collect())
    }

    /// Every entry of `peer` and how its writer stands.
    pub(crate) fn sight(&self, peer: &PeerId) -> io::Result<Vec<Sighting>> {
        let Some(folder) = self.folder(peer)? else { return Ok(Vec::new()) };
        let mut sightings = Vec::new();
        for name in folder.names()? {
            if is_hidden(&name) {
                continue;
            }
            let standing = if self.is_own(&name) { Some(Standing::Ours) } else { standing(&folder, &name)? };
            sightings.extend(standing.map(|standing| Sighting { name, standing }));
        }
        Ok(sightings)
    }

    /// Writes this process's entry for `peer` and syncs it, folder and all. The entry is this process's for
    /// as long as the file is held.
    pub(crate) fn create(&self, peer: &PeerId) -> io::Result<File> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let text = serde_json::json!({ "schema": 1, "pid": std::process::id(), "since_unix_s": since });
        let folder = Folder::make(&self.state_dir)?.make_child(OUTAGE)?.make_child(peer.as_str())?;
        folder.write_whole(self.writer.as_ref(), format!("{text}\n").as_bytes())
    }

    /// Removes this process's entry for `peer`. After a power cut it may be back, which costs a flush.
    pub(crate) fn remove(&self, peer: &PeerId) -> io::Result<()> {
        self.folder(peer)?.map_or(Ok(()), |folder| folder.remove(self.writer.as_ref()))
    }

    /// Tells processes that begin later that `peer` was emptied: its misses are to be asked of its siblings.
    /// Only where an outage was recorded; must come before its entries are removed.
    pub(crate) fn mark_emptied(&self, peer: &PeerId) -> io::Result<()> {
        self.folder(peer)?.map_or(Ok(()), |folder| folder.open_or_create(EMPTIED.as_ref()).map(drop))
    }

    /// Whether `peer` was emptied after an outage.
    pub(crate) fn was_emptied(&self, peer: &PeerId) -> io::Result<bool> {
        Ok(self.folder(peer)?.is_some_and(|folder| folder.has(EMPTIED.as_ref())))
    }

    /// From now on the misses of `peer` mean something again: it was started anew together with its
    /// siblings, or has none any more.
    ///
    /// # Errors
    /// It could not be written down; its misses go on to be asked of others.
    pub fn clear_emptied(&self, peer: &PeerId) -> io::Result<()> {
        self.folder(peer)?.map_or(Ok(()), |folder| folder.remove(EMPTIED.as_ref()))
    }

    /// The entries of `peer` whose writers are gone.
    ///
    /// # Errors
    /// As [`Self::outages`].
    pub fn abandoned(&self, peer: &PeerId) -> io::Result<Vec<OsString>> {
        let sightings = self.sight(peer)?.into_iter();
        Ok(sightings.filter(|found| found.standing == Standing::Abandoned).map(|found| found.name).collect())
    }

    /// Removes entries of writers that were gone before the peer was cleaned, or started anew, and what
    /// crashes left half written.
    ///
    /// # Errors
    /// Some could not be removed; whoever sees them cleans the peer once more.
    pub fn remove_abandoned(&self, peer: &PeerId, names: &[OsString]) -> io::Result<()> {
        let Some(folder) = self.folder(peer)? else { return Ok(()) };
        folder.sweep(HALF_WRITTEN_MAX)?;
        names.iter().try_for_each(|name| folder.remove(name))
    }

    /// `peer` is nobody's any more. What was recorded of it concerns the daemon at `address`, whoever has
    /// that id next; none is one that has ended. What somebody still records stays his.
    ///
    /// # Errors
    /// It could not be written down; whoever has that id next is cleaned for it.
    pub fn note_detached(&self, peer: &PeerId, address: Option<SocketAddr>) -> io::Result<()> {
        let Some(folder) = self.folder(peer)? else { return Ok(()) };
        let has_entries = folder.names()?.iter().any(|name| !is_hidden(name));
        match address.filter(|_| has_entries) {
            Some(address) => folder.write_whole(DETACHED.as_ref(), address.to_string().as_bytes()).map(drop),
            None => self.forget_peer(peer),
        }
    }

    /// The id `peer` is that of the daemon at `address` from now on. What was recorded of another one that
    /// had it before does not concern it.
    ///
    /// # Errors
    /// It could not be written down; it is cleaned for that.
    pub fn note_attached(&self, peer: &PeerId, address: SocketAddr) -> io::Result<()> {
        let Some(folder) = self.folder(peer)? else { return Ok(()) };
        let Some(file) = folder.open_file(DETACHED.as_ref())? else { return Ok(()) };
        let mut before = String::new();
        file.take(ENTRY_BYTES_MAX).read_to_string(&mut before)?;
        if before == address.to_string() { folder.remove(DETACHED.as_ref()) } else { self.forget_peer(peer) }
    }

    /// Removes what is recorded of `peer`, unless somebody who lives does.
    fn forget_peer(&self, peer: &PeerId) -> io::Result<()> {
        if self.sight(peer)?.iter().any(|found| found.standing != Standing::Abandoned) {
            return Ok(());
        }
        self.remove_abandoned(peer, &self.abandoned(peer)?)?;
        self.clear_emptied(peer)?;
        self.folder(peer)?.map_or(Ok(()), |folder| folder.remove(DETACHED.as_ref()))
    }

    /// Takes the right to clean `peer`; none while another process has it.
    pub(crate) fn lock_return(&self, peer: &PeerId) -> io::Result<Option<ReturnLock>> {
        let Some(folder) = self.folder(peer)? else { return Ok(Some(ReturnLock::default())) };
        let file = try_lock(folder.open_or_create(RETURN_LOCK.as_ref())?)?;
        Ok(file.map(|file| ReturnLock { _file: Some(file) }))
    }

    /// The peer's folder, if there is one.
    fn folder(&self, peer: &PeerId) -> io::Result<Option<Folder>> {
        let Some(state) = Folder::open(&self.state_dir)? else { return Ok(None) };
        let Some(outage) = state.child(OUTAGE)? else { return Ok(None) };
        outage.child(peer.as_str())
    }
}

/// Names with a dot are no entries: the lock, and files that are being written.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The file, locked; none while somebody else has it locked.
fn try_lock(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// How the writer of another file stands; none when the file is gone by now. Where that cannot be known (this
/// process has no descriptor left), it is an error: the entry of somebody who lives must never be removed.
fn standing(folder: &Folder, name: &OsStr) -> io::Result<Option<Standing>> {
    let file = match folder.open_file(name) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        // Another user's: whoever that is has to clean.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(Some(Standing::Held)),
        // No file at all, and so nobody's.
        Err(_) if !folder.has_file(name) => return Ok(Some(Standing::Abandoned)),
        Err(error) => return Err(error),
    };
    // Shared, so that those who look at the same time do not take each other for the writer.
    match file.try_lock_shared() {
        // Its writer may have removed it since the folder was listed, and let go of it then.
        Ok(()) => Ok(folder.has(name).then_some(Standing::Abandoned)),
        Err(TryLockError::WouldBlock) => Ok(Some(Standing::Held)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read_outage(folder: &Folder, sighting: &Sighting) -> Outage {
    let text = folder.open_file(&sighting.name).ok().flatten().and_then(|file| {
        let mut text = String::new();
        file.take(ENTRY_BYTES_MAX).read_to_string(&mut text).ok().map(|_| text)
    });
    let value: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    Outage {
        pid: number("pid").and_then(|pid| u32::try_from(pid).ok()),
        since_unix_s: number("since_unix_s"),
        is_held: sighting.standing != Standing::Abandoned,
    }
}

#[cfg(test)]
mod tests;
