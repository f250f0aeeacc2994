//! Files that are read whole and written whole.
//!
//! A write makes a temporary file beside the target, syncs it, renames it over the target and syncs the
//! folder: whatever happens, a reader sees the old file or the new one. Nothing here follows a symbolic link,
//! so nobody who can place one in the state directory makes us read or overwrite something else.

use super::StateError;
use super::journal::KEPT;
use rustix::fs::OFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The one schema there is. A field that is added does not change it.
pub(super) const SCHEMA: u64 = 1;

/// The largest file that is read, in bytes: a network of 65,535 peers with the longest names has 5 MB.
const BYTES_MAX: u64 = 16 << 20;

/// How temporary files begin. One that is found under the lock was left by a crash.
const TEMPORARY: &str = ".new-";

/// Reads and checks the file at `path`; none when it does not exist.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let Some(bytes) = read_bytes(path)? else { return Ok(None) };
    let path = || path.to_owned();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(StateError::Empty { path: path() });
    }
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| StateError::Torn { path: path(), reason: error.to_string() })?;
    let foreign = |reason: String| StateError::Foreign { path: path(), reason };
    match value.get("schema").and_then(Value::as_u64) {
        None => return Err(foreign("it has no schema number".to_owned())),
        Some(found) if found > SCHEMA => {
            return Err(StateError::Newer { path: path(), found, known: SCHEMA });
        }
        Some(_) => {}
    }
    serde_json::from_value(value).map(Some).map_err(|error| foreign(error.to_string()))
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    let unreadable = |source| StateError::Unreadable { path: path.to_owned(), source };
    // A pipe in place of the file must not make us wait for a writer.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) if is_symlink(path) => return Err(wrong_kind(path, "a symbolic link", "a file")),
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(wrong_kind(path, "no plain file", "a file"));
    }
    if metadata.len() > BYTES_MAX {
        let reason =
            format!("it has {} bytes, and no file of ours has more than {BYTES_MAX}", metadata.len());
        return Err(StateError::Foreign { path: path.to_owned(), reason });
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some(bytes))
}

/// Replaces the file at `path` by `record`, wholly or not at all.
pub(super) fn write<T: Serialize>(path: &Path, record: &T) -> Result<(), StateError> {
    let unwritable = |source| StateError::Unwritable { path: path.to_owned(), source };
    if is_symlink(path) {
        return Err(wrong_kind(path, "a symbolic link", "a file"));
    }
    let mut text = serde_json::to_vec_pretty(record).map_err(|error| unwritable(error.into()))?;
    text.push(b'\n');
    // tempfile creates with mode 0600 and refuses to open what exists.
    let mut file =
        tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder_of(path)).map_err(unwritable)?;
    file.write_all(&text).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    sync_folder(path)
}

/// Removes the file at `path`; that it does not exist is fine.
pub(super) fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(StateError::Unwritable { path: path.to_owned(), source })
        }
        _ => sync_folder(path),
    }
}

/// Gives the file at `path` a second name; says whether there is a file. It is copied where the file system
/// has no second names.
pub(super) fn link(path: &Path, second: &Path) -> Result<bool, StateError> {
    if is_symlink(path) {
        return Err(wrong_kind(path, "a symbolic link", "a file"));
    }
    match fs::hard_link(path, second) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(_) => {
            let copied = fs::copy(path, second);
            copied.map(|_| true).map_err(|source| StateError::Unwritable { path: path.to_owned(), source })
        }
    }
}

/// Puts the file `from` in the place of `to`, also where both are the same file.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StateError> {
    fs::rename(from, to).map_err(|source| StateError::Unwritable { path: to.to_owned(), source })?;
    // Two names of one file both stay.
    remove(from)
}

/// Without this, a power cut may undo a rename that was already reported.
fn sync_folder(path: &Path) -> Result<(), StateError> {
    let synced = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
    synced.map_err(|source| StateError::Unwritable { path: path.to_owned(), source })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Makes sure that a folder of ours exists, for nobody but this user.
pub(super) fn make_folder(path: &Path) -> Result<(), StateError> {
    if is_symlink(path) {
        return Err(wrong_kind(path, "a symbolic link", "a folder"));
    }
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(_) if path.exists() && !path.is_dir() => Err(wrong_kind(path, "no folder", "a folder")),
        Err(source) => Err(StateError::Unwritable { path: path.to_owned(), source }),
    }
}

/// The names of the files in a folder of ours; none when it does not exist.
pub(super) fn list(folder: &Path) -> Result<Vec<String>, StateError> {
    let unreadable = |source| StateError::Unreadable { path: folder.to_owned(), source };
    if is_symlink(folder) {
        return Err(wrong_kind(folder, "a symbolic link", "a folder"));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        entries.filter_map(|entry| name(entry).transpose()).collect::<io::Result<_>>().map_err(unreadable)?;
    names.sort_unstable();
    Ok(names)
}

/// Removes what a crash left of a change. Only under the lock: nobody else is writing then.
pub(super) fn sweep(folder: &Path) -> Result<(), StateError> {
    let is_left = |name: &&String| name.starts_with(TEMPORARY) || name.starts_with(KEPT);
    for name in list(folder)?.iter().filter(is_left) {
        remove(&folder.join(name))?;
    }
    Ok(())
}

pub(super) fn is_symlink(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

pub(super) fn wrong_kind(path: &Path, found: &'static str, wanted: &'static str) -> StateError {
    StateError::WrongKind { path: PathBuf::from(path), found, wanted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn read_text(text: &str) -> Result<Option<Value>, StateError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn what_was_written_is_read_and_only_we_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert!(read::<Value>(&path).unwrap().is_none());
        let record = json!({"schema": 1, "word": "ä\n"});
        write(&path, &record).unwrap();
        assert_eq!(read::<Value>(&path).unwrap(), Some(record));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(list(folder.path()).unwrap(), ["a.json"], "no temporary file stays");
    }

    #[test]
    fn each_way_of_being_wrong_has_its_own_sentence() {
        assert!(matches!(read_text(""), Err(StateError::Empty { .. })));
        assert!(matches!(read_text(" \n"), Err(StateError::Empty { .. })));
        assert!(matches!(read_text("{\"schema\":1"), Err(StateError::Torn { .. })));
        assert!(matches!(read_text("hello"), Err(StateError::Torn { .. })));
        assert!(matches!(read_text("{}"), Err(StateError::Foreign { .. })));
        assert!(matches!(read_text("[1]"), Err(StateError::Foreign { .. })));
        assert!(matches!(read_text("{\"schema\":\"1\"}"), Err(StateError::Foreign { .. })));
        assert!(matches!(read_text("{\"schema\":2}"), Err(StateError::Newer { found: 2, .. })));
    }

    #[test]
    fn links_and_folders_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link.json"));
        fs::write(&target, "{\"schema\":1}").unwrap();
        symlink(&target, &link).unwrap();
        assert!(matches!(read::<Value>(&link), Err(StateError::WrongKind { .. })));
        assert!(matches!(write(&link, &json!({})), Err(StateError::WrongKind { .. })));
        assert_eq!(fs::read_to_string(&target).unwrap(), "{\"schema\":1}");
        assert!(matches!(read::<Value>(folder.path()), Err(StateError::WrongKind { .. })));
    }

    #[test]
    fn a_sweep_removes_what_a_crash_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".new-x1", ".old-p0.json", "p0.json", "notes"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        sweep(folder.path()).unwrap();
        assert_eq!(list(folder.path()).unwrap(), ["notes", "p0.json"]);
    }
}
