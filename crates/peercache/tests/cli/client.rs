//! A memcached client of a proxy, as small as tests need it.

use crate::world::PATIENCE;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Says a line and hears one; an error when the connection has ended.
    pub(crate) fn ask(&mut self, line: &str) -> std::io::Result<String> {
        self.say(format!("{line}\r\n").as_bytes())?;
        self.line()
    }

    /// Says so much and no more.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) -> std::io::Result<String> {
        self.ask(&format!("set {key} 0 0 {}\r\n{value}", value.len()))
    }

    /// The value, or what was said instead.
    pub(crate) fn get(&mut self, key: &str) -> std::io::Result<String> {
        let head = self.ask(&format!("get {key}"))?;
        if !head.starts_with("VALUE ") {
            return Ok(head);
        }
        let value = self.line()?;
        assert_eq!(self.line()?, "END");
        Ok(value)
    }

    /// The version of a value that is there.
    pub(crate) fn version(&mut self, key: &str) -> std::io::Result<String> {
        let head = self.ask(&format!("gets {key}"))?;
        assert!(head.starts_with("VALUE "), "{head}");
        self.line()?;
        assert_eq!(self.line()?, "END");
        Ok(head.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// Everything up to the end.
    pub(crate) fn stats(&mut self, about: &str) -> Vec<(String, String)> {
        let mut line = self.ask(format!("stats {about}").trim_end()).unwrap();
        let mut stats = Vec::new();
        while line != "END" {
            let (name, value) = line.strip_prefix("STAT ").unwrap().split_once(' ').unwrap();
            stats.push((name.to_owned(), value.to_owned()));
            line = self.line().unwrap();
        }
        stats
    }

    /// One number or word of what `stats` says.
    pub(crate) fn stat(&mut self, about: &str, name: &str) -> String {
        let stats = self.stats(about);
        let found = stats.iter().find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("no {name} in {stats:?}")).1.clone()
    }
}
