//! Twitter's cache-trace: one line a request, seven fields between commas, no head line.
//!
//! `timestamp,anonymized key,key size,value size,client id,operation,TTL`, times in seconds, sizes in
//! bytes. Some anonymized keys contain commas, so the fields behind the key are counted from the end of the
//! line. The key is taken as it is; whether a cache would take it is decided by who sends it. Lines end in
//! LF or CR LF and are at most [`LINE_BYTES_MAX`] long.

use super::{Operation, Request, TraceError};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// The longest line, its end included. A real one is under 400 bytes: a key has at most 250.
pub const LINE_BYTES_MAX: usize = 4096;

/// How much of a wrong field an error repeats.
const SHOWN_BYTES_MAX: usize = 40;

/// Reads lines until the source ends or one is malformed.
#[derive(Debug)]
pub struct Twitter<R> {
    source: R,
    path: PathBuf,
    line: Vec<u8>,
    lines_read: u64,
    bytes_read: u64,
    is_over: bool,
}

impl<R: BufRead> Twitter<R> {
    /// Reads from `source`; `path` is what errors call it.
    pub fn new(source: R, path: &Path) -> Self {
        let path = path.to_owned();
        Self { source, path, line: Vec::new(), lines_read: 0, bytes_read: 0, is_over: false }
    }

    /// How many bytes were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    fn request(&mut self) -> Result<Option<Request>, TraceError> {
        self.line.clear();
        let mut bounded = (&mut self.source).take(LINE_BYTES_MAX as u64);
        let bytes = bounded.read_until(b'\n', &mut self.line).map_err(|source| TraceError::Read {
            path: self.path.clone(),
            at: self.bytes_read,
            source,
        })?;
        if bytes == 0 {
            return Ok(None);
        }
        self.bytes_read += bytes as u64;
        self.lines_read += 1;
        let line = match self.line.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None if bytes == LINE_BYTES_MAX => {
                return Err(self.malformed(format!("the line is longer than {LINE_BYTES_MAX} bytes")));
            }
            None => &self.line,
        };
        parse(line).map(Some).map_err(|what| self.malformed(what))
    }

    fn malformed(&self, what: String) -> TraceError {
        TraceError::Malformed { path: self.path.clone(), line: self.lines_read, what }
    }
}

impl<R: BufRead> Iterator for Twitter<R> {
    type Item = Result<Request, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.request().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Reads one line, without its end; the error says what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Request, String> {
    let fields = line.split(|&byte| byte == b',').count();
    let mut from_end = line.rsplitn(6, |&byte| byte == b',');
    let mut last = || from_end.next();
    let (Some(ttl), Some(operation), Some(_client), Some(value_size), Some(key_size), Some(start)) =
        (last(), last(), last(), last(), last(), last())
    else {
        return Err(field_count(fields));
    };
    let Some(comma) = start.iter().position(|&byte| byte == b',') else {
        return Err(field_count(fields));
    };
    number("key size", key_size, u32::MAX.into())?;
    Ok(Request {
        time_s: number("timestamp", &start[..comma], u64::MAX)?,
        key: start[comma + 1..].into(),
        value_bytes: number("value size", value_size, u32::MAX.into())? as u32,
        operation: Operation::from_word(operation)
            .ok_or_else(|| format!("the operation is {}, which is none of memcached's", shown(operation)))?,
        ttl_s: number("TTL", ttl, u32::MAX.into())? as u32,
    })
}

fn field_count(fields: usize) -> String {
    format!(
        "the line has {fields} of its 7 fields \
         (timestamp,key,key size,value size,client id,operation,TTL)"
    )
}

fn number(field: &str, text: &[u8], max: u64) -> Result<u64, String> {
    // `parse` would also take a plus sign, which no trace has.
    let digits = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).filter(|&number| number <= max).ok_or_else(|| {
        format!("the {field} is {}, where a whole number from 0 to {max} belongs", shown(text))
    })
}

