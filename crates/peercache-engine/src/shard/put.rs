//! Puts items in: whole, or in pieces as they come.
//!
//! What comes in pieces takes its room piece by piece, in a segment of its own. It is found when it is whole,
//! and takes the place of what has its key in one step, like any other.

use super::room::Made;
use super::{Hashed, Shard, Write};
use crate::memory::{self, HEAT_MAX, Header, Log, Marks, Place, Queue, Value};
use crate::time::{Death, Now};

impl Write {
    fn header(&self, key: Hashed<'_>, value_bytes: usize, now: Now) -> Option<Header> {
        Some(Header {
            key_bytes: u8::try_from(key.key.len()).ok()?,
            marks: self.marks,
            heat: 0,
            laps: 0,
            value_bytes: u32::try_from(value_bytes).ok()?,
            flags: self.flags,
            version: self.version,
            death: self.death,
            used_at_s: memory::seconds(now),
        })
    }
}

impl Shard {
    /// Puts an item in the place of what has its key; says where, or that there is no room. Then what has its
    /// key is as it was, unless it had to go.
    pub(crate) fn put(
        &mut self,
        key: Hashed<'_>,
        write: Write,
        value: &[&[u8]],
        now: Now,
    ) -> Option<(Place, Header)> {
        let value_bytes = value.iter().map(|part| part.len()).sum();
        let mut header = write.header(key, value_bytes, now)?;
        let mut old = self.find(key, now).item();
        if let Some((place, old)) = old
            && old.bytes() == header.bytes()
        {
            header.heat = (old.heat + 1).min(HEAT_MAX);
            self.classes.replaced(&old, &header);
            self.log.overwrite(place, &header, value);
            return Some((place, header));
        }
        match self.make_room(header.bytes(), now) {
            Made::Untouched => {}
            Made::Moved => old = self.find(key, now).item(),
            Made::Nothing => return None,
        }
        let place = self
            .replace(key, old, &mut header, |log, queue, header| log.append(queue, header, key.key, value));
        Some((place, header))
    }

    /// Begins an item whose value is to come in pieces; says what it is called until it is whole, or that
    /// there will be no room for it.
    pub(crate) fn open(&mut self, key: Hashed<'_>, value_bytes: usize, now: Now) -> Option<u32> {
        let write = Write { flags: 0, death: Death::NEVER, version: 0, marks: Marks::default() };
        let header = write.header(key, value_bytes, now)?;
        if self.is_too_large(header.bytes()) || self.make_room(header.head_bytes(), now) == Made::Nothing {
            return None;
        }
        Some(self.log.open(&header, key.key))
    }

    /// Takes the next piece of a value; says whether there was room for it. If not, all of it is gone.
    pub(crate) fn append(&mut self, coming: u32, piece: &[u8], now: Now) -> bool {
        let has_room = !self.log.is_lost(coming) && self.make_room(piece.len(), now) != Made::Nothing;
        if has_room {
            self.log.append_piece(coming, piece);
        } else {
            self.log.abandon(coming);
        }
        has_room
    }

    /// Whether a value that has come is lost: the memory became less than what was coming. It can only be
    /// [abandoned](Self::abandon) then.
    pub(crate) fn is_lost(&self, coming: u32) -> bool {
        self.log.is_lost(coming)
    }

    /// A value that has come whole.
    pub(crate) fn come(&self, coming: u32) -> Value<'_> {
        self.log.value_apart(coming)
    }

    /// Puts an item that has come whole in the place of what has its key.
    pub(crate) fn adopt(&mut self, key: Hashed<'_>, write: Write, coming: u32, now: Now) {
        let began = self.log.header_apart(coming);
        let Write { flags, death, version, marks } = write;
        let mut header = Header { flags, death, version, marks, used_at_s: memory::seconds(now), ..began };
        let old = self.find(key, now).item();
        self.replace(key, old, &mut header, |log, queue, header| log.adopt(coming, queue, header));
    }

    /// Forgets an item that was begun.
    pub(crate) fn abandon(&mut self, coming: u32) {
        self.log.abandon(coming);
    }

    /// Lets `write` put an item into the queue in which it belongs, and finds it there from now on instead of
    /// what was there before.
    fn replace(
        &mut self,
        key: Hashed<'_>,
        old: Option<(Place, Header)>,
        header: &mut Header,
        write: impl FnOnce(&mut Log, Queue, &Header) -> Place,
    ) -> Place {
        if let Some((from, old)) = old {
            header.heat = (old.heat + 1).min(HEAT_MAX);
            let queue = self.log.queue_of(from);
            self.classes.replaced(&old, header);
            self.log.kill(from);
            let to = write(&mut self.log, queue, header);
            self.table.replace(key.hash, from, to);
            return to;
        }
        self.classes.came(header);
        let queue = self.first_queue(key.hash);
        let place = write(&mut self.log, queue, header);
        let (log, hasher) = (&self.log, self.hasher);
        self.table.insert(key.hash, place, |place| hasher.hash(log.key(place)));
        place
    }

    /// Where a new item begins: in the small queue, or, if it has come back soon, in the main one.
    fn first_queue(&mut self, hash: u64) -> Queue {
        let Some(from) = self.ghosts.forget(hash) else { return Queue::Small };
        let (here, other) = (self.ghosts.keys(from), self.ghosts.keys(from.other()));
        self.policy.came_back(from, here, other, self.table.len());
        Queue::Main
    }
}
