//! The end of a daemon's log: for `peer logs`, and for the daemon's own last words in an error.
//!
//! A log is never read whole: at most [`TAIL_BYTES_MAX`] from its end. What it says goes to a terminal, so
//! control characters are escaped.

use rustix::fs::OFlags;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How much of a log is looked at, in bytes from its end.
pub const TAIL_BYTES_MAX: u64 = 64 * 1024;

/// Where one run of a daemon begins in its log, which holds earlier runs as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMark {
    /// The log.
    pub path: PathBuf,
    /// Its length when this run began, in bytes.
    pub from_byte: u64,
}

impl LogMark {
    /// A run that begins now. A log that does not exist yet begins at 0.
    #[must_use]
    pub fn end_of(path: &Path) -> Self {
        let from_byte = fs::metadata(path).map_or(0, |metadata| metadata.len());
        Self { path: path.to_owned(), from_byte }
    }

    /// The last lines that this run wrote, at most `lines` of them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn last_lines(&self, lines: usize) -> io::Result<Vec<String>> {
        tail(&self.path, self.from_byte, lines)
    }
}

/// The last lines of the log at `path`, whichever run wrote them, at most `lines` of them.
///
/// # Errors
/// When the log cannot be read; `NotFound` when there is none.
pub fn last_lines(path: &Path, lines: usize) -> io::Result<Vec<String>> {
    tail(path, 0, lines)
}

fn tail(path: &Path, from_byte: u64, lines: usize) -> io::Result<Vec<String>> {
    let no_links = OFlags::NOFOLLOW.bits().cast_signed();
    let mut file = OpenOptions::new().read(true).custom_flags(no_links).open(path)?;
    let end = file.metadata()?.len();
    // Somebody may have emptied the log since the mark was made.
    let from_byte = if from_byte > end { 0 } else { from_byte };
    let start = from_byte.max(end.saturating_sub(TAIL_BYTES_MAX));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(split(&bytes, start > from_byte, lines))
}

/// The last `lines` lines of `bytes`; the first line is dropped when it was cut.
fn split(bytes: &[u8], is_cut: bool, lines: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut all: Vec<&str> = text.lines().skip(usize::from(is_cut)).collect();
    all.drain(..all.len().saturating_sub(lines));
    all.into_iter().map(printable).collect()
}

/// `line` without anything that a terminal would obey.
fn printable(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for character in line.chars() {
        if character.is_control() && character != '\t' {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::NamedTempFile;

    fn log_of(text: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    #[test]
    fn the_last_lines_come_in_order_and_no_more_than_asked() {
        let log = log_of(b"one\ntwo\nthree\n");
        assert_eq!(last_lines(log.path(), 2).unwrap(), ["two", "three"]);
        assert_eq!(last_lines(log.path(), 9).unwrap(), ["one", "two", "three"]);
        assert!(last_lines(log.path(), 0).unwrap().is_empty());
        assert_eq!(last_lines(log_of(b"no newline").path(), 5).unwrap(), ["no newline"]);
    }

    #[test]
    fn a_run_shows_its_own_words_only() {
        let mut log = log_of(b"of an earlier run\n");
        let mark = LogMark::end_of(log.path());
        assert!(mark.last_lines(9).unwrap().is_empty());
        log.write_all(b"of this run\n").unwrap();
        assert_eq!(mark.last_lines(9).unwrap(), ["of this run"]);
    }

    #[test]
    fn a_log_emptied_behind_our_back_is_read_from_its_start() {
        let log = log_of(b"short\n");
        let mark = LogMark { path: log.path().to_owned(), from_byte: 1_000 };
        assert_eq!(mark.last_lines(9).unwrap(), ["short"]);
    }

    #[test]
    fn of_a_huge_log_only_the_end_is_read_and_no_cut_line_shown() {
        let line = "x".repeat(999);
        let log = log_of(format!("{line}\n").repeat(1_000).as_bytes());
        let lines = last_lines(log.path(), usize::MAX).unwrap();
        assert!(lines.len() <= 65 && lines.iter().all(|shown| *shown == line), "{}", lines.len());
    }

    #[test]
    fn nothing_in_a_log_commands_the_terminal() {
        let log = log_of(b"\x1b[31mred\x07\tand \xff\r\n");
        assert_eq!(last_lines(log.path(), 1).unwrap(), ["\\u{1b}[31mred\\u{7}\tand \u{fffd}"]);
    }

    #[test]
    fn a_missing_log_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = last_lines(&folder.path().join("none"), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
