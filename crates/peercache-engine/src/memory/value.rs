//! A value as it lies in its pages.

use super::pages::{PAGE_BYTES, Pages};

/// The bytes of a value, in pieces of at most 4 KiB.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    pages: &'a Pages,
    page: u32,
    offset: usize,
    bytes: usize,
}

impl<'a> Value<'a> {
    /// `bytes` bytes from `offset` in `page` on, and on in the pages behind it.
    pub(super) const fn new(pages: &'a Pages, page: u32, offset: usize, bytes: usize) -> Self {
        Self { pages, page, offset, bytes }
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Appends them to `out`.
    #[inline]
    pub fn append_to(self, out: &mut Vec<u8>) {
        self.for_each(|piece| out.extend_from_slice(piece));
    }

    /// A copy of them.
    #[must_use]
    pub fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes);
        self.append_to(&mut out);
        out
    }
}

/// Piece by piece.
impl<'a> Iterator for Value<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.bytes == 0 {
            return None;
        }
        if self.offset == PAGE_BYTES {
            (self.page, self.offset) = (self.pages.next(self.page), 0);
        }
        let bytes = self.bytes.min(PAGE_BYTES - self.offset);
        let piece = &self.pages.bytes(self.page)[self.offset..self.offset + bytes];
        self.offset += bytes;
        self.bytes -= bytes;
        Some(piece)
    }
}
