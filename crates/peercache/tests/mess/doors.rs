//! How clients come in, are turned away and are seen out.

use crate::client::{Client, found, set, shown};
use crate::stage::{Folder, SERVE, Stage, wait_for};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Instant;

#[test]
fn one_client_too_many_is_told_so_and_places_come_free() {
    let stage = Stage::with(1, 1, "--connections 3");
    let mut seated: Vec<Client> = (0..3).map(|_| stage.client()).collect();
    seated.iter_mut().for_each(|client| client.expect(b"get k\r\n", b"END\r\n"));
    assert_eq!(stage.client().until_closed(), b"ERROR Too many open connections\r\n");
    drop(seated.pop());
    wait_for("a place to be free", || {
        let mut client = stage.client();
        // A client that is turned away may find its connection closed before it has asked.
        let _ = client.stream.write_all(b"mn\r\n");
        let mut said = [0; 4];
        client.stream.read_exact(&mut said).is_ok() && &said == b"MN\r\n"
    });
}

#[test]
fn a_client_that_says_nothing_for_too_long_is_closed_and_others_are_not() {
    let stage = Stage::with(1, 1, "--idle-timeout 2");
    let mut idle = stage.client();
    let mut half = stage.client();
    half.send(b"set k 0 0 100\r\nabc");
    let mut busy = stage.client();
    let (mut idle_closed, mut half_closed) = (false, false);
    let started = Instant::now();
    wait_for("idle clients to be closed", || {
        busy.expect(b"get k\r\n", b"END\r\n");
        (idle_closed, half_closed) = (idle_closed || idle.is_closed(), half_closed || half.is_closed());
        idle_closed && half_closed
    });
    assert!(started.elapsed().as_secs() >= 1, "after {:?}", started.elapsed());
    busy.expect(b"get k\r\n", b"END\r\n");
    stage.assert_well();
}

#[test]
fn a_client_on_a_unix_socket_is_served_like_any_other() {
    let folder = Folder::new();
    let (_memcached, address) = folder.memcached(&[]);
    folder.network(1, &[address]);
    let path = folder.path("proxy.sock");
    let mut proxy = folder.proxy(folder.command(&format!("-o json proxy main --unix {}", path.display())));
    assert_eq!(proxy.listen, path.display().to_string());
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700, "others must not use it");
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"set k 0 0 1\r\nx\r\nget k\r\nquit\r\n").unwrap();
    let mut said = Vec::new();
    client.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
    // A second proxy must not take the socket from the first.
    folder.bad(&format!("proxy main --unix {}", path.display()), &["in use", "proxy.sock"]);
    proxy.process.signal(Signal::TERM);
    assert!(proxy.process.end().success());
    assert!(!path.exists(), "the socket goes with its proxy");
}

#[test]
fn what_the_proxy_cannot_do_it_says_in_one_sentence() {
    let folder = Folder::new();
    folder.bad("proxy nowhere", &["nowhere"]);
    folder.network(1, &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = TcpListener::bind(taken).unwrap();
    folder.bad(&format!("proxy main --listen {taken}"), &[&taken.to_string(), "in use", "another port"]);
    drop(holder);
    folder.bad("proxy main --listen 0.0.0.0:0", &["0.0.0.0", "--insecure"]);
    folder.bad("proxy main --listen [::]:0", &["[::]", "--insecure"]);
    folder.bad("proxy main --listen nonsense", &["nonsense", "--listen"]);
    folder.bad("proxy main --workers 0", &["--workers"]);
    folder.bad("proxy main --connections 0", &["--connections"]);
    folder.bad("proxy main --idle-timeout 0", &["--idle-timeout"]);
    folder.bad("proxy main --unix /no/such/folder/p.sock", &["/no/such/folder/p.sock"]);
    std::fs::write(folder.path("file"), "mine").unwrap();
    folder.bad("proxy main --unix file", &["file", "something else"]);
    assert_eq!(std::fs::read_to_string(folder.path("file")).unwrap(), "mine");
    folder.bad("proxy", &["NETWORK"]);
}

#[test]
fn everybody_may_be_let_in_if_that_is_said() {
    let folder = Folder::new();
    folder.network(1, &[]);
    let proxy = folder.proxy(folder.command("-o json proxy main --listen 0.0.0.0:0 --insecure"));
    let port = proxy.address().port();
    let mut client = Client::connect(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    client.expect(b"get k\r\n", b"SERVER_ERROR No peers available.\r\n");
    assert!(proxy.log().contains("anybody who reaches this address"), "{}", proxy.log());
}

#[test]
fn the_end_under_load_leaves_no_answer_half_said() {
    let stage = Stage::new();
    let value = vec![b'x'; 20_000];
    stage.client().expect(&set("k", &value), b"STORED\r\n");
    let one = [&found("k", &value)[..], b"END\r\n"].concat();
    let Stage { mut proxy, peers, folder, .. } = stage;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let mut client = proxy.client();
                scope.spawn(move || {
                    let mut writer = client.stream.try_clone().unwrap();
                    // It goes on asking until nobody listens.
                    let asking =
                        std::thread::spawn(
                            move || {
                                while writer.write_all(&b"get k\r\n".repeat(10)).is_ok() {}
                            },
                        );
                    let said = client.until_closed();
                    asking.join().unwrap();
                    said
                })
            })
            .collect();
        wait_for("the load to run", || proxy.stat("get_hits") > 2_000);
        proxy.process.signal(Signal::TERM);
        for client in clients {
            whole_answers(&client.join().unwrap(), &one);
        }
    });
    assert!(proxy.process.end().success(), "{}", proxy.log());
    drop((peers, folder));
}

/// It reads nothing while there is time to answer everything, so most of what it has sent is never begun.
#[test]
fn whoever_reads_late_at_the_end_gets_what_was_begun_whole_and_the_rest_is_not_executed() {
    const ASKED: usize = 3_000;
    let Stage { mut proxy, peers, folder, .. } = Stage::new();
    let value = vec![b'x'; 20_000];
    let mut client = proxy.client();
    client.expect(&set("k", &value), b"STORED\r\n");
    client.send(&b"get k\r\n".repeat(ASKED));
    wait_for("the first answers", || proxy.stat("get_hits") > 0);
    proxy.process.signal(Signal::TERM);
    wait_for("the time for everything to be over", || proxy.log().contains("is not executed"));
    let answers = whole_answers(&client.until_closed(), &[&found("k", &value)[..], b"END\r\n"].concat());
    assert!((1..ASKED).contains(&answers), "{answers}");
    assert!(proxy.process.end().success(), "{}", proxy.log());
    drop((peers, folder));
}

/// How many answers `said` is: all are `one`, and none ends in its middle.
fn whole_answers(said: &[u8], one: &[u8]) -> usize {
    let is_whole = said.len().is_multiple_of(one.len()) && said.chunks(one.len()).all(|answer| answer == one);
    assert!(is_whole, "{} bytes end in the middle of an answer: {}", said.len(), shown(said));
    said.len() / one.len()
}

#[test]
fn a_proxy_that_ends_frees_its_port_at_once() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.expect(b"set k 0 0 1\r\nx\r\n", b"STORED\r\n");
    let Stage { mut proxy, peers, addresses, folder } = stage;
    let address = proxy.address();
    proxy.process.signal(Signal::INT);
    assert!(proxy.process.end().success());
    assert_eq!(client.until_closed(), b"");
    let again = folder.proxy(folder.command(&SERVE.replace("127.0.0.1:0", &address.to_string())));
    again.client().expect(b"get k\r\n", b"VALUE k 0 1\r\nx\r\nEND\r\n");
    drop((peers, addresses));
}
