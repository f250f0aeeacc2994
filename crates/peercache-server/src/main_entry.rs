//! The embedded engine as a program: what `peercache engine` runs.

use crate::door::ServeError;
use crate::options::{FlagError, from_memcached_flags};
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
    /// The system gave it no event queue or no signals.
    #[error("cannot set up the engine's main thread: {0}")]
    Setup(#[source] io::Error),
    /// It could not serve, or not to the end.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Runs an engine with memcached's flags until the process gets SIGINT or SIGTERM, or a client stops it.
///
/// Blocks, and builds its own runtimes: call it from outside any runtime.
///
/// # Errors
/// [`EngineError`], each one sentence for whoever typed the command.
pub fn engine_main(args: impl IntoIterator<Item = OsString>) -> Result<(), EngineError> {
    let options = from_memcached_flags(args)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(EngineError::Setup)?;
    runtime.block_on(async {
        // Before the listener, so that a signal can never find the default action once clients can connect.
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut terminate = on(SignalKind::terminate())?;
        let server = bind(options)?;
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

fn on(kind: SignalKind) -> Result<Signal, EngineError> {
    signal(kind).map_err(EngineError::Setup)
}
