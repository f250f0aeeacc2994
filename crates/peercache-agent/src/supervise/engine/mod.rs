//! The engines a peer can run, each described once: where its program is and how it is told what to do.
//!
//! Adding an engine is adding one file here and one line to [`of`]. Nothing else in the supervisor knows
//! which engine it runs: all of them answer `stats` with their pid and end on SIGTERM.

mod choice;
mod embedded;
mod find;
mod memcached;
mod settings;

pub use choice::Choice;
pub use find::{FindError, Program, Surroundings};
pub use settings::{EngineSettings, SettingsError};

use peercache_core::spec::EngineKind;
use std::ffi::OsString;

/// One kind of engine.
pub trait Engine: Sync {
    /// Which one.
    fn kind(&self) -> EngineKind;

    /// Finds its program and asks it for its version.
    ///
    /// # Errors
    /// [`FindError`] says where it was looked for and what to do.
    fn find(&self, surroundings: &Surroundings) -> Result<Program, FindError>;

    /// Whether its program can ask clients who they are.
    fn can_ask_who_is_there(&self) -> bool;

    /// The arguments that make its program a daemon in the foreground with these settings.
    fn args(&self, settings: &EngineSettings) -> Vec<OsString>;
}

/// The description of `kind`.
#[must_use]
pub fn of(kind: EngineKind) -> &'static dyn Engine {
    match kind {
        EngineKind::Memcached => &memcached::Memcached,
        EngineKind::Embedded => &embedded::Embedded,
    }
}

/// The flags that memcached and the embedded engine share.
fn shared_flags(settings: &EngineSettings) -> Vec<OsString> {
    let flags = [
        ("-l", settings.bind.to_string()),
        ("-p", settings.port.to_string()),
        ("-m", settings.memory_mb.to_string()),
        ("-t", settings.threads.to_string()),
        ("-c", settings.connections.to_string()),
        ("-I", settings.item_bytes_max.to_string()),
    ];
    flags.into_iter().flat_map(|(flag, value)| [flag.into(), value.into()]).collect()
}
