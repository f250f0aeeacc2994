//! The log: items behind one another in segments, which stand in two queues.
//!
//! A header and its key lie in one page; a value goes on in as many as it needs. Where too little of a page
//! is left for a header and key, a zero byte says that the next item is in the next page. What is longer than
//! half a segment has a segment of its own, so that it never has to be copied to stay.
//!
//! Invariant: a segment knows how many bytes of it are items that are not gone.

use super::drained::Drained;
use super::item::{HEADER_BYTES, Header, Marks};
use super::pages::{NO_PAGE, PAGE_BYTES, Pages};
use super::place::Place;
use super::segment::{NO_SEGMENT, Queue, Segment, Segments};
use super::value::Value;
use crate::time::{Death, Now};

/// A segment is worth closing the holes of when they are this share of it: a quarter.
const LOOSE_SHARE: usize = 4;

/// Items in pages.
#[derive(Debug)]
pub(crate) struct Log {
    pages: Pages,
    pub(super) segments: Segments,
    /// How long a segment gets.
    segment_bytes: usize,
    /// Segments with holes worth closing; some have gone meanwhile.
    loose: Vec<u32>,
    item_bytes: usize,
}

impl Log {
    pub(crate) fn new(segment_bytes: usize) -> Self {
        Self {
            pages: Pages::default(),
            segments: Segments::new(),
            segment_bytes,
            loose: Vec::new(),
            item_bytes: 0,
        }
    }

    pub(crate) const fn segment_bytes(&self) -> usize {
        self.segment_bytes
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// Gives a free page back to the process.
    pub(crate) fn give_back(&mut self) -> bool {
        self.pages.give_back()
    }

    /// The bytes of the items that are not gone.
    pub(crate) const fn item_bytes(&self) -> usize {
        self.item_bytes
    }

    /// The bytes of what it keeps beside pages.
    pub(crate) fn overhead_bytes(&self) -> usize {
        self.segments.bytes() + self.loose.capacity() * size_of::<u32>()
    }

    /// The most pages that an item of so many bytes can need.
    pub(crate) const fn pages_needed(item_bytes: usize) -> usize {
        item_bytes.div_ceil(PAGE_BYTES) + 1
    }

    /// The pages in a queue.
    pub(crate) fn queue_pages(&self, queue: Queue) -> usize {
        self.segments.line(queue).pages
    }

    /// The header of the item at `place`.
    #[inline]
    pub(crate) fn header(&self, place: Place) -> Header {
        Header::read(&self.pages.bytes(place.page())[place.offset()..])
    }

    /// Whether the item at `place` has this key.
    #[inline]
    pub(crate) fn has_key(&self, place: Place, key: &[u8]) -> bool {
        let item = &self.pages.bytes(place.page())[place.offset()..];
        item[0] as usize == key.len() && item[HEADER_BYTES..].starts_with(key)
    }

    pub(crate) fn key(&self, place: Place) -> &[u8] {
        let item = &self.pages.bytes(place.page())[place.offset()..];
        &item[HEADER_BYTES..HEADER_BYTES + item[0] as usize]
    }

    #[inline]
    pub(crate) fn value(&self, place: Place, header: &Header) -> Value<'_> {
        let offset = place.offset() + header.head_bytes();
        Value::new(&self.pages, place.page(), offset, header.value_bytes as usize)
    }

    pub(crate) fn queue_of(&self, place: Place) -> Queue {
        self.segments.get(self.pages.segment(place.page())).queue
    }

    /// Changes what is known of an item. Its lengths must stay.
    #[inline]
    pub(crate) fn set_header(&mut self, place: Place, header: &Header) {
        header.write(&mut self.pages.bytes_mut(place.page())[place.offset()..]);
        if header.death != Death::NEVER {
            self.note_death(place, header.death);
        }
    }

    fn note_death(&mut self, place: Place, death: Death) {
        let segment = self.segments.get_mut(self.pages.segment(place.page()));
        segment.first_death = segment.first_death.min(death);
    }

    /// Writes an item in the place of one that takes as many bytes and has the same key.
    pub(crate) fn overwrite(&mut self, place: Place, header: &Header, value: &[&[u8]]) {
        self.set_header(place, header);
        let (mut page, mut offset) = (place.page(), place.offset() + header.head_bytes());
        for &part in value {
            let mut rest = part;
            while !rest.is_empty() {
                if offset == PAGE_BYTES {
                    (page, offset) = (self.pages.next(page), 0);
                }
                let (now, later) = rest.split_at(rest.len().min(PAGE_BYTES - offset));
                self.pages.bytes_mut(page)[offset..offset + now.len()].copy_from_slice(now);
                offset += now.len();
                rest = later;
            }
        }
    }

