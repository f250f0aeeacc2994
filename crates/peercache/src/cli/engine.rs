//! `engine`: the built-in engine in the foreground, with memcached's flags. Daemons of ours run this.

use super::Ended;
use crate::output::complain;
use anyhow::Result;
use clap::Args;
use peercache_server::EngineError;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Run the built-in engine in the foreground; it takes memcached's flags
#[derive(Debug, Args)]
#[command(after_help = peercache_server::options::FLAGS_HELP)]
pub(in crate::cli) struct Engine {
    /// memcached's flags, as in -l 127.0.0.1 -p 11211 -m 64
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    flags: Vec<OsString>,
}

impl Engine {
    pub(super) fn run(self) -> Result<Ended> {
        peercache_server::engine_main(self.flags)?;
        Ok(Ended::Done)
    }
}

/// Runs the engine with everything that follows the word `engine`.
pub(super) fn run(flags: impl Iterator<Item = OsString>) -> ExitCode {
    let flags: Vec<OsString> = flags.collect();
    if flags.first().is_some_and(|flag| flag == "-h" || flag == "--help") {
        // Whoever closes the pipe has read enough.
        let _ = writeln!(io::stdout(), "{}", peercache_server::options::FLAGS_HELP);
        return ExitCode::SUCCESS;
    }
    match peercache_server::engine_main(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(if matches!(error, EngineError::Flags(_)) { 2 } else { 1 })
        }
    }
}