/// A field as an error shows it: escaped, and never long.
fn shown(field: &[u8]) -> String {
    let cut = &field[..field.len().min(SHOWN_BYTES_MAX)];
    let more = if cut.len() < field.len() { "..." } else { "" };
    format!("\"{}{more}\"", cut.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Vec<Result<Request, TraceError>> {
        Twitter::new(bytes, Path::new("t.csv")).collect()
    }

    #[test]
    fn a_line_is_a_request_whatever_ends_it() {
        let read = read(b"0,q:q:1:8WT,17,213,4,get,0\r\n7,k,1,0,4,set,86400\n8,last,4,1,1,delete,0");
        let requests: Vec<_> = read.into_iter().map(|request| request.expect("a request")).collect();
        assert_eq!(&*requests[0].key, b"q:q:1:8WT");
        assert_eq!((requests[0].value_bytes, requests[0].operation), (213, Operation::Get));
        assert_eq!(
            (requests[1].time_s, requests[1].ttl_s, requests[1].operation),
            (7, 86400, Operation::Set)
        );
        assert_eq!((&*requests[2].key, requests[2].operation), (&b"last"[..], Operation::Delete));
    }

    #[test]
    fn commas_belong_to_the_key_and_the_key_is_taken_as_it_is() {
        assert_eq!(&*parse(b"0,a,b,,c,6,1,1,get,0").unwrap().key, b"a,b,,c");
        assert_eq!(&*parse(b"0,,0,1,1,get,0").unwrap().key, b"");
        assert_eq!(&*parse(b"0,a \0b,4,1,1,get,0").unwrap().key, b"a \0b");
    }

    #[test]
    fn a_malformed_line_names_file_line_and_fault_and_ends_the_trace() {
        let cases: [(&[u8], &str); 8] = [
            (b"", "1 of its 7 fields"),
            (b"0,k,1,2,3,get", "6 of its 7"),
            (b"x,k,1,2,3,get,0", "timestamp is \"x\""),
            (b"0,k,,2,3,get,0", "key size is \"\""),
            (b"0,k,1,-2,3,get,0", "value size is \"-2\""),
            (b"0,k,1,4294967296,3,get,0", "from 0 to 4294967295"),
            (b"0,k,1,2,3,GET,0", "operation is \"GET\""),
            (b"0,k,1,2,3,get,+1", "TTL is \"+1\""),
        ];
        for (line, fault) in cases {
            let bytes = [b"0,k,1,2,3,get,0\n", line, b"\n0,k,1,2,3,get,0\n"].concat();
            let read = read(&bytes);
            assert_eq!(read.len(), 2, "{read:?}");
            let error = read[1].as_ref().unwrap_err().to_string();
            assert!(error.starts_with("t.csv:2: ") && error.contains(fault), "{error}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_without_reading_it_whole() {
        let error = read(&vec![b'x'; 10 * LINE_BYTES_MAX]).remove(0).unwrap_err().to_string();
        assert_eq!(error, "t.csv:1: the line is longer than 4096 bytes");
        let error = read(b"0,\x1b[31mred,1,2,3,\x1b[31m,0").remove(0).unwrap_err().to_string();
        assert!(error.contains("\\x1b[31m") && !error.contains('\x1b'), "{error}");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            time_s: u64, key in "[!-~]{0,60}", value_bytes: u32, which in 0..Operation::ALL.len(), ttl_s: u32,
        ) {
            let operation = Operation::ALL[which];
            let word = operation.as_str();
            let line = format!("{time_s},{key},{},{value_bytes},9,{word},{ttl_s}", key.len());
            let key = key.into_bytes().into();
            let request = Request { time_s, key, value_bytes, operation, ttl_s };
            prop_assert_eq!(parse(line.as_bytes()), Ok(request));
        }

        #[test]
        fn any_bytes_end_in_at_most_one_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let read = read(&bytes);
            prop_assert!(read.iter().rev().skip(1).all(Result::is_ok));
        }

        #[test]
        fn almost_lines_never_panic(bytes in "([0-9]{0,22}|[a-z]{0,4}|[,\r\n\0]|,get,|,set,){0,60}") {
            let read = read(bytes.as_bytes());
            prop_assert!(read.iter().rev().skip(1).all(Result::is_ok));
        }
    }
}
