//! What a state directory keeps, in what form, and what it refuses to read.

use super::*;
use peercache_core::spec::{EngineKind, HashKind, Ketama, OnDown, ReadPolicy, Replication, Vnodes};
use std::os::unix::fs::PermissionsExt;
use std::thread;

type Done = Result<(), StateError>;

fn id(text: &str) -> PeerId {
    text.parse().unwrap()
}

fn peer(text: &str) -> PeerRecord {
    PeerRecord::managed(id(text), EngineKind::Memcached)
}

fn on_port(name: &str, port: u16) -> PeerRecord {
    let mut peer = peer(name);
    peer.port = port;
    peer
}

fn network(name: &str, peers: &[&str]) -> NetworkRecord {
    let placement = Placement {
        replication: Replication::default(),
        vnodes: Vnodes::default(),
        hash: HashKind::Xxh3,
        on_down: OnDown::Error,
        read: ReadPolicy::OwnerFirst,
    };
    let mut network = NetworkRecord::new(name.parse().unwrap(), placement);
    network.peers = peers.iter().map(|peer| id(peer)).collect();
    network
}

fn scratch() -> (tempfile::TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::at(&folder.path().join("state")).unwrap();
    (folder, state)
}

#[test]
fn a_state_that_does_not_exist_is_empty_and_reading_creates_nothing() {
    let (_folder, state) = scratch();
    let read = state.read(|state| Ok::<_, StateError>((state.peers()?, state.networks()?))).unwrap();
    assert_eq!(read, (vec![], vec![]));
    assert!(!state.root().exists());
}

#[test]
fn records_come_back_as_they_were_with_fields_of_later_versions() {
    let (_folder, state) = scratch();
    state.change(|state| -> Done { state.put_peer(&peer("p0")) }).unwrap();
    let path = state.root().join("peer/p0.json");
    let text = fs::read_to_string(&path).unwrap().replacen('{', "{\"colour\": \"red\",", 1);
    fs::write(&path, text).unwrap();
    let change = |state: &mut Writer| -> Done {
        let mut peer = state.peer(&id("p0"))?.expect("it was put");
        peer.port = 12_345;
        state.put_peer(&peer)
    };
    state.change(change).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"colour\": \"red\"") && text.contains("\"port\": 12345"), "{text}");
}

#[test]
fn folders_and_files_are_for_this_user_only() {
    let (_folder, state) = scratch();
    state.change(|state| -> Done { state.put_network(&network("main", &["p0"])) }).unwrap();
    let mode = |name: &str| fs::metadata(state.root().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["", "peer", "network", "log"].map(mode), [0o700; 4]);
    assert_eq!([".lock", "network.json", "network/main.json"].map(mode), [0o600; 3]);
}

#[test]
fn the_folder_is_the_truth_and_the_registry_is_mended_from_it() {
    let (_folder, state) = scratch();
    let put = |name: &str| state.change(|state| -> Done { state.put_peer(&peer(name)) }).unwrap();
    put("p0");
    put("p1");
    // As if a command had died between the file and the registry, in both directions.
    fs::rename(state.root().join("peer/p1.json"), state.root().join("peer/p1.bad")).unwrap();
    let ids = || {
        let read = state.read(Reader::peers).unwrap();
        read.into_iter().map(|peer| peer.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["p0"]);
    put("p2");
    let registry = fs::read_to_string(state.root().join("peer/registry.json")).unwrap();
    let registry: serde_json::Value = serde_json::from_str(&registry).unwrap();
    assert_eq!(registry["peers"], serde_json::json!(["p0", "p2"]));
    assert_eq!(ids(), ["p0", "p2"]);
}

/// Every file of the state with its bytes.
fn files_of(state: &State) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in ["", "peer", "network", "proxy"] {
        let entries = fs::read_dir(state.root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(
            entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())),
        );
    }
    files.sort();
    files
}

#[test]
fn p70_a_change_that_fails_half_way_leaves_everything_as_it_was() {
    let (_folder, state) = scratch();
    let begin = |state: &mut Writer| -> Done {
        state.put_network(&network("main", &["p0"]))?;
        ["p0", "p1", "p2"].iter().try_for_each(|name| state.put_peer(&peer(name)))
    };
    state.change(begin).unwrap();
    let before = files_of(&state);
    let fail = |state: &mut Writer| -> Done {
        for port in [1, 2] {
            state.put_peer(&on_port("p0", port))?;
        }
        state.remove_peer(&id("p1"))?;
        state.remove_peer(&id("p2"))?;
        state.put_peer(&on_port("p2", 3))?;
        state.put_peer(&peer("p3"))?;
        state.remove_peer(&id("p3"))?;
        state.put_peer(&peer("p4"))?;
        state.remove_network(&"main".parse().unwrap())?;
        state.put_network(&network("other", &[]))?;
        fs::write(state.reader.root.join("peer/registry.json"), "{").unwrap();
        state.put_peer(&peer("p5"))
    };
    let registry = fs::read(state.root().join("peer/registry.json")).unwrap();
    let error = state.change(fail).unwrap_err();
    assert!(error.to_string().contains("registry.json is torn"), "{error}");
    fs::write(state.root().join("peer/registry.json"), registry).unwrap();
    assert_eq!(files_of(&state), before);
    state.change(|state| -> Done { state.remove_peer(&id("p1")) }).unwrap();
    assert_eq!(files_of(&state).len(), before.len() - 1, "no second name stays");
}

