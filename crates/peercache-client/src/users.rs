//! A file of users in memcached's format, a `user:password` on each line (S4). A server reads it to know who
//! may use it, and whoever connects to a peer that asks reads there whom to be.
//!
//! What is in it is never logged, never printed, and no part of an error.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The longest `user:password`, in bytes; memcached's limit.
pub const ENTRY_BYTES_MAX: usize = 256;

/// Users in one file. Each costs every attempt at a server a comparison.
pub const USERS_MAX: usize = 1_000;

/// The largest file that can be right, in bytes.
const FILE_BYTES_MAX: u64 = (USERS_MAX * (ENTRY_BYTES_MAX + 1)) as u64;

/// Why a file of users cannot be used. Nothing was started.
#[derive(Debug, Error)]
pub enum UsersError {
    /// It cannot be read.
    #[error(
        "cannot read the passwords in {}: {source}; give a file with a user:password on each line",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no `user:password`. What it says is not repeated here.
    #[error("{}:{line} is no user:password of at most {ENTRY_BYTES_MAX} bytes", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// There is nobody in it.
    #[error("{} names no user: write a line user:password into it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There are too many in it.
    #[error("{} names more than {USERS_MAX} users: leave at most so many lines in it", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
    },
}

/// The users of a file, one at least.
pub struct Users {
    entries: Vec<Vec<u8>>,
    is_open: bool,
}

impl Users {
    /// Reads the file. Blocks for a moment.
    ///
    /// # Errors
    /// [`UsersError`] names the file, and the line where there is one.
    pub fn read(path: &Path) -> Result<Self, UsersError> {
        let unreadable = |source| UsersError::Unreadable { path: path.into(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
        Ok(Self { entries: parse(&text, path)?, is_open: mode & 0o077 != 0 })
    }

    /// Whether others than its owner can read the file, or change it.
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        self.is_open
    }

    /// Each `user:password`, of at most [`ENTRY_BYTES_MAX`] bytes, in the order of the file. Neither part is
    /// empty.
    pub fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.iter().map(Vec::as_slice)
    }
}

/// How many there are, and nothing of them.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("users", &self.entries.len()).finish_non_exhaustive()
    }
}

fn parse(text: &[u8], path: &Path) -> Result<Vec<Vec<u8>>, UsersError> {
    let mut entries = Vec::new();
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if entries.len() == USERS_MAX {
            return Err(UsersError::TooMany { path: path.into() });
        }
        let names_user = line.iter().position(|&byte| byte == b':').is_some_and(|at| at > 0);
        if !names_user || line.ends_with(b":") || line.len() > ENTRY_BYTES_MAX {
            return Err(UsersError::Line { path: path.into(), line: number + 1 });
        }
        entries.push(line.to_vec());
    }
    if entries.is_empty() {
        return Err(UsersError::Empty { path: path.into() });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        parse(text, Path::new("file")).map_err(|error| error.to_string())
    }

    #[test]
    fn users_are_read_line_by_line() {
        let read = entries(b"ann:secret\r\n\nbob:a:b c\n").unwrap();
        assert_eq!(read, [&b"ann:secret"[..], b"bob:a:b c"]);
    }

    #[test]
    fn a_file_that_cannot_be_right_is_refused_and_not_repeated() {
        assert!(entries(b"\n\n").unwrap_err().contains("names no user"));
        for wrong in [
            &b"ann:secret\nbob"[..],
            b"ann:secret\n:x",
            b"a:b\nc:",
            &[b"a:b\n".to_vec(), vec![b':'; 300]].concat(),
        ] {
            let error = entries(wrong).unwrap_err();
            assert!(error.contains("file:2 is no user:password") && !error.contains("secret"), "{error}");
        }
        assert!(entries(&b"a:b\n".repeat(USERS_MAX + 1)).unwrap_err().contains("more than 1000"));
        let users = Users { entries: entries(b"ann:secret").unwrap(), is_open: false };
        assert_eq!(format!("{users:?}"), "Users { users: 1, .. }");
    }
}
