//! A stream of bytes that comes in packets, cut where chance wants it.
//!
//! Chance is the stream itself: the same bytes are always cut the same way, so whatever a fuzzer finds can be
//! tried again, and a file of the corpus is nothing but what somebody could send.

/// How many random ways of cutting are tried.
const WAYS: u64 = 3;

/// Streams up to this many bytes are also sent byte by byte; longer ones would say nothing more.
const BYTEWISE_BYTES_MAX: usize = 600;

/// What a reader of a stream makes of the bytes that it holds.
pub(crate) enum Step {
    /// It did something with so many bytes.
    Took(usize),
    /// It wants to be asked again when it holds this many.
    Wants(usize),
    /// It wants no more.
    Over,
}

/// Reads `stream` whole and in packets with fresh readers, which must all say the same.
pub(crate) fn every_cut_is_no_cut<R: Default>(
    stream: &[u8],
    read: impl Fn(&mut R, &[u8], &mut Vec<String>) -> Step,
) {
    let whole = run(stream, &[], &read);
    for way in 0..WAYS {
        let cuts = random_cuts(stream, way);
        assert_eq!(run(stream, &cuts, &read), whole, "cut at {cuts:?}");
    }
    // The last byte alone: what is too long must be so before its end has come.
    let last = [stream.len().saturating_sub(1)];
    assert_eq!(run(stream, &last, &read), whole, "the last byte alone");
    if stream.len() <= BYTEWISE_BYTES_MAX {
        let cuts: Vec<usize> = (1..stream.len()).collect();
        assert_eq!(run(stream, &cuts, &read), whole, "byte by byte");
    }
}

/// What a reader says about a stream, and what it leaves.
fn run<R: Default>(
    stream: &[u8],
    cuts: &[usize],
    read: &impl Fn(&mut R, &[u8], &mut Vec<String>) -> Step,
) -> Vec<String> {
    let (mut reader, mut log) = (R::default(), Vec::new());
    let (mut taken, mut wanted) = (0, 0);
    for end in cuts.iter().copied().chain([stream.len()]) {
        while taken < end && end - taken >= wanted {
            let held = &stream[taken..end];
            match read(&mut reader, held, &mut log) {
                Step::Took(bytes) => {
                    assert!(0 < bytes && bytes <= held.len(), "{bytes} bytes of {} taken", held.len());
                    (taken, wanted) = (taken + bytes, 0);
                }
                Step::Wants(bytes) => {
                    assert!(bytes > held.len(), "{bytes} bytes wanted, and it has {}", held.len());
                    wanted = bytes;
                }
                Step::Over => {
                    log.push(format!("over after {taken} bytes"));
                    return log;
                }
            }
        }
    }
    log.push(format!("{taken} bytes taken"));
    log
}

/// Places to cut, from a generator that the stream seeds.
fn random_cuts(stream: &[u8], way: u64) -> Vec<usize> {
    // FNV-1a and xorshift: good enough to spread cuts, and nothing depends on them.
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let mut state = stream.iter().fold(0xcbf2_9ce4_8422_2325 + way, hash) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let count = next() % 8 + 1;
    let length = stream.len() as u64 + 1;
    let mut cuts: Vec<usize> = (0..count).map(|_| (next() % length) as usize).collect();
    cuts.sort_unstable();
    cuts
}
