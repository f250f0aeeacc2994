//! A delayed flush that is still to come, kept with the state of its network (P-18).
//!
//! One network has one: a second replaces it, and an immediate one cancels it, as in a daemon. The healers
//! carry it out; why no daemon is told of it is explained there, in `flusher`.

use super::folder::Folder;
use super::{Ledger, try_lock};
use peercache_core::spec::NetworkName;
use serde_json::Value;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

/// The folder of pending flushes, in the state directory.
const FLUSH: &str = "flush";

/// A record is about 40 bytes.
const BYTES_MAX: u64 = 4096;

impl Ledger {
    /// When the pending flush of `network` is due, in seconds since 1970; it may have passed. Blocks.
    ///
    /// # Errors
    /// The file cannot be read, or is none of ours; the error names it.
    pub fn pending_flush(&self, network: &NetworkName) -> io::Result<Option<u64>> {
        let Some(folder) = self.flushes()? else { return Ok(None) };
        let name = file_name(network);
        let Some(file) = folder.open_file(&name)? else { return Ok(None) };
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        let record: Value = serde_json::from_str(&text).unwrap_or_default();
        let foreign = || {
            let path = self.state_dir.join(FLUSH).join(&name);
            let words = format!("{} is torn or was not written by peercache; move it away", path.display());
            io::Error::new(ErrorKind::InvalidData, words)
        };
        record.get("at_unix_s").and_then(Value::as_u64).ok_or_else(foreign).map(Some)
    }

    /// Writes down that `network` is to be flushed at a time in seconds since 1970, instead of what was
    /// pending: the healers of this state directory will do it, and no daemon is to be told. Blocks.
    ///
    /// # Errors
    /// It could not be written; what was pending still is.
    pub fn set_pending_flush(&self, network: &NetworkName, at_unix_s: u64) -> io::Result<()> {
        let text = serde_json::json!({ "schema": 1, "at_unix_s": at_unix_s });
        let folder = Folder::make(&self.state_dir)?.make_child(FLUSH)?;
        folder.write_whole(&file_name(network), format!("{text}\n").as_bytes()).map(drop)
    }

    /// Nothing is pending any more: an immediate flush cancels it. Blocks.
    ///
    /// # Errors
    /// It could not be removed and is still pending.
    pub fn clear_pending_flush(&self, network: &NetworkName) -> io::Result<()> {
        self.flushes()?.map_or(Ok(()), |folder| folder.remove(&file_name(network)))
    }

    /// Takes the right to carry out the pending flush of `network`, for as long as the file is held; none
    /// while another process has it.
    pub(crate) fn lock_flush(&self, network: &NetworkName) -> io::Result<Option<File>> {
        let folder = Folder::make(&self.state_dir)?.make_child(FLUSH)?;
        try_lock(folder.open_or_create(format!(".{network}.lock").as_ref())?)
    }

    fn flushes(&self) -> io::Result<Option<Folder>> {
        Folder::open(&self.state_dir)?.map_or(Ok(None), |state| state.child(FLUSH))
    }
}

fn file_name(network: &NetworkName) -> OsString {
    format!("{network}.json").into()
}
