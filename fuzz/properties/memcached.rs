//! What holds for whatever is asked: the engine answers as a real memcached does, byte for byte.
//!
//! Both are asked the same operations in the same second. Versions are numbers of their own on either side,
//! so where one is to be named both are asked for theirs first, and in answers they are blotted out, unless
//! the client gave them. Where the second ends in the middle the answers may differ, so all is asked again.

use super::operations::{Deed, Key, Operation, operations};
use super::wording::{Knowledge, Listener, inspect, remove, say, unpacked};
use peercache_engine::Now;
use peercache_server::{Engine, Options, Session, Step};
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU32;
use std::time::Duration;

/// How often something is asked again because the second ended in the middle. What takes that long cannot be
/// judged.
const ATTEMPTS: usize = 20;

/// Requests are sent together up to so many bytes: little enough to be taken by the other side's socket, so
/// that nobody waits for an answer to be read while he is written to.
const PACKET_BYTES: usize = 16 * 1024;

/// The engine reads so many at once, so that a large value comes in pieces.
const PIECE_BYTES: usize = 40_000;

/// Versions from here on are never chosen by a daemon.
const GIVEN_VERSION_MIN: u64 = 1 << 61;

/// A version that nobody gives.
const NO_VERSION: u64 = 1 << 60;

/// So much of what was said is shown.
const MESSAGE_BYTES: usize = 2_000;

/// So much of a request is shown.
const LINE_BYTES: usize = 330;

/// Asked behind every packet; its answer marks the end of the answers before it.
const MARK: &[u8] = b"mn\r\n";
const MARKED: &[u8] = b"MN\r\n";

/// A connection to a memcached whose largest item is [`super::operations::ITEM_BYTES_MAX`].
pub(crate) struct Memcached {
    stream: TcpStream,
    knowledge: Knowledge,
}

impl Memcached {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("memcached listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out can be set");
        stream.set_nodelay(true).expect("an option can be set");
        let mut memcached = Self { stream, knowledge: Knowledge::New };
        // 1.6.18 knows no `E`, and tells so.
        let answer = memcached.ask(b"mg version E1\r\n");
        if answer.starts_with(b"CLIENT_ERROR") {
            memcached.knowledge = Knowledge::Old;
        }
        // Its versions begin at 1, below which is none.
        memcached.ask(&b"set version 0 0 0\r\n\r\n".repeat(3));
        let settings = memcached.ask(b"stats settings\r\n");
        let item_bytes_max = stat(&settings, "item_size_max");
        assert_eq!(item_bytes_max, super::operations::ITEM_BYTES_MAX as u64, "start it with -I 512k");
        memcached
    }

    /// The second in which it believes to be.
    fn now(&mut self) -> Now {
        Now { unix_s: stat(&self.ask(b"stats\r\n"), "time") }
    }

    fn ask(&mut self, requests: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        self.stream.write_all(&[requests, MARK].concat()).expect("memcached takes requests");
        let mut buffer = [0; 64 * 1024];
        while !answers.ends_with(MARKED) {
            let read = match self.stream.read(&mut buffer) {
                // By the fuzzer's alarm.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.expect("memcached answers"),
            };
            assert!(read > 0, "memcached closed the connection after {}", short(requests));
            answers.extend_from_slice(&buffer[..read]);
        }
        answers
    }
}

/// A number that `stats` tells.
fn stat(answer: &[u8], name: &str) -> u64 {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("STAT {name} ")).map(str::to_owned));
    line.and_then(|number| number.parse().ok()).expect("memcached tells it")
}

/// Holds all of it against `stream`.
pub(crate) fn hold(stream: &[u8], memcached: &mut Memcached) {
    for _ in 0..ATTEMPTS {
        let mut conversation = Conversation::begin(memcached);
        let (held, now) = (conversation.hold(stream), conversation.now);
        match held {
            Ok(()) => return,
            Err(difference) => assert!(memcached.now() != now, "{difference}"),
        }
    }
}

