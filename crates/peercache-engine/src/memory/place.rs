//! Where an item lies, in four bytes.

use super::item::ALIGNMENT;
use super::pages::PAGE_BYTES;

/// The multiples of [`ALIGNMENT`] in a page.
const PLACES_PER_PAGE: u32 = (PAGE_BYTES / ALIGNMENT) as u32;

/// The most pages that places can name.
pub(crate) const PAGES_MAX: usize = (u32::MAX / PLACES_PER_PAGE) as usize;

/// A place in a page where an item begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// No place; [`PAGES_MAX`] keeps real ones below it.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) const fn new(page: u32, offset: usize) -> Self {
        Self(page * PLACES_PER_PAGE + (offset / ALIGNMENT) as u32)
    }

    pub(crate) const fn page(self) -> u32 {
        self.0 / PLACES_PER_PAGE
    }

    pub(crate) const fn offset(self) -> usize {
        (self.0 % PLACES_PER_PAGE) as usize * ALIGNMENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_its_page_and_offset() {
        for (page, offset) in [(0, 0), (0, 4088), (1, 8), (PAGES_MAX as u32 - 1, 4088)] {
            let place = Place::new(page, offset);
            assert_eq!((place.page(), place.offset()), (page, offset));
            assert_ne!(place, Place::NONE);
        }
    }
}
