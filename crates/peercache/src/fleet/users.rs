//! Files that say who to be at a peer that asks who its clients are (S4), looked at before anything is
//! started or attached: so that a mistake is told then, and that others could read them.

use crate::output::{Failure, Output};
use anyhow::Result;
use peercache_agent::supervise::engine;
use peercache_client::Login;
use peercache_core::spec::{AuthFile, EngineKind};
use rustix::process::geteuid;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a file that names nobody, and warns where others can read it.
pub(crate) fn check_users(output: Output, file: &AuthFile) -> Result<()> {
    if Login::read_blocking(file.clone())?.is_open_to_others() {
        output.warn(format_args!("others can read the passwords in {file}: chmod 600 {file}"));
    }
    Ok(())
}

/// Warns where memcached, started by root, gets root's rights to read the file.
pub(crate) fn warn_of_root(output: Output, file: &AuthFile) {
    let is_roots = || Path::new(file.as_str()).metadata().is_ok_and(|metadata| metadata.uid() == 0);
    if geteuid().is_root() && is_roots() {
        output
            .warn(format_args!("memcached runs as root, to read {file}: chown it to a user without rights"));
    }
}

/// Refuses an engine that cannot ask who its clients are: whoever wants that would rely on it in vain.
pub(super) fn refuse_unless_asking(kind: EngineKind) -> Result<()> {
    if engine::of(kind).can_ask_who_is_there() {
        return Ok(());
    }
    let sentence = format!("the {kind} engine cannot ask who its clients are, as an --auth-file wants it");
    Err(Failure::new(sentence, "--engine memcached can").into())
}
