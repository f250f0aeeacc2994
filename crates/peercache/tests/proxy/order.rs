//! Clients that write the same keys through one proxy leave the same in both copies (P-16).

use crate::network::{Network, Proxy};
use crate::wire::set_command;
use std::collections::BTreeMap;
use std::thread;

/// How many keys they write.
const KEYS: usize = 3_000;

/// How many they write where each command waits for the one before.
const MIXED_KEYS: usize = 1_000;

/// How often each of them writes every key.
const ROUNDS: usize = 3;

fn key(number: usize) -> String {
    format!("key{number}")
}

/// Two clients write every key at the same time, in batches.
fn write_twice(proxy: &Proxy, commands: impl Fn(usize, usize) -> Vec<String> + Sync) {
    thread::scope(|scope| {
        for client in 0..2 {
            let (mut conn, commands) = (proxy.connect(), &commands);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let answers = conn.pipeline(&commands(client, round));
                    assert_eq!(answers.iter().find(|answer| answer.contains("ERROR")), None);
                }
            });
        }
    });
}

fn copies(network: &Network) -> [BTreeMap<String, String>; 2] {
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    [0, 1].map(|peer: usize| network.peers[peer].connect().get_all(&keys))
}

fn sets_leave_equal_copies(options: &str) {
    let network = Network::of(2, 2);
    let proxy = network.proxy(options);
    write_twice(&proxy, |client, round| {
        (0..KEYS).map(|number| set_command(&key(number), &format!("{client}:{round}:{number}"))).collect()
    });
    let [first, second] = copies(&network);
    assert_eq!(first.len(), KEYS);
    assert_eq!(second.len(), KEYS);
    let different = first.iter().filter(|(key, value)| second[*key] != **value).count();
    assert_eq!(different, 0, "of {KEYS} keys");
}

#[test]
fn p16_two_clients_leave_equal_copies_of_3000_keys() {
    sets_leave_equal_copies("");
}

#[test]
fn p16_two_clients_of_two_workers_leave_equal_copies_of_3000_keys() {
    sets_leave_equal_copies("--workers 2");
}

/// One client sets and deletes, the other counts and appends: a copy may be missing, but none is different.
fn mixed_commands_leave_no_different_copies(options: &str) {
    let network = Network::of(2, 2);
    let proxy = network.proxy(options);
    write_twice(&proxy, |client, round| {
        let command = |number: usize| match (client, (number + round) % 4) {
            (0, 3) => format!("delete {}", key(number)),
            (0, _) => set_command(&key(number), &(round * 10).to_string()),
            (_, 0) => format!("append {} 0 0 1\r\n7", key(number)),
            (_, 1) => format!("add {} 0 0 1\r\n5", key(number)),
            _ => format!("incr {} 1", key(number)),
        };
        (0..MIXED_KEYS).map(command).collect()
    });
    let [first, second] = copies(&network);
    let different = |key: &&String| second.get(*key).is_some_and(|value| *value != first[*key]);
    assert_eq!(first.keys().filter(different).count(), 0, "of {MIXED_KEYS} keys");
}

#[test]
fn p16_whatever_two_clients_do_no_copy_is_different() {
    mixed_commands_leave_no_different_copies("");
}

#[test]
fn p16_whatever_two_clients_of_two_workers_do_no_copy_is_different() {
    mixed_commands_leave_no_different_copies("--workers 2");
}
