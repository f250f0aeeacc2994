//! Files that say who to be at a peer that asks who its clients are (S4), looked at before anything is
//! started or attached: so that a mistake is told then, and that others could read them.

use crate::output::{Failure, Output};
use anyhow::Result;
use peercache_agent::supervise::{Ability, Choice, engine};
use peercache_client::Login;
use peercache_core::spec::{AuthFile, EngineKind};
use rustix::process::geteuid;

/// Refuses a file that names nobody, and warns where others can read it.
pub(crate) fn check_users(output: Output, file: &AuthFile) -> Result<()> {
    if Login::read_blocking(file.clone())?.is_open_to_others() {
        output.warn(format_args!("others can read the passwords in {file}: chmod 600 {file}"));
    }
    Ok(())
}

/// Warns where an engine that gives root's rights up keeps them to read the file.
pub(crate) fn warn_of_root(output: Output, kind: EngineKind, file: &AuthFile) {
    let user = || engine::of(kind).user(Some(file));
    if geteuid().is_root() && user().as_deref() == Some("root") {
        output.warn(format_args!("{kind} runs as root, to read {file}: chown it to a user without rights"));
    }
}

/// Refuses an engine that cannot ask who its clients are: whoever wants that would rely on it in vain.
/// One of which that is unknown is tried.
pub(super) fn refuse_unless_asking(choice: &Choice) -> Result<()> {
    let abilities = engine::of(choice.kind).abilities_at(&choice.program.version);
    if abilities.is_none_or(|abilities| abilities.contains(&Ability::Logins)) {
        return Ok(());
    }
    let (kind, version) = (choice.kind, &choice.program.version);
    let sentence = format!("{kind} {version} cannot ask who its clients are, as an --auth-file wants it");
    Err(Failure::new(sentence, "take a later one, or another --engine").into())
}
