//! Sees to it that tests find a real memcached, where the product looks for it too.

use super::{answer, apt, on_path};
use std::env;
use std::path::{Path, PathBuf};

/// The step: finds memcached, or installs it, and says which it is.
pub(crate) fn memcached(_root: &Path) -> Result<(), String> {
    let program = memcached_program()?;
    println!("{} at {}", version(&program).unwrap_or_default(), program.display());
    Ok(())
}

/// `$MEMCACHED_PATH`, else the first one on PATH that answers; installed when there is none.
pub(crate) fn memcached_program() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("MEMCACHED_PATH").map(PathBuf::from) {
        return match version(&path) {
            Some(_) => Ok(path),
            None => Err(format!(
                "MEMCACHED_PATH is {}, which does not answer as memcached; correct or unset it",
                path.display()
            )),
        };
    }
    if on_path("memcached").is_empty() {
        apt::install("memcached", &["memcached"]).map_err(|why| format!("{why}, or set MEMCACHED_PATH"))?;
    }
    let found = on_path("memcached").into_iter().find(|path| version(path).is_some());
    found.ok_or_else(|| {
        "no working memcached on PATH: install the package `memcached` or set MEMCACHED_PATH".to_string()
    })
}

fn version(program: &Path) -> Option<String> {
    answer(program, "-V").filter(|line| line.starts_with("memcached "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_memcached_is_not_taken_for_one() {
        assert_eq!(version(Path::new("echo")), None);
    }
}
