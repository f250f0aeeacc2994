//! Sees to it that tests find a real twemproxy, whose program is called nutcracker.

use super::{apt, on_path};
use std::path::{Path, PathBuf};

/// The step: finds it, or installs it, and says which it is.
pub(crate) fn twemproxy(_root: &Path) -> Result<(), String> {
    if find().is_none() {
        apt::install("nutcracker", &["nutcracker"])?;
    }
    let program = find().ok_or("no nutcracker on PATH: install the package `nutcracker`")?;
    println!("nutcracker at {}", program.display());
    Ok(())
}

/// Debian keeps it among the daemons, in a folder that is not on everybody's PATH. The tests look there too.
fn find() -> Option<PathBuf> {
    let daemons = PathBuf::from("/usr/sbin/nutcracker");
    on_path("nutcracker").into_iter().chain([daemons]).find(|path| path.is_file())
}
