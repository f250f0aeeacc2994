//! Peers that die between two bytes of an answer: the client gets the other copy, or an error and nothing of
//! the half.

use crate::client::{found, set, shown};
use crate::relay::Relay;
use crate::stage::{Folder, Process, Proxy, SERVE, wait_for};

/// Two peers, of which the first is behind a relay.
struct Wired {
    proxy: Proxy,
    relay: Relay,
    _peers: [Process; 2],
    _folder: Folder,
}

impl Wired {
    fn new(copies: usize) -> Self {
        let folder = Folder::new();
        let ((first, behind), (second, address)) = (folder.memcached(&[]), folder.memcached(&[]));
        let relay = Relay::to(behind);
        folder.network(copies, &[relay.address, address]);
        let proxy = folder.proxy(folder.command(SERVE));
        Self { proxy, relay, _peers: [first, second], _folder: folder }
    }

    /// Waits until the first peer can be read again.
    fn wait_until_whole(&self) {
        let up: &[&[u8]] =
            &[b"STAT p0:phase up\r\nSTAT p0:readable yes", b"STAT p0:phase warming\r\nSTAT p0:readable yes"];
        wait_for("the peer to be back", || {
            let said = self.proxy.client().ask(b"stats peers\r\n");
            up.iter().any(|up| said.windows(up.len()).any(|part| part == *up))
        });
    }
}

/// Where answers are cut: in the line, at its end, in the value, before its end.
const CUTS: [i64; 6] = [0, 3, 11, 14, 5_000, 10_012];

#[test]
fn a_peer_that_dies_in_the_middle_of_a_value_is_replaced_by_the_other_copy() {
    let wired = Wired::new(2);
    let value: Vec<u8> = (0..10_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    for cut in CUTS {
        wired.wait_until_whole();
        let mut client = wired.proxy.client();
        for n in 0..16 {
            client.expect(&set(&format!("k{n}"), &value), b"STORED\r\n");
        }
        wired.relay.break_after(cut);
        for n in 0..16 {
            let key = format!("k{n}");
            let whole = [&found(&key, &value)[..], b"END\r\n"].concat();
            client.expect(format!("get {key}\r\n").as_bytes(), &whole);
        }
        let keys: Vec<_> = (0..16).map(|n| format!("k{n}")).collect();
        let all: Vec<_> = keys.iter().flat_map(|key| found(key, &value)).chain(*b"END\r\n").collect();
        client.expect(format!("get {}\r\n", keys.join(" ")).as_bytes(), &all);
        wired.relay.mend();
    }
}

#[test]
fn a_multiget_whose_peer_dies_in_the_middle_is_completed_from_the_other_copies() {
    let wired = Wired::new(2);
    let value = vec![b'm'; 1_000];
    let keys: Vec<_> = (0..200).map(|n| format!("k{n}")).collect();
    let all: Vec<_> = keys.iter().flat_map(|key| found(key, &value)).chain(*b"END\r\n").collect();
    for cut in [0, 500, 1_020, 50_007] {
        wired.wait_until_whole();
        let mut client = wired.proxy.client();
        for key in &keys {
            client.expect(&set(key, &value), b"STORED\r\n");
        }
        wired.relay.break_after(cut);
        client.expect(format!("get {}\r\n", keys.join(" ")).as_bytes(), &all);
        wired.relay.mend();
    }
}

#[test]
fn without_another_copy_the_client_gets_an_error_and_nothing_of_the_half() {
    let wired = Wired::new(1);
    let value = vec![b'v'; 10_000];
    for cut in CUTS {
        wired.wait_until_whole();
        let mut client = wired.proxy.client();
        let keys: Vec<_> = (0..32).map(|n| format!("k{n}")).collect();
        for key in &keys {
            client.expect(&set(key, &value), b"STORED\r\n");
        }
        wired.relay.break_after(cut);
        let mut errors = 0;
        for key in &keys {
            let said = client.ask(format!("get {key}\r\n").as_bytes());
            let is_whole = said == [&found(key, &value)[..], b"END\r\n"].concat();
            let is_error =
                said.starts_with(b"SERVER_ERROR ") && said.iter().filter(|&&b| b == b'\n').count() == 1;
            assert!(is_whole || is_error, "{}", shown(&said));
            errors += usize::from(is_error);
        }
        assert!(errors > 0, "the wire broke after {cut} bytes, and nobody noticed");
        wired.relay.mend();
    }
}
