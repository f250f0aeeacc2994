//! Where an engine's program is, and what it says it is.
//!
//! Where to look is handed in as [`Surroundings`] and never read from the environment behind the caller's
//! back. A program is asked for its version before it is trusted with anything, with a limit on time and
//! size: whatever the user pointed us at, the question ends.

use crate::supervise::wait;
use rustix::fs::{Access, access};
use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use thiserror::Error;

/// How long a program may take to say its version; memcached needs a few milliseconds.
const VERSION_WAIT: Duration = Duration::from_secs(5);

/// How much of what it says is read, in bytes.
const VERSION_BYTES_MAX: usize = 256;

/// Where engines are looked for.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The memcached that the user names in `MEMCACHED_PATH`; an empty one counts as none.
    pub memcached_path: Option<OsString>,
    /// The folders to search, as in `PATH`.
    pub path: Option<OsString>,
    /// The program of this very process, which has the embedded engine inside.
    pub own_program: PathBuf,
}

impl Surroundings {
    /// What this process was started with; `own_program` is [`env::current_exe`].
    #[must_use]
    pub fn of_this_process(own_program: PathBuf) -> Self {
        Self { memcached_path: env::var_os("MEMCACHED_PATH"), path: env::var_os("PATH"), own_program }
    }
}

/// A program that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its absolute path.
    pub path: PathBuf,
    /// The version it says it has.
    pub version: String,
}

/// The first executable file called `name` in the folders of `path`. Relative folders are passed over: what
/// they mean changes with the working directory.
pub(super) fn on_path(name: &str, path: Option<&OsString>) -> Option<PathBuf> {
    let folders = env::split_paths(path?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|file| is_executable(file))
}

pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// The first line that `path -V` prints.
pub(super) fn ask_version(path: &Path) -> io::Result<String> {
    let mut command = Command::new(path);
    // In a group of its own, so that a Ctrl-C for us is not one for it.
    command.arg("-V").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn()?;
    let line = child.stdout.take().map_or(Ok(String::new()), first_line);
    // It has had its say; whatever it does now, it does not outlive the question.
    child.kill()?;
    child.wait()?;
    line
}

fn first_line(mut from: ChildStdout) -> io::Result<String> {
    let start = Instant::now();
    let mut said = Vec::new();
    let mut chunk = [0; VERSION_BYTES_MAX];
    while said.len() < VERSION_BYTES_MAX && !said.contains(&b'\n') {
        if !wait::readable(&from, VERSION_WAIT.saturating_sub(start.elapsed()))? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match from.read(&mut chunk)? {
            0 => break,
            read => said.extend_from_slice(&chunk[..read]),
        }
    }
    let text = String::from_utf8_lossy(&said);
    Ok(text.lines().next().unwrap_or_default().chars().take(VERSION_BYTES_MAX).collect())
}

/// Why an engine's program cannot be used. Nothing was started.
#[derive(Debug, Error)]
pub enum FindError {
    /// No memcached on `PATH`, and none named.
    #[error(
        "there is no memcached on PATH: install it (apt install memcached), name it in MEMCACHED_PATH, \
         or use the embedded engine"
    )]
    NotOnPath,
    /// `MEMCACHED_PATH` leads nowhere.
    #[error(
        "MEMCACHED_PATH is {}, which cannot be reached: {source}; correct it or unset it",
        path.display()
    )]
    Unreachable {
        /// What it says.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `MEMCACHED_PATH` leads to something that cannot be run.
    #[error("MEMCACHED_PATH is {}, which is not an executable file; correct it or unset it", path.display())]
    NotExecutable {
        /// What it says.
        path: PathBuf,
    },
    /// The program is no memcached.
    #[error(
        "{} is not memcached: asked with -V for `memcached X.Y.Z`, {said}; \
         correct MEMCACHED_PATH or use the embedded engine",
        path.display()
    )]
    NotMemcached {
        /// The program.
        path: PathBuf,
        /// What it said instead, as a clause.
        said: String,
    },
    /// The program of this process is gone from where it was started.
    #[error("the embedded engine needs {}, which is gone or replaced; start peercache again", path.display())]
    OwnProgramGone {
        /// Where it was.
        path: PathBuf,
    },
}
