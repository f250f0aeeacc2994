//! Size classes: how many items there are of which size, in memcached's classes.
//!
//! memcached keeps items of one class together and tells about each class alone, and what watches it asks
//! for that. Nothing is kept by class here; an item is only counted in the class in which memcached, with its
//! usual sizes, would keep it. That costs a write a look at a short table, and a read nothing.
//!
//! Invariant: the items and bytes of all classes together are those of the shard.

use crate::memory::{Header, Marks, item_bytes};
use crate::time::Death;

/// How many classes there are.
const COUNT: usize = 39;

/// The largest item of the first class, in bytes as memcached counts them.
const FIRST_BYTES: usize = 96;

/// Items that are larger are in the last class all the same, where memcached makes them of pieces.
const LAST_BYTES: usize = 512 * 1024;

/// The largest item of each class: a quarter more than that of the class below.
const BYTES_MAX: [usize; COUNT] = bytes_max();

const fn bytes_max() -> [usize; COUNT] {
    let (mut all, mut bytes, mut class) = ([0; COUNT], FIRST_BYTES, 0);
    while class < COUNT - 1 {
        all[class] = bytes;
        bytes = (bytes + bytes / 4).next_multiple_of(8);
        class += 1;
    }
    all[COUNT - 1] = LAST_BYTES;
    all
}

/// The class from which on to look for items of 2^n bytes and more.
const FROM: [u8; usize::BITS as usize] = from();

const fn from() -> [u8; usize::BITS as usize] {
    let (mut all, mut bits, mut class) = ([0; usize::BITS as usize], 0, 0);
    while bits < usize::BITS {
        while class < COUNT - 1 && BYTES_MAX[class] < 1 << bits {
            class += 1;
        }
        all[bits as usize] = class as u8;
        bits += 1;
    }
    all
}

/// Where an item of so many bytes is counted.
fn index(bytes: usize) -> usize {
    let mut index = usize::from(FROM[bytes.max(1).ilog2() as usize]);
    while index < COUNT - 1 && BYTES_MAX[index] < bytes {
        index += 1;
    }
    index
}

/// The number of the class in which an item of so many bytes is counted; the first is 1.
pub(crate) fn number(bytes: usize) -> u8 {
    // There are fewer than 255.
    index(bytes) as u8 + 1
}

/// What there is and was of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassValues {
    /// Its number; the first is 1.
    pub number: u8,
    /// The largest of its items, in bytes as memcached counts them.
    pub item_bytes_max: usize,
    /// Items in memory.
    pub items: u64,
    /// The bytes of those, as memcached counts them.
    pub bytes: u64,
    /// What was counted since the start or the last reset.
    pub counted: ClassCounts,
}

/// What was counted of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassCounts {
    /// Items that had to make room.
    pub evicted: u64,
    /// Those of them that had an expiry.
    pub evicted_nonzero: u64,
    /// Those of them that nobody had read.
    pub evicted_unfetched: u64,
    /// Values refused because there was no room.
    pub outofmemory: u64,
    /// Expired and flushed items whose memory was taken back.
    pub reclaimed: u64,
    /// Those of them that were looked for, and not found by somebody who asked.
    pub crawler_reclaimed: u64,
    /// Those of them that nobody had read.
    pub expired_unfetched: u64,
}

impl ClassCounts {
    fn add(&mut self, other: &Self) {
        self.evicted += other.evicted;
        self.evicted_nonzero += other.evicted_nonzero;
        self.evicted_unfetched += other.evicted_unfetched;
        self.outofmemory += other.outofmemory;
        self.reclaimed += other.reclaimed;
        self.crawler_reclaimed += other.crawler_reclaimed;
        self.expired_unfetched += other.expired_unfetched;
    }
}

/// One class of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Class {
    items: u64,
    bytes: u64,
    counted: ClassCounts,
}

/// The classes of a shard.
#[derive(Debug)]
pub(crate) struct Classes([Class; COUNT]);

