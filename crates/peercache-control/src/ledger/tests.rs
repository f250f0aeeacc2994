//! The ledger on a real file system: what is written, what is found, and what others put there.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn peer() -> PeerId {
    "p0".parse().unwrap()
}

fn seen(ledger: &Ledger) -> Vec<Standing> {
    let mut standings: Vec<_> =
        ledger.sight(&peer()).unwrap().into_iter().map(|found| found.standing).collect();
    standings.sort_by_key(|standing| *standing as u8);
    standings
}

#[test]
fn p11_an_entry_is_its_writers_for_as_long_as_that_one_holds_it() {
    let state = tempfile::tempdir().unwrap();
    let (ours, theirs) = (Ledger::at(state.path()), Ledger::at(state.path()));
    assert!(seen(&ours).is_empty());
    let entry = ours.create(&peer()).unwrap();
    assert_eq!(seen(&ours), [Standing::Ours]);
    assert_eq!(seen(&theirs), [Standing::Held]);
    let outage = &theirs.outages(&peer()).unwrap()[0];
    assert_eq!((outage.pid, outage.is_held), (Some(std::process::id()), true));
    drop(entry);
    assert_eq!(seen(&theirs), [Standing::Abandoned]);
    ours.remove(&peer()).unwrap();
    assert!(seen(&theirs).is_empty());
}

#[test]
fn p11_only_this_user_may_look_and_nothing_half_written_stays() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(state.path());
    let _entry = ledger.create(&peer()).unwrap();
    let folder = ledger.outage_path().join("p0");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&ledger.outage_path()), mode(&folder)), (0o700, 0o700));
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(mode(&names[0]), 0o600);
}

#[test]
fn p11_whatever_lies_in_the_folder_counts_as_an_entry_of_somebody_who_is_gone() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(state.path());
    let folder = ledger.outage_path().join("p0");
    fs::create_dir_all(folder.join("folder")).unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::write(folder.join("torn"), "{\"schema\":1,\"pi").unwrap();
    fs::write(folder.join("binary"), [0xff; 9000]).unwrap();
    symlink("/etc/hostname", folder.join("link")).unwrap();
    fs::write(folder.join(".lock"), "").unwrap();
    assert_eq!(seen(&ledger), [Standing::Abandoned; 5]);
    assert_eq!(ledger.outages(&peer()).unwrap().len(), 5);
    let names: Vec<_> = ledger.sight(&peer()).unwrap().into_iter().map(|found| found.name).collect();
    ledger.remove_abandoned(&peer(), &names).unwrap();
    assert!(seen(&ledger).is_empty());
    assert!(Path::new("/etc/hostname").exists(), "the link went, not what it led to");
}

#[test]
fn p11_a_folder_that_is_a_link_is_refused_and_named() {
    let state = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(state.path());
    symlink(elsewhere.path(), ledger.outage_path()).unwrap();
    for error in [ledger.create(&peer()).unwrap_err(), ledger.sight(&peer()).unwrap_err()] {
        assert!(error.to_string().contains("outage"), "{error}");
    }
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn p31_one_at_a_time_cleans_a_peer() {
    let state = tempfile::tempdir().unwrap();
    let (one, other) = (Ledger::at(state.path()), Ledger::at(state.path()));
    assert!(one.lock_return(&peer()).unwrap().is_some(), "there is nothing to lock");
    let _entry = one.create(&peer()).unwrap();
    let lock = one.lock_return(&peer()).unwrap();
    assert!(lock.is_some());
    assert!(other.lock_return(&peer()).unwrap().is_none());
    drop(lock);
    assert!(other.lock_return(&peer()).unwrap().is_some());
}

#[test]
fn p11_what_is_recorded_concerns_a_daemon_and_not_whoever_has_its_id_next() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(state.path());
    let (here, there) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
    let leave_word = || {
        drop(Ledger::at(state.path()).create(&peer()).unwrap());
        ledger.mark_emptied(&peer()).unwrap();
    };
    leave_word();
    ledger.note_detached(&peer(), Some(here)).unwrap();
    ledger.note_attached(&peer(), here).unwrap();
    assert_eq!(seen(&ledger), [Standing::Abandoned], "it is the daemon that missed something");
    ledger.note_attached(&peer(), there).unwrap();
    assert_eq!(seen(&ledger), [Standing::Abandoned], "nobody said that it had left");
    ledger.note_detached(&peer(), Some(here)).unwrap();
    ledger.note_attached(&peer(), there).unwrap();
    assert!(seen(&ledger).is_empty() && !ledger.was_emptied(&peer()).unwrap());
    leave_word();
    ledger.note_detached(&peer(), None).unwrap();
    assert!(seen(&ledger).is_empty() && !ledger.was_emptied(&peer()).unwrap());
    let _entry = ledger.create(&peer()).unwrap();
    ledger.note_detached(&peer(), None).unwrap();
    assert_eq!(seen(&ledger), [Standing::Ours], "somebody will clean for it");
}