#[test]
fn a_torn_registry_is_named_and_survives() {
    let (_folder, state) = scratch();
    state.change(|state| -> Done { state.put_peer(&peer("p0")) }).unwrap();
    let path = state.root().join("peer/registry.json");
    fs::write(&path, "{\"schema\": 1, \"pe").unwrap();
    let error = state.change(|state| -> Done { state.put_peer(&peer("p1")) }).unwrap_err();
    assert!(error.to_string().contains("peer/registry.json is torn"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"schema\": 1, \"pe");
    assert!(!state.root().join("peer/p1.json").exists());
}

#[test]
fn a_record_under_another_name_is_foreign() {
    let (_folder, state) = scratch();
    state.change(|state| -> Done { state.put_peer(&peer("p0")) }).unwrap();
    fs::copy(state.root().join("peer/p0.json"), state.root().join("peer/p1.json")).unwrap();
    let error = state.read(|state| state.peer(&id("p1"))).unwrap_err();
    assert!(error.to_string().contains("it describes p0, not p1"), "{error}");
}

#[test]
fn changes_at_once_lose_nothing() {
    let (_folder, state) = scratch();
    state.change(|state| -> Done { state.put_network(&network("main", &[])) }).unwrap();
    thread::scope(|scope| {
        for number in 0..16 {
            let state = &state;
            scope.spawn(move || {
                let add = |state: &mut Writer| -> Done {
                    let mut main = state.network(&"main".parse().unwrap())?.expect("it was put");
                    main.peers.push(id(&format!("p{number}")));
                    state.put_network(&main)
                };
                state.change(add).unwrap();
            });
        }
    });
    let main = state.read(|state| state.network(&"main".parse().unwrap())).unwrap().unwrap();
    let members: std::collections::BTreeSet<_> = main.peers.iter().collect();
    assert_eq!((main.peers.len(), members.len()), (16, 16));
}

#[test]
fn a_ketama_ring_is_written_with_what_belongs_to_it_and_only_it() {
    let (_folder, state) = scratch();
    let mut ring = Ketama::TWEMPROXY;
    ring.hash_tag = Some("{}".parse().unwrap());
    let placement = Placement {
        replication: Replication::default(),
        vnodes: Vnodes::default(),
        hash: HashKind::Ketama(ring),
        on_down: OnDown::Error,
        read: ReadPolicy::OwnerFirst,
    };
    let written = NetworkRecord::new("main".parse().unwrap(), placement);
    assert_eq!(written.vnodes.get(), 160);
    state.change(|state| -> Done { state.put_network(&written) }).unwrap();
    let name = written.name.clone();
    let read = || state.read(|state| state.network(&name));
    assert_eq!(read().unwrap(), Some(written.clone()));

    let path = state.root().join("network/main.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"key_hash\": \"fnv1a_64\"") && text.contains("\"hash_tag\": \"{}\""), "{text}");
    fs::write(&path, text.replace("\"ketama\"", "\"xxh3\"")).unwrap();
    let error = read().unwrap_err().to_string();
    assert!(error.contains("belong to ketama, not to xxh3"), "{error}");
}

#[test]
fn p18_a_delayed_flush_follows_the_peers_of_its_network() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::at(folder.path()).unwrap();
    let (ledger, name) = (Ledger::at(folder.path()), "main".parse().unwrap());
    let put = |peers: &[&str]| {
        state.change(|state| -> Done { state.put_network(&network("main", peers)) }).unwrap();
        let pending = ledger.pending_flush(&name).unwrap().unwrap();
        pending.peers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    state.change(|state| -> Done { state.put_network(&network("main", &["p0"])) }).unwrap();
    ledger.set_pending_flush(&name, u64::MAX, ["p0".parse().unwrap()]).unwrap();
    assert_eq!(put(&["p0", "p1"]), ["p0", "p1"]);
    assert_eq!(put(&["p1"]), ["p1"]);
    ledger.set_pending_flush(&name, 1, ["p1".parse().unwrap()]).unwrap();
    assert_eq!(put(&["p1", "p2"]), ["p1"], "its time had passed before p2 came");
}