impl Default for Classes {
    fn default() -> Self {
        Self([Class::default(); COUNT])
    }
}

impl Classes {
    /// An item has come.
    pub(crate) fn came(&mut self, header: &Header) {
        let bytes = bytes(header);
        let class = &mut self.0[index(bytes)];
        class.items += 1;
        class.bytes += bytes as u64;
    }

    /// An item has gone, for whatever reason.
    pub(crate) fn went(&mut self, header: &Header) {
        let bytes = bytes(header);
        let class = &mut self.0[index(bytes)];
        class.items -= 1;
        class.bytes -= bytes as u64;
    }

    /// An item has come in the place of another.
    pub(crate) fn replaced(&mut self, old: &Header, new: &Header) {
        if bytes(old) != bytes(new) {
            self.went(old);
            self.came(new);
        }
    }

    /// Why an item has gone: it had to make room.
    pub(crate) fn evicted(&mut self, header: &Header) {
        let counted = self.counted(bytes(header));
        counted.evicted += 1;
        counted.evicted_nonzero += u64::from(header.death != Death::NEVER);
        counted.evicted_unfetched += u64::from(!header.marks.has(Marks::FETCHED));
    }

    /// Why an item has gone: it had expired.
    pub(crate) fn expired(&mut self, header: &Header) {
        let counted = self.counted(bytes(header));
        counted.reclaimed += 1;
        counted.expired_unfetched += u64::from(!header.marks.has(Marks::FETCHED));
    }

    /// What was counted of items of so many bytes.
    pub(crate) fn counted(&mut self, bytes: usize) -> &mut ClassCounts {
        &mut self.0[index(bytes)].counted
    }

    /// What was counted of items like this one.
    pub(crate) fn counted_like(&mut self, header: &Header) -> &mut ClassCounts {
        self.counted(bytes(header))
    }

    /// All items have gone at once.
    pub(crate) fn clear(&mut self) {
        for class in &mut self.0 {
            class.counted.reclaimed += class.items;
            (class.items, class.bytes) = (0, 0);
        }
    }

    /// Starts counting from 0 again.
    pub(crate) fn reset(&mut self) {
        self.0.iter_mut().for_each(|class| class.counted = ClassCounts::default());
    }

    /// Adds what is counted in another shard.
    pub(crate) fn add(&mut self, other: &Self) {
        for (class, other) in self.0.iter_mut().zip(&other.0) {
            class.items += other.items;
            class.bytes += other.bytes;
            class.counted.add(&other.counted);
        }
    }

    /// Those of which there is or was anything.
    pub(crate) fn values(&self) -> Vec<ClassValues> {
        let all = self.0.iter().zip(BYTES_MAX).filter(|(class, _)| **class != Class::default());
        let values = all.map(|(class, item_bytes_max)| ClassValues {
            number: number(item_bytes_max),
            item_bytes_max,
            items: class.items,
            bytes: class.bytes,
            counted: class.counted,
        });
        values.collect()
    }
}

const fn bytes(header: &Header) -> usize {
    item_bytes(header.key_bytes as usize, header.value_bytes as usize, header.flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_are_memcacheds() {
        assert_eq!(BYTES_MAX[..8], [96, 120, 152, 192, 240, 304, 384, 480]);
        assert_eq!(BYTES_MAX[29..34], [66_232, 82_792, 103_496, 129_376, 161_720]);
        assert_eq!(BYTES_MAX[36..], [315_872, 394_840, 524_288]);
    }

    #[test]
    fn an_item_is_in_the_first_class_that_it_fits_into() {
        for bytes in (0..600_000).step_by(7).chain(BYTES_MAX).chain(BYTES_MAX.map(|bytes| bytes + 1)) {
            let due = BYTES_MAX.iter().position(|&most| bytes <= most).unwrap_or(COUNT - 1);
            assert_eq!(index(bytes), due, "{bytes}");
        }
        assert_eq!((number(61), number(66_620), number(1 << 30)), (1, 31, 39));
    }
}