/// A conversation with both sides.
struct Conversation<'a> {
    memcached: &'a mut Memcached,
    engine: Engine,
    session: Session,
    now: Now,
    /// What was said and not sent yet, to the engine and to memcached.
    packet: [Vec<u8>; 2],
    /// Versions of a key that were asked for, of the engine and of memcached.
    asked: HashMap<Vec<u8>, [u64; 2]>,
    /// What the engine was asked so far, for a message.
    before: Vec<u8>,
}

impl<'a> Conversation<'a> {
    /// With a new engine, and a memcached that has nothing under these keys.
    fn begin(memcached: &'a mut Memcached) -> Self {
        let options = Options {
            memory_mb: NonZeroU32::new(64).expect("64 is not 0"),
            item_bytes_max: super::operations::ITEM_BYTES_MAX,
            ..Options::default()
        };
        let engine = Engine::new(options);
        let session = Session::new(&engine);
        memcached.ask(b"flush_all\r\n");
        let now = memcached.now();
        let (packet, asked) = ([Vec::new(), Vec::new()], HashMap::new());
        Self { memcached, engine, session, now, packet, asked, before: Vec::new() }
    }

    fn hold(&mut self, stream: &[u8]) -> Result<(), String> {
        let all: Vec<Operation> = operations(stream).collect();
        let mut keys: Vec<Key> = all.iter().flat_map(|operation| operation.key.and(3)).collect();
        keys.sort_by_key(|key| key.name());
        keys.dedup();
        for &key in &keys {
            self.memcached.ask(&remove(key));
        }
        for operation in &all {
            if matches!(operation.deed, Deed::Flush(_)) {
                // What was flushed comes back in 1.6.18 when a flush to come is ordered, unless somebody
                // asked for it meanwhile.
                for &key in &keys {
                    let request = inspect(key, key.must_be_packed(), self.memcached.knowledge);
                    self.say([request.clone(), request])?;
                }
            }
            if matches!(operation.deed, Deed::Count(_)) {
                // Where somebody waits for an item to be sent to him, memcached counts in a new one.
                self.send()?;
            }
            let versions = match operation.asks_for() {
                Some(asked) => {
                    let name = operation.key.name();
                    let current = self.versions(operation)?;
                    let earlier = self.asked.insert(name, current).unwrap_or([NO_VERSION; 2]);
                    [0, 1].map(|side| asked.number(current[side], earlier[side]))
                }
                None => [0, 0],
            };
            self.say(versions.map(|version| {
                let listener =
                    Listener { knowledge: self.memcached.knowledge, start_s: self.now.unix_s, version };
                say(operation, listener)
            }))?;
        }
        self.send().map(drop)
    }

    fn say(&mut self, request: [Vec<u8>; 2]) -> Result<(), String> {
        self.before.extend_from_slice(&request[0][..request[0].len().min(LINE_BYTES)]);
        if self.packet[1].len() + request[1].len() > PACKET_BYTES {
            self.send()?;
        }
        for (packet, request) in self.packet.iter_mut().zip(request) {
            packet.extend_from_slice(&request);
        }
        Ok(())
    }

    /// The versions that both sides have under the key of an operation.
    fn versions(&mut self, operation: &Operation) -> Result<[u64; 2], String> {
        self.send()?;
        let request = inspect(operation.key, operation.wording.is_packed, self.memcached.knowledge);
        self.packet = [request.clone(), request];
        let answers = self.send()?;
        Ok(answers.map(|answer| {
            let text = String::from_utf8_lossy(&answer).into_owned();
            // As `me` tells it, or `mg`.
            let told = |word: &str| word.strip_prefix("cas=").or(word.strip_prefix("c"))?.parse().ok();
            text.split(' ').find_map(told).unwrap_or(NO_VERSION)
        }))
    }

