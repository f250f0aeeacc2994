//! Commands that depend on the value they change go to one replica first (P-15): no other keeps what the
//! leader has not.

use crate::network::{Network, Peer, wait_for};
use crate::wire::Conn;
use std::thread;

/// How many clients count at once.
const CLIENTS: usize = 8;

/// How often each of them does.
const COUNTS: u64 = 150;

/// A network of two peers with two copies, and for a key the peer that leads and the one that follows.
fn led<'a>(network: &'a Network, key: &str) -> (&'a Peer, &'a Peer) {
    let replicas = network.replicas(key);
    (network.peer(&replicas[0]), network.peer(&replicas[1]))
}

/// Checks that the leader holds what clients read, and the follower the same or nothing.
fn check_copies(network: &Network, conn: &mut Conn, key: &str, expected: Option<&str>) {
    let (leader, follower) = led(network, key);
    assert_eq!(conn.get(key).map(|item| item.data).as_deref(), expected, "{key}");
    assert_eq!(leader.connect().get(key).map(|item| item.data).as_deref(), expected, "{key} at its leader");
    let followed = follower.connect().get(key).map(|item| item.data);
    assert!(followed.is_none() || followed.as_deref() == expected, "{key} at its follower: {followed:?}");
}

#[test]
fn p15_after_each_command_the_copies_agree_or_one_is_missing() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    for (command, value, answer, expected) in [
        ("add k 5 0", "10", "STORED", "10"),
        ("add k 5 0", "11", "NOT_STORED", "10"),
        ("replace k 6 0", "20", "STORED", "20"),
        ("append k 0 0", "1", "STORED", "201"),
        ("prepend k 0 0", "7", "STORED", "7201"),
        ("set k 0 0", "40", "STORED", "40"),
        ("append k 0 0", "0", "STORED", "400"),
        ("set k 0 0", "50", "STORED", "50"),
    ] {
        assert_eq!(conn.store(command, value), answer, "{command}");
        check_copies(&network, &mut conn, "k", Some(expected));
    }
    for (command, answer, expected) in
        [("incr k 5", "55", "55"), ("decr k 6", "49", "49"), ("ma k MD D7 v", "VA 2", "42")]
    {
        assert_eq!(conn.ask(command), answer);
        if command.starts_with("ma") {
            assert_eq!(conn.line(), expected);
        }
        check_copies(&network, &mut conn, "k", Some(expected));
        assert_eq!(network.copies("k").len(), 2, "counters follow");
    }
    let version = conn.version("k");
    assert_eq!(conn.store(&format!("cas k 3 0 {version}"), "swapped"), "STORED");
    check_copies(&network, &mut conn, "k", Some("swapped"));
    assert_eq!(conn.store(&format!("cas k 3 0 {version}"), "again"), "EXISTS");
    check_copies(&network, &mut conn, "k", Some("swapped"));
    for command in ["replace none 0 0", "append none 0 0", "prepend none 0 0"] {
        assert_eq!(conn.store(command, "v"), "NOT_STORED");
    }
    assert_eq!(conn.ask("incr none 1"), "NOT_FOUND");
    check_copies(&network, &mut conn, "none", None);
}

/// Follower copies that differ are never left: a counter that the follower has not as the leader has it goes.
#[test]
fn p15_a_follower_that_comes_to_another_number_loses_the_key() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("k", "10"), "STORED");
    let (_, follower) = led(&network, "k");
    assert_eq!(follower.connect().set("k", "77"), "STORED");
    assert_eq!(conn.ask("incr k 1"), "11");
    assert_eq!(follower.connect().get("k"), None);
    check_copies(&network, &mut conn, "k", Some("11"));
}

