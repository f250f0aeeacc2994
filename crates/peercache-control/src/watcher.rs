//! Watches the outage ledger, so that this process stops reading a peer soon after another one missed a write
//! on it (P-12), and learns when that peer was cleaned or its writer died.
//!
//! The kernel tells of changes in the folders (inotify). A writer that dies changes nothing there, and a
//! message may be lost, so everything is looked at again once a second; where the kernel tells nothing, much
//! more often.

use crate::folders::{FolderWatch, Watched};
use crate::ledger::{is_hidden, is_out_of_descriptors};
use crate::patient::Patient;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The safety net, where the kernel tells of changes: also how soon a writer's death is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where it does not: half of the promised 100 ms.
const LOOK_OFTEN: Duration = Duration::from_millis(50);

/// Looks at the ledger for as long as it is polled. `patients` share one ledger.
pub(crate) async fn watch(patients: Arc<[Arc<Patient>]>) {
    let mut eyes = Eyes::open();
    // What was seen last is still so: every change since would have been told, and none was.
    let mut is_current = false;
    loop {
        // Watched before looked at: what happens after the look is told.
        let all_told = eyes.settle_on(&patients);
        is_current &= all_told;
        let looked = patients.iter().filter(|patient| look(patient, is_current)).count();
        is_current = all_told && looked == patients.len();
        let pause = if all_told { LOOK_EVERY } else { LOOK_OFTEN };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            told = eyes.moved(&patients) => {
                is_current = false;
                if let Err(error) = told {
                    tracing::warn!("the kernel tells no more of the outage ledger: {error}");
                    eyes.watch = None;
                }
            }
        }
    }
}

/// Looks at one peer's part; tells whether this process knows what it says.
fn look(patient: &Patient, is_current: bool) -> bool {
    match patient.try_look() {
        Ok(()) => true,
        // It cannot look because it has no descriptor left, and knows that there is nothing new.
        Err(error) if is_current && is_out_of_descriptors(&error) => true,
        Err(error) => {
            patient.note_blind(&error);
            false
        }
    }
}

/// The kernel's messages about the ledger's folders.
struct Eyes {
    watch: Option<FolderWatch>,
    /// Which peer's folder each watch is on.
    folders: HashMap<Watched, usize>,
}

impl Eyes {
    fn open() -> Self {
        let watch = FolderWatch::open();
        if let Err(error) = &watch {
            tracing::debug!("the kernel tells nothing of the outage ledger: {error}");
        }
        Self { watch: watch.ok(), folders: HashMap::new() }
    }

    /// Watches every folder there is, and where one is missing the one that it will appear in. Returns
    /// whether every change will be told.
    fn settle_on(&mut self, patients: &[Arc<Patient>]) -> bool {
        let (Some(watch), Some(first)) = (&self.watch, patients.first()) else { return false };
        let Some(ledger) = &first.ledger else { return false };
        let outage = ledger.outage_path();
        let mut all = true;
        // From the outside in: what appears in between is found by the next step.
        let state = ledger.state_dir().canonicalize();
        all &= state.is_ok_and(|state| matches!(watch.add(&state), Ok(Some(_))));
        match watch.add(&outage) {
            Ok(None) => return all,
            watched => all &= watched.is_ok(),
        }
        for (index, patient) in patients.iter().enumerate() {
            match watch.add(&outage.join(patient.peer().spec.id.as_str())) {
                Ok(Some(watched)) => drop(self.folders.insert(watched, index)),
                Ok(None) => {}
                Err(_) => all = false,
            }
        }
        all
    }

    /// Returns after something happened in a watched folder. An entry that came and went in between is noted
    /// too: whoever cleaned the peer has made it forget.
    ///
    /// # Errors
    /// The kernel tells no more.
    async fn moved(&self, patients: &[Arc<Patient>]) -> io::Result<()> {
        let Some(watch) = &self.watch else { return std::future::pending().await };
        let came = |folder: Watched, name: &OsStr| {
            let patient = self.folders.get(&folder).and_then(|&index| patients.get(index));
            if let Some(patient) = patient
                && !is_hidden(name)
                && patient.ledger.as_ref().is_some_and(|ledger| !ledger.is_own(name))
            {
                patient.note_missed_elsewhere();
            }
        };
        watch.moved(came).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use peercache_client::Network;
    use peercache_core::spec::{
        EngineKind, HashKind, NetworkSpec, PeerSpec, Policy, Replication, Vnodes, Weight,
    };
    use peercache_core::topology::Topology;
    use std::path::Path;

    /// How long a test waits before it fails.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn patients(state: &Path) -> Arc<[Arc<Patient>]> {
        let peer = |id: &str| PeerSpec {
            id: id.parse().unwrap(),
            address: ([127, 0, 0, 1], 1).into(),
            weight: Weight::default(),
            engine: EngineKind::Memcached,
            ring_name: None,
            auth_file: None,
        };
        let spec = NetworkSpec {
            name: "main".parse().unwrap(),
            peers: ["p0", "p1"].map(peer).into(),
            replication: Replication::new(2).unwrap(),
            vnodes: Vnodes::default(),
            hash: HashKind::Xxh3,
            policy: Policy::default(),
        };
        let network = Network::new(Arc::new(Topology::build(&spec).unwrap()));
        let ledger = Arc::new(Ledger::at(state));
        let topology = network.topology();
        topology.peers().iter().map(|peer| Patient::new(&network, peer, Some(&ledger))).collect()
    }

