//! The lock of a state directory, `.lock`: held while the state is read or changed, never while waiting for a
//! daemon.
//!
//! The operating system drops it when its holder dies, so it cannot be left behind. Readers share it; where
//! the directory is read-only and has no lock yet, they do without: each file by itself is whole anyway.

use super::{StateError, files};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What came of trying to lock.
#[derive(Debug)]
pub(super) enum Tried<T> {
    Free(T),
    /// Somebody has it, for a moment, or for as long as he is stopped.
    Busy,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else reads or changes the state in `root`, which exists.
    pub(super) fn exclusive(root: &Path) -> Result<Self, StateError> {
        let (file, path) = open_exclusive(root)?;
        file.lock().map_err(|source| StateError::Unlockable { path, source })?;
        Ok(Self { _file: file })
    }

    /// As [`Self::exclusive`], if that is possible at once.
    pub(super) fn try_exclusive(root: &Path) -> Result<Tried<Self>, StateError> {
        let (file, path) = open_exclusive(root)?;
        Ok(match file.try_lock() {
            Ok(()) => Tried::Free(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Tried::Busy,
            Err(TryLockError::Error(source)) => return Err(StateError::Unlockable { path, source }),
        })
    }

    /// Waits until nobody changes the state in `root`; none when it has no lock to hold.
    pub(super) fn shared(root: &Path) -> Result<Option<Self>, StateError> {
        let Some((file, path)) = open_shared(root)? else { return Ok(None) };
        file.lock_shared().map_err(|source| StateError::Unlockable { path, source })?;
        Ok(Some(Self { _file: file }))
    }

    /// As [`Self::shared`], if that is possible at once.
    pub(super) fn try_shared(root: &Path) -> Result<Tried<Option<Self>>, StateError> {
        let Some((file, path)) = open_shared(root)? else { return Ok(Tried::Free(None)) };
        Ok(match file.try_lock_shared() {
            Ok(()) => Tried::Free(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Tried::Busy,
            Err(TryLockError::Error(source)) => return Err(StateError::Unlockable { path, source }),
        })
    }
}

fn open_exclusive(root: &Path) -> Result<(File, PathBuf), StateError> {
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
    match open {
        Ok(file) => Ok((file, path)),
        Err(source) => Err(StateError::Unwritable { path, source }),
    }
}

fn open_shared(root: &Path) -> Result<Option<(File, PathBuf)>, StateError> {
    let path = root.join(".lock");
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    match OpenOptions::new().read(true).custom_flags(flags).open(&path) {
        Ok(file) => Ok(Some((file, path))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(_) if files::is_symlink(&path) => Err(files::wrong_kind(&path, "a symbolic link", "a file")),
        Err(source) => Err(StateError::Unreadable { path, source }),
    }
}
