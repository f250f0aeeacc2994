//! Writing a report into a folder: whole or not at all, and never over another.

use super::Report;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use thiserror::Error;

/// Names tried for reports of one trace that began in the same second.
const NAMES_MAX: u32 = 100;

/// The longest part of the trace's name that the report's name takes.
const STEM_CHARS_MAX: usize = 60;

/// Why a report was not written. The folder is as it was before.
#[derive(Debug, Error)]
#[error("cannot write the report into {}: {source}", .dir.display())]
pub struct ReportError {
    /// The folder.
    pub dir: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl Report {
    /// Writes the report as JSON into `dir`, which is made if it does not exist, and returns the file's path:
    /// `replay-<trace>-<when it began>.json`.
    ///
    /// # Errors
    /// [`ReportError`]: the folder cannot be made or written, or the disk is full.
    pub fn write_into(&self, dir: &Path) -> Result<PathBuf, ReportError> {
        self.try_write(dir).map_err(|source| ReportError { dir: dir.to_owned(), source })
    }

    fn try_write(&self, dir: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(dir)?;
        let mut file = NamedTempFile::with_prefix_in(".replay-", dir)?;
        file.write_all(self.to_json().as_bytes())?;
        file.as_file().sync_all()?;
        make_readable(&file)?;
        let path = persist(file, dir, &self.file_stem())?;
        // The name is on the disk only when the folder is.
        std::fs::File::open(dir)?.sync_all()?;
        Ok(path)
    }

    fn file_stem(&self) -> String {
        let name = self.trace.name.split('.').next().unwrap_or_default();
        let safe = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '_' | '-');
        let name: String = name.chars().map(|symbol| if safe(symbol) { symbol } else { '_' }).collect();
        let name: String = name.chars().take(STEM_CHARS_MAX).collect();
        let name = if name.is_empty() { "trace" } else { &name };
        let started: String = self.started.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("replay-{name}-{started}")
    }
}

/// Gives the file its name, with a number behind it where another report has that name.
fn persist(mut file: NamedTempFile, dir: &Path, stem: &str) -> io::Result<PathBuf> {
    for number in 1..=NAMES_MAX {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = dir.join(format!("{stem}{suffix}.json"));
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    let taken = format!("{NAMES_MAX} reports named {stem} exist already");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, taken))
}

/// Temporary files are their owner's only; a report is as readable as any file the user makes.
#[cfg(unix)]
fn make_readable(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &NamedTempFile) -> io::Result<()> {
    Ok(())
}
