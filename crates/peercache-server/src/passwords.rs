//! Who may use a server: users and passwords from a file of memcached's format, a `user:password` on each
//! line (S4).
//!
//! Asking takes the same time whoever is asked for and however much of it is right, so that nobody finds out
//! a password letter by letter. What is in the file is never logged and never printed.

use peercache_client::users::{ENTRY_BYTES_MAX, Users, UsersError};
use std::fmt;
use std::path::Path;
use subtle::{Choice, ConstantTimeEq};

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
    /// [`UsersError`] names the file, and the line where there is one.
    pub fn read(path: &Path) -> Result<Self, UsersError> {
        let users = Users::read(path)?;
        if users.is_open_to_others() {
            tracing::warn!(path = %path.display(), "others can read the passwords: chmod 600 the file");
        }
        Ok(Self::of(users.entries()))
    }

    fn of<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { entries: entries.filter_map(Entry::of).collect() }
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

    #[test]
    fn a_user_is_admitted_by_the_whole_password_only() {
        let passwords = Passwords::of([&b"ann:secret"[..], b"bob:a:b c"].into_iter());
        assert!(passwords.admits(b"ann", b"secret") && passwords.admits(b"bob", b"a:b c"));
        for (user, password) in
            [("ann", "secre"), ("ann", "secret\0"), ("ann", ""), ("", ""), ("bob", "secret")]
        {
            assert!(!passwords.admits(user.as_bytes(), password.as_bytes()), "{user} {password}");
        }
        assert!(!passwords.admits(&[b'u'; 300], b"secret"));
        assert_eq!(format!("{passwords:?}"), "Passwords { users: 2, .. }");
    }
}
