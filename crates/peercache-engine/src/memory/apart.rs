//! Items whose values come in pieces: each is written into a segment of its own that is in no queue, so
//! nobody finds it and nobody is asked to let it go, until it is whole. It can be lost, where the memory
//! becomes less than what such items have taken.

use super::item::Header;
use super::log::Log;
use super::place::Place;
use super::segment::Queue;
use super::value::Value;

impl Log {
    /// Begins an item; its value is to be appended, and is as long as `header` says.
    pub(crate) fn open(&mut self, header: &Header, key: &[u8]) -> u32 {
        let id = self.segments.push_apart();
        self.append_head(id, header, key);
        id
    }

    /// Appends the next piece of a value.
    pub(crate) fn append_piece(&mut self, id: u32, piece: &[u8]) {
        self.append_bytes(id, piece);
    }

    /// What is known of an item that was begun.
    pub(crate) fn header_apart(&self, id: u32) -> Header {
        self.header(self.place_apart(id))
    }

    /// The value of an item that has come whole.
    pub(crate) fn value_apart(&self, id: u32) -> Value<'_> {
        let place = self.place_apart(id);
        self.value(place, &self.header(place))
    }

    /// Puts an item that has come whole into a queue. Its lengths must be those that it began with.
    pub(crate) fn adopt(&mut self, id: u32, queue: Queue, header: &Header) -> Place {
        let place = self.place_apart(id);
        self.segments.join(id, queue);
        self.complete(id, header);
        self.set_header(place, header);
        place
    }

    /// Takes back the memory of all items that were begun, which are lost; says whether there was any.
    pub(crate) fn lose_apart(&mut self) -> bool {
        let begun: Vec<u32> = self.segments.apart().filter(|&id| !self.is_lost(id)).collect();
        begun.iter().for_each(|&id| self.free_pages(id));
        !begun.is_empty()
    }

    /// Whether an item that was begun is lost. It can only be abandoned then.
    pub(crate) fn is_lost(&self, id: u32) -> bool {
        self.segments.get(id).pages == 0
    }

    /// Forgets an item that was begun.
    pub(crate) fn abandon(&mut self, id: u32) {
        self.free_pages(id);
        self.segments.remove(id);
    }

    fn place_apart(&self, id: u32) -> Place {
        Place::new(self.segments.get(id).first, 0)
    }
}