    /// Sends what was said, and compares what is answered.
    fn send(&mut self) -> Result<[Vec<u8>; 2], String> {
        let [said, told] = std::mem::take(&mut self.packet);
        if said.is_empty() {
            return Ok([Vec::new(), Vec::new()]);
        }
        let ours = self.ask_engine(&said);
        let theirs = self.memcached.ask(&told);
        let (shown, expected) = (blotted(&ours), blotted(&theirs));
        if shown == expected {
            return Ok([ours, theirs]);
        }
        let same = shown.iter().zip(&expected).take_while(|(ours, theirs)| ours == theirs).count();
        let from = |bytes: &[u8]| short(&bytes[same.min(bytes.len()).saturating_sub(60)..]);
        Err(format!(
            "to {}\nthe engine answers, from byte {same} on\n     {}\nand memcached\n     {}",
            short(&self.before[self.before.len().saturating_sub(MESSAGE_BYTES)..]),
            from(&shown),
            from(&expected)
        ))
    }

    fn ask_engine(&mut self, requests: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        let requests = [requests, MARK].concat();
        for piece in requests.chunks(PIECE_BYTES) {
            let mut step = self.session.handle_input(&self.engine, piece, self.now, &mut answers);
            // Answers are taken in turns.
            while step == Step::Again {
                let mut more = Vec::new();
                step = self.session.handle_input(&self.engine, b"", self.now, &mut more);
                answers.append(&mut more);
            }
            assert_eq!(step, Step::Continue, "after {}", short(&requests));
        }
        answers
    }
}

/// Answers without what belongs to one side: versions, the class of a slab, the sign with which 1.6.18 tells
/// the seconds that an item has left, how far below 0 they are, and whether a key is told in base64, which
/// memcached forgets.
fn blotted(answers: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), answers);
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, behind) = rest.split_at(end + 1);
        let words: Vec<&[u8]> = line.trim_ascii_end().split(|&byte| byte == b' ').collect();
        let body_bytes = match words[..] {
            [b"VALUE", _, _, length, ..] | [b"VA", length, ..] => {
                digits(length).map(|bytes| bytes as usize + 2)
            }
            _ => None,
        };
        for (at, word) in words.iter().enumerate() {
            let is_packed = word.starts_with(b"k") && words.get(at + 1) == Some(&&b"b"[..]);
            match *word {
                b"b" => continue,
                _ if is_packed => out.extend([b"k", &unpacked(&word[1..])[..]].concat()),
                word => out.extend(blotted_word(words[0], at, word)),
            }
            out.push(b' ');
        }
        out.extend_from_slice(b"\r\n");
        let (body, behind) = behind.split_at(body_bytes.unwrap_or(0).min(behind.len()));
        out.extend_from_slice(body);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out
}

fn blotted_word(verb: &[u8], at: usize, word: &[u8]) -> Vec<u8> {
    let (name, number) = match (verb, at, word) {
        (b"VALUE", 4, number) => (&b""[..], number),
        (b"HD" | b"VA" | b"NS" | b"EX" | b"NF" | b"EN", 1.., [b'c', number @ ..]) => (&b"c"[..], number),
        (b"HD" | b"VA", 1.., [b't', left @ ..]) if digits(left) > Some(1 << 31) => return b"t0".to_vec(),
        (b"ME", 1, _) => return b"?".to_vec(),
        (b"ME", 2.., _) if word.starts_with(b"cls=") => return b"cls=?".to_vec(),
        (b"ME", 2.., _) if word.starts_with(b"exp=-") => return [b"exp=", &word[5..]].concat(),
        (b"ME", 2.., _) if word.starts_with(b"cas=") => word.split_at(4),
        _ => return word.to_vec(),
    };
    match digits(number) {
        Some(1..GIVEN_VERSION_MIN) => [name, b"?"].concat(),
        _ => word.to_vec(),
    }
}

fn digits(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Bytes for a message.
fn short(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(MESSAGE_BYTES)].escape_ascii().to_string()
}