    /// Writes an item at the end of a queue.
    pub(crate) fn append(&mut self, queue: Queue, header: &Header, key: &[u8], value: &[&[u8]]) -> Place {
        let bytes = header.bytes();
        let id = if bytes > self.segment_bytes / 2 {
            self.segments.push(queue)
        } else {
            self.open_segment(queue, bytes)
        };
        self.append_to(id, header, key, value)
    }

    /// Writes an item at the end of a segment.
    pub(crate) fn append_to(&mut self, id: u32, header: &Header, key: &[u8], value: &[&[u8]]) -> Place {
        let place = self.append_head(id, header, key);
        value.iter().for_each(|part| self.append_bytes(id, part));
        self.complete(id, header);
        place
    }

    /// Writes what stands before a value.
    pub(super) fn append_head(&mut self, id: u32, header: &Header, key: &[u8]) -> Place {
        let mut segment = self.segments.get(id);
        if PAGE_BYTES - segment.end < header.head_bytes() {
            if segment.end < PAGE_BYTES {
                let (last, end) = (segment.last, segment.end);
                self.pages.bytes_mut(last)[end] = 0;
            }
            self.add_page(id);
            segment = self.segments.get(id);
        }
        let (page, offset) = (segment.last, segment.end);
        let place = Place::new(page, offset);
        let item = &mut self.pages.bytes_mut(page)[offset..];
        header.write(item);
        let end = offset + header.head_bytes();
        item[HEADER_BYTES..HEADER_BYTES + key.len()].copy_from_slice(key);
        self.segments.get_mut(id).end = end;
        place
    }

    /// Counts an item whose value is written.
    pub(super) fn complete(&mut self, id: u32, header: &Header) {
        let segment = self.segments.get_mut(id);
        segment.end = segment.end.next_multiple_of(super::item::ALIGNMENT);
        segment.items += 1;
        segment.item_bytes += header.bytes();
        segment.first_death = segment.first_death.min(header.death);
        self.item_bytes += header.bytes();
    }

