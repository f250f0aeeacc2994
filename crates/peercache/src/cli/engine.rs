//! `engine`: the built-in engine in the foreground, with memcached's flags. Daemons of ours run this.

use super::Ended;
use crate::output::complain;
use anyhow::Result;
use clap::Args;
use peercache_server::EngineError;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

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
        peercache_server::engine_main(self.flags, log)?;
        Ok(Ended::Done)
    }
}

/// Runs the engine with everything that follows the word `engine`.
pub(super) fn run(flags: impl Iterator<Item = OsString>) -> ExitCode {
    let flags: Vec<OsString> = flags.collect();
    let asks = |short, long| flags.iter().any(|flag| flag == short || flag == long);
    // Whoever closes the pipe has read enough.
    if asks("-h", "--help") {
        let _ = writeln!(io::stdout(), "{}", peercache_server::options::FLAGS_HELP);
        return ExitCode::SUCCESS;
    }
    if asks("-V", "--version") {
        let _ = writeln!(io::stdout(), "peercache engine {}", peercache_server::VERSION);
        return ExitCode::SUCCESS;
    }
    match peercache_server::engine_main(flags, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(if matches!(error, EngineError::Flags(_)) { 2 } else { 1 })
        }
    }
}

/// An engine runs for long and alone, as a proxy does; memcached's `-v` asks for more.
fn log(verbosity: u8) {
    super::log_to_stderr(match verbosity {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    });
}
