//! How a client of the text protocol says who it is: memcached's way. Its first command is a `set` of
//! anything, whose value is the user, a space and the password (S4).
//!
//! Nothing else is understood before that, and very little is read.

use peercache_client::users::ENTRY_BYTES_MAX;

/// What memcached answers to everybody whom it does not know.
const UNKNOWN: &str = "CLIENT_ERROR unauthenticated";

/// What it answers to a value that is no user and password.
const BAD_TOKEN: &str = "CLIENT_ERROR bad authentication token format";

/// What it answers to a value that is too long to be that.
const TOO_LONG: &str = "CLIENT_ERROR auth token too long";

/// The longest line that is read, in bytes.
const LINE_BYTES_MAX: usize = 512;

/// Attempts, right words in the wrong order included, after which a connection is closed.
pub(crate) const FAILURES_MAX: u8 = 5;

/// The answer to somebody who says to be whom he is not.
pub(crate) const NOT_ADMITTED: &str = "CLIENT_ERROR authentication failure";

/// What the bytes at hand amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login<'a> {
    /// Not a whole attempt yet.
    Incomplete,
    /// Somebody says to be this user.
    Attempt { user: &'a [u8], password: &'a [u8], bytes: usize },
    /// Something else, which is refused.
    Refused { answer: &'static str, bytes: usize },
    /// Nothing that could become an attempt: the connection has to go.
    Close { answer: &'static str },
}

/// Reads the attempt at the start of `input`.
pub(crate) fn decode(input: &[u8]) -> Login<'_> {
    let window = &input[..input.len().min(LINE_BYTES_MAX)];
    let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
        let is_too_long = input.len() >= LINE_BYTES_MAX;
        return if is_too_long { Login::Close { answer: UNKNOWN } } else { Login::Incomplete };
    };
    let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
    let words: Vec<_> = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
    let ([b"set", _, _, _, length] | [b"set", _, _, _, length, b"noreply"]) = words[..] else {
        return Login::Refused { answer: UNKNOWN, bytes: end + 1 };
    };
    let length = std::str::from_utf8(length).ok().and_then(|length| length.parse::<u32>().ok());
    match length.map(|length| length as usize) {
        Some(length) if length <= ENTRY_BYTES_MAX => body(input, end + 1, length),
        // Its body is taken for further attempts, of which there may be few.
        Some(_) => Login::Refused { answer: TOO_LONG, bytes: end + 1 },
        None => Login::Close { answer: BAD_TOKEN },
    }
}

/// Reads the body that begins at `start`.
fn body(input: &[u8], start: usize, length: usize) -> Login<'_> {
    let bytes = start + length + 2;
    let Some((value, end)) = input.get(start..bytes).map(|body| body.split_at(length)) else {
        return Login::Incomplete;
    };
    match value.iter().position(|&byte| byte == b' ') {
        Some(at) if end == b"\r\n" => {
            Login::Attempt { user: &value[..at], password: &value[at + 1..], bytes }
        }
        _ => Login::Refused { answer: BAD_TOKEN, bytes },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_whole_wherever_it_is_cut() {
        let input = b"set anything 0 0 10\r\nann secret\r\nget k\r\n";
        let bytes = input.len() - b"get k\r\n".len();
        for at in 0..bytes {
            assert_eq!(decode(&input[..at]), Login::Incomplete);
        }
        assert_eq!(decode(input), Login::Attempt { user: b"ann", password: b"secret", bytes });
        let spaced = decode(b"set x 0 0 5 noreply\r\na b c\r\n");
        assert_eq!(spaced, Login::Attempt { user: b"a", password: b"b c", bytes: 28 });
    }

    #[test]
    fn anything_else_is_refused_and_little_of_it_read() {
        for line in
            [&b"get k\r\n"[..], b"add x 0 0 3\r\n", b"set x 0 0\r\n", b"\r\n", b"set x 0 0 3 no reply\r\n"]
        {
            assert_eq!(decode(line), Login::Refused { answer: UNKNOWN, bytes: line.len() });
        }
        for body in [&b"set x 0 0 3\r\nann\r\n"[..], b"set x 0 0 3\r\na bcd"] {
            assert_eq!(decode(body), Login::Refused { answer: BAD_TOKEN, bytes: 18 });
        }
        for length in ["257", "4294967295"] {
            let line = format!("set x 0 0 {length}\r\n");
            assert_eq!(decode(line.as_bytes()), Login::Refused { answer: TOO_LONG, bytes: line.len() });
        }
        for length in ["-1", "x", "99999999999999999999"] {
            let line = format!("set x 0 0 {length}\r\n");
            assert_eq!(decode(line.as_bytes()), Login::Close { answer: BAD_TOKEN });
        }
        assert_eq!(decode(&[b'x'; 600]), Login::Close { answer: UNKNOWN });
    }
}
