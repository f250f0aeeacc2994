//! Memory in pages of 4 KiB that are chained to hold what is longer.
//!
//! A page is any place for anything, so memory never falls into pieces that are too small: a value of 1 MB is
//! 256 pages that need not be neighbours.

/// The bytes of a page.
pub(crate) const PAGE_BYTES: usize = 4096;

/// What a page costs beside its own bytes: its pointer, its link, its place among the free ones.
pub(crate) const PAGE_OVERHEAD_BYTES: usize = 32;

/// No page.
pub(crate) const NO_PAGE: u32 = u32::MAX;

/// Pages, free or in a chain.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// An empty box where the memory was given back.
    pages: Vec<Box<[u8]>>,
    links: Vec<Link>,
    free: Vec<u32>,
    given_back: Vec<u32>,
}

/// What follows a page, and whose it is.
#[derive(Debug, Clone, Copy)]
struct Link {
    next: u32,
    segment: u32,
}

impl Pages {
    /// A page for `segment` that nothing follows.
    pub(crate) fn take(&mut self, segment: u32) -> u32 {
        let link = Link { next: NO_PAGE, segment };
        if let Some(page) = self.free.pop() {
            self.links[page as usize] = link;
            return page;
        }
        let memory = vec![0; PAGE_BYTES].into_boxed_slice();
        if let Some(page) = self.given_back.pop() {
            self.pages[page as usize] = memory;
            self.links[page as usize] = link;
            return page;
        }
        self.pages.push(memory);
        self.links.push(link);
        (self.pages.len() - 1) as u32
    }

    /// Makes `page` follow `last`.
    pub(crate) fn chain(&mut self, last: u32, page: u32) {
        self.links[last as usize].next = page;
    }

    /// Puts a page back; whoever held it must not use it any more.
    pub(crate) fn put_back(&mut self, page: u32) {
        self.free.push(page);
    }

    /// Gives the memory of one free page back to the process, if there is one.
    pub(crate) fn give_back(&mut self) -> bool {
        let Some(page) = self.free.pop() else { return false };
        self.pages[page as usize] = Box::default();
        self.given_back.push(page);
        true
    }

    /// How many have memory.
    pub(crate) fn held(&self) -> usize {
        self.pages.len() - self.given_back.len()
    }

    /// How many of those are free.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn next(&self, page: u32) -> u32 {
        self.links[page as usize].next
    }

    pub(crate) fn segment(&self, page: u32) -> u32 {
        self.links[page as usize].segment
    }

    #[inline]
    pub(crate) fn bytes(&self, page: u32) -> &[u8] {
        &self.pages[page as usize]
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self, page: u32) -> &mut [u8] {
        &mut self.pages[page as usize]
    }
}
