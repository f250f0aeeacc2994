//! PHP with the extension `memcached`, both from Debian.

use super::{apt, on_path};
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGES: &[&str] = &["php-cli", "php-memcached"];

/// The first PHP on PATH that has the extension; installed when there is none.
pub(super) fn find() -> Result<PathBuf, String> {
    let find = || on_path("php").into_iter().find(|php| has_extension(php));
    if let Some(found) = find() {
        return Ok(found);
    }
    apt::install("PHP with its extension memcached", PACKAGES)?;
    find().ok_or_else(|| "no `php` on the PATH loads the extension memcached; see `php -m`".to_string())
}

fn has_extension(php: &Path) -> bool {
    let output = Command::new(php).arg("-m").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).lines().any(|line| line == "memcached"))
}
