//! libCacheSim's `oracleGeneral`: little-endian records of 24 bytes, every one a read.
//!
//! `u32` time in seconds, `u64` object id, `u32` object size in bytes, `i64` next access (not used here). The
//! key of an object is its id in decimal digits, which is always a key that a cache takes.

use super::{Operation, Request, TraceError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The length of one record.
pub const RECORD_BYTES: u64 = 24;

/// Reads records until the source ends.
#[derive(Debug)]
pub struct OracleGeneral<R> {
    source: R,
    path: PathBuf,
    bytes_read: u64,
    is_over: bool,
}

impl<R: Read> OracleGeneral<R> {
    /// Reads from `source`, which should be buffered; `path` is what errors call it.
    pub fn new(source: R, path: &Path) -> Self {
        Self { source, path: path.to_owned(), bytes_read: 0, is_over: false }
    }

    /// How many bytes were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    fn record(&mut self) -> Result<Option<Request>, TraceError> {
        let mut record = [0_u8; RECORD_BYTES as usize];
        let filled = fill(&mut self.source, &mut record).map_err(|source| TraceError::Read {
            path: self.path.clone(),
            at: self.bytes_read,
            source,
        })? as u64;
        self.bytes_read += filled;
        match filled {
            0 => Ok(None),
            RECORD_BYTES => Ok(Some(decode(&record))),
            rest_bytes => Err(TraceError::Torn {
                path: self.path.clone(),
                records: self.bytes_read / RECORD_BYTES,
                rest_bytes,
            }),
        }
    }
}

impl<R: Read> Iterator for OracleGeneral<R> {
    type Item = Result<Request, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.record().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Fills `record` as far as the source goes; `read_exact` would lose how much of a torn record was there.
fn fill(source: &mut impl Read, record: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < record.len() {
        match source.read(&mut record[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn decode(record: &[u8; RECORD_BYTES as usize]) -> Request {
    let [t0, t1, t2, t3, i0, i1, i2, i3, i4, i5, i6, i7, s0, s1, s2, s3, ..] = *record;
    let id = u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]);
    Request {
        time_s: u32::from_le_bytes([t0, t1, t2, t3]).into(),
        key: itoa::Buffer::new().format(id).as_bytes().into(),
        value_bytes: u32::from_le_bytes([s0, s1, s2, s3]),
        operation: Operation::Get,
        ttl_s: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(time_s: u32, id: u64, value_bytes: u32, next: i64) -> Vec<u8> {
        let mut record = time_s.to_le_bytes().to_vec();
        record.extend(id.to_le_bytes());
        record.extend(value_bytes.to_le_bytes());
        record.extend(next.to_le_bytes());
        record
    }

    fn read(bytes: &[u8]) -> Vec<Result<Request, TraceError>> {
        OracleGeneral::new(bytes, Path::new("t.bin")).collect()
    }

    #[test]
    fn a_record_is_a_read_of_an_id() {
        let read = read(&encode(5_633_898, u64::MAX, 36_864, -1));
        let [Ok(request)] = &read[..] else { panic!("{read:?}") };
        assert_eq!(&*request.key, b"18446744073709551615");
        assert_eq!((request.time_s, request.value_bytes, request.ttl_s), (5_633_898, 36_864, 0));
        assert_eq!(request.operation, Operation::Get);
    }

    #[test]
    fn a_torn_end_names_the_whole_records_and_the_rest_and_ends_the_trace() {
        let mut bytes = encode(1, 2, 3, 4).repeat(3);
        bytes.truncate(2 * 24 + 7);
        let read = read(&bytes);
        assert_eq!(read.len(), 3);
        let error = read[2].as_ref().unwrap_err();
        assert!(matches!(error, TraceError::Torn { records: 2, rest_bytes: 7, .. }), "{error}");
        assert!(error.to_string().contains("t.bin"), "{error}");
    }

    /// A source that gives one byte at a time and is interrupted in between.
    struct Trickle<'a>(&'a [u8], bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(&mut into[..1]) }
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_at_every_split(
            records in prop::collection::vec(any::<(u32, u64, u32, i64)>(), 0..20),
        ) {
            let (mut bytes, mut written) = (Vec::new(), Vec::new());
            for (time_s, id, value_bytes, next) in records {
                bytes.extend(encode(time_s, id, value_bytes, next));
                written.push((u64::from(time_s), id.to_string().into_bytes().into(), value_bytes));
            }
            let read: Vec<_> = OracleGeneral::new(Trickle(&bytes, false), Path::new("t"))
                .map(|request| request.expect("whole records"))
                .map(|request| (request.time_s, request.key, request.value_bytes))
                .collect();
            prop_assert_eq!(read, written);
        }

        #[test]
        fn any_bytes_give_their_whole_records_and_at_most_one_error(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let read = read(&bytes);
            let whole = read.iter().filter(|request| request.is_ok()).count();
            prop_assert_eq!(whole, bytes.len() / 24);
            prop_assert_eq!(read.len() - whole, usize::from(bytes.len() % 24 != 0));
        }
    }
}
