//! A proxy that wants to know who its clients are (S4): memcached's way, and stricter with those who guess.

use crate::client::{Client, set, shown};
use crate::stage::{Folder, Process, Proxy, SERVE, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const USERS: &str = "ann:secret\nbob:builder\n";

fn guarded(folder: &Folder) -> (Proxy, Process) {
    let (memcached, address) = folder.memcached(&[]);
    folder.network(1, &[address]);
    let path = folder.path("users");
    fs::write(&path, USERS).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let proxy = folder.proxy(folder.command(&format!("{SERVE} --auth-file users")));
    (proxy, memcached)
}

fn token(user_password: &str) -> Vec<u8> {
    set("anything", user_password.as_bytes())
}

#[test]
fn a_client_that_says_who_it_is_gets_memcacheds_answers() {
    let folder = Folder::new();
    let (proxy, _memcached) = guarded(&folder);
    let users = folder.path("users");
    let (_other, memcached) = folder.memcached(&["-Y", users.to_str().unwrap()]);
    let conversation: [(&[u8], &[u8]); 9] = [
        (b"get k\r\n", b"CLIENT_ERROR unauthenticated\r\n"),
        (&token("bob secret"), b"CLIENT_ERROR authentication failure\r\n"),
        (&token("bob"), b"CLIENT_ERROR bad authentication token format\r\n"),
        (b"version\r\n", b"CLIENT_ERROR unauthenticated\r\n"),
        (&token("bob builder"), b"STORED\r\n"),
        (&set("k", b"ann secret"), b"STORED\r\n"),
        (b"get k\r\n", b"VALUE k 0 10\r\nann secret\r\nEND\r\n"),
        (b"get anything\r\n", b"END\r\n"),
        (b"mn\r\n", b"MN\r\n"),
    ];
    for address in [memcached, proxy.address()] {
        let mut client = Client::connect(address);
        for (request, answer) in conversation {
            client.send(request);
            client.take(answer);
        }
    }
}

#[test]
fn a_client_that_guesses_is_closed_after_five_attempts() {
    let folder = Folder::new();
    let (proxy, _memcached) = guarded(&folder);
    let mut client = proxy.client();
    let guesses: Vec<u8> = (0..20).flat_map(|n| token(&format!("ann guess{n}"))).collect();
    client.send(&[&guesses[..], &token("ann secret"), b"version\r\n"].concat());
    let said = client.until_closed();
    assert!(said == b"CLIENT_ERROR authentication failure\r\n".repeat(5), "{}", shown(&said));
    wait_for("the log to say so", || proxy.log().contains("does not say who it is"));
    assert!(!proxy.log().contains("secret") && !proxy.log().contains("guess"), "{}", proxy.log());
}

#[test]
fn nothing_is_executed_for_a_client_that_nobody_knows() {
    let folder = Folder::new();
    let (proxy, _memcached) = guarded(&folder);
    let mut known = proxy.client();
    known.send(&token("ann secret"));
    known.take(b"STORED\r\n");
    known.expect(&set("keep", b"good"), b"STORED\r\n");
    let requests: [&[u8]; 7] = [
        b"flush_all\r\n",
        b"delete keep\r\n",
        b"set keep 0 0 4\r\nevil\r\n",
        b"ms keep 4\r\nevil\r\n",
        b"mg keep v\r\n",
        b"set x 0 0 100000\r\n",
        &[b'x'; 5_000],
    ];
    for request in requests {
        let mut client = proxy.client();
        client.send(&[request, b"delete keep\r\nflush_all\r\n"].concat());
        let said = client.finish();
        assert!(said.starts_with(b"CLIENT_ERROR "), "{}", shown(&said));
        let lines = said.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        assert!(lines.clone().all(|line| line.starts_with(b"CLIENT_ERROR ")), "{}", shown(&said));
        known.expect(b"get keep\r\n", b"VALUE keep 0 4\r\ngood\r\nEND\r\n");
    }
}

#[test]
fn a_client_that_takes_its_time_to_say_who_it_is_is_closed_and_others_are_not() {
    let folder = Folder::new();
    let (proxy, _memcached) = guarded(&folder);
    let mut known = proxy.client();
    known.send(&token("ann secret"));
    known.take(b"STORED\r\n");
    let (mut silent, mut slow) = (proxy.client(), proxy.client());
    slow.send(b"set x 0 0 10\r\nann se");
    let (mut silent_closed, mut slow_closed) = (false, false);
    wait_for("them to be closed", || {
        (silent_closed, slow_closed) = (silent_closed || silent.is_closed(), slow_closed || slow.is_closed());
        silent_closed && slow_closed
    });
    known.expect(b"get k\r\n", b"END\r\n");
}

#[test]
fn a_file_of_passwords_that_cannot_be_used_is_an_error_without_its_words() {
    let folder = Folder::new();
    folder.network(1, &[]);
    folder.bad("proxy main --auth-file nowhere", &["nowhere"]);
    fs::write(folder.path("empty"), "\n").unwrap();
    folder.bad("proxy main --auth-file empty", &["empty", "names no user"]);
    fs::write(folder.path("wrong"), "ann:secret\nhunter2\n").unwrap();
    folder.bad("proxy main --auth-file wrong", &["wrong:2", "user:password"]);
    let said = folder.run("proxy main --auth-file wrong");
    assert!(!String::from_utf8_lossy(&said.stderr).contains("hunter2"));
}

#[test]
fn a_proxy_that_asks_who_its_clients_are_may_listen_for_other_machines() {
    let folder = Folder::new();
    folder.network(1, &[]);
    fs::write(folder.path("users"), USERS).unwrap();
    let proxy = folder.proxy(folder.command("-o json proxy main --listen 0.0.0.0:0 --auth-file users"));
    assert!(proxy.log().contains("others can read the passwords"), "{}", proxy.log());
    assert!(!proxy.log().contains("anybody who reaches"), "{}", proxy.log());
}
