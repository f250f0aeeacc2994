//! What peercache keeps between commands: which peers and networks there are.
//!
//! ```text
//! state/
//! ├── .lock              held for a read or a change, never while waiting for a daemon
//! ├── peer/              <id>.json, one a peer, and registry.json, which lists them
//! ├── network.json       lists the networks;  network/<name>.json, one a network
//! ├── proxy/             <pid>.json, one a running proxy, and registry.json
//! ├── outage/            who missed writes on which peer (the ledger of the control crate, as is flush/)
//! ├── log/               <id>.log, what each daemon printed
//! └── stats/             lab reports
//! ```
//!
//! Every file is written whole and read whole; one that is torn, empty, foreign or newer is an error that
//! names it, and is never replaced (P-70). Nothing here starts, stops or asks a daemon.

mod collection;
mod error;
mod files;
mod journal;
mod lock;
mod networks;
mod peers;
mod placing;
mod proxies;
mod register;
mod text;

pub(crate) use error::StateError;
pub(crate) use networks::{NetworkRecord, Placement};
pub(crate) use peers::{PeerRecord, PeerState};
pub(crate) use proxies::ProxyRecord;
pub(crate) use register::Records;

use journal::Journal;
use lock::{Lock, Tried};
use peercache_control::Ledger;
use peercache_core::spec::{NetworkName, PeerId};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How soon to look again whether the lock is free.
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The id that no peer can have: its file would be the registry.
pub(crate) const RESERVED_ID: &str = "registry";

/// A state directory, which need not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct State {
    root: PathBuf,
}

/// The state while nobody changes it.
#[derive(Debug)]
pub(crate) struct Reader {
    root: PathBuf,
    _lock: Option<Lock>,
}

/// The state while nobody else reads or changes it.
#[derive(Debug)]
pub(crate) struct Writer {
    reader: Reader,
    journal: Journal,
}

impl State {
    /// The state in `dir`. Nothing is created before the first change.
    pub(crate) fn at(dir: &Path) -> Result<Self, StateError> {
        let unreadable = |source| StateError::Unreadable { path: dir.to_owned(), source };
        match fs::metadata(dir) {
            Ok(metadata) if !metadata.is_dir() => Err(files::wrong_kind(dir, "no folder", "a folder")),
            // One spelling of the directory for all commands: daemons carry it.
            Ok(_) => Ok(Self { root: fs::canonicalize(dir).map_err(unreadable)? }),
            Err(_) => Ok(Self { root: std::path::absolute(dir).map_err(unreadable)? }),
        }
    }

    /// Where it is, as an absolute path.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory as daemons are marked with it, whatever links lead to it. It must exist.
    pub(crate) fn canonical(&self) -> Result<PathBuf, StateError> {
        let path = &self.root;
        fs::canonicalize(path).map_err(|source| StateError::Unreadable { path: path.clone(), source })
    }

    /// The log of the proxy that `up` starts for `network`. A peer of that name has another one.
    pub(crate) fn proxy_log(&self, network: &NetworkName) -> PathBuf {
        self.root.join("log").join(format!("_proxy-{network}.log"))
    }

    /// The folder of lab reports.
    pub(crate) fn stats_folder(&self) -> Result<PathBuf, StateError> {
        let folder = self.root.join("stats");
        self.make_root()?;
        files::make_folder(&folder)?;
        Ok(folder)
    }