    pub(super) fn append_bytes(&mut self, id: u32, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.segments.get(id).end == PAGE_BYTES {
                self.add_page(id);
            }
            let segment = self.segments.get_mut(id);
            let (now, later) = rest.split_at(rest.len().min(PAGE_BYTES - segment.end));
            let page = self.pages.bytes_mut(segment.last);
            page[segment.end..segment.end + now.len()].copy_from_slice(now);
            segment.end += now.len();
            rest = later;
        }
    }

    fn add_page(&mut self, id: u32) {
        let page = self.pages.take(id);
        let segment = self.segments.get_mut(id);
        if segment.last == NO_PAGE {
            segment.first = page;
        } else {
            self.pages.chain(segment.last, page);
        }
        (segment.last, segment.end) = (page, 0);
        let pages = segment.pages + 1;
        self.segments.set_pages(id, pages);
    }

    /// The segment at the end of a queue that has room for `bytes` more.
    fn open_segment(&mut self, queue: Queue, bytes: usize) -> u32 {
        let open = self.segments.line(queue).open;
        if open != NO_SEGMENT {
            if self.segments.get(open).written() + bytes <= self.segment_bytes {
                return open;
            }
            self.segments.line_mut(queue).open = NO_SEGMENT;
            self.look_for_holes(open);
        }
        let id = self.segments.push(queue);
        self.segments.line_mut(queue).open = id;
        id
    }

    /// Marks an item as gone.
    pub(crate) fn kill(&mut self, place: Place) {
        let mut header = self.header(place);
        header.marks = header.marks.with(Marks::GONE);
        header.write(&mut self.pages.bytes_mut(place.page())[place.offset()..]);
        self.item_bytes -= header.bytes();
        let id = self.pages.segment(place.page());
        let segment = self.segments.get_mut(id);
        segment.items -= 1;
        segment.item_bytes -= header.bytes();
        if self.segments.line(self.segments.get(id).queue).open == id {
            return;
        }
        if self.segments.get(id).items == 0 {
            self.free_pages(id);
            self.segments.remove(id);
        } else {
            self.look_for_holes(id);
        }
    }

    /// Puts a segment that is not written to any more on the list, if its holes are worth closing.
    fn look_for_holes(&mut self, id: u32) {
        let segment = self.segments.get_mut(id);
        let holes = segment.pages * PAGE_BYTES - segment.item_bytes;
        // Less than a page of holes closes to nothing.
        if holes >= PAGE_BYTES && holes > segment.pages * PAGE_BYTES / LOOSE_SHARE && !segment.is_loose {
            segment.is_loose = true;
            self.loose.push(id);
        }
    }

    /// A segment with holes worth closing, if there is one.
    pub(crate) fn take_loose(&mut self) -> Option<u32> {
        while let Some(id) = self.loose.pop() {
            if self.segments.find(id).is_some_and(|segment| segment.is_loose) {
                return Some(id);
            }
        }
        None
    }

    /// The segment that a queue begins with.
    pub(crate) fn oldest(&self, queue: Queue) -> Option<u32> {
        let oldest = self.segments.line(queue).oldest;
        (oldest != NO_SEGMENT).then_some(oldest)
    }

    /// The only item of a segment that was made for one.
    pub(crate) fn single(&self, id: u32) -> Option<Place> {
        let segment = self.segments.get(id);
        let is_single = segment.items == 1 && segment.item_bytes > self.segment_bytes / 2;
        is_single.then(|| Place::new(segment.first, 0))
    }

    /// Moves a segment to the end of a queue.
    pub(crate) fn requeue(&mut self, id: u32, queue: Queue) {
        self.segments.requeue(id, queue);
    }

    /// Copies a segment's items out and frees its pages. It keeps its place in its queue, and can be written
    /// to or [removed](Self::remove).
    pub(crate) fn drain(&mut self, id: u32, into: &mut Drained) {
        into.clear();
        let segment = self.segments.get(id);
        let (mut page, last, end) = (segment.first, segment.last, segment.end);
        while page != NO_PAGE {
            into.take(&self.pages, page, if page == last { end } else { PAGE_BYTES });
            page = self.pages.next(page);
        }
        self.item_bytes -= segment.item_bytes;
        self.close(id);
        self.free_pages(id);
    }

    /// Forgets a segment without pages.
    pub(crate) fn remove(&mut self, id: u32) {
        self.segments.remove(id);
    }

    fn close(&mut self, id: u32) {
        let queue = self.segments.get(id).queue;
        let line = self.segments.line_mut(queue);
        if line.open == id {
            line.open = NO_SEGMENT;
        }
    }

    pub(super) fn free_pages(&mut self, id: u32) {
        let mut page = self.segments.get(id).first;
        self.segments.set_pages(id, 0);
        self.segments.get_mut(id).empty();
        while page != NO_PAGE {
            let next = self.pages.next(page);
            self.pages.put_back(page);
            page = next;
        }
    }

    /// One past the largest number of a segment, for whoever looks at all of them.
    pub(crate) fn segments_bound(&self) -> u32 {
        self.segments.bound()
    }

    /// The places of a segment's items that have died by `now`; and when the first of the others does.
    pub(crate) fn dead_in(&self, id: u32, now: Now) -> Option<(Vec<Place>, Death)> {
        let segment = self.segments.find(id).filter(|segment| segment.first_death.has_come(now))?;
        let (mut dead, mut first_death) = (Vec::new(), Death::NEVER);
        let mut at = self.start(segment);
        while let Some(place) = at {
            let header = self.header(place);
            match header {
                _ if header.is_gone() => {}
                _ if header.death.has_come(now) => dead.push(place),
                _ => first_death = first_death.min(header.death),
            }
            at = self.behind(segment, place, &header);
        }
        Some((dead, first_death))
    }

    /// Says when the first item of a segment dies, if the segment is still there.
    pub(crate) fn set_first_death(&mut self, id: u32, death: Death) {
        if self.segments.find(id).is_some() {
            self.segments.get_mut(id).first_death = death;
        }
    }

    fn start(&self, segment: &Segment) -> Option<Place> {
        (segment.written() > 0).then(|| Place::new(segment.first, 0))
    }

    /// The item behind one in its segment.
    fn behind(&self, segment: &Segment, place: Place, header: &Header) -> Option<Place> {
        let (mut page, mut offset) = (place.page(), place.offset() + header.bytes());
        while offset > PAGE_BYTES {
            (page, offset) = (self.pages.next(page), offset - PAGE_BYTES);
        }
        if page == segment.last && offset >= segment.end {
            return None;
        }
        if offset == PAGE_BYTES || self.pages.bytes(page)[offset] == 0 {
            (page, offset) = (self.pages.next(page), 0);
        }
        (page != NO_PAGE).then(|| Place::new(page, offset))
    }

    /// Forgets all items.
    pub(crate) fn clear(&mut self) {
        for queue in [Queue::Small, Queue::Main] {
            while let Some(id) = self.oldest(queue) {
                self.free_pages(id);
                self.segments.remove(id);
            }
        }
        self.loose.clear();
        self.item_bytes = 0;
    }
}
