//! Buffers that are used again: a request needs two or three, and allocating them would be most of its cost.

use super::many::Many;

/// How many are kept.
const KEPT_MAX: usize = 4096;

/// The largest that is kept, in bytes; one that held a large value gives its memory back.
const KEPT_BYTES_MAX: usize = 4096;

/// How many multigets are kept, and with how many bytes in all.
const MULTIGETS_MAX: usize = 64;
const MULTIGETS_BYTES_MAX: usize = 8 << 20;

/// A worker's spare buffers.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    spare: Vec<Vec<u8>>,
    /// Multigets that are over, with theirs.
    #[expect(clippy::vec_box, reason = "slots hold them in boxes, which are kept with them")]
    multigets: Vec<Box<Many>>,
    multigets_bytes: usize,
}

impl Buffers {
    /// An empty buffer.
    #[inline]
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// A multiget that has to be begun.
    pub(crate) fn take_many(&mut self) -> Box<Many> {
        let many = self.multigets.pop().unwrap_or_default();
        self.multigets_bytes -= many.buffer_bytes();
        many
    }

    /// Gives one back that is over.
    pub(crate) fn put_many(&mut self, many: Box<Many>) {
        let bytes = self.multigets_bytes + many.buffer_bytes();
        if many.is_small() && self.multigets.len() < MULTIGETS_MAX && bytes <= MULTIGETS_BYTES_MAX {
            self.multigets_bytes = bytes;
            self.multigets.push(many);
        }
    }

    /// Gives one back.
    #[inline]
    pub(crate) fn put(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() > 0 && buffer.capacity() <= KEPT_BYTES_MAX && self.spare.len() < KEPT_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}
