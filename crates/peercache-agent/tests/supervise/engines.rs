//! Finding an engine: where memcached is looked for, and what a wrong `MEMCACHED_PATH` is told.

use crate::common::{memcached, surroundings};
use peercache_agent::supervise::{Choice, FindError, Surroundings};
use peercache_core::spec::EngineKind;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

fn naming(path: &Path) -> Surroundings {
    Surroundings { memcached_path: Some(path.into()), ..surroundings() }
}

/// What choosing memcached, and choosing automatically, both say: a wrong path is never passed over.
fn refusal(path: &Path) -> FindError {
    let from = naming(path);
    let auto = Choice::auto(&from).expect_err("a wrong path is an error");
    let fixed = Choice::fixed(EngineKind::Memcached, &from).expect_err("here too");
    assert_eq!(auto.to_string(), fixed.to_string());
    assert!(auto.to_string().contains(&path.display().to_string()), "{auto}");
    auto
}

#[test]
fn memcached_path_pointing_nowhere_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none"), folder.path().join("none/deeper")] {
        let error = refusal(&path);
        assert!(matches!(error, FindError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}

#[test]
fn memcached_path_that_cannot_be_run_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("memcached");
    fs::write(&text, "#!/bin/sh\necho memcached 1.6.18\n").unwrap();
    for path in [text.as_path(), folder.path()] {
        assert!(matches!(refusal(path), FindError::NotExecutable { .. }), "{}", path.display());
    }
}

#[test]
fn memcached_path_to_another_program_is_an_error() {
    // One that says something else, one that says nothing, one that never ends.
    for (program, said) in
        [("/bin/echo", "printed"), ("/bin/true", "printed \"\""), ("/usr/bin/yes", "printed")]
    {
        let error = refusal(Path::new(program));
        assert!(matches!(error, FindError::NotMemcached { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[test]
fn memcached_path_to_a_program_that_never_speaks_ends_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mute = folder.path().join("mute");
    // Written by a process of its own: a file that any child of ours still holds open cannot be executed.
    let script = r#"printf '#!/bin/sh\nexec sleep 1000\n' > "$1" && chmod 755 "$1""#;
    let written = Command::new("/bin/sh").args(["-c", script, "sh"]).arg(&mute).status().unwrap();
    assert!(written.success());
    let error = Choice::auto(&naming(&mute)).unwrap_err();
    assert!(error.to_string().contains("it failed: timed out"), "{error}");
}

#[test]
fn memcached_path_is_taken_before_path() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("my-memcached");
    symlink(memcached(), &link).unwrap();
    let choice = Choice::auto(&naming(&link)).unwrap();
    assert_eq!((choice.kind, choice.program.path.as_path()), (EngineKind::Memcached, link.as_path()));
    assert!(choice.why.contains(&format!("at {}", link.display())), "{}", choice.why);
    let empty =
        Choice::auto(&Surroundings { memcached_path: Some(OsString::new()), ..surroundings() }).unwrap();
    assert_eq!(empty.program.path, memcached(), "an empty one counts as none");
}

#[test]
fn auto_takes_memcached_from_path_and_says_so() {
    let choice = Choice::auto(&surroundings()).unwrap();
    assert_eq!(choice.kind, EngineKind::Memcached);
    assert_eq!(choice.why, format!("memcached {} at {}", choice.program.version, memcached().display()));
}

#[test]
fn without_memcached_auto_takes_the_embedded_engine_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Surroundings { path: Some(folder.path().into()), ..surroundings() };
    for from in [empty, Surroundings { path: None, ..surroundings() }] {
        let choice = Choice::auto(&from).unwrap();
        assert_eq!((choice.kind, &choice.program.path), (EngineKind::Embedded, &from.own_program));
        assert!(choice.why.ends_with("as there is no memcached on PATH"), "{}", choice.why);
        let error = Choice::fixed(EngineKind::Memcached, &from).unwrap_err();
        assert!(matches!(error, FindError::NotOnPath), "{error}");
    }
}

#[test]
fn a_broken_memcached_on_path_does_not_stop_auto() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/bin/true", folder.path().join("memcached")).unwrap();
    let from = Surroundings { path: Some(folder.path().into()), ..surroundings() };
    let choice = Choice::auto(&from).unwrap();
    assert_eq!(choice.kind, EngineKind::Embedded);
    assert!(choice.why.contains("does not work as memcached"), "{}", choice.why);
}

#[test]
fn folders_relative_to_the_working_directory_are_not_searched() {
    let working = std::env::current_dir().unwrap();
    let up = "../".repeat(working.components().count());
    let program = memcached();
    let folder = up + program.parent().and_then(Path::to_str).unwrap().trim_start_matches('/');
    assert!(Path::new(&folder).join("memcached").exists(), "{folder} leads to memcached from here");
    let from = Surroundings { path: Some(format!("::{folder}").into()), ..surroundings() };
    assert!(matches!(Choice::fixed(EngineKind::Memcached, &from), Err(FindError::NotOnPath)));
}
