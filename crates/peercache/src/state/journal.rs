//! What a change has done so far, so that one that fails half way can be taken back.
//!
//! Before a record is replaced or removed, its file gets a second name beside it. Going back is a rename
//! then, for which a disk that is full has room too. A crash takes nothing back: each record by itself is
//! whole, and the next change sweeps the second names away.

use super::{StateError, files};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How second names begin.
pub(super) const KEPT: &str = ".old-";

/// Writes an index of the state in a folder anew.
pub(super) type Repair = fn(&Path) -> Result<(), StateError>;

/// The files that a change has touched, each once, in their order.
#[derive(Debug, Default)]
pub(super) struct Journal {
    steps: Vec<Step>,
    /// What lists these files, by its own name.
    indexes: BTreeMap<&'static str, Repair>,
}

#[derive(Debug)]
struct Step {
    path: PathBuf,
    /// Where the file is as it was; none if there was none.
    kept: Option<PathBuf>,
}

impl Journal {
    /// The file at `path` is about to be created or replaced.
    pub(super) fn keep(&mut self, path: &Path) -> Result<(), StateError> {
        if !self.knows(path) {
            let kept = second_name(path);
            let is_there = files::link(path, &kept)?;
            self.steps.push(Step { path: path.to_owned(), kept: is_there.then_some(kept) });
        }
        Ok(())
    }

    /// Removes the file at `path`; that it does not exist is fine.
    pub(super) fn remove(&mut self, path: &Path) -> Result<(), StateError> {
        self.keep(path)?;
        files::remove(path)
    }

    /// The index `name` is to be written anew when the change is done.
    pub(super) fn lists(&mut self, name: &'static str, repair: Repair) {
        self.indexes.insert(name, repair);
    }

    /// The change is done. An index that cannot be written is no failure of it: the files are the truth.
    pub(super) fn close(self, root: &Path) {
        for (name, repair) in self.indexes {
            if let Err(error) = repair(root) {
                let why = match error {
                    StateError::Unwritable { source, .. } => source.to_string(),
                    error => error.to_string(),
                };
                crate::output::warn(format!(
                    "it is done, but the list {} is as it was ({why}); it counts for nothing, and the next \
                     change writes it anew",
                    root.join(name).display()
                ));
            }
        }
        for kept in self.steps.into_iter().filter_map(|step| step.kept) {
            // Swept by the next change where it stays.
            let _ = files::remove(&kept);
        }
    }

    /// The change failed: everything becomes what it was.
    pub(super) fn take_back(self) {
        for Step { path, kept } in self.steps.into_iter().rev() {
            let back = match kept {
                Some(kept) => files::rename(&kept, &path),
                None => files::remove(&path),
            };
            if let Err(error) = back {
                crate::output::complain(format!("{} is not as it was before: {error}", path.display()));
            }
        }
    }

    fn knows(&self, path: &Path) -> bool {
        self.steps.iter().any(|step| step.path == path)
    }
}

fn second_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{KEPT}{name}"))
}
