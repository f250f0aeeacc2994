//! When a client that holds much is cut (P-60): not for taking its answers slowly, but for taking none.

/// Bytes of answers that a session may hold whose client takes none: it asks for much and reads nothing.
/// One that takes some gets what it has asked for, however slowly.
const HELD_BYTES_MAX: usize = 256 << 20;

/// How many bytes of them may gather while it takes none.
const UNTAKEN_BYTES_MAX: usize = 64 << 20;

/// What is known of how a client takes its answers.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Whether it has taken something since that was last asked.
    has_taken: bool,
    /// The bytes of answers at which that is asked again.
    ask_at_bytes: usize,
}

impl Patience {
    /// The client has taken something.
    pub(super) fn note_taken(&mut self) {
        self.has_taken = true;
    }

    /// Whether it has come to its end: so many bytes are `held`, and the client took nothing while they came
    /// together. One that `waits` for its first answer has taken all that it could.
    pub(super) fn is_over(&mut self, held: usize, waits: bool) -> bool {
        if held <= self.ask_at_bytes.max(HELD_BYTES_MAX - UNTAKEN_BYTES_MAX) {
            if held <= HELD_BYTES_MAX - UNTAKEN_BYTES_MAX {
                self.ask_at_bytes = 0;
            }
            return false;
        }
        self.ask_at_bytes = held + UNTAKEN_BYTES_MAX;
        let takes = std::mem::take(&mut self.has_taken) || waits;
        !takes && held > HELD_BYTES_MAX
    }
}
