//! The mark that every daemon of ours carries in its environment.
//!
//! Between the start of a daemon and the moment its pid is safely on disk, its starter may die. The daemon
//! then runs without a record; its marker says whose it is, and [`find_marked`] finds it.

use super::identity::ProcessIdentity;
use super::linux::proc;
use peercache_core::spec::PeerId;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One peer of one state directory: `<absolute state directory>#<peer id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(OsString);

impl Marker {
    /// The environment variable that carries it.
    pub const VARIABLE: &'static str = "PEERCACHE_PEER";

    /// The marker of `peer` in `state_dir`. Give the same spelling of the directory every time (a canonical
    /// path): markers are compared byte by byte.
    ///
    /// # Errors
    /// [`MarkerError`] when the directory is not absolute: another working directory would make it another.
    pub fn new(state_dir: &Path, peer: &PeerId) -> Result<Self, MarkerError> {
        let has_zero = state_dir.as_os_str().as_bytes().contains(&0);
        if !state_dir.is_absolute() || has_zero {
            return Err(MarkerError { state_dir: state_dir.to_owned() });
        }
        // A peer id has no '#', so the last one always separates.
        let mut text = state_dir.as_os_str().to_owned();
        text.push("#");
        text.push(peer.as_str());
        Ok(Self(text))
    }

    /// The variable's value.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }

    fn is_in(&self, environ: &[u8]) -> bool {
        let entry = [Self::VARIABLE.as_bytes(), b"=", self.0.as_bytes()].concat();
        environ.split(|&byte| byte == 0).any(|found| found == entry)
    }
}

/// Why a directory cannot be in a marker.
#[derive(Debug, Error)]
#[error("{} cannot mark a daemon: the state directory must be an absolute path", state_dir.display())]
pub struct MarkerError {
    state_dir: PathBuf,
}

/// Every process that carries `marker`, oldest first: no process or one, unless something went wrong. A
/// process that we may not look at is not ours and is passed over.
///
/// # Errors
/// When the processes cannot be listed.
pub fn find_marked(marker: &Marker) -> io::Result<Vec<ProcessIdentity>> {
    let mut found = Vec::new();
    for pid in proc::pids()? {
        found.extend(identity_if_marked(pid, marker)?);
    }
    found.sort_by_key(|identity| (identity.start_ticks, identity.pid));
    Ok(found)
}

fn identity_if_marked(pid: u32, marker: &Marker) -> io::Result<Option<ProcessIdentity>> {
    if !proc::environ(pid).is_some_and(|environ| marker.is_in(&environ)) {
        return Ok(None);
    }
    // The pid may have changed hands between the two reads: what holds on both sides of the second look at
    // the environment is true of one process.
    let before = ProcessIdentity::of(pid)?;
    let still = proc::environ(pid).is_some_and(|environ| marker.is_in(&environ));
    let after = ProcessIdentity::of(pid)?;
    Ok(before.filter(|_| still).filter(|identity| Some(identity) == after.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(dir: &str, peer: &str) -> Marker {
        Marker::new(Path::new(dir), &peer.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_marker_is_found_whole_and_never_as_a_part() {
        let ours = marker("/srv/a#b/state", "p1");
        assert!(ours.is_in(b"PEERCACHE_PEER=/srv/a#b/state#p1\0"));
        assert!(ours.is_in(b"A=1\0PEERCACHE_PEER=/srv/a#b/state#p1\0B=2\0"));
        let others: [&[u8]; 5] = [
            b"",
            b"PEERCACHE_PEER=/srv/a#b/state#p10\0",
            b"PEERCACHE_PEER=/srv/a#b/state#p\0",
            b"XPEERCACHE_PEER=/srv/a#b/state#p1\0",
            b"X=PEERCACHE_PEER=/srv/a#b/state#p1\0",
        ];
        for environ in others {
            assert!(!ours.is_in(environ), "{}", environ.escape_ascii());
        }
    }

    #[test]
    fn a_relative_directory_is_refused() {
        let error = Marker::new(Path::new("state"), &"p0".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("absolute"), "{error}");
    }
}