fn ids(names: &[&str]) -> Vec<PeerId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn p18_a_pending_flush_is_kept_replaced_and_cancelled() {
    let state = tempfile::tempdir().unwrap();
    let (ledger, network) = (Ledger::at(state.path()), "main".parse().unwrap());
    let pending = || Ledger::at(state.path()).pending_flush(&network).unwrap();
    assert_eq!(pending(), None);
    ledger.set_pending_flush(&network, 2_000_000_000, ids(&["p0"])).unwrap();
    let first = pending().unwrap();
    ledger.set_pending_flush(&network, 2_000_000_000, ids(&["p1", "p0"])).unwrap();
    let second = pending().unwrap();
    assert_eq!(second.peers, ids(&["p0", "p1"]).into_iter().collect());
    assert_ne!(first.number, second.number, "though they are due at one time");
    ledger.cancel_pending_flush(&network, first.number).unwrap();
    ledger.strike_out_flushed(&network, first.number, &second.peers).unwrap();
    assert_eq!(pending(), Some(second.clone()), "whoever means the first does not touch the second");
    ledger.cancel_pending_flush(&network, second.number).unwrap();
    ledger.cancel_pending_flush(&network, second.number).unwrap();
    assert_eq!(pending(), None);
}

#[test]
fn p18_a_flush_is_pending_until_all_its_peers_were_reached() {
    let state = tempfile::tempdir().unwrap();
    let (ledger, network) = (Ledger::at(state.path()), "main".parse().unwrap());
    ledger.set_pending_flush(&network, 1, ids(&["p0", "p1"])).unwrap();
    let number = ledger.pending_flush(&network).unwrap().unwrap().number;
    ledger.strike_out_flushed(&network, number, &ids(&["p0"]).into_iter().collect()).unwrap();
    let rest = ledger.pending_flush(&network).unwrap().unwrap();
    assert_eq!((rest.number, rest.peers), (number, ids(&["p1"]).into_iter().collect()));
    ledger.strike_out_flushed(&network, number, &ids(&["p1"]).into_iter().collect()).unwrap();
    assert_eq!(ledger.pending_flush(&network).unwrap(), None);
}

#[test]
fn p18_a_pending_flush_concerns_whoever_is_a_peer_at_its_time() {
    let state = tempfile::tempdir().unwrap();
    let (ledger, network) = (Ledger::at(state.path()), "main".parse().unwrap());
    let peers_after = |at| {
        ledger.set_pending_flush(&network, at, ids(&["p0", "p1"])).unwrap();
        ledger.change_flush_peers(&network, &ids(&["p2"]), &[]).unwrap();
        ledger.change_flush_peers(&network, &[], &ids(&["p0"])).unwrap();
        ledger.pending_flush(&network).unwrap().unwrap().peers.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(peers_after(u64::MAX), ids(&["p1", "p2"]));
    assert_eq!(peers_after(1), ids(&["p1"]), "its time had passed before p2 came");
}

#[test]
fn p70_a_torn_pending_flush_is_named_and_not_replaced() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(state.path());
    let path = state.path().join("flush/main.json");
    fs::create_dir(state.path().join("flush")).unwrap();
    fs::write(&path, "{\"schema\":1,\"at_u").unwrap();
    let error = ledger.pending_flush(&"main".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("flush/main.json"), "{error}");
    assert!(path.exists());
}
