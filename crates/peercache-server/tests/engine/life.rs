//! How an engine starts and stops.

use crate::client::Client;
use crate::programs::{Memcached, Running, options};
use peercache_engine::Versions;
use peercache_server::options::{Permission, UnixSocket};
use peercache_server::{BindError, OpenError, Options, bind};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[test]
fn a_port_in_use_is_one_clear_sentence() {
    let memcached = Memcached::start();
    let taken = Options { port: memcached.address.port(), ..options() };
    let error = bind(taken).unwrap_err();
    assert!(matches!(error, OpenError::Bind(BindError::InUse { address }) if address == memcached.address));
    assert!(error.to_string().contains("in use by another program"), "{error}");
}

#[test]
fn stopping_lets_idle_clients_go_and_keeps_what_was_asked() {
    let running = Running::start(options());
    let address = running.address;
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    clients.iter_mut().for_each(|client| client.expect(b"get k\r\n", b"END\r\n"));
    // This request may arrive before or after the end: it is answered, or the connection just ends.
    clients[0].stream.write_all(b"version\r\n").unwrap();
    running.stop();
    for client in &mut clients {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = client.stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"VERSION "), "{}", rest.escape_ascii());
    }
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn connections_are_spread_over_the_workers_and_share_one_store() {
    let running = Running::start(options());
    let mut clients: Vec<Client> = (0..8).map(|_| Client::connect(running.address)).collect();
    clients[0].expect(b"set k 0 0 1\r\na\r\n", b"STORED\r\n");
    for client in &mut clients {
        client.expect(b"get k\r\n", b"VALUE k 0 1\r\na\r\nEND\r\n");
    }
}

#[test]
fn a_unix_socket_is_private_and_goes_with_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixSocket { path: path.clone(), mode: 0o700 };
    let only_unix = Options { addresses: Vec::new(), unix_socket: Some(socket), ..options() };
    let running = Running::start(only_unix.clone());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"get k\r\nquit\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "END\r\n");
    assert!(matches!(bind(only_unix), Err(OpenError::Bind(BindError::SocketInUse { .. }))));
    running.stop();
    assert!(!path.exists());
}

#[test]
fn an_abandoned_socket_is_replaced_and_anything_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let socket = UnixSocket { path: path.clone(), mode: 0o700 };
    let only_unix = Options { addresses: Vec::new(), unix_socket: Some(socket), ..options() };
    fs::write(&path, "a letter").unwrap();
    let error = bind(only_unix.clone()).unwrap_err();
    assert!(error.to_string().contains("something else at that path"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
    fs::remove_file(&path).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a listener leaves its name behind");
    Running::start(only_unix).stop();
}

#[test]
fn a_client_may_stop_the_engine_only_where_that_is_allowed() {
    let running = Running::start(options());
    Client::connect(running.address).expect(b"shutdown\r\n", b"SERVER_ERROR: shutdown not enabled\r\n");
    let allowed = Running::start(Options { shutdown: Permission::Allowed, ..options() });
    assert!(Client::connect(allowed.address).ask(b"shutdown\r\n").closed);
    allowed.wait();
}

#[test]
fn flush_all_can_be_forbidden() {
    let running = Running::start(Options { flush_all: Permission::Refused, ..options() });
    let mut client = Client::connect(running.address);
    client.expect(b"set k 0 0 1\r\na\r\n", b"STORED\r\n");
    client.expect(b"flush_all\r\n", b"CLIENT_ERROR flush_all not allowed\r\n");
    client.expect(b"get k\r\n", b"VALUE k 0 1\r\na\r\nEND\r\n");
}

#[test]
fn whoever_is_silent_for_too_long_is_let_go() {
    let timeout = Some(Duration::from_millis(100));
    let running = Running::start(Options { idle_timeout: timeout, ..options() });
    let mut client = Client::connect(running.address);
    client.expect(b"get k\r\n", b"END\r\n");
    assert_eq!(client.stream.read(&mut [0; 16]).unwrap(), 0, "it is closed in order");
    let answer = Client::connect(running.address).ask(b"stats\r\n").bytes;
    assert!(String::from_utf8(answer).unwrap().contains("STAT idle_kicks 1\r\n"));
}

#[test]
fn a_client_with_many_requests_lets_others_have_their_turn() {
    let requests_per_turn = NonZeroU32::new(2);
    let running = Running::start(Options { requests_per_turn, ..options() });
    let mut client = Client::connect(running.address);
    client.expect(&b"get k\r\n".repeat(9), &b"END\r\n".repeat(9));
    let answer = String::from_utf8(client.ask(b"stats\r\n").bytes).unwrap();
    let yields = answer.lines().find_map(|line| line.strip_prefix("STAT conn_yields ")).unwrap();
    assert!(yields.parse::<u64>().unwrap() >= 4, "{yields}");
}

#[test]
fn without_versions_all_are_0_and_none_is_right() {
    let running = Running::start(Options { versions: Versions::Off, ..options() });
    let mut client = Client::connect(running.address);
    client.expect(b"set k 0 0 1\r\na\r\n", b"STORED\r\n");
    client.expect(b"gets k\r\n", b"VALUE k 0 1 0\r\na\r\nEND\r\n");
    client.expect(b"cas k 0 0 1 0\r\nb\r\n", b"EXISTS\r\n");
    client.expect(b"ms k 1 E5 c\r\nb\r\n", b"HD c0\r\n");
}

#[test]
fn listings_can_be_forbidden() {
    let running = Running::start(Options { dumps: Permission::Refused, ..options() });
    let mut client = Client::connect(running.address);
    client.expect(b"lru_crawler metadump all\r\n", b"ERROR metadump not allowed\r\n");
    client.expect(b"lru_crawler mgdump all\r\n", b"ERROR key dump not allowed\r\n");
    client.expect(b"stats cachedump 1 0\r\n", b"CLIENT_ERROR stats cachedump not allowed\r\n");
    client.expect(b"stats detail on\r\n", b"CLIENT_ERROR stats detail not allowed\r\n");
}

#[test]
fn a_listing_is_no_answer_among_others() {
    let running = Running::start(options());
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.write_all(b"mg k v\r\nlru_crawler metadump all\r\nquit\r\n").unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert_eq!(said, "EN\r\nERROR cannot pipeline other commands before metadump\r\n");
}
