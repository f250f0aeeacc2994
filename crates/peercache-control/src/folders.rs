//! What the kernel tells of changes in folders (inotify): a file came, went, or was replaced by a rename.
//!
//! It says when to look and never what is there: a message may be lost, and where the kernel tells nothing at
//! all, whoever wants to know looks from time to time.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Several hundred messages of the kernel at once.
const MESSAGES_BYTES: usize = 16 * 1024;

/// Folders that are watched, for as long as this lives.
#[derive(Debug)]
pub struct FolderWatch {
    messages: OwnedFd,
}

/// A folder that is watched, as messages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Watched(i32);

impl FolderWatch {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The kernel tells nothing.
    pub fn open() -> io::Result<Self> {
        Ok(Self { messages: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)? })
    }

    /// Watches `folder` too, from now on; one that is watched already may be given again. A link at its end
    /// is not followed. None where there is no such folder.
    ///
    /// # Errors
    /// Not every change in it will be told.
    pub fn add(&self, folder: &Path) -> io::Result<Option<Watched>> {
        let happenings =
            WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE;
        let only_folders = WatchFlags::ONLYDIR | WatchFlags::EXCL_UNLINK | WatchFlags::DONT_FOLLOW;
        match inotify::add_watch(&self.messages, folder, happenings | only_folders) {
            Ok(watch) => Ok(Some(Watched(watch))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns after something happened in a watched folder; `came` gets the folder and the name of each file
    /// that has come there, whether or not it is still there. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The kernel tells no more.
    pub async fn moved(&self, mut came: impl FnMut(Watched, &OsStr)) -> io::Result<()> {
        readable(&self.messages).await?;
        let mut buffer = [MaybeUninit::uninit(); MESSAGES_BYTES];
        let mut reader = Reader::new(&self.messages, &mut buffer);
        while let Ok(message) = reader.next() {
            let has_come = message.events().intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if let Some(name) = message.file_name().filter(|_| has_come) {
                came(Watched(message.wd()), OsStr::from_bytes(name.to_bytes()));
            }
        }
        Ok(())
    }
}

#[allow(
    deprecated,
    reason = "tokio's only constructor without `unsafe`; deprecated for types whose descriptor may change or \
              close early, which the borrow of an owned descriptor cannot"
)]
async fn readable(messages: &OwnedFd) -> io::Result<()> {
    let messages = AsyncFd::with_interest(messages.as_fd(), Interest::READABLE)?;
    messages.readable().await.map(|_| ())
}
