//! A run of items that are written together and leave together, and the two queues of such runs.

use super::pages::{NO_PAGE, PAGE_BYTES};
use crate::time::Death;
use slab::Slab;

/// No segment.
pub(super) const NO_SEGMENT: u32 = u32::MAX;

/// The queues of S3-FIFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    /// Where items begin.
    Small,
    /// Where those are that proved themselves.
    Main,
}

impl Queue {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Small => Self::Main,
            Self::Main => Self::Small,
        }
    }
}

/// A run of items in a chain of pages.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) queue: Queue,
    older: u32,
    newer: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Where the next item begins in the last page.
    pub(super) end: usize,
    pub(super) pages: usize,
    /// Items that are not gone, and their bytes.
    pub(super) items: usize,
    pub(super) item_bytes: usize,
    /// No item dies before this.
    pub(super) first_death: Death,
    /// It has holes that are worth closing, and is on the list of those.
    pub(super) is_loose: bool,
    /// It is in no queue: its only item has not come whole.
    is_apart: bool,
}

impl Segment {
    const fn new(queue: Queue) -> Self {
        Self {
            queue,
            older: NO_SEGMENT,
            newer: NO_SEGMENT,
            first: NO_PAGE,
            last: NO_PAGE,
            end: PAGE_BYTES,
            pages: 0,
            items: 0,
            item_bytes: 0,
            first_death: Death::NEVER,
            is_loose: false,
            is_apart: false,
        }
    }

    /// Nothing is in it any more, and it has no pages.
    pub(super) fn empty(&mut self) {
        *self =
            Self { older: self.older, newer: self.newer, is_apart: self.is_apart, ..Self::new(self.queue) };
    }

    /// The bytes from the start of its first page to its end.
    pub(super) const fn written(&self) -> usize {
        if self.pages == 0 { 0 } else { (self.pages - 1) * PAGE_BYTES + self.end }
    }
}

/// A queue of segments.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) oldest: u32,
    pub(super) newest: u32,
    /// The segment that is written to.
    pub(super) open: u32,
    pub(super) pages: usize,
}

/// All segments, each in one of the queues or apart.
#[derive(Debug)]
pub(super) struct Segments {
    slab: Slab<Segment>,
    lines: [Line; 2],
}

impl Segments {
    pub(super) const fn new() -> Self {
        let line = Line { oldest: NO_SEGMENT, newest: NO_SEGMENT, open: NO_SEGMENT, pages: 0 };
        Self { slab: Slab::new(), lines: [line; 2] }
    }

    /// A new segment at the end of a queue.
    pub(super) fn push(&mut self, queue: Queue) -> u32 {
        let id = self.slab.insert(Segment::new(queue)) as u32;
        self.link(id, queue);
        id
    }

    /// A new segment in no queue.
    pub(super) fn push_apart(&mut self) -> u32 {
        self.slab.insert(Segment { is_apart: true, ..Segment::new(Queue::Small) }) as u32
    }

    /// The segments in no queue.
    pub(super) fn apart(&self) -> impl Iterator<Item = u32> + '_ {
        self.slab.iter().filter(|(_, segment)| segment.is_apart).map(|(id, _)| id as u32)
    }

    /// Takes a segment out of its queue, if it is in one, and forgets it. It must have no pages.
    pub(super) fn remove(&mut self, id: u32) {
        if !self.get(id).is_apart {
            self.unlink(id);
        }
        self.slab.remove(id as usize);
    }

    /// Puts a segment that was apart at the end of `queue`.
    pub(super) fn join(&mut self, id: u32, queue: Queue) {
        self.get_mut(id).is_apart = false;
        self.link(id, queue);
    }

    /// A segment has so many pages now.
    pub(super) fn set_pages(&mut self, id: u32, pages: usize) {
        let segment = &mut self.slab[id as usize];
        if !segment.is_apart {
            let line = &mut self.lines[segment.queue as usize];
            line.pages = line.pages + pages - segment.pages;
        }
        segment.pages = pages;
    }

    /// Puts a segment at the end of `queue`.
    pub(super) fn requeue(&mut self, id: u32, queue: Queue) {
        self.unlink(id);
        self.link(id, queue);
    }

    pub(super) fn get(&self, id: u32) -> &Segment {
        &self.slab[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: u32) -> &mut Segment {
        &mut self.slab[id as usize]
    }

    pub(super) fn find(&self, id: u32) -> Option<&Segment> {
        self.slab.get(id as usize)
    }

    /// One past the largest number of a segment.
    pub(super) fn bound(&self) -> u32 {
        self.slab.capacity() as u32
    }

    pub(super) fn line(&self, queue: Queue) -> &Line {
        &self.lines[queue as usize]
    }

    pub(super) fn line_mut(&mut self, queue: Queue) -> &mut Line {
        &mut self.lines[queue as usize]
    }

    /// The bytes that they take beside their pages.
    pub(super) fn bytes(&self) -> usize {
        self.slab.capacity() * (size_of::<Segment>() + size_of::<usize>())
    }

    fn link(&mut self, id: u32, queue: Queue) {
        let line = &mut self.lines[queue as usize];
        let segment = &mut self.slab[id as usize];
        line.pages += segment.pages;
        (segment.queue, segment.older, segment.newer) = (queue, line.newest, NO_SEGMENT);
        let before = std::mem::replace(&mut line.newest, id);
        match self.slab.get_mut(before as usize) {
            Some(before) => before.newer = id,
            None => line.oldest = id,
        }
    }

    fn unlink(&mut self, id: u32) {
        let segment = &self.slab[id as usize];
        let (older, newer, queue, pages) = (segment.older, segment.newer, segment.queue, segment.pages);
        let line = &mut self.lines[queue as usize];
        line.pages -= pages;
        if line.open == id {
            line.open = NO_SEGMENT;
        }
        match self.slab.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => line.oldest = newer,
        }
        match self.slab.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => line.newest = older,
        }
    }
}
