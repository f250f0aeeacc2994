//! A peer hangs while half of its keys are overwritten or deleted, and goes on (P-12): nobody reads what
//! was there before, through a proxy or in the peer itself.

use crate::network::{Network, Peer, Proxy, wait_for};
use crate::wire::{Conn, set_command};
use std::time::{Duration, Instant};

/// For how long everything is read again and again after the peer went on.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Keys with their first values, a peer that has hung since, and what its keys should be by now.
struct Scene {
    network: Network,
    keys: Vec<String>,
    /// By key.
    expected: Vec<Option<String>>,
}

impl Scene {
    /// A network of two peers with two copies of each of so many keys.
    fn of(keys: usize) -> (Self, Proxy) {
        let network = Network::of(2, 2);
        let proxy = network.proxy("");
        let keys: Vec<_> = (0..keys).map(|number| format!("key{number}")).collect();
        let mut scene = Self { network, expected: vec![None; keys.len()], keys };
        scene.write(&mut proxy.connect(), "old", |_| true);
        (scene, proxy)
    }

    fn peer(&self) -> &Peer {
        &self.network.peers[0]
    }

    /// Sets the keys that are chosen by number.
    fn write(&mut self, conn: &mut Conn, what: &str, chosen: impl Fn(usize) -> bool) {
        let numbers: Vec<_> = (0..self.keys.len()).filter(|&number| chosen(number)).collect();
        let value = |number: usize| format!("{what}{number}");
        let commands: Vec<_> =
            numbers.iter().map(|&number| set_command(&self.keys[number], &value(number))).collect();
        let answers = conn.pipeline(&commands);
        assert!(answers.iter().all(|answer| answer == "STORED"), "{:?}", first_other(&answers, "STORED"));
        numbers.into_iter().for_each(|number| self.expected[number] = Some(value(number)));
    }

    /// Deletes the keys that are chosen by number.
    fn delete(&mut self, conn: &mut Conn, chosen: impl Fn(usize) -> bool) {
        let numbers: Vec<_> = (0..self.keys.len()).filter(|&number| chosen(number)).collect();
        let commands: Vec<_> =
            numbers.iter().map(|&number| format!("delete {}", self.keys[number])).collect();
        let answers = conn.pipeline(&commands);
        assert!(answers.iter().all(|answer| answer == "DELETED"), "{:?}", first_other(&answers, "DELETED"));
        numbers.into_iter().for_each(|number| self.expected[number] = None);
    }

    /// Overwrites and deletes half of the keys. What is overwritten is so twice: the first time the peer
    /// may have been sent it, and may execute it late.
    fn change(&mut self, conn: &mut Conn) {
        self.write(conn, "between", |number| number % 4 == 0);
        self.write(conn, "new", |number| number % 4 == 0);
        self.delete(conn, |number| number % 4 == 1);
    }

    /// Reads everything, and checks that it is as it should be.
    fn check(&self, conn: &mut Conn, when: &str) {
        let found = conn.get_all(&self.keys);
        for (key, expected) in self.keys.iter().zip(&self.expected) {
            assert_eq!(found.get(key), expected.as_ref(), "{key} {when}");
        }
    }

    /// Lets the peer go on, and reads everything through all of these again and again until it is readable
    /// and for a while longer; then looks into the peer itself.
    fn go_on_and_check(&self, proxies: &[&Proxy]) {
        self.peer().go_on();
        let start = Instant::now();
        let mut conns: Vec<_> = proxies.iter().map(|proxy| proxy.connect()).collect();
        let is_readable = |conn: &mut Conn| conn.stats("peers")["p0:readable"] == "yes";
        wait_for("the peer to be readable for everyone", || {
            conns.iter_mut().for_each(|conn| self.check(conn, "after it went on"));
            start.elapsed() > AFTERWARDS && conns.iter_mut().all(is_readable)
        });
        let found = self.peer().connect().get_all(&self.keys);
        for (key, expected) in self.keys.iter().zip(&self.expected) {
            // It was emptied, so it need not have anything.
            assert!(found.get(key).is_none_or(|found| Some(found) == expected.as_ref()), "{key}: {found:?}");
        }
        wait_for("the outage to be over", || !self.network.is_outage_recorded(self.peer()));
        let mut conn = proxies[0].connect();
        assert_eq!(conn.set("afterwards", "v"), "STORED");
        assert_eq!(self.network.copies("afterwards"), ["v", "v"], "it takes its part again");
    }
}

fn first_other<'a>(answers: &'a [String], expected: &str) -> Option<&'a String> {
    answers.iter().find(|answer| *answer != expected)
}

#[test]
fn p12_nothing_old_is_read_of_a_peer_that_hung_while_half_of_its_keys_changed() {
    let (mut scene, proxy) = Scene::of(20_000);
    scene.peer().hang();
    let start = Instant::now();
    let mut conn = proxy.connect();
    scene.change(&mut conn);
    // It hangs for three seconds, and clients go on.
    wait_for("three seconds to pass", || {
        scene.check(&mut conn, "while it hangs");
        start.elapsed() > Duration::from_secs(3)
    });
    scene.go_on_and_check(&[&proxy]);
}

#[test]
fn p12_a_proxy_that_saw_no_write_fail_reads_nothing_old_either() {
    let (mut scene, writer) = Scene::of(2_000);
    let reader = scene.network.proxy("");
    scene.check(&mut reader.connect(), "before");
    scene.peer().hang();
    scene.change(&mut writer.connect());
    assert!(scene.network.is_outage_recorded(scene.peer()));
    reader.wait_until_readable(scene.peer(), false);
    scene.check(&mut reader.connect(), "while it hangs");
    scene.go_on_and_check(&[&reader, &writer]);
}

#[test]
fn p12_a_proxy_that_was_killed_meanwhile_leaves_nothing_old_behind() {
    let (mut scene, proxy) = Scene::of(2_000);
    scene.peer().hang();
    scene.change(&mut proxy.connect());
    proxy.kill();
    let proxy = scene.network.proxy("");
    scene.check(&mut proxy.connect(), "while it hangs");
    scene.go_on_and_check(&[&proxy]);
}

#[test]
fn p12_a_proxy_that_is_started_when_the_peer_has_gone_on_reads_nothing_old() {
    let (mut scene, proxy) = Scene::of(2_000);
    scene.peer().hang();
    scene.change(&mut proxy.connect());
    proxy.kill();
    scene.peer().go_on();
    let proxy = scene.network.proxy("");
    scene.go_on_and_check(&[&proxy]);
}

#[test]
fn p12_a_proxy_that_was_told_to_end_meanwhile_leaves_nothing_old_behind() {
    let (mut scene, proxy) = Scene::of(2_000);
    scene.peer().hang();
    scene.change(&mut proxy.connect());
    let other = scene.network.proxy("");
    proxy.end();
    scene.check(&mut other.connect(), "while it hangs");
    scene.go_on_and_check(&[&other]);
}
