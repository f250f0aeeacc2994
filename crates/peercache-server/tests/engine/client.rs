//! A client that sends exactly the bytes it is told to.

use crate::programs::PATIENCE;
use crate::transcript::Answer;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Asked behind every request; its answer marks the end of the answers before it. An `mn` alone would not do,
/// because conversations ask that as well.
const MARK: &[u8] = b"delete mark 0 0\r\nmn\r\n";
const MARKED: &[u8] = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\nMN\r\n";

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        stream.set_nodelay(true).expect("an option can be set");
        Self { stream }
    }

    /// Sends `request` and takes all that is answered to it.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer {
        self.ask_in_pieces(&[request], || {})
    }

    /// The same, with `between` done after every piece but the last.
    pub(crate) fn ask_in_pieces(&mut self, pieces: &[&[u8]], mut between: impl FnMut()) -> Answer {
        let mut bytes = Vec::new();
        // A server that closes early may refuse the rest; what it said first can still be read.
        let mut sent = Ok(());
        if let [first @ .., last] = pieces {
            for piece in first {
                sent = sent.and(self.stream.write_all(piece));
                between();
            }
            sent = sent.and(self.stream.write_all(&[last, MARK].concat()));
        }
        loop {
            let mut buffer = [0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Answer { bytes, closed: true },
                Ok(read) => bytes.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Answer { bytes, closed: true };
                }
                Err(error) => {
                    panic!("{error} after {:?}, {sent:?}", Answer { bytes, closed: false });
                }
            }
            if bytes.ends_with(MARKED) {
                bytes.truncate(bytes.len() - MARKED.len());
                return Answer { bytes, closed: false };
            }
        }
    }

    /// Sends `request`, which is answered by exactly `answer`.
    pub(crate) fn expect(&mut self, request: &[u8], answer: &[u8]) {
        let said = self.ask(request);
        let expected = Answer { bytes: answer.to_vec(), closed: false };
        assert_eq!(said, expected, "{}", request.escape_ascii());
    }
}
