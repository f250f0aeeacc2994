//! Sees to it that tests find a real twemproxy, whose program is called nutcracker.

use super::{apt, on_path};
use std::path::{Path, PathBuf};

/// The step: finds it, or installs it, and says which it is.
pub(crate) fn twemproxy(_root: &Path) -> Result<(), String> {
    println!("nutcracker at {}", nutcracker_program()?.display());
    Ok(())
}

/// Its program; installed when there is none.
pub(crate) fn nutcracker_program() -> Result<PathBuf, String> {
    if find().is_none() {
        apt::install("nutcracker", &["nutcracker"])?;
    }
    find().ok_or_else(|| "no nutcracker on PATH: install the package `nutcracker`".to_string())
}

/// Debian keeps it among the daemons, in a folder that is not on everybody's PATH. The tests look there too.
fn find() -> Option<PathBuf> {
    let daemons = PathBuf::from("/usr/sbin/nutcracker");
    on_path("nutcracker").into_iter().chain([daemons]).find(|path| path.is_file())
}
