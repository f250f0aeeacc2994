//! `-d` and `-P`: an engine that goes on when whoever started it has gone.
//!
//! A process with threads cannot be split in two safely, so the engine starts itself again, with one flag
//! more, and waits until that one serves. Whoever typed the command thus learns of a port in use, and the
//! process id in the file is that of the engine itself.

use crate::options::DETACHED;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use thiserror::Error;

/// What the engine in the background says, on its standard output, when clients can connect.
const SERVES: &[u8] = b"serves\n";

/// Why an engine does not go on in the background.
#[derive(Debug, Error)]
pub enum BackgroundError {
    /// It could not be started. Nothing runs.
    #[error("cannot start the engine in the background: {0}")]
    Start(#[source] io::Error),
    /// It ended before clients could connect.
    #[error("the engine in the background has ended; what it said above is why")]
    Ended,
    /// The file for the process id cannot be written. The engine does not run.
    #[error("cannot write the process id to {}: {source}", path.display())]
    PidFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The terminal could not be let go. The engine does not run.
    #[error("cannot leave the terminal: {0}")]
    Terminal(#[source] io::Error),
}

/// Starts this program again in the background, with the same command line; returns when clients can connect
/// to that one.
///
/// # Errors
/// [`BackgroundError`]; nothing is left running then.
pub(crate) fn go() -> Result<(), BackgroundError> {
    let program = env::current_exe().map_err(BackgroundError::Start)?;
    let mut command = Command::new(program);
    command.args(env::args_os().skip(1)).arg(format!("--{DETACHED}"));
    // In a group of its own it gets no Ctrl-C and no hang-up of the terminal.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(BackgroundError::Start)?;
    let mut said = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut said).map_err(BackgroundError::Start)?;
    }
    if said == SERVES {
        return Ok(());
    }
    // It has closed its output without a word, so it has ended or is about to.
    child.wait().map_err(BackgroundError::Start)?;
    Err(BackgroundError::Ended)
}

/// Tells the process that waits in [`go`] that clients can connect, and lets go of what was its terminal.
/// Standard error stays where something is to be logged.
///
/// # Errors
/// [`BackgroundError::Terminal`].
pub(crate) fn has_begun(verbosity: u8) -> Result<(), BackgroundError> {
    let leave = || {
        let mut output = io::stdout().lock();
        output.write_all(SERVES)?;
        output.flush()?;
        let nowhere = File::options().read(true).write(true).open("/dev/null")?;
        if verbosity == 0 {
            rustix::stdio::dup2_stderr(&nowhere)?;
        }
        rustix::stdio::dup2_stdout(&nowhere)?;
        Ok(())
    };
    leave().map_err(BackgroundError::Terminal)
}

/// A file that holds the process id; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it.
    ///
    /// # Errors
    /// [`BackgroundError::PidFile`].
    pub(crate) fn write(path: &Path) -> Result<Self, BackgroundError> {
        let written = fs::write(path, format!("{}\n", std::process::id()));
        written.map_err(|source| BackgroundError::PidFile { path: path.into(), source })?;
        Ok(Self(path.into()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the file of the process id");
        }
    }
}
