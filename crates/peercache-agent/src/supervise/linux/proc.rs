//! The four things we read from `/proc`: a process's state and start time, its environment, the pids there
//! are, and which boot this is.

use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, Read};

/// An environment above this size, in bytes, is not one that we made; the rest of it is not read.
const ENVIRON_BYTES_MAX: u64 = 1 << 20;

/// What `/proc/<pid>/stat` says that does not change (start) or decides (state).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The kernel's letter for the state.
    state: u8,
    /// Clock ticks between boot and the start of the process.
    pub(crate) start_ticks: u64,
}

impl Stat {
    /// The process has ended and waits for its parent to notice.
    pub(crate) fn is_dead(self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    fn parse(line: &[u8]) -> Option<Self> {
        // Field 2 is the program's name in brackets, and a name may hold spaces and brackets of its own:
        // only what follows the last one can be split.
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(&line[name_end + 1..]).ok()?;
        let mut from_field_3 = rest.split_ascii_whitespace();
        let state = *from_field_3.next()?.as_bytes().first()?;
        let start_ticks = from_field_3.nth(22 - 4)?.parse().ok()?;
        Some(Self { state, start_ticks })
    }
}

/// The state of process `pid`; `None` when there is none.
pub(crate) fn stat(pid: u32) -> io::Result<Option<Stat>> {
    let path = format!("/proc/{pid}/stat");
    match fs::read(&path) {
        Ok(line) => {
            let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("{path} cannot be read"));
            Stat::parse(&line).map(Some).ok_or_else(malformed)
        }
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The random name that the kernel gives to each boot.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// The environment a process was started with, as `NAME=value` entries that each end in a zero byte. `None`
/// when it is gone or may not be looked at.
pub(crate) fn environ(pid: u32) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(ENVIRON_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Every pid there is at the moment.
pub(crate) fn pids() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        pids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(pids)
}

/// A process that ends while its file is read gives ESRCH; one that had ended before, ENOENT.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || Errno::from_io_error(error) == Some(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "S 1 2 3 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 8123456 99 98 97\n";

    #[test]
    fn the_start_is_found_behind_a_name_full_of_brackets_and_spaces() {
        for name in ["memcached", "a) S 1 (b", ") ) )", "", "(((", "caf\u{e9} Z 0"] {
            let line = format!("4711 ({name}) {REST}");
            assert_eq!(
                Stat::parse(line.as_bytes()),
                Some(Stat { state: b'S', start_ticks: 8_123_456 }),
                "{line}"
            );
        }
    }

    #[test]
    fn a_name_that_is_not_text_does_not_matter() {
        let line = [b"7 (\xff\xfe) ".as_slice(), REST.as_bytes()].concat();
        assert!(Stat::parse(&line).is_some());
    }

    #[test]
    fn torn_lines_are_refused() {
        let line = format!("4711 (memcached) {REST}");
        let enough = line.find("8123456").expect("the start is in the line");
        for cut in 0..enough {
            assert_eq!(Stat::parse(&line.as_bytes()[..cut]), None, "{}", &line[..cut]);
        }
    }

    #[test]
    fn pid_0_and_impossible_pids_are_nobody() {
        assert_eq!(stat(0).unwrap(), None);
        assert_eq!(stat(u32::MAX).unwrap(), None);
    }
}
