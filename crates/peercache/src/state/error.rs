//! What can be wrong with the state directory. Each sentence names the file, and says what to do.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why the state could not be read or changed. What was there before is still there.
#[derive(Debug, Error)]
pub(crate) enum StateError {
    /// A file exists and cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// A symbolic link, a folder or a device where a plain file or folder of ours should be.
    #[error("{} is {found}, not {wanted}; nothing was read through it or written to it", path.display())]
    WrongKind { path: PathBuf, found: &'static str, wanted: &'static str },
    /// A file without a byte in it.
    #[error("{} is empty: it was cut or never finished", path.display())]
    Empty { path: PathBuf },
    /// A file that ends or breaks in the middle.
    #[error("{} is torn: it is not whole JSON ({reason})", path.display())]
    Torn { path: PathBuf, reason: String },
    /// JSON, but nothing of ours.
    #[error("{} was not written by peercache: {reason}", path.display())]
    Foreign { path: PathBuf, reason: String },
    /// Written by a version that knows more than this one.
    #[error("{} was written by a newer peercache (schema {found}; this one knows {known})", path.display())]
    Newer { path: PathBuf, found: u64, known: u64 },
    /// The change could not be written.
    #[error("the state directory cannot be changed: {}: {source}; it is as it was before", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    /// The lock could not be taken.
    #[error("the state directory cannot be locked: {}: {source}; nothing was changed", path.display())]
    Unlockable { path: PathBuf, source: io::Error },
}

impl StateError {
    /// What to type or do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "make it readable for this user, or choose another --state-dir".into(),
            Self::WrongKind { path, .. } => {
                format!("move {} away, or choose another --state-dir", path.display())
            }
            Self::Empty { path } | Self::Torn { path, .. } | Self::Foreign { path, .. } => format!(
                "restore it from a backup, or move it away and create what it described anew: mv {0} {0}.bad",
                path.display()
            ),
            Self::Newer { .. } => {
                "use the newer peercache that wrote it, or choose another --state-dir".into()
            }
            Self::Unwritable { .. } | Self::Unlockable { .. } => {
                "make it writable, free some space, or choose another --state-dir".into()
            }
        }
    }
}
