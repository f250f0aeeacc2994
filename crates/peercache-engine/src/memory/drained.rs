//! A segment's items, copied out of its pages so that those are free to be written to.

use super::item::{HEADER_BYTES, Header};
use super::pages::{PAGE_BYTES, Pages};
use super::place::Place;

/// Items that have no place any more, and where each was.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    bytes: Vec<u8>,
    pages: Vec<u32>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved<'a> {
    pub(crate) was: Place,
    pub(crate) header: Header,
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl Drained {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.pages.clear();
    }

    /// Takes the first `end` bytes of a page.
    pub(super) fn take(&mut self, pages: &Pages, page: u32, end: usize) {
        self.bytes.extend_from_slice(&pages.bytes(page)[..end]);
        self.pages.push(page);
    }

    /// The items that are not gone, in the order in which they were written.
    pub(crate) fn items(&self) -> impl Iterator<Item = Moved<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                if *self.bytes.get(at)? == 0 {
                    at = (at + 1).next_multiple_of(PAGE_BYTES);
                    continue;
                }
                let header = Header::read(&self.bytes[at..]);
                let was = Place::new(self.pages[at / PAGE_BYTES], at % PAGE_BYTES);
                let (key, value) = self.bytes[at + HEADER_BYTES..].split_at(header.key_bytes as usize);
                at += header.bytes();
                if !header.is_gone() {
                    return Some(Moved { was, header, key, value: &value[..header.value_bytes as usize] });
                }
            }
        })
    }
}