    /// Reads under the lock.
    ///
    /// # Errors
    /// What `read` says, or why the state cannot be locked.
    pub(crate) fn read<T, E: From<StateError>>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, E>,
    ) -> Result<T, E> {
        let lock = Lock::shared(&self.root)?;
        read(&Reader { root: self.root.clone(), _lock: lock })
    }

    /// As [`Self::read`], for those who have something else to do while others change the state: it may take
    /// as long as a command that was stopped in the middle of a change.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_when_free<T, E: From<StateError>>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, E>,
    ) -> Result<T, E> {
        loop {
            if let Some(reader) = self.try_reader()? {
                return read(&reader);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    }

    /// The state, unless somebody changes it at this moment.
    pub(crate) fn try_reader(&self) -> Result<Option<Reader>, StateError> {
        Ok(match Lock::try_shared(&self.root)? {
            Tried::Free(lock) => Some(Reader { root: self.root.clone(), _lock: lock }),
            Tried::Busy => None,
        })
    }

    /// Changes under the lock, which nobody may hold while waiting for a daemon: hence a closure that cannot
    /// await.
    ///
    /// # Errors
    /// What `change` says, or why the state cannot be locked. All records are as they were before then.
    pub(crate) fn change<T, E: From<StateError>>(
        &self,
        change: impl FnOnce(&mut Writer) -> Result<T, E>,
    ) -> Result<T, E> {
        self.make_root()?;
        self.writer(Lock::exclusive(&self.root)?)?.carry_out(change)
    }

    /// As [`Self::change`], for those who have something else to do while others read or change the state.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(crate) async fn change_when_free<T, E: From<StateError>>(
        &self,
        change: impl FnOnce(&mut Writer) -> Result<T, E>,
    ) -> Result<T, E> {
        self.make_root()?;
        loop {
            if let Tried::Free(lock) = Lock::try_exclusive(&self.root)? {
                return self.writer(lock)?.carry_out(change);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    }

    /// Makes sure that the directory exists.
    pub(crate) fn make_root(&self) -> Result<(), StateError> {
        files::make_folder(&self.root)
    }

    fn writer(&self, lock: Lock) -> Result<Writer, StateError> {
        files::sweep(&self.root)?;
        for folder in ["peer", "network", "proxy", "log"] {
            let folder = self.root.join(folder);
            files::make_folder(&folder)?;
            files::sweep(&folder)?;
        }
        let reader = Reader { root: self.root.clone(), _lock: Some(lock) };
        Ok(Writer { reader, journal: Journal::default() })
    }
}

impl Reader {
    /// One peer, if there is such a one.
    pub(crate) fn peer(&self, id: &PeerId) -> Result<Option<PeerRecord>, StateError> {
        collection::get(&self.root, id)
    }

    /// All peers, by id.
    pub(crate) fn peers(&self) -> Result<Vec<PeerRecord>, StateError> {
        collection::all(&self.root)
    }

    /// One network, if there is such a one.
    pub(crate) fn network(&self, name: &NetworkName) -> Result<Option<NetworkRecord>, StateError> {
        collection::get(&self.root, name)
    }

    /// All networks, by name.
    pub(crate) fn networks(&self) -> Result<Vec<NetworkRecord>, StateError> {
        collection::all(&self.root)
    }

    /// The proxies that were running when they last said so.
    pub(crate) fn proxies(&self) -> Result<Vec<ProxyRecord>, StateError> {
        collection::all(&self.root)
    }

    /// The network that has the peer `id`; a peer is in one at most (P-40).
    pub(crate) fn network_of(&self, id: &PeerId) -> Result<Option<NetworkRecord>, StateError> {
        Ok(self.networks()?.into_iter().find(|network| network.peers.contains(id)))
    }
}

impl Deref for Writer {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Writer {
    /// Changes everything or nothing.
    fn carry_out<T, E>(mut self, change: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let changed = change(&mut self);
        match &changed {
            Ok(_) => self.journal.close(&self.reader.root),
            Err(_) => self.journal.take_back(),
        }
        changed
    }

    /// Creates or replaces a peer's record.
    pub(crate) fn put_peer(&mut self, peer: &PeerRecord) -> Result<(), StateError> {
        collection::put(&self.reader.root, &mut self.journal, peer)
    }

    /// Removes a peer's record.
    pub(crate) fn remove_peer(&mut self, id: &PeerId) -> Result<(), StateError> {
        collection::remove::<PeerRecord>(&self.reader.root, &mut self.journal, id)
    }

    /// The peers `ids` enter a network whose peers hold what these do not: their misses are asked of the next
    /// replica.
    pub(crate) fn begin_warming(&mut self, ids: &[PeerId]) -> Result<(), StateError> {
        for id in ids {
            if let Some(mut peer) = self.peer(id)?.filter(|peer| !peer.warming) {
                peer.warming = true;
                self.put_peer(&peer)?;
            }
        }
        Ok(())
    }

    /// The peers `ids` have left their network, and with it the siblings that stood in for them.
    pub(crate) fn end_warming(&mut self, ids: &[PeerId]) -> Result<(), StateError> {
        for id in ids {
            if let Some(mut peer) = self.peer(id)?.filter(|peer| peer.warming) {
                peer.warming = false;
                self.put_peer(&peer)?;
            }
        }
        // What cannot be taken back comes last.
        ids.iter().try_for_each(|id| self.begin_anew(id).map(drop))
    }

    /// What the peer forgot in earlier outages does not matter any more: it is started anew, or alone.
    /// Returns the outages of writers that are gone, for [`Self::end_outages`].
    pub(crate) fn begin_anew(&mut self, id: &PeerId) -> Result<Vec<OsString>, StateError> {
        let ledger = Ledger::at(&self.reader.root);
        ledger.clear_emptied(id).and_then(|()| ledger.abandoned(id)).map_err(|source| self.bad_ledger(source))
    }

    /// These outages of the peer are over: its daemon was started after their writers were gone.
    pub(crate) fn end_outages(&mut self, id: &PeerId, outages: &[OsString]) -> Result<(), StateError> {
        Ledger::at(&self.reader.root).remove_abandoned(id, outages).map_err(|source| self.bad_ledger(source))
    }

    /// The peer is none any more: what it missed is its daemon's, if that lives on (P-11).
    pub(crate) fn end_peer(&mut self, peer: &PeerRecord) -> Result<(), StateError> {
        self.remove_peer(&peer.id)?;
        let address = Some(peer.address()).filter(|_| !peer.managed);
        let noted = Ledger::at(&self.reader.root).note_detached(&peer.id, address);
        noted.map_err(|source| self.bad_ledger(source))
    }

    /// Creates the record of a peer that somebody else runs, under an id that another one may have had.
    pub(crate) fn begin_attached(&mut self, peer: &PeerRecord) -> Result<(), StateError> {
        let noted = Ledger::at(&self.reader.root).note_attached(&peer.id, peer.address());
        noted.map_err(|source| self.bad_ledger(source))?;
        self.put_peer(peer)
    }

    fn bad_ledger(&self, source: io::Error) -> StateError {
        StateError::Unwritable { path: self.reader.root.join("outage"), source }
    }

    /// Creates or replaces a network's record. A delayed flush of it follows: it concerns whoever is a peer
    /// at its time (P-18).
    pub(crate) fn put_network(&mut self, network: &NetworkRecord) -> Result<(), StateError> {
        let before = self.network(&network.name)?;
        if before.is_none() {
            // What was pending of another one of that name is not its.
            self.forget_flush(&network.name)?;
        }
        let before: Vec<_> = before.iter().flat_map(NetworkRecord::peers_and_starting).cloned().collect();
        let after: Vec<_> = network.peers_and_starting().cloned().collect();
        let only_in = |these: &[PeerId], others: &[PeerId]| -> Vec<PeerId> {
            these.iter().filter(|id| !others.contains(id)).cloned().collect()
        };
        // Who joins is to be flushed before anybody can read there, and who leaves until nobody can.
        self.change_flush(&network.name, &only_in(&after, &before), &[])?;
        collection::put(&self.reader.root, &mut self.journal, network)?;
        // One that stays named is reached by nobody, and is struck out when it joins again.
        let _ = self.change_flush(&network.name, &[], &only_in(&before, &after));
        Ok(())
    }

    fn change_flush(&self, name: &NetworkName, joined: &[PeerId], left: &[PeerId]) -> Result<(), StateError> {
        if joined.is_empty() && left.is_empty() {
            return Ok(());
        }
        let changed = Ledger::at(&self.reader.root).change_flush_peers(name, joined, left);
        changed.map_err(|source| self.bad_flush(name, source))
    }

    fn forget_flush(&self, name: &NetworkName) -> Result<(), StateError> {
        Ledger::at(&self.reader.root).forget_flush(name).map_err(|source| self.bad_flush(name, source))
    }

    fn bad_flush(&self, name: &NetworkName, source: io::Error) -> StateError {
        let path = self.reader.root.join("flush").join(format!("{name}.json"));
        StateError::Unwritable { path, source }
    }

    /// Creates or replaces a proxy's record.
    pub(crate) fn put_proxy(&mut self, proxy: &ProxyRecord) -> Result<(), StateError> {
        collection::put(&self.reader.root, &mut self.journal, proxy)
    }

    /// Removes a proxy's record.
    pub(crate) fn remove_proxy(&mut self, pid: u32) -> Result<(), StateError> {
        collection::remove::<ProxyRecord>(&self.reader.root, &mut self.journal, &pid)
    }

    /// Removes a network's record, and with it a delayed flush.
    pub(crate) fn remove_network(&mut self, name: &NetworkName) -> Result<(), StateError> {
        collection::remove::<NetworkRecord>(&self.reader.root, &mut self.journal, name)?;
        self.forget_flush(name)
    }
}

#[cfg(test)]
mod tests;