/// What clients are told while one peer of two hangs is what they read afterwards, whoever of the two led.
fn while_one(stop: impl Fn(&Peer), bring_back: impl Fn(&Peer), leads: bool) {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    let keys: Vec<_> = (0..40).map(|number| format!("key{number}")).collect();
    for key in &keys {
        assert_eq!(conn.set(key, "100"), "STORED");
        assert_eq!(conn.set(&format!("{key}text"), "a"), "STORED");
    }
    let (leader, follower) = led(&network, &keys[0]);
    let stopped = if leads { leader } else { follower };
    stop(stopped);
    // Whatever comes first may be lost where its leader cannot be asked any more; nothing is claimed of it
    // then.
    wait_for("the proxy to know", || conn.set("knock", "v") == "STORED");
    proxy.wait_until_readable(stopped, false);
    for key in &keys {
        assert_eq!(conn.ask(&format!("incr {key} 11")), "111");
        assert_eq!(conn.store(&format!("append {key}text 0 0"), "b"), "STORED");
        let version = conn.version(key);
        assert_eq!(conn.store(&format!("cas {key} 0 0 {version}"), "222"), "STORED");
        assert_eq!(conn.ask(&format!("decr {key} 2")), "220");
        assert_eq!(conn.store(&format!("add {key}new 0 0"), "n"), "STORED");
    }
    bring_back(stopped);
    wait_for("the peer to be back", || {
        for key in &keys {
            assert_eq!(conn.get(key).unwrap().data, "220");
            assert_eq!(conn.get(&format!("{key}text")).unwrap().data, "ab");
            assert_eq!(conn.get(&format!("{key}new")).unwrap().data, "n");
        }
        conn.stats("peers")[&format!("{}:readable", stopped.id)] == "yes"
    });
    for key in &keys {
        assert_eq!(conn.ask(&format!("incr {key} 1")), "221");
        assert!(network.copies(key).iter().all(|copy| copy == "221"));
    }
}

#[test]
fn p15_commands_are_right_while_a_follower_hangs_and_after() {
    while_one(Peer::hang, Peer::go_on, false);
}

#[test]
fn p15_commands_are_right_while_a_leader_hangs_and_after() {
    while_one(Peer::hang, Peer::go_on, true);
}

#[test]
fn p15_commands_are_right_when_a_follower_was_killed_and_after() {
    while_one(Peer::kill, Peer::restart, false);
}

#[test]
fn p15_commands_are_right_when_a_leader_was_killed_and_after() {
    while_one(Peer::kill, Peer::restart, true);
}

/// Lets clients count on one key at once; returns what each command was answered.
fn count_at_once(proxy: &crate::network::Proxy) -> Vec<String> {
    let client = || {
        let mut conn = proxy.connect();
        (0..COUNTS).map(|_| conn.ask("incr counter 1")).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn numbers(answers: &[String]) -> Vec<u64> {
    let mut numbers: Vec<u64> = answers.iter().filter_map(|answer| answer.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn counts_are_exact(options: &str) {
    let network = Network::of(2, 2);
    let proxy = network.proxy(options);
    let mut conn = proxy.connect();
    assert_eq!(conn.set("counter", "0"), "STORED");
    let counted = numbers(&count_at_once(&proxy));
    let total = CLIENTS as u64 * COUNTS;
    assert_eq!(counted, (1..=total).collect::<Vec<_>>(), "each number is given once");
    check_copies(&network, &mut conn, "counter", Some(&total.to_string()));
    assert_eq!(network.copies("counter").len(), 2, "nothing was lost on the way");
}

#[test]
fn p15_counts_of_eight_clients_are_all_in_every_copy() {
    counts_are_exact("");
}

#[test]
fn p15_counts_of_eight_clients_over_two_workers_are_all_in_every_copy() {
    counts_are_exact("--workers 2");
}

#[test]
fn p15_counts_are_kept_when_the_leader_is_killed_meanwhile() {
    let network = Network::of(2, 2);
    let proxy = network.proxy("");
    let mut conn = proxy.connect();
    assert_eq!(conn.set("counter", "0"), "STORED");
    let (leader, _) = led(&network, "counter");
    let answers = thread::scope(|scope| {
        let counting = scope.spawn(|| count_at_once(&proxy));
        let mut seen = proxy.connect();
        wait_for("some counts", || seen.get("counter").unwrap().data.parse::<u64>().unwrap() > 100);
        leader.kill();
        counting.join().unwrap()
    });
    let counted = numbers(&answers);
    let unknown = answers.len() - counted.len();
    assert!(unknown <= CLIENTS, "only what was under way may be lost: {unknown}");
    let end: u64 = conn.get("counter").unwrap().data.parse().unwrap();
    let acknowledged = counted.len() as u64;
    assert!((acknowledged..=acknowledged + unknown as u64).contains(&end), "{acknowledged} {unknown} {end}");
    assert_eq!(counted.windows(2).find(|pair| pair[0] == pair[1]), None, "each number is given once");
}
