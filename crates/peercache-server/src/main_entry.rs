//! The embedded engine as a program: what `peercache engine` runs.

use crate::background::{self, BackgroundError, PidFile};
use crate::door::ServeError;
use crate::options::{FlagError, Options, Place, Protocol, from_memcached_flags};
use crate::serve::{OpenError, bind};
use std::ffi::OsString;
use std::io;
use thiserror::Error;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why an engine did not run, or did not end in order.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The command line cannot be used.
    #[error(transparent)]
    Flags(#[from] FlagError),
    /// It cannot listen, or does not know for whom.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It does not go on in the background.
    #[error(transparent)]
    Background(#[from] BackgroundError),
    /// The system gave it no event queue or no signals.
    #[error("cannot set up the engine's main thread: {0}")]
    Setup(#[source] io::Error),
    /// It could not serve, or not to the end.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Runs an engine with memcached's flags until the process gets SIGINT or SIGTERM, or a client stops it; with
/// `-d`, starts one in the background. `log` is told how much is to be logged before anything happens.
///
/// Blocks, and builds its own runtimes: call it from outside any runtime.
///
/// # Errors
/// [`EngineError`], each one sentence for whoever typed the command.
pub fn engine_main(
    args: impl IntoIterator<Item = OsString>,
    log: impl FnOnce(u8),
) -> Result<(), EngineError> {
    let options = from_memcached_flags(args)?;
    log(options.verbosity);
    if options.place == Place::Background {
        return Ok(background::go()?);
    }
    tell_what_there_is_not(&options);
    let runtime = Builder::new_current_thread().enable_all().build().map_err(EngineError::Setup)?;
    runtime.block_on(async {
        // Before the listener, so that a signal can never find the default action once clients can connect.
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut terminate = on(SignalKind::terminate())?;
        let (place, verbosity) = (options.place, options.verbosity);
        let pid_file = options.pid_file.clone();
        let server = bind(options)?;
        let _pid_file = pid_file.as_deref().map(PidFile::write).transpose()?;
        if place == Place::Detached {
            background::has_begun(verbosity)?;
        }
        tracing::info!(addresses = ?server.addresses(), "the engine serves");
        let shutdown = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        Ok(server.serve(shutdown).await?)
    })
}

/// What was asked for that is not there, where the engine starts in spite of it.
fn tell_what_there_is_not(options: &Options) {
    if let Some(port) = options.udp_was_asked_for {
        tracing::warn!(port, "there is no UDP: -U has no effect");
    }
    if options.protocol == Protocol::Binary {
        tracing::warn!("there is no binary protocol: whoever begins with it is disconnected");
    }
}

fn on(kind: SignalKind) -> Result<Signal, EngineError> {
    signal(kind).map_err(EngineError::Setup)
}
