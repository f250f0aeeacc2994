//! A client of memcached that takes nothing for granted: what it is told comes back as it was told.

use crate::network::PATIENCE;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection to a proxy or to a memcached.
pub(crate) struct Conn {
    stream: BufReader<TcpStream>,
}

/// An item as `get` or `gets` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) flags: u32,
    pub(crate) data: String,
    /// Of `gets`.
    pub(crate) version: Option<u64>,
}

impl Conn {
    pub(crate) fn to(address: &str) -> Self {
        Self::try_to(address).unwrap_or_else(|| panic!("nobody listens at {address}"))
    }

    pub(crate) fn try_to(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The next line, without its end.
    pub(crate) fn line(&mut self) -> String {
        self.try_line().unwrap_or_else(|| panic!("the connection was closed"))
    }

    fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }

    /// Sends a command and returns the line that answers it.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n"));
        self.line()
    }

    /// A command with a value: `verb key flags exptime`, and for `cas` the version behind.
    pub(crate) fn store(&mut self, head: &str, value: &str) -> String {
        let mut words = head.splitn(5, ' ');
        let first: Vec<_> = words.by_ref().take(4).collect();
        let version = words.next().map(|version| format!(" {version}")).unwrap_or_default();
        self.ask(&format!("{} {}{version}\r\n{value}", first.join(" "), value.len()))
    }

    /// `set` that never expires.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> String {
        self.store(&format!("set {key} 0 0"), value)
    }

    /// What a read command finds, or the line that says why it cannot.
    pub(crate) fn read(&mut self, command: &str) -> Result<Vec<Item>, String> {
        self.send(&format!("{command}\r\n"));
        let mut items = Vec::new();
        loop {
            let line = self.line();
            let Some(head) = line.strip_prefix("VALUE ") else {
                return if line == "END" { Ok(items) } else { Err(line) };
            };
            let words: Vec<_> = head.split(' ').collect();
            let mut data = vec![0; words[2].parse::<usize>().unwrap() + 2];
            self.stream.read_exact(&mut data).unwrap();
            let data = String::from_utf8(data).unwrap();
            items.push(Item {
                key: words[0].to_owned(),
                flags: words[1].parse().unwrap(),
                data: data.strip_suffix("\r\n").unwrap().to_owned(),
                version: words.get(3).map(|version| version.parse().unwrap()),
            });
        }
    }

    /// `get` that must not fail.
    pub(crate) fn get(&mut self, key: &str) -> Option<Item> {
        self.read(&format!("get {key}")).unwrap().pop()
    }

    /// The version that `gets` tells of a key that is there.
    pub(crate) fn version(&mut self, key: &str) -> u64 {
        self.read(&format!("gets {key}")).unwrap()[0].version.unwrap()
    }

    /// What is there of many keys; must not fail.
    pub(crate) fn get_all(&mut self, keys: &[String]) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for keys in keys.chunks(100) {
            let items = self.read(&format!("get {}", keys.join(" "))).unwrap();
            found.extend(items.into_iter().map(|item| (item.key, item.data)));
        }
        found
    }

    /// Sends commands in batches, and returns the line that answers each.
    pub(crate) fn pipeline(&mut self, commands: &[String]) -> Vec<String> {
        let mut answers = Vec::with_capacity(commands.len());
        for commands in commands.chunks(100) {
            let mut text = String::new();
            commands.iter().for_each(|command| write!(text, "{command}\r\n").unwrap());
            self.send(&text);
            answers.extend(commands.iter().map(|_| self.line()));
        }
        answers
    }

    /// What `stats` tells about something.
    pub(crate) fn stats(&mut self, about: &str) -> BTreeMap<String, String> {
        self.send(&format!("stats {about}\r\n").replace(" \r", "\r"));
        self.try_stats().unwrap()
    }

    fn try_stats(&mut self) -> Option<BTreeMap<String, String>> {
        let mut stats = BTreeMap::new();
        loop {
            let line = self.try_line()?;
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("STAT"), Some(name), Some(value)) => stats.insert(name.to_owned(), value.to_owned()),
                _ => return Some(stats),
            };
        }
    }

    /// The pid of who answers; 0 where nobody does.
    pub(crate) fn pid(&mut self) -> u32 {
        let sent = self.stream.get_mut().write_all(b"stats\r\n");
        let stats = sent.ok().and_then(|()| self.try_stats()).unwrap_or_default();
        stats.get("pid").and_then(|pid| pid.parse().ok()).unwrap_or_default()
    }
}

/// `set` as a [pipeline](Conn::pipeline) takes it.
pub(crate) fn set_command(key: &str, value: &str) -> String {
    format!("set {key} 0 0 {}\r\n{value}", value.len())
}
