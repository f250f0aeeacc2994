//! How commands speak: results on standard output, everything else on standard error.
//!
//! With `-o json`, standard output gets one document and nothing else. As text, lists are aligned tables on a
//! terminal and tab-separated lines in a pipe. Colour appears only on a terminal and obeys `NO_COLOR`.

mod failure;
mod table;

pub(crate) use failure::{Failure, WithHint, print_error, sentence};
pub(crate) use table::Table;

use anstream::AutoStream;
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// What standard output gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one document.
    Json,
}

/// Where a command's words go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Whether standard output is for programs.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// The result: the document, or what `text` makes of it.
    pub(crate) fn result(
        self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self.format {
            Format::Text => self.print(text().as_bytes()),
            Format::Json => {
                let mut bytes = serde_json::to_vec_pretty(document)?;
                bytes.push(b'\n');
                self.print(&bytes)
            }
        }
    }

    /// A result that is a list: the document, or a table.
    pub(crate) fn list(self, document: &impl Serialize, table: impl FnOnce() -> Table) -> anyhow::Result<()> {
        self.result(document, || table().render(io::stdout().is_terminal()))
    }

    /// Bytes as they are, onto standard output.
    pub(crate) fn print(self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut to = io::stdout().lock();
        match to.write_all(bytes).and_then(|()| to.flush()) {
            // Whoever reads us has enough: `peercache peer list | head -1`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|error| anyhow::anyhow!("standard output cannot be written: {error}")),
        }
    }

    /// What happens on the way: on standard output as text, on standard error beside a document.
    pub(crate) fn say(self, words: impl Display) {
        match self.format {
            Format::Text => drop(writeln!(AutoStream::auto(io::stdout()), "{words}")),
            Format::Json => drop(writeln!(AutoStream::auto(io::stderr()), "{words}")),
        }
    }

    /// Something that went well but not entirely.
    pub(crate) fn warn(self, words: impl Display) {
        warn(words);
    }
}

/// As [`Output::warn`], for those who have no output.
pub(crate) fn warn(words: impl Display) {
    let style = anstyle::AnsiColor::Yellow.on_default().bold();
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(AutoStream::auto(io::stderr()), "{style}warning:{style:#} {words}");
}

/// Something that went wrong where no error can be returned: in a drop, or beside another error.
pub(crate) fn complain(words: impl Display) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let _ = writeln!(AutoStream::auto(io::stderr()), "{style}error:{style:#} {words}");
}

/// Ids as the documented lines show them: `['p0', 'p1']`.
pub(crate) fn quoted<T: Display>(ids: &[T]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    format!("[{}]", quoted.join(", "))
}

/// Ids in a sentence: `p0, p1`.
pub(crate) fn joined<T: Display>(ids: &[T]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What to type next, where there is no error to carry it.
pub(crate) fn hint(words: impl Display) {
    let style = anstyle::AnsiColor::Cyan.on_default().bold();
    let _ = writeln!(AutoStream::auto(io::stderr()), "{style}hint:{style:#} {words}");
}
