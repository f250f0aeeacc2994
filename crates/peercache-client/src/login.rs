//! How we tell a peer who we are, where it asks (S4): memcached's way. The first command is a `set` of
//! anything, whose value is the user, a space and the password.
//!
//! The file is read anew for each connection, so whoever corrects it has to start nothing again. What the
//! peer answers is never repeated: it may be what it was told.

use crate::users::{Users, UsersError};
use peercache_core::spec::AuthFile;
use std::fmt;
use std::io;
use std::path::Path;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 512;

/// What a peer says that wants to know who asks, behind `CLIENT_ERROR`.
const WANTED: &str = "CLIENT_ERROR unauthenticated";

/// The first user of a file.
pub struct Login {
    file: AuthFile,
    /// `user password`.
    words: Vec<u8>,
    is_open: bool,
}

/// Why nobody is logged in. The connection is to be closed.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The file says nothing that could be said.
    #[error(transparent)]
    Users(#[from] UsersError),
    /// The peer does not know the user, or not by this password.
    #[error(
        "it refuses the first user of {file}: correct that line, or start the peer with a file that has it"
    )]
    Refused {
        /// The file.
        file: AuthFile,
    },
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It was closed in the middle.
    #[error("it closed the connection when it was told who asks")]
    Closed,
    /// What answers does not speak memcached's protocol.
    #[error("what listens there does not answer as a memcached does when it is told who asks")]
    Stranger,
}

impl Login {
    /// Reads whom to be, on a thread that may wait for the disk.
    ///
    /// # Errors
    /// [`LoginError::Users`] names the file.
    pub async fn read(file: &AuthFile) -> Result<Self, LoginError> {
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || Self::read_blocking(file)).await;
        read.unwrap_or_else(|error| Err(io::Error::other(error).into()))
    }

    /// Reads whom to be. Blocks for a moment.
    ///
    /// # Errors
    /// [`LoginError::Users`] names the file.
    pub fn read_blocking(file: AuthFile) -> Result<Self, LoginError> {
        let path = Path::new(file.as_str());
        let unreadable = |source| UsersError::Unreadable { path: path.into(), source };
        // A pipe would be waited for, at every connection.
        if !path.metadata().map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("it is no plain file")).into());
        }
        let users = Users::read(path)?;
        let first = users.entries().next().unwrap_or_default();
        let words = words(first).ok_or_else(|| UsersError::Line { path: path.into(), line: 1 })?;
        Ok(Self { file, words, is_open: users.is_open_to_others() })
    }

    /// Whether others than its owner can read the file, or change it.
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        self.is_open
    }

    /// Tells the peer, before anything else. The caller bounds the time.
    ///
    /// # Errors
    /// [`LoginError`]; the connection is useless then.
    pub async fn log_in<S>(&self, stream: &mut S) -> Result<(), LoginError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(&self.request()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\n") {
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(LoginError::Stranger);
            }
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(LoginError::Closed);
            }
        }
        match answer.as_slice() {
            b"STORED\r\n" => Ok(()),
            refused if refused.starts_with(b"CLIENT_ERROR ") || refused.starts_with(b"ERROR") => {
                Err(LoginError::Refused { file: self.file.clone() })
            }
            _ => Err(LoginError::Stranger),
        }
    }

    /// A daemon that asks nobody who they are would keep it as an item, so it is one that has expired.
    fn request(&self) -> Vec<u8> {
        let head = format!("set peercache:login 0 -1 {}\r\n", self.words.len());
        [head.as_bytes(), &self.words, b"\r\n"].concat()
    }
}

/// What is said of `user:password`; nothing can be where a space ends the user too soon.
fn words(entry: &[u8]) -> Option<Vec<u8>> {
    let at = entry.iter().position(|&byte| byte == b':')?;
    let mut words = entry.to_vec();
    words[at] = b' ';
    (!entry[..at].contains(&b' ')).then_some(words)
}

/// Whether a line says that the peer wants to know who asks.
#[must_use]
pub fn is_wanted(line: &[u8]) -> bool {
    line == WANTED.as_bytes()
}

/// Where it stands, and nothing of it.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("file", &self.file).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        Login { file: "/users".parse().unwrap(), words: b"ann secret".to_vec(), is_open: false }
    }

    async fn told(answer: &'static [u8]) -> (Result<(), LoginError>, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        let request = login().request();
        let peer = async {
            let mut heard = vec![0; request.len()];
            theirs.read_exact(&mut heard).await.unwrap();
            theirs.write_all(answer).await.unwrap();
            drop(theirs);
            heard
        };
        let login = login();
        tokio::join!(login.log_in(&mut ours), peer)
    }

    #[tokio::test]
    async fn the_first_command_is_who_we_are_and_what_is_answered_is_not_repeated() {
        let (told_so, heard) = told(b"STORED\r\n").await;
        assert!(told_so.is_ok());
        assert_eq!(heard, b"set peercache:login 0 -1 10\r\nann secret\r\n");
        for (answer, words) in [
            (&b"CLIENT_ERROR secret\r\n"[..], "refuses the first user of /users"),
            (b"set peercache:login 0 -1 10\r\nann secret\r\n", "does not answer as a memcached"),
            (b"STOR", "closed the connection"),
            (b"", "closed the connection"),
            (&[b'x'; 600], "does not answer as a memcached"),
        ] {
            let error = told(answer).await.0.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
        }
        assert_eq!(format!("{:?}", login()), r#"Login { file: AuthFile("/users"), .. }"#);
    }

    #[test]
    fn only_the_first_colon_ends_the_user() {
        assert_eq!(words(b"bob:a:b c").unwrap(), b"bob a:b c");
        assert_eq!(words(b"b b:a"), None);
    }
}
