//! What can be wrong with a trace, as sentences that name the file, the place and the remedy.

use super::Format;
use super::oracle_general::RECORD_BYTES;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a trace cannot be read, or not further.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The file cannot be opened or looked at. Nothing was read.
    #[error("cannot open the trace {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The path names a folder, a socket or a pipe, whose length cannot be known.
    #[error("{} is not a regular file; give the path of a trace file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("the trace {} is empty", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The last record is not whole: the file was cut off, or is of another format.
    #[error(
        "the trace {} is torn: after {records} whole records of {RECORD_BYTES} bytes, \
         {rest_bytes} bytes remain; copy the file again, or name its format if it is not oracleGeneral",
        .path.display()
    )]
    Torn {
        /// The file.
        path: PathBuf,
        /// Records that are whole.
        records: u64,
        /// Bytes behind them.
        rest_bytes: u64,
    },
    /// The file is compressed.
    #[error("the trace {} is packed by {program}; unpack it first", .path.display())]
    Packed {
        /// The file.
        path: PathBuf,
        /// What packed it.
        program: &'static str,
    },
    /// Neither name nor contents say how the file is written.
    #[error(
        "cannot tell the format of the trace {} from its name or first line; \
         name it: oracleGeneral or twitter",
        .path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The contents cannot be of the format that was named.
    #[error("the trace {} is not {format}: {what}", .path.display())]
    WrongFormat {
        /// The file.
        path: PathBuf,
        /// The format that was named, by its user or its name.
        format: Format,
        /// What speaks against it.
        what: &'static str,
    },
    /// A line cannot be read. The requests before it were given out.
    #[error("{}:{line}: {what}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Reading failed half-way. The requests before it were given out.
    #[error("cannot read the trace {} behind byte {at}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// How many bytes were read.
        at: u64,
        /// What the operating system said.
        source: io::Error,
    },
}