    /// Waits for messages of the kernel, and for nothing else, until `p1` stands as wanted.
    async fn told_until(eyes: &mut Eyes, patients: &[Arc<Patient>], readable: bool) {
        let told = async {
            while patients[1].peer().cell.state().is_readable() != readable {
                assert!(eyes.settle_on(patients), "every change is told");
                patients.iter().for_each(|patient| patient.look().unwrap());
                if patients[1].peer().cell.state().is_readable() != readable {
                    eyes.moved(patients).await.unwrap();
                }
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("the kernel tells");
    }

    #[tokio::test]
    async fn p12_the_kernel_tells_of_an_entry_when_it_comes_and_when_it_goes() {
        let state = tempfile::tempdir().unwrap();
        let patients = patients(state.path());
        let mut eyes = Eyes::open();
        assert!(eyes.settle_on(&patients), "though there is no ledger yet");
        let (other, id) = (Ledger::at(state.path()), "p1".parse().unwrap());
        for _ in 0..3 {
            let entry = other.create(&id).unwrap();
            told_until(&mut eyes, &patients, false).await;
            other.remove(&id).unwrap();
            drop(entry);
            told_until(&mut eyes, &patients, true).await;
        }
        assert!(patients[1].peer().cell.state().has_forgotten());
        assert!(
            patients[0].peer().cell.state().is_readable() && !patients[0].peer().cell.state().has_forgotten()
        );
    }

    #[tokio::test]
    async fn p12_an_entry_that_came_and_went_unseen_leaves_a_peer_that_has_forgotten() {
        let state = tempfile::tempdir().unwrap();
        let patients = patients(state.path());
        let (other, id) = (Ledger::at(state.path()), "p1".parse().unwrap());
        drop(other.create(&id).unwrap());
        other.remove(&id).unwrap();
        let mut eyes = Eyes::open();
        eyes.settle_on(&patients);
        drop(other.create(&id).unwrap());
        other.remove(&id).unwrap();
        tokio::time::timeout(PATIENCE, eyes.moved(&patients)).await.expect("the kernel tells").unwrap();
        patients.iter().for_each(|patient| patient.look().unwrap());
        assert!(patients[1].peer().cell.state().has_forgotten());
        assert!(patients[1].peer().cell.state().is_readable());
    }

    /// Whoever has cleaned for an entry removes it, and then the peer may be read.
    #[tokio::test]
    async fn p12_an_entry_that_goes_keeps_nobody_from_reading() {
        let state = tempfile::tempdir().unwrap();
        let patients = patients(state.path());
        let (other, id) = (Ledger::at(state.path()), "p1".parse().unwrap());
        drop(other.create(&id).unwrap());
        let mut eyes = Eyes::open();
        assert!(eyes.settle_on(&patients));
        other.remove(&id).unwrap();
        patients.iter().for_each(|patient| patient.look().unwrap());
        tokio::time::timeout(PATIENCE, eyes.moved(&patients)).await.expect("the kernel tells").unwrap();
        assert!(patients[1].peer().cell.state().is_readable());
    }

    #[tokio::test]
    async fn p12_a_ledger_that_cannot_be_read_is_told_once_and_no_peer_is_read_before_it_can_be() {
        let state = tempfile::tempdir().unwrap();
        let patients = patients(state.path());
        let (patient, outage) = (&patients[0], state.path().join("outage"));
        assert!(look(patient, false));
        // A file where the folder should be: nobody can read it, not even root.
        std::fs::write(&outage, "mine").unwrap();
        for _ in 0..3 {
            assert!(!look(patient, true), "though nothing was told of it");
            assert!(!patient.peer().cell.state().is_readable());
            assert!(!patient.note_blind(&patient.try_look().unwrap_err()), "that was said");
        }
        std::fs::remove_file(&outage).unwrap();
        assert!(look(patient, false) && patient.peer().cell.state().is_readable());
        assert!(patient.peer().cell.state().has_forgotten(), "nobody knows what was recorded meanwhile");
        assert!(patient.note_blind(&io::Error::other("again")), "that is news");
    }
}
