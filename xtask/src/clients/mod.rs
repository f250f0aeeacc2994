//! Runs what `docs/clients.md` tells people to write, so that it is true.
//!
//! A block whose fence says `run` is a whole program. It runs as it is printed, but for the port, in a folder
//! of its own that also has the files which fences with `file=NAME` stand for. It has to succeed and to print
//! what its comments say it prints.

mod blocks;

use crate::daemons::{run_within, target_dir};
use crate::subjects::Subject;
use crate::tools::{Tools, cannot};
use blocks::{Block, Use};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const DOCUMENT: &str = "docs/clients.md";

/// The port that the document names, which is that of a proxy.
const PORT: &str = "11311";

/// How long one block may take.
const BLOCK_MAX: Duration = Duration::from_secs(60);

/// The languages whose lines run here, by the first word of a fence; each must have a block.
const LANGUAGES: &[&str] = &["python", "js", "php"];

/// The step of `cargo xtask test`: every block against everything in the table of subjects.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    command(root, &[])
}

/// `cargo xtask clients [SUBJECT]…`: the same for subjects that the arguments name, or for all.
pub(crate) fn command(root: &Path, arguments: &[String]) -> Result<(), String> {
    let path = root.join(DOCUMENT);
    let text = fs::read_to_string(&path).map_err(|error| cannot("read", &path, &error))?;
    let blocks = blocks::read(&text)?;
    for language in LANGUAGES {
        if !blocks.iter().any(|block| block.language == *language && block.purpose == Use::Run) {
            return Err(format!("{DOCUMENT} has no block of {language} that runs"));
        }
    }
    let tools = Tools::find(root)?;
    let peercache = target_dir(root).join("debug/peercache");
    for subject in Subject::all_or(arguments)? {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let running = subject.start(&peercache, folder.path())?;
        let port = running.address().port().to_string();
        lay_out(&blocks, &tools, &port, folder.path())?;
        for block in blocks.iter().filter(|block| block.purpose == Use::Run) {
            perform(block, &tools, &port, folder.path())
                .map_err(|why| format!("{DOCUMENT}:{} on {}: {why}", block.line, subject.name))?;
            println!("{DOCUMENT}:{:<4} {:<6} on {}: ok", block.line, block.language, subject.name);
        }
    }
    Ok(())
}

/// Writes the files that programs of the document expect around them.
fn lay_out(blocks: &[Block], tools: &Tools, port: &str, folder: &Path) -> Result<(), String> {
    let modules = folder.join("node_modules");
    symlink(&tools.node_modules, &modules).map_err(|error| cannot("link", &modules, &error))?;
    for block in blocks {
        if let Use::File(name) = &block.purpose {
            let path = folder.join(name);
            let text = block.text.replace(PORT, port);
            fs::write(&path, text).map_err(|error| cannot("write", &path, &error))?;
        }
    }
    Ok(())
}

fn perform(block: &Block, tools: &Tools, port: &str, folder: &Path) -> Result<(), String> {
    let program = match block.language.as_str() {
        "python" => &tools.python,
        "js" => &tools.node,
        "php" => &tools.php,
        other => return Err(format!("nothing here runs {other:?}")),
    };
    let path = folder.join(format!("block-{}.{}", block.line, block.language));
    fs::write(&path, block.text.replace(PORT, port)).map_err(|error| cannot("write", &path, &error))?;
    // Programs that use a file with settings find it by this name, and by standing beside it.
    let mut command = Command::new(program);
    command.arg(&path).env("DJANGO_SETTINGS_MODULE", "settings");
    let (succeeded, printed) = run_within(BLOCK_MAX, &mut command, folder)?;
    let wanted = block.prints();
    if succeeded && printed.lines().eq(wanted.iter().copied()) {
        return Ok(());
    }
    let verdict = if succeeded { "printed other lines" } else { "failed" };
    Err(format!("it {verdict}; wanted {wanted:?}, got\n{printed}"))
}
