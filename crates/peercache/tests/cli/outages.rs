//! What one command missed, the next ones know (P-11, P-12): processes of the system over one state folder.

use crate::world::{Beside, Ran, World, signal, wait_for};
use rustix::process::Signal;
use std::fs;
use std::process::Command;

const KEYS: usize = 12;

fn network_of(world: &World, copies: u8) {
    world.good("peer start p0 p1 --engine memcached");
    world.good(&format!("network create main --replication {copies}"));
    world.good("network add main p0 p1");
}

/// Times that a test can sit through while a peer hangs.
fn quick(world: &World, args: &str) -> Command {
    let mut command = world.command(args);
    for (setting, ms) in [("ATTEMPT", "400"), ("CONNECT", "400"), ("REQUEST", "2000")] {
        command.env(format!("PEERCACHE_{setting}_MS"), ms);
    }
    command
}

fn run(world: &World, args: &str) -> Ran {
    Ran::of(quick(world, args).output().unwrap())
}

/// In a shell in which no file can grow.
fn run_on_a_full_disk(world: &World, args: &str) -> Ran {
    let command = quick(world, "");
    let environment = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"").arg(command.get_program());
    shell.args(args.split(' ')).envs(environment).current_dir(world.path(""));
    Ran::of(shell.output().unwrap())
}

fn hang(world: &World, peer: &str) -> u32 {
    let pid = world.pid(peer);
    signal(pid, Signal::STOP);
    let is_stopped = || {
        fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|thread| {
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        })
    };
    wait_for("every thread to stop", is_stopped);
    pid
}

/// Overwrites even keys and unsets those that leave one when divided by four.
fn change(world: &World) {
    for n in 0..KEYS {
        match n % 4 {
            0 | 2 => assert_eq!(run(world, &format!("network set main k{n} new")).code, 0),
            1 => assert_eq!(run(world, &format!("network unset main k{n}")).code, 0),
            _ => {}
        }
    }
}

fn check(world: &World, when: &str) {
    for n in 0..KEYS {
        let expected = ["new\n", "MISS\n", "new\n", "old\n"][n % 4];
        assert_eq!(run(world, &format!("network get main k{n}")).out, expected, "k{n} {when}");
    }
}

#[test]
fn p12_commands_read_nothing_that_another_one_overwrote_while_a_peer_hung() {
    let world = World::new();
    network_of(&world, 2);
    for n in 0..KEYS {
        world.good(&format!("network set main k{n} old"));
    }
    let pid = hang(&world, "p0");
    change(&world);
    check(&world, "while it hangs");
    let shown = run(&world, "network show main").out;
    assert!(shown.contains("not read") && shown.contains("p0 is not read: process"), "{shown}");
    signal(pid, Signal::CONT);
    let first = run(&world, "network get main k0");
    assert_eq!(first.out, "new\n");
    assert!(first.err.contains("p0 missed writes of a command that is gone"), "{first:?}");
    assert!(!run(&world, "network get main k0").err.contains("missed writes"), "that was once");
    check(&world, "after its return");
    assert!(!world.good("network show main").contains("not read"));
}

#[test]
fn p11_with_one_copy_a_command_does_not_leave_a_peer_unread_for_ever() {
    let world = World::new();
    world.good("peer start p0 --engine memcached");
    world.good("network create main --replication 1");
    world.good("network add main p0");
    world.good("network set main k old");
    // The pid is this test's own: it is alive, and no writer of an entry.
    fs::create_dir_all(world.state().join("outage/p0")).unwrap();
    let entry = format!("{{\"schema\":1,\"pid\":{},\"since_unix_s\":1}}\n", std::process::id());
    fs::write(world.state().join("outage/p0/1-0000002a"), entry).unwrap();
    let explained = world.json("network explain main k");
    assert_eq!(explained["copies"][0]["readable"], false);
    assert_eq!(explained["copies"][0]["outages"][0]["alive"], false);
    let read = world.run("network get main k");
    assert_eq!(read.out, "MISS\n", "nobody knows what it missed, so nobody has it: {read:?}");
    assert!(read.err.contains("p0 missed writes of a command that is gone"), "{read:?}");
    assert_eq!(world.json("network explain main k")["copies"][0]["readable"], true);
}

#[test]
fn p11_whatever_stays_cleans_for_commands_that_are_gone() {
    let world = World::new();
    let up = Beside::start(&world, world.command("up --peers 2 --engine memcached"));
    wait_for("up to be up", || up.out().contains("Ctrl-C stops everything"));
    world.good("network set main k old");
    let pid = hang(&world, "p0");
    assert_eq!(run(&world, "network set main k new").code, 0);
    let entries = || fs::read_dir(world.state().join("outage/p0")).unwrap().flatten();
    let is_recorded = || entries().any(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    assert!(is_recorded());
    signal(pid, Signal::CONT);
    wait_for("the outage to be over", || !is_recorded());
    let read = run(&world, "network get main k");
    assert_eq!((read.out.as_str(), read.err.as_str()), ("new\n", ""));
}

#[test]
fn p11_on_a_full_disk_a_write_that_a_peer_missed_is_an_error() {
    let world = World::new();
    network_of(&world, 2);
    world.good("network set main k old");
    let pid = hang(&world, "p0");
    let ran = run_on_a_full_disk(&world, "network set main k new");
    ran.assert_failed(&["cannot be acknowledged", "cannot record the outage of p0"]);
    assert_eq!(ran.err.lines().filter(|line| line.contains("cannot record")).count(), 1, "{ran:?}");
    signal(pid, Signal::CONT);
}

#[test]
fn p11_a_replay_that_cannot_record_what_a_peer_missed_says_so() {
    let world = World::new();
    network_of(&world, 2);
    fs::write(world.path("t.csv"), "0,k,1,1,1,set,0\n").unwrap();
    let pid = hang(&world, "p0");
    let ran = run_on_a_full_disk(&world, "lab replay t.csv --format twitter --network main --workers 1");
    assert!(ran.err.contains("other commands do not know: cannot record the outage of p0"), "{ran:?}");
    signal(pid, Signal::CONT);
}

/// A daemon that starts anew holds nothing that a command had missed: nobody has to wait for it.
#[test]
fn p11_a_peer_that_is_started_anew_has_no_outages() {
    let world = World::new();
    network_of(&world, 2);
    world.good("network set main k old");
    world.kill("p0");
    assert_eq!(run(&world, "network set main k new").code, 0);
    assert!(world.good("network show main").contains("p0 is not read"));
    world.good("peer start p0");
    assert!(!world.good("network show main").contains("not read"));
    let read = run(&world, "network get main k");
    assert_eq!((read.out.as_str(), read.err.as_str()), ("new\n", ""));
}
