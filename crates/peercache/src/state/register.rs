//! Which daemon each peer is, as its record says (P-33).
//!
//! A record is read without the lock: each is replaced as a whole, and whoever connects to a peer must not
//! wait for a command that is writing another one down.

use super::{PeerRecord, StateError, collection};
use peercache_agent::supervise::ProcessIdentity;
use peercache_client::{Register, Tenant};
use peercache_core::spec::PeerSpec;
use std::io;
use std::path::{Path, PathBuf};

/// The peers' records in a state directory.
#[derive(Debug)]
pub(crate) struct Records {
    root: PathBuf,
}

impl Records {
    /// Those in the state directory `root`, which need not exist.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
}

impl Register for Records {
    fn tenant(&self, peer: &PeerSpec) -> io::Result<Tenant> {
        let record = collection::get::<PeerRecord>(&self.root, &peer.id).map_err(|error| match error {
            // Whoever has no descriptor left is told by the number and not by the words.
            StateError::Unreadable { source, .. } if source.raw_os_error().is_some() => source,
            error => io::Error::other(error),
        })?;
        let Some(record) = record else { return Ok(Tenant::Anybody) };
        match record.tenant(peer) {
            // Nobody is told a password whose port may be somebody else's by now.
            Tenant::Process(_) if record.auth_file.is_some() && !record.is_alive()? => Ok(Tenant::Nobody),
            tenant => Ok(tenant),
        }
    }
}

impl PeerRecord {
    fn is_alive(&self) -> io::Result<bool> {
        let Some(process) = self.process() else { return Ok(false) };
        Ok(ProcessIdentity::of(process.pid)? == Some(process))
    }

    /// Who may answer at the address where `peer` is said to be.
    fn tenant(&self, peer: &PeerSpec) -> Tenant {
        match self.pid {
            _ if !self.managed => Tenant::Anybody,
            // It was started again on another port: what listens here now is somebody else.
            _ if self.address() != peer.address => Tenant::Nobody,
            Some(pid) => Tenant::Process(pid),
            None => Tenant::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peercache_core::spec::{EngineKind, Weight};

    fn managed(pid: Option<u32>) -> PeerRecord {
        let mut record = PeerRecord::managed("p0".parse().unwrap(), EngineKind::Memcached);
        (record.port, record.pid) = (12_000, pid);
        record
    }

    #[test]
    fn p33_a_peer_of_ours_is_the_process_of_its_record_at_its_address_and_nobody_else() {
        let (running, stopped) = (managed(Some(7)), managed(None));
        let here = running.spec();
        assert_eq!(running.tenant(&here), Tenant::Process(7));
        assert_eq!(stopped.tenant(&here), Tenant::Nobody);
        let before = PeerSpec { address: ([127, 0, 0, 1], 12_001).into(), ..here.clone() };
        assert_eq!(running.tenant(&before), Tenant::Nobody, "it has moved");
        let name = "far".parse().unwrap();
        let attached = PeerRecord::attached(here.id, here.address, Weight::default(), name);
        assert_eq!(attached.tenant(&before), Tenant::Anybody);
    }

    #[test]
    fn a_peer_without_a_record_is_whoever_answers_and_one_with_a_torn_one_nobody_knows() {
        let folder = tempfile::tempdir().unwrap();
        let (records, peer) = (Records::at(folder.path()), managed(None).spec());
        assert_eq!(records.tenant(&peer).unwrap(), Tenant::Anybody);
        std::fs::create_dir(folder.path().join("peer")).unwrap();
        std::fs::write(folder.path().join("peer/p0.json"), "{").unwrap();
        assert!(records.tenant(&peer).unwrap_err().to_string().contains("p0.json is torn"));
    }
}
