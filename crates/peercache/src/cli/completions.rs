//! `completions SHELL`: a script that teaches a shell the commands.

use super::{Cli, Ended};
use crate::output::Output;
use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Print the completion script of a shell
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, output: Output) -> Result<Ended> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "peercache", &mut script);
        output.print(&script)?;
        Ok(Ended::Done)
    }
}
