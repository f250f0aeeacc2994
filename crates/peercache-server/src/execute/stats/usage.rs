//! How much of the processors' time the process has used, as far as the operating system says.

use std::fs;

/// Microseconds in a second.
const US_PER_S: u64 = 1_000_000;

/// The time that a process has used, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// By itself.
    pub(super) user_us: u64,
    /// By the operating system for it.
    pub(super) system_us: u64,
}

/// What this process has used. None where there is no `/proc`.
pub(super) fn usage() -> Option<Usage> {
    read(&fs::read_to_string("/proc/self/stat").ok()?, rustix::param::clock_ticks_per_second())
}

/// Reads a line of `/proc/self/stat` (proc(5)): the second word is the program's name in parentheses, which
/// may have anything in it, and the 14th and 15th are the times.
fn read(line: &str, ticks_per_second: u64) -> Option<Usage> {
    let (_, behind_the_name) = line.rsplit_once(')')?;
    let mut words = behind_the_name.split_ascii_whitespace().skip(11);
    let mut next = || {
        let ticks: u64 = words.next()?.parse().ok()?;
        (ticks * US_PER_S).checked_div(ticks_per_second)
    };
    Some(Usage { user_us: next()?, system_us: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_whatever_the_program_is_called() {
        let line = "42 (a b) 7 (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 31 0 0 20 0 4 0 100 1000 10";
        assert_eq!(read(line, 100), Some(Usage { user_us: 2_500_000, system_us: 310_000 }));
        assert_eq!(read("42 (a) S 1", 100), None);
        assert_eq!(read("", 100), None);
    }
}
