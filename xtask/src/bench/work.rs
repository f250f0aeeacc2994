//! A kind of load: which command, how large its values, how many at once.

use std::fmt;
use std::str::FromStr;

/// One kind of load, written `get:32:1`: command, bytes of a value, requests outstanding on each connection;
/// and for `mget` the keys of a request, `mget:32:1:10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) command: Command,
    pub(super) value_bytes: usize,
    pub(super) depth: usize,
    /// Keys of one request; 1 but for `mget`.
    pub(super) request_keys: usize,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Get,
    Set,
    Mget,
}

/// More than this makes no sense and would take memory without end.
const VALUE_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 1024;
const REQUEST_KEYS_MAX: usize = 1000;

impl FromStr for Work {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("{text:?} is no work: write COMMAND:VALUE_BYTES:DEPTH, as get:32:1, or mget:32:1:KEYS")
        };
        let mut parts = text.split(':');
        let command = match parts.next() {
            Some("get") => Command::Get,
            Some("set") => Command::Set,
            Some("mget") => Command::Mget,
            _ => return Err(wrong()),
        };
        let numbers: Vec<usize> = parts.map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let (value_bytes, depth, request_keys) = match (command, numbers.as_slice()) {
            (Command::Mget, &[value_bytes, depth, keys]) => (value_bytes, depth, keys),
            (Command::Get | Command::Set, &[value_bytes, depth]) => (value_bytes, depth, 1),
            _ => return Err(wrong()),
        };
        let fits = value_bytes <= VALUE_BYTES_MAX
            && (1..=DEPTH_MAX).contains(&depth)
            && (1..=REQUEST_KEYS_MAX).contains(&request_keys);
        if fits { Ok(Self { command, value_bytes, depth, request_keys }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value_bytes, depth, request_keys, .. } = self;
        match self.command {
            Command::Get => write!(f, "get:{value_bytes}:{depth}"),
            Command::Set => write!(f, "set:{value_bytes}:{depth}"),
            Command::Mget => write!(f, "mget:{value_bytes}:{depth}:{request_keys}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_is_written_as_it_is_read() {
        for text in ["get:32:1", "set:1024:16", "mget:0:1:100"] {
            assert_eq!(text.parse::<Work>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_work_is_refused() {
        for text in [
            "",
            "get",
            "get:32",
            "get:a:1",
            "get:32:0",
            "get:32:1:2",
            "mget:32:1",
            "incr:1:1",
            "set:9999999:1",
        ] {
            assert!(text.parse::<Work>().unwrap_err().contains("no work"), "{text}");
        }
    }
}
