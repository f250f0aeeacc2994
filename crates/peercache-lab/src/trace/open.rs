//! Opening a trace: every check that can be made before the first request is made here.

use super::format::{is_text, packed_by};
use super::oracle_general::{OracleGeneral, RECORD_BYTES};
use super::twitter::{LINE_BYTES_MAX, Twitter};
use super::{Format, Request, TraceError};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// How much of the file is held at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// An open trace: an iterator over its requests that ends at the first error.
#[derive(Debug)]
pub struct Trace {
    reader: Reader,
    bytes_total: u64,
}

#[derive(Debug)]
enum Reader {
    OracleGeneral(OracleGeneral<BufReader<File>>),
    Twitter(Twitter<BufReader<File>>),
}

impl Trace {
    /// Opens the trace at `path`, in `format` or in what its name, else its contents, say.
    ///
    /// # Errors
    /// [`TraceError`]: missing, empty, torn, packed, of an unknown or evidently another format.
    pub fn open(path: &Path, format: Option<Format>) -> Result<Self, TraceError> {
        let open = |source| TraceError::Open { path: path.to_owned(), source };
        // Looked at before it is opened, because opening a pipe waits for its writer.
        let metadata = std::fs::metadata(path).map_err(open)?;
        if !metadata.is_file() {
            return Err(TraceError::NotAFile { path: path.to_owned() });
        }
        let mut file = File::open(path).map_err(open)?;
        let bytes_total = file.metadata().map_err(open)?.len();
        let head = head_of(&mut file).map_err(open)?;
        let format = decide(path, format, &head)?;
        let source = BufReader::with_capacity(BUFFER_BYTES, file);
        let reader = match format {
            Format::OracleGeneral => {
                check_records(path, bytes_total, &head)?;
                Reader::OracleGeneral(OracleGeneral::new(source, path))
            }
            Format::TwitterCsv => Reader::Twitter(Twitter::new(source, path)),
        };
        Ok(Self { reader, bytes_total })
    }

    /// How the trace is written.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.reader {
            Reader::OracleGeneral(_) => Format::OracleGeneral,
            Reader::Twitter(_) => Format::TwitterCsv,
        }
    }

    /// The file's length in bytes when it was opened.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// How many bytes of it were read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        match &self.reader {
            Reader::OracleGeneral(reader) => reader.bytes_read(),
            Reader::Twitter(reader) => reader.bytes_read(),
        }
    }

    /// How many requests it has, where the format tells without reading it.
    #[must_use]
    pub fn requests_total(&self) -> Option<u64> {
        match self.format() {
            Format::OracleGeneral => Some(self.bytes_total / RECORD_BYTES),
            Format::TwitterCsv => None,
        }
    }
}

impl Iterator for Trace {
    type Item = Result<Request, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.reader {
            Reader::OracleGeneral(reader) => reader.next(),
            Reader::Twitter(reader) => reader.next(),
        }
    }
}

/// The file's first bytes; it stands at its beginning again afterwards.
fn head_of(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(LINE_BYTES_MAX);
    file.take(LINE_BYTES_MAX as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

fn decide(path: &Path, format: Option<Format>, head: &[u8]) -> Result<Format, TraceError> {
    let path_owned = || path.to_owned();
    if head.is_empty() {
        return Err(TraceError::Empty { path: path_owned() });
    }
    if let Some(format) = format {
        return Ok(format);
    }
    if let Some(program) = packed_by(head) {
        return Err(TraceError::Packed { path: path_owned(), program });
    }
    Format::of_name(path)
        .or_else(|| Format::of_contents(head))
        .ok_or_else(|| TraceError::UnknownFormat { path: path_owned() })
}

fn check_records(path: &Path, bytes_total: u64, head: &[u8]) -> Result<(), TraceError> {
    if is_text(head) {
        let what = "it reads like text, and oracleGeneral is binary";
        return Err(TraceError::WrongFormat { path: path.to_owned(), format: Format::OracleGeneral, what });
    }
    let (records, rest_bytes) = (bytes_total / RECORD_BYTES, bytes_total % RECORD_BYTES);
    if rest_bytes > 0 {
        return Err(TraceError::Torn { path: path.to_owned(), records, rest_bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Dir(tempfile::TempDir);

    impl Dir {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        }
    }

    fn refused(path: &Path, format: Option<Format>) -> TraceError {
        Trace::open(path, format).expect_err("a file that is no trace")
    }

    const RECORD: [u8; 24] =
        [1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];

    #[test]
    fn a_trace_knows_its_size_and_how_far_it_is_read() {
        let dir = Dir::new();
        let mut trace = Trace::open(&dir.file("trace", &RECORD.repeat(3)), None).unwrap();
        assert_eq!((trace.format(), trace.requests_total()), (Format::OracleGeneral, Some(3)));
        assert_eq!((trace.bytes_read(), trace.bytes_total()), (0, 72));
        assert_eq!(trace.by_ref().filter(Result::is_ok).count(), 3);
        assert_eq!(trace.bytes_read(), 72);

        let trace = Trace::open(&dir.file("cluster052", b"0,k,1,2,3,get,0\n"), None).unwrap();
        assert_eq!((trace.format(), trace.requests_total()), (Format::TwitterCsv, None));
        assert_eq!(trace.map(|request| request.unwrap().value_bytes).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_torn_file_is_refused_before_its_first_request() {
        let dir = Dir::new();
        let path = dir.file("a.oracleGeneral.bin", &RECORD.repeat(3)[..70]);
        let error = refused(&path, None);
        assert!(matches!(error, TraceError::Torn { records: 2, rest_bytes: 22, .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("a.oracleGeneral.bin") && text.contains("2 whole") && text.contains("22 bytes"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_trace_is_refused_by_name() {
        let dir = Dir::new();
        let missing = dir.0.path().join("missing.csv");
        assert!(matches!(refused(&missing, None), TraceError::Open { .. }));
        assert!(matches!(refused(dir.0.path(), None), TraceError::NotAFile { .. }));
        for format in [None, Some(Format::OracleGeneral), Some(Format::TwitterCsv)] {
            assert!(matches!(refused(&dir.file("empty.csv", b""), format), TraceError::Empty { .. }));
        }
        let packed = dir.file("a.csv.zst", &[0x28, 0xb5, 0x2f, 0xfd, 0]);
        assert!(matches!(refused(&packed, None), TraceError::Packed { program: "zstd", .. }));
        assert!(matches!(
            refused(&dir.file("notes", b"some words\n"), None),
            TraceError::UnknownFormat { .. }
        ));
        let text = dir.file("a.oracleGeneral", b"0,k,1,2,3,get,0\n12345678");
        assert!(matches!(refused(&text, None), TraceError::WrongFormat { .. }));
    }
}
