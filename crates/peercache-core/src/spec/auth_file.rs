//! Where the users of a peer stand that asks who its clients are (S4): the name of a file, and never a word
//! of what is in it.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use thiserror::Error;

/// The longest name of a file of users, in bytes: Linux's limit.
pub const AUTH_FILE_BYTES_MAX: usize = 4096;

/// The absolute path of a file of users and passwords, in memcached's format. Whoever connects to the peer
/// reads it and says to be its first user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AuthFile(String);

impl AuthFile {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AuthFile {
    type Err = AuthFileError;

    fn from_str(text: &str) -> Result<Self, AuthFileError> {
        let is_sound = text.starts_with('/') && !text.contains(char::is_control);
        if is_sound && text.len() <= AUTH_FILE_BYTES_MAX {
            Ok(Self(text.to_string()))
        } else {
            Err(AuthFileError { text: text.to_string() })
        }
    }
}

impl fmt::Display for AuthFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why some text cannot name a file of users.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} cannot be a file of users: use an absolute path of at most {AUTH_FILE_BYTES_MAX} bytes")]
pub struct AuthFileError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_users_is_named_from_the_root_on() {
        assert_eq!("/etc/users".parse::<AuthFile>().unwrap().as_str(), "/etc/users");
        let long = "/".repeat(AUTH_FILE_BYTES_MAX + 1);
        for bad in ["", "users", "./users", "/a\nb", "/a\0", long.as_str()] {
            assert!(bad.parse::<AuthFile>().is_err(), "{bad:?}");
        }
    }
}
