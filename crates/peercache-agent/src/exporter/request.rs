//! The head of an HTTP request, as far as a page of metrics needs it: the method and the path.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest head.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Other,
}

/// A request without a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Without what comes behind a question mark.
    pub(super) path: String,
}

/// Reads a head for at most `within`; none where it is no head of HTTP/1.
pub(super) fn read_request(stream: &mut TcpStream, within: Duration) -> io::Result<Option<Request>> {
    let until = Instant::now() + within;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > HEAD_BYTES_MAX {
            return Ok(None);
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            bytes => head.extend_from_slice(&buffer[..bytes]),
        }
    }
    Ok(parse(&head))
}

fn parse(head: &[u8]) -> Option<Request> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/1.") {
        return None;
    }
    let method = if method == "GET" { Method::Get } else { Method::Other };
    let path = target.split('?').next().unwrap_or_default().to_owned();
    Some(Request { method, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_a_method_a_path_and_a_version() {
        let request = parse(b"GET /metrics?a=b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!(request, Request { method: Method::Get, path: "/metrics".to_owned() });
        assert_eq!(parse(b"HEAD / HTTP/1.0\r\n\r\n").unwrap().method, Method::Other);
        for bad in [&b"get k\r\n\r\n"[..], b"GET / HTTP/2\r\n\r\n", b"GET /a b HTTP/1.1\r\n\r\n", b"\xff\r\n"]
        {
            assert_eq!(parse(bad), None);
        }
    }
}
