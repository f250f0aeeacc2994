//! A folder with one file per record, and an index that lists them.
//!
//! The files are the truth. A change writes and removes them first and the index last, so after a crash, or
//! on a disk without room for the index, they may differ; the folder is what counts, and the next change
//! under the lock writes the index anew from it. A *torn* index is an error all the same: it shows that
//! something else is wrong.

use super::journal::Journal;
use super::{StateError, files};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Something that is kept in a file named after it.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The folder of its files, in the state directory.
    const FOLDER: &'static str;
    /// The index, in the state directory.
    const INDEX: &'static str;
    /// What the index calls its list.
    const LIST: &'static str;
    /// A checked name, safe as a file's.
    type Name: FromStr + Display + Ord;
    /// The record's name.
    fn name(&self) -> &Self::Name;
}

/// The index as it is in its file.
type Index = BTreeMap<String, Value>;

pub(super) fn get<R: Record>(root: &Path, name: &R::Name) -> Result<Option<R>, StateError> {
    let path = path_of::<R>(root, name);
    let Some(record) = files::read::<R>(&path)? else { return Ok(None) };
    if record.name() == name {
        Ok(Some(record))
    } else {
        let reason = format!("it describes {}, not {name}", record.name());
        Err(StateError::Foreign { path, reason })
    }
}

/// All records, by name. A file in the folder that is none of ours is passed over, unless it has the name of
/// one.
pub(super) fn all<R: Record>(root: &Path) -> Result<Vec<R>, StateError> {
    read_index::<R>(root)?;
    let mut records = Vec::new();
    for name in names::<R>(root)? {
        records.extend(get(root, &name)?);
    }
    Ok(records)
}

pub(super) fn put<R: Record>(root: &Path, journal: &mut Journal, record: &R) -> Result<(), StateError> {
    read_index::<R>(root)?;
    let path = path_of::<R>(root, record.name());
    journal.lists(R::INDEX, repair_index::<R>);
    journal.keep(&path)?;
    files::write(&path, record)
}

pub(super) fn remove<R: Record>(
    root: &Path,
    journal: &mut Journal,
    name: &R::Name,
) -> Result<(), StateError> {
    read_index::<R>(root)?;
    journal.lists(R::INDEX, repair_index::<R>);
    journal.remove(&path_of::<R>(root, name))
}

fn path_of<R: Record>(root: &Path, name: &R::Name) -> PathBuf {
    root.join(R::FOLDER).join(format!("{name}.json"))
}

fn names<R: Record>(root: &Path) -> Result<Vec<R::Name>, StateError> {
    // An index beside the folder takes nobody's name: `network/network.json` is a network's record.
    let index = Path::new(R::INDEX).strip_prefix(R::FOLDER).ok();
    let listed = files::list(&root.join(R::FOLDER))?;
    let ours = listed.iter().filter(|name| index != Some(Path::new(name)));
    let mut names: Vec<R::Name> = ours.filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
    names.sort_unstable();
    Ok(names)
}

fn read_index<R: Record>(root: &Path) -> Result<Option<Index>, StateError> {
    let path = root.join(R::INDEX);
    let index: Option<Index> = files::read(&path)?;
    if index.as_ref().is_some_and(|index| !index.get(R::LIST).is_some_and(Value::is_array)) {
        return Err(StateError::Foreign { path, reason: format!("it has no list of {}", R::LIST) });
    }
    Ok(index)
}

fn repair_index<R: Record>(root: &Path) -> Result<(), StateError> {
    let names: Vec<Value> = names::<R>(root)?.iter().map(|name| Value::String(name.to_string())).collect();
    let before = read_index::<R>(root)?;
    let mut after = before.clone().unwrap_or_default();
    after.insert("schema".to_owned(), json!(files::SCHEMA));
    after.insert(R::LIST.to_owned(), Value::Array(names));
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    // The schema first, as in every other file.
    let mut ordered = Map::new();
    ordered.extend(after);
    files::write(&root.join(R::INDEX), &ordered)
}
