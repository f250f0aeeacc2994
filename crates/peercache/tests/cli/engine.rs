//! The engine as a program: what whoever used to start a memcached types.

use crate::world::World;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn what_it_cannot_honour_ends_it_with_2_and_one_sentence() {
    let world = World::new();
    for (args, words) in [
        ("engine -Z", "there is no TLS"),
        ("engine -S", "there is no SASL"),
        ("engine -e /tmp/file", "memory alone"),
        ("engine -o ext_path=/x:1g", "memory alone"),
        ("engine -o fooble", "no flag \"-o fooble\""),
        ("engine -c 0", "from 1 up"),
        ("engine -l fooble", "IP addresses"),
        ("engine -I 256m", "more than half of -m"),
    ] {
        let ran = world.run(args);
        assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{args}: {ran:?}");
        assert!(ran.err.contains(words), "{args}: {ran:?}");
    }
    assert!(world.good("engine -h").contains("unix-socket"));
    assert!(world.good("engine -V").starts_with("peercache engine 1.6."));
}

/// One answer, up to the end that it is known by.
fn ask(socket: &std::path::Path, request: &str, end: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut said, mut buffer) = (String::new(), [0; 4096]);
    while !said.ends_with(end) {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {said}");
        said.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    said
}

#[test]
fn a_daemon_serves_when_its_starter_is_back_and_its_pid_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, pid_file) = (folder.path().join("socket"), folder.path().join("pid"));
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peercache"));
        command.args(["engine", "-A", "-d", "-m", "8", "-P"]).arg(&pid_file).arg("-s").arg(&socket);
        command.output().unwrap()
    };
    let started = start();
    assert!(started.status.success(), "{started:?}");
    let pid = fs::read_to_string(&pid_file).unwrap();
    let stats = ask(&socket, "stats\r\n", "END\r\n");
    assert!(stats.contains(&format!("STAT pid {}\r\n", pid.trim())), "{pid}: {stats}");

    let again = start();
    assert_eq!(again.status.code(), Some(1), "the socket is taken: {again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("in use"), "{again:?}");

    UnixStream::connect(&socket).unwrap().write_all(b"shutdown\r\n").unwrap();
    let begun = Instant::now();
    while socket.exists() || pid_file.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(20)); // tidy: the rest between two looks
    }
}
