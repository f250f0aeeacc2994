//! A client that sends exactly the bytes it is told to.

use crate::stage::PATIENCE;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// Asked behind a request; its answer is the end of the answers before it. An `mn` alone would not do,
/// because values may hold that as well.
const MARK: &[u8] = b"delete mark 0 0\r\nmn\r\n";
const MARKED: &[u8] = b"CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\nMN\r\n";

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends `request` and takes all that is answered to it.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(&[request, MARK].concat());
        let mut said = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while !said.ends_with(MARKED) {
            let read = self.stream.read(&mut buffer);
            let read = read.unwrap_or_else(|error| panic!("{error} after {}", said.escape_ascii()));
            assert!(read > 0, "closed after {}", said.escape_ascii());
            said.extend_from_slice(&buffer[..read]);
        }
        said.truncate(said.len() - MARKED.len());
        said
    }

    /// Sends `request`, which is answered by exactly `answer`.
    pub(crate) fn expect(&mut self, request: &[u8], answer: &[u8]) {
        let said = self.ask(request);
        assert!(said == answer, "{}: {}", shown(request), shown(&said));
    }

    /// Takes exactly as many bytes as `answer` has, which must be those.
    pub(crate) fn take(&mut self, answer: &[u8]) {
        let mut said = vec![0; answer.len()];
        self.stream.read_exact(&mut said).unwrap();
        assert!(said == answer, "{} and not {}", shown(&said), shown(answer));
    }

    /// Sends no more, and takes what is answered until the other side closes.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.until_closed()
    }

    /// Takes what is answered until the other side closes, in order or not.
    pub(crate) fn until_closed(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        match self.stream.read_to_end(&mut said) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", shown(&said)),
        }
        said
    }

    /// Whether the other side has closed, without waiting for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut [0; 1024]);
        self.stream.set_nonblocking(false).unwrap();
        match read {
            Ok(bytes) => bytes == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// The beginning and the end of what was said, for people.
pub(crate) fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= 300 {
        return bytes.escape_ascii().to_string();
    }
    let (first, last) = (&bytes[..150], &bytes[bytes.len() - 150..]);
    format!("{}[…{} bytes…]{}", first.escape_ascii(), bytes.len() - 300, last.escape_ascii())
}

/// `set key` of `value`.
pub(crate) fn set(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("set {key} 0 0 {}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

/// What a `get` of it answers, without the end.
pub(crate) fn found(key: &str, value: &[u8]) -> Vec<u8> {
    [format!("VALUE {key} 0 {}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}
