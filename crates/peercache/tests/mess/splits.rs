//! Requests in pieces: packets end anywhere, and a request is the same however it came.

use crate::client::{found, set};
use crate::stage::Stage;

/// Requests of every kind, with what is answered to all of them.
fn conversation() -> (Vec<u8>, Vec<u8>) {
    let requests: &[&[u8]] = &[
        b"set a 5 0 3\r\nabc\r\n",
        b"get a\r\n",
        b"add a 0 0 1\r\nx\r\n",
        b"append a 0 0 2\r\nde\r\n",
        b"get a b a\r\n",
        b"set n 0 0 1\r\n9\r\n",
        b"incr n 1\r\n",
        b"mg n v\r\n",
        b"ms m 4\r\n\r\n\r\n\r\n",
        b"mg m v q\r\nmn\r\n",
        b"set long 0 0 1\r\nxy\r\n",
        b"no such command\r\n",
        b"delete n noreply\r\nget n\r\n",
        b"delete a\r\n",
    ];
    let answers: &[&[u8]] = &[
        b"STORED\r\n",
        b"VALUE a 5 3\r\nabc\r\nEND\r\n",
        b"NOT_STORED\r\n",
        b"STORED\r\n",
        b"VALUE a 5 5\r\nabcde\r\nVALUE a 5 5\r\nabcde\r\nEND\r\n",
        b"STORED\r\n",
        b"10\r\n",
        b"VA 2\r\n10\r\n",
        b"HD\r\n",
        b"VA 4\r\n\r\n\r\n\r\nMN\r\n",
        b"CLIENT_ERROR bad data chunk\r\nERROR\r\n",
        b"ERROR\r\n",
        b"END\r\n",
        b"DELETED\r\n",
    ];
    (requests.concat(), answers.concat())
}

#[test]
fn a_conversation_is_answered_the_same_wherever_its_packets_end() {
    let stage = Stage::new();
    let (requests, answers) = conversation();
    for at in 1..requests.len() {
        let mut client = stage.client();
        client.send(&requests[..at]);
        // What is answered to the first piece shows that it was taken in before the second is sent.
        let whole = at > b"set a 5 0 3\r\nabc\r\n".len();
        if whole {
            client.take(b"STORED\r\n");
        }
        client.send(&requests[at..]);
        client.take(&answers[if whole { b"STORED\r\n".len() } else { 0 }..]);
    }
}

#[test]
fn a_conversation_that_comes_byte_by_byte_is_answered() {
    let stage = Stage::new();
    let (requests, answers) = conversation();
    let mut client = stage.client();
    for byte in requests {
        client.send(&[byte]);
    }
    client.take(&answers);
}

#[test]
fn values_up_to_the_limit_are_kept_and_one_byte_more_is_refused() {
    let stage = Stage::new();
    let mut client = stage.client();
    // A mebibyte is memcached's item: key, value and what it notes of them.
    for length in [1 << 20, (1 << 20) + 1, 1_000_000, (1 << 20) - 1, 1 << 19] {
        let value: Vec<u8> = (0..length).map(|n: usize| (n % 251) as u8).collect();
        let said = client.ask(&set("big", &value));
        let got = client.ask(b"get big\r\n");
        match said.as_slice() {
            b"STORED\r\n" => assert!(got == [&found("big", &value)[..], b"END\r\n"].concat(), "{length}"),
            b"SERVER_ERROR object too large for cache\r\n" => {
                assert!(length + 100 > 1 << 20, "{length} is refused");
                assert_eq!(got, b"END\r\n", "a refused value leaves no old one, {length}");
            }
            _ => panic!("{}", said.escape_ascii()),
        }
        assert!(length <= 1 << 20 || got == b"END\r\n");
    }
}

#[test]
fn a_value_of_a_megabyte_may_come_in_small_pieces() {
    let stage = Stage::new();
    let value: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let mut client = stage.client();
    for piece in set("big", &value).chunks(1_009) {
        client.send(piece);
    }
    client.take(b"STORED\r\n");
    client.expect(b"get big\r\n", &[&found("big", &value)[..], b"END\r\n"].concat());
}
