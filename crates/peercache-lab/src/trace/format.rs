//! The trace formats, and how one is told from a file's name and first bytes.
//!
//! The name decides where it says anything; the contents decide the rest, and where they are not clear the
//! answer is "name it", never a guess.

use super::twitter;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use thiserror::Error;

/// How a trace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// libCacheSim's `oracleGeneral`: binary records of 24 bytes.
    OracleGeneral,
    /// Twitter's cache-trace: comma-separated lines of seven fields.
    TwitterCsv,
}

impl Format {
    /// Every format, in the order it is listed to users.
    pub const ALL: &'static [Self] = &[Self::OracleGeneral, Self::TwitterCsv];

    /// The word users type and read.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OracleGeneral => "oracleGeneral",
            Self::TwitterCsv => "twitter",
        }
    }

    /// What the file's name says about its format.
    pub(super) fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        if name.contains("oraclegeneral") {
            Some(Self::OracleGeneral)
        } else if name.ends_with(".csv") {
            Some(Self::TwitterCsv)
        } else {
            None
        }
    }

    /// What the file's first bytes say about its format.
    pub(super) fn of_contents(head: &[u8]) -> Option<Self> {
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        if twitter::parse(line).is_ok() {
            Some(Self::TwitterCsv)
        } else if is_text(head) {
            None
        } else {
            Some(Self::OracleGeneral)
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.iter().copied().find(|format| format.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| FormatError { text: text.to_owned() })
    }
}

/// A word that names no trace format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a known trace format; the choices are oracleGeneral, twitter")]
pub struct FormatError {
    text: String,
}

/// Whether bytes read like text. An oracleGeneral record never does: the upper bytes of its `i64` are 0 or
/// 0xff.
pub(super) fn is_text(head: &[u8]) -> bool {
    head.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\t' | b'\r' | b'\n'))
        && !head.windows(2).any(|pair| pair == [0xff, 0xff])
}

/// The program that packed a file with these first bytes, if one did.
pub(super) fn packed_by(head: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] = &[
        (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
        (&[0x1f, 0x8b, 0x08], "gzip"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
        (b"BZh", "bzip2"),
    ];
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, program)| program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_where_it_says_anything() {
        let of = |name: &str| Format::of_name(Path::new(name));
        assert_eq!(of("cloudphysics.oracleGeneral.bin"), Some(Format::OracleGeneral));
        assert_eq!(of("w01.oraclegeneral"), Some(Format::OracleGeneral));
        assert_eq!(of("oracleGeneral/cluster52.csv"), Some(Format::TwitterCsv));
        assert_eq!(of("cluster052"), None);
    }

    #[test]
    fn the_contents_decide_the_rest_or_nothing_does() {
        let record = [1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(Format::of_contents(&record), Some(Format::OracleGeneral));
        assert_eq!(Format::of_contents(b"0,k:1,3,100,4,get,0\n0,"), Some(Format::TwitterCsv));
        assert_eq!(Format::of_contents(b"just some words\n"), None);
    }

    #[test]
    fn a_format_is_named_by_its_word_and_an_unknown_one_lists_the_choices() {
        for &format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        let error = "lirs".parse::<Format>().unwrap_err().to_string();
        assert!(error.contains("oracleGeneral, twitter"), "{error}");
    }
}
