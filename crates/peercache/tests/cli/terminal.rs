//! On a terminal: aligned columns, and colour unless `NO_COLOR` says otherwise.

use crate::world::World;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

/// What a person would see, and the exit code.
fn on_a_terminal(mut command: Command) -> (String, Option<i32>) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = OsString::from_vec(ptsname(&ours, Vec::new()).unwrap().into_bytes());
    let theirs = OpenOptions::new().read(true).write(true).open(name).unwrap();
    command.stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
    command.env("TERM", "xterm-256color");
    let mut child = command.spawn().unwrap();
    // With it go our handles on the other end, so that the reading ends when the command does.
    drop(command);
    let mut seen = Vec::new();
    // A terminal whose last program ended reads as an error, after everything was read.
    let _ = File::from(ours).read_to_end(&mut seen);
    (String::from_utf8(seen).unwrap(), child.wait().unwrap().code())
}

#[test]
fn lists_are_aligned() {
    let world = World::new();
    world.good("peer start p0 a-longer-id --engine memcached");
    let (seen, code) = on_a_terminal(world.command("peer list"));
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 3), "{seen}");
    assert!(!seen.contains('\t'), "{seen:?}");
    let column = lines[0].find("ENGINE").unwrap();
    assert!(lines[1..].iter().all(|line| line[column..].starts_with("memcached")), "{seen}");
}

#[test]
fn errors_are_coloured_unless_that_is_unwanted() {
    let world = World::new();
    let mut command = world.command("peer show p0");
    command.env_remove("NO_COLOR");
    let (seen, code) = on_a_terminal(command);
    assert_eq!(code, Some(1), "{seen}");
    assert!(seen.contains("\u{1b}[") && seen.contains("there is no peer p0"), "{seen:?}");
    let mut command = world.command("peer show p0");
    command.env("NO_COLOR", "1");
    let (seen, _) = on_a_terminal(command);
    assert!(seen.starts_with("error: there is no peer p0"), "{seen:?}");
    assert_eq!(world.run("peer show p0").err.matches('\u{1b}').count(), 0, "a pipe gets no colour");
}
