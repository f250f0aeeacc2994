//! Who may use a server: users and passwords from a file of memcached's format, a `user:password` on each
//! line (S4).
//!
//! Asking takes the same time whoever is asked for and however much of it is right, so that nobody finds out
//! a password letter by letter. What is in the file is never logged and never printed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// The longest `user:password`, in bytes; memcached's limit.
pub(crate) const ENTRY_BYTES_MAX: usize = 256;

/// Users in one file. Each costs every attempt a comparison.
const USERS_MAX: usize = 1_000;

/// The largest file that can be right, in bytes.
const FILE_BYTES_MAX: u64 = (USERS_MAX * (ENTRY_BYTES_MAX + 1)) as u64;

/// Why a file of passwords cannot be used. Nothing was started.
#[derive(Debug, Error)]
pub enum PasswordsError {
    /// It cannot be read.
    #[error("cannot read the passwords in {}: {source}", path.display())]
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
    /// There is nobody in it, so nobody could get in.
    #[error("{} names no user: write a line user:password into it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There are too many in it.
    #[error("{} names more than {USERS_MAX} users", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
    },
}

/// Users and their passwords.
pub struct Passwords {
    entries: Vec<Entry>,
}

/// `user:password`, and zeros.
struct Entry {
    bytes: [u8; ENTRY_BYTES_MAX],
    length: u16,
}

impl Passwords {
    /// Reads the file once; whoever changes it has to start the server anew.
    ///
    /// # Errors
    /// [`PasswordsError`] names the file, and the line where there is one.
    pub fn read(path: &Path) -> Result<Self, PasswordsError> {
        let unreadable = |source| PasswordsError::Unreadable { path: path.into(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others can read the passwords: chmod 600 the file");
        }
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(unreadable)?;
        Self::parse(&text, path)
    }

    fn parse(text: &[u8], path: &Path) -> Result<Self, PasswordsError> {
        let mut entries = Vec::new();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            if entries.len() == USERS_MAX {
                return Err(PasswordsError::TooMany { path: path.into() });
            }
            let names_user = line.iter().position(|&byte| byte == b':').is_some_and(|at| at > 0);
            let entry = Entry::of(line).filter(|_| names_user && !line.ends_with(b":"));
            let wrong = || PasswordsError::Line { path: path.into(), line: number + 1 };
            entries.push(entry.ok_or_else(wrong)?);
        }
        if entries.is_empty() {
            return Err(PasswordsError::Empty { path: path.into() });
        }
        Ok(Self { entries })
    }

    /// Whether this user has this password. Compares with every entry to its end.
    #[must_use]
    pub fn admits(&self, user: &[u8], password: &[u8]) -> bool {
        let Some(asked) = Entry::of(&[user, b":", password].concat()) else { return false };
        let same = |entry: &Entry| entry.length.ct_eq(&asked.length) & entry.bytes.ct_eq(&asked.bytes);
        self.entries.iter().fold(Choice::from(0), |any, entry| any | same(entry)).into()
    }
}

/// How many there are, and nothing of them.
impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("users", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Entry {
    fn of(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; ENTRY_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, length: text.len() as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Passwords, String> {
        Passwords::parse(text, Path::new("file")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_user_is_admitted_by_the_whole_password_only() {
        let passwords = parse(b"ann:secret\r\n\nbob:a:b c\n").unwrap();
        assert!(passwords.admits(b"ann", b"secret") && passwords.admits(b"bob", b"a:b c"));
        for (user, password) in
            [("ann", "secre"), ("ann", "secret\0"), ("ann", ""), ("", ""), ("bob", "secret")]
        {
            assert!(!passwords.admits(user.as_bytes(), password.as_bytes()), "{user} {password}");
        }
        assert!(!passwords.admits(&[b'u'; 300], b"secret"));
    }

    #[test]
    fn a_file_that_cannot_be_right_is_refused_and_not_repeated() {
        assert!(parse(b"\n\n").unwrap_err().contains("names no user"));
        for wrong in [
            &b"ann:secret\nbob"[..],
            b"ann:secret\n:x",
            b"a:b\nc:",
            &[b"a:b\n".to_vec(), vec![b':'; 300]].concat(),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains("file:2 is no user:password") && !error.contains("secret"), "{error}");
        }
        assert!(parse(&b"a:b\n".repeat(USERS_MAX + 1)).unwrap_err().contains("more than 1000"));
        assert_eq!(format!("{:?}", parse(b"ann:secret").unwrap()), "Passwords { users: 1, .. }");
    }
}
