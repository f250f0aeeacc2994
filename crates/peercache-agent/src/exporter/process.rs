//! What there is to say of this process, as the operating system sees it.

use std::fs;

/// The memory that this process has in RAM, in bytes; none where the system does not say.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The file descriptors that this process has open; none where the system does not say.
#[must_use]
pub fn open_descriptors() -> Option<u64> {
    // The one that lists them is among them.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_descriptors() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(open_descriptors().is_some_and(|open| (3..100_000).contains(&open)));
    }
}
