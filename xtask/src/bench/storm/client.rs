//! One connection of the storm: asks one thing at a time, and checks every answer.

use super::Shared;
use super::options::Options;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection.
pub(super) struct Client<'a> {
    options: &'a Options,
    reader: BufReader<TcpStream>,
    /// xorshift.
    random: u64,
    request: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> Client<'a> {
    pub(super) fn new(options: &'a Options, address: SocketAddr, number: u64) -> Result<Self, String> {
        let open = || {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = open().map_err(|error: std::io::Error| format!("{address}: {error}"))?;
        let random = 0x9e37_79b9_7f4a_7c15 ^ (number + 1).wrapping_mul(0x2545_f491_4f6c_dd1d);
        let reader = BufReader::with_capacity(1 << 16, stream);
        Ok(Self { options, reader, random, request: Vec::new(), value: Vec::new() })
    }

    /// Asks one thing after another until it is over.
    pub(super) fn run(&mut self, shared: &Shared) -> Result<(), String> {
        while !shared.is_over.load(Relaxed) {
            let key = self.draw() % self.options.keys();
            let is_read = self.draw() % 100 < self.options.reads_percent;
            let began = Instant::now();
            let hit = if is_read { self.read(key)? } else { self.write(key).map(|()| false)? };
            let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let mut tally = shared.tally.lock().map_err(|_| "another client panicked".to_string())?;
            tally.latencies.saturating_record(nanos);
            tally.reads += u64::from(is_read);
            tally.hits += u64::from(hit);
        }
        Ok(())
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    /// A length whose logarithm is even.
    fn draw_length(&mut self) -> usize {
        let Range { start, end } = self.options.value_bytes;
        let even = (self.draw() & 0xffff_ffff) as f64 / f64::from(u32::MAX);
        (start as f64 * (end as f64 / start as f64).powf(even)) as usize
    }

    fn write(&mut self, key: u64) -> Result<(), String> {
        let length = self.draw_length();
        let ttl_s = self.options.ttl_s.map_or(0, |longest| 1 + self.draw() % longest);
        self.request.clear();
        append(&mut self.request, format_args!("set k:{key} 0 {ttl_s} {length}\r\n"));
        let start = self.request.len();
        append(&mut self.request, format_args!("{key} {length} "));
        self.request.resize(start + length, b'.');
        self.request.extend_from_slice(b"\r\n");
        match self.ask()?.as_str() {
            "STORED" => Ok(()),
            other => Err(format!("a set of {length} bytes was answered {other:?}")),
        }
    }

    /// Whether it was there; a wrong value is an error.
    fn read(&mut self, key: u64) -> Result<bool, String> {
        self.request.clear();
        append(&mut self.request, format_args!("get k:{key}\r\n"));
        let line = self.ask()?;
        if line == "END" {
            return Ok(false);
        }
        let wrong = || format!("a get of k:{key} was answered {line:?}");
        let length = line.strip_prefix(&format!("VALUE k:{key} 0 ")).and_then(|word| word.parse().ok());
        let length: usize = length.ok_or_else(wrong)?;
        self.value.resize(length + b"\r\nEND\r\n".len(), 0);
        self.reader.read_exact(&mut self.value).map_err(|error| format!("a value was cut off: {error}"))?;
        let mut head = Vec::new();
        append(&mut head, format_args!("{key} {length} "));
        let is_right = self.value.starts_with(&head) && self.value.ends_with(b"\r\nEND\r\n");
        if is_right { Ok(true) } else { Err(format!("{} with another value", wrong())) }
    }

    fn ask(&mut self) -> Result<String, String> {
        let mut answer = String::new();
        let mut exchange = || {
            self.reader.get_mut().write_all(&self.request)?;
            self.reader.read_line(&mut answer)
        };
        exchange().map_err(|error| format!("no answer: {error}"))?;
        answer.truncate(answer.trim_end().len());
        Ok(answer)
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}
