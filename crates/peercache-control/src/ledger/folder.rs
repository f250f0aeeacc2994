//! One folder of ours, reached through descriptors, so that no symbolic link in it is ever followed.
//!
//! Folders are made for this user alone (0700), files too (0600). A file is written whole: beside its place,
//! synced, renamed, and the folder synced; whatever happens, others see all of it or nothing.

use rustix::fs::{self, AtFlags, CWD, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the names of files that are being written begin.
const TEMPORARY: &str = ".new-";

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    /// For words only.
    path: PathBuf,
}

impl Folder {
    /// The folder at `path`, which the user chose: it may be a link. None when it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        existing(fs::open(path, flags, Mode::empty()), path)
    }

    /// As [`Self::open`]; makes it where it does not exist.
    pub(super) fn make(path: &Path) -> io::Result<Self> {
        if let Some(folder) = Self::open(path)? {
            return Ok(folder);
        }
        fs::mkdirat(CWD, path, Mode::RWXU).or_else(unless_it_exists).map_err(at(path))?;
        Self::open(path)?.ok_or_else(|| at(path)(Errno::NOENT))
    }

    /// A folder in it; none when it does not exist.
    pub(super) fn child(&self, name: &str) -> io::Result<Option<Self>> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        existing(fs::openat(&self.fd, name, flags, Mode::empty()), &self.path.join(name))
    }

    /// A folder in it, made where it does not exist, and then safe from a power cut.
    pub(super) fn make_child(&self, name: &str) -> io::Result<Self> {
        if let Some(child) = self.child(name)? {
            return Ok(child);
        }
        let path = self.path.join(name);
        fs::mkdirat(&self.fd, name, Mode::RWXU).or_else(unless_it_exists).map_err(at(&path))?;
        fs::fsync(&self.fd).map_err(at(&self.path))?;
        self.child(name)?.ok_or_else(|| at(&path)(Errno::NOENT))
    }

    /// What is in it.
    pub(super) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(at(&self.path))? {
            let entry = entry.map_err(at(&self.path))?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        Ok(names)
    }

    /// Whether there is something of this name.
    pub(super) fn has(&self, name: &OsStr) -> bool {
        fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Whether there is a plain file of this name.
    pub(super) fn has_file(&self, name: &OsStr) -> bool {
        let stat = fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::RegularFile)
    }

    /// A file in it, to be read; none when it does not exist. A pipe in its place makes nobody wait.
    pub(super) fn open_file(&self, name: &OsStr) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(fd.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(at(&self.path.join(name))(error)),
        }
    }

    /// An empty file in it, made where it does not exist.
    pub(super) fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR);
        fd.map(File::from).map_err(at(&self.path.join(name)))
    }

    /// Makes or replaces a file in it. Returns the file, locked since before it could be seen.
    pub(super) fn write_whole(&self, name: &OsStr, bytes: &[u8]) -> io::Result<File> {
        let mut temporary = OsString::from(format!("{TEMPORARY}{:08x}-", rand::random::<u32>()));
        temporary.push(name);
        let written = self.write_beside(&temporary, bytes).and_then(|file| {
            fs::renameat(&self.fd, &temporary, &self.fd, name)?;
            fs::fsync(&self.fd)?;
            Ok(file)
        });
        written.map_err(|error| {
            // What stays half written is swept by whoever cleans next.
            let _ = fs::unlinkat(&self.fd, &temporary, AtFlags::empty());
            io::Error::new(error.kind(), format!("{}: {error}", self.path.join(name).display()))
        })
    }

    fn write_beside(&self, temporary: &OsStr, bytes: &[u8]) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(fs::openat(&self.fd, temporary, flags, Mode::RUSR | Mode::WUSR)?);
        file.try_lock()?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Removes what has this name; that there is nothing is fine.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let removed = match fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR),
            removed => removed,
        };
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(at(&self.path.join(name))(error)),
        }
    }

    /// Removes files that were begun longer ago than `age` and never finished.
    pub(super) fn sweep(&self, age: Duration) -> io::Result<()> {
        let names = self.names()?.into_iter();
        for name in names.filter(|name| name.as_bytes().starts_with(TEMPORARY.as_bytes())) {
            let Ok(Some(file)) = self.open_file(&name) else { continue };
            let begun = file.metadata()?.modified()?;
            if begun.elapsed().is_ok_and(|since| since > age) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }
}

fn existing(opened: rustix::io::Result<OwnedFd>, path: &Path) -> io::Result<Option<Folder>> {
    match opened {
        Ok(fd) => Ok(Some(Folder { fd, path: path.to_owned() })),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn unless_it_exists(error: Errno) -> rustix::io::Result<()> {
    if error == Errno::EXIST { Ok(()) } else { Err(error) }
}

/// An error with the path that it is about.
fn at(path: &Path) -> impl Fn(Errno) -> io::Error {
    move |error| {
        let source = io::Error::from(error);
        io::Error::new(source.kind(), AtPath { path: path.to_owned(), source })
    }
}

/// What the system said of a path.
#[derive(Debug)]
struct AtPath {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for AtPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for AtPath {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Whether an error of the ledger says that this process, or the whole system, has no descriptor left.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let at_path = error.get_ref().and_then(|inner| inner.downcast_ref::<AtPath>());
    let code = at_path.map_or(error, |at_path| &at_path.source).raw_os_error();
    [Errno::MFILE, Errno::NFILE].iter().any(|none| code == Some(none.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_descriptors_is_told_from_everything_else() {
        let path = Path::new("state/outage");
        for none in [Errno::MFILE, Errno::NFILE] {
            assert!(is_out_of_descriptors(&none.into()));
            assert!(is_out_of_descriptors(&at(path)(none)));
        }
        assert!(!is_out_of_descriptors(&at(path)(Errno::ACCESS)));
        assert!(!is_out_of_descriptors(&io::Error::other("no descriptor left")));
        let words = at(path)(Errno::ACCESS).to_string();
        assert!(words.starts_with("state/outage: "), "{words}");
    }
}
