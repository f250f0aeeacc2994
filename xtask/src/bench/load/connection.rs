//! One connection of the generator: its buffers, and what it still waits for.

use super::answers::{self, Answer};
use super::requests::{self, Keys};
use super::tally::Tally;
use crate::bench::work::Work;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Read in one go; what is more shows up at the next wait.
const READ_BYTES: usize = 1 << 16;

const CONNECT_MAX: Duration = Duration::from_secs(2);

/// A request that has been written and not been answered.
#[derive(Debug)]
struct Sent {
    at: Instant,
    keys: usize,
}

/// A connection. After an answer that cannot be trusted it is closed and counts as an error.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    out: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    sent: VecDeque<Sent>,
    asked: VecDeque<u32>,
    /// Whether nothing more can come of it.
    pub(super) broken: bool,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, CONNECT_MAX)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            out: Vec::with_capacity(READ_BYTES),
            written: 0,
            input: Vec::with_capacity(READ_BYTES),
            sent: VecDeque::new(),
            asked: VecDeque::new(),
            broken: false,
        })
    }

    /// Writes up to `count` requests into the buffer.
    pub(super) fn ask(&mut self, count: usize, work: Work, keys: &mut Keys, now: Instant) {
        for _ in 0..count {
            let before = self.asked.len();
            if !requests::write(work, keys, &mut self.out, &mut self.asked) {
                break;
            }
            self.sent.push_back(Sent { at: now, keys: self.asked.len() - before });
        }
    }

    /// Reads once and counts every answer that is whole; returns how many.
    pub(super) fn receive(&mut self, work: Work, chunk: &mut [u8], tally: &mut Tally) -> usize {
        match self.socket.read(chunk) {
            Ok(0) => self.broken = true,
            Ok(count) => self.input.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return 0,
            Err(_) => self.broken = true,
        }
        let now = Instant::now();
        let (mut at, mut count) = (0, 0);
        while let Some(sent) = self.sent.front() {
            match answers::read(&self.input[at..], work, &self.asked, sent.keys) {
                Answer::Incomplete => break,
                Answer::Garbage => {
                    self.broken = true;
                    break;
                }
                Answer::Whole { bytes, missing, right } => {
                    at += bytes;
                    tally.answered(now - sent.at, missing, right);
                    self.asked.drain(..sent.keys);
                    self.sent.pop_front();
                    count += 1;
                }
            }
        }
        self.input.drain(..at);
        count
    }

    /// Writes what is in the buffer; what the socket does not take now stays.
    pub(super) fn flush(&mut self) {
        while self.written < self.out.len() {
            match self.socket.write(&self.out[self.written..]) {
                Ok(0) => self.broken = true,
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.broken = true,
            }
            if self.broken {
                return;
            }
        }
        self.out.clear();
        self.written = 0;
    }

    /// Whether the socket has to take more before anything can be answered.
    pub(super) fn has_output(&self) -> bool {
        self.written < self.out.len()
    }

    /// Requests without an answer.
    pub(super) fn waiting(&self) -> usize {
        self.sent.len()
    }
}

/// The buffer that [`Connection::receive`] reads through.
pub(super) fn chunk() -> Vec<u8> {
    vec![0; READ_BYTES]
}
