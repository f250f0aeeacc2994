//! The lock of a state directory, `.lock`: held while the state is read or changed, never while waiting for a
//! daemon.
//!
//! The operating system drops it when its holder dies, so it cannot be left behind. Readers share it; where
//! the directory is read-only and has no lock yet, they do without: each file by itself is whole anyway.

use super::{StateError, files};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else reads or changes the state in `root`, which exists.
    pub(super) fn exclusive(root: &Path) -> Result<Self, StateError> {
        let path = root.join(".lock");
        if files::is_symlink(&path) {
            return Err(files::wrong_kind(&path, "a symbolic link", "a file"));
        }
        let open = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path);
        let file = open.map_err(|source| StateError::Unwritable { path: path.clone(), source })?;
        file.lock().map_err(|source| StateError::Unlockable { path, source })?;
        Ok(Self { _file: file })
    }

    /// Waits until nobody changes the state in `root`; none when it has no lock to hold.
    pub(super) fn shared(root: &Path) -> Result<Option<Self>, StateError> {
        let path = root.join(".lock");
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
            Ok(file) => {
                file.lock_shared().map_err(|source| StateError::Unlockable { path, source })?;
                Ok(Some(Self { _file: file }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(_) if files::is_symlink(&path) => Err(files::wrong_kind(&path, "a symbolic link", "a file")),
            Err(source) => Err(StateError::Unreadable { path, source }),
        }
    }
}
