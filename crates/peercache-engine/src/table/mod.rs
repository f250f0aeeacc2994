//! Finds items by the hash of their key: linear hashing over buckets of one cache line.
//!
//! A table that doubles has to stop everybody while it moves millions of entries. This one grows by a bucket
//! at a time (Litwin 1980): about one of seven inserts splits the next bucket in line, and nothing else
//! moves. An entry is five bytes, a byte of the hash and a place, so a look-up mostly meets one line of the
//! table and the item itself.

mod buckets;

use crate::memory::Place;
use buckets::{BUCKET_ENTRIES, Bucket, Buckets, NO_BUCKET};

/// How many entries a bucket has on average before the table grows. Buckets that are not split yet have up
/// to twice as many as the others, so more would spill often.
const ENTRIES_PER_BUCKET: usize = 7;

/// Places of items, by the hashes of their keys.
#[derive(Debug, Default)]
pub(crate) struct Table {
    line: Buckets,
    /// All hashes below `split` use one bit more than `bits`.
    bits: u32,
    split: usize,
    spills: Buckets,
    spills_free: Vec<u32>,
    len: usize,
}

/// A bucket, in line or spilled over.
#[derive(Debug, Clone, Copy)]
enum At {
    Line(usize),
    Spill(u32),
}

impl Table {
    pub(crate) fn new() -> Self {
        let mut table = Self::default();
        table.line.push();
        table
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many buckets there are, for whoever walks over all of them.
    pub(crate) fn buckets(&self) -> usize {
        self.line.len()
    }

    /// The bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.line.bytes() + self.spills.bytes() + self.spills_free.capacity() * size_of::<u32>()
    }

    /// The place of the entry with this hash for which `is_it` says so.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(Place) -> bool) -> Option<Place> {
        let tag = tag(hash);
        let mut at = At::Line(self.line(hash));
        loop {
            let bucket = self.bucket(at);
            for (&found, &place) in bucket.tags.iter().zip(&bucket.places) {
                if found == tag && is_it(place) {
                    return Some(place);
                }
            }
            if bucket.spill == NO_BUCKET {
                return None;
            }
            at = At::Spill(bucket.spill);
        }
    }

    /// Adds an entry, and grows if there are too many. `hash_of` tells the hash of what lies at a place.
    pub(crate) fn insert(&mut self, hash: u64, place: Place, hash_of: impl Fn(Place) -> u64) {
        self.add(self.line(hash), tag(hash), place);
        self.len += 1;
        if self.len > self.line.len() * ENTRIES_PER_BUCKET {
            self.grow(hash_of);
        }
    }

    /// Removes the entry with this hash and place, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, place: Place) -> bool {
        let Some((at, slot)) = self.entry(hash, place) else { return false };
        self.clear(at, slot);
        self.len -= 1;
        true
    }

    /// Makes the entry with this hash and place name another place.
    pub(crate) fn replace(&mut self, hash: u64, from: Place, to: Place) -> bool {
        let Some((at, slot)) = self.entry(hash, from) else { return false };
        self.bucket_mut(at).places[slot] = to;
        true
    }

    /// The places in one bucket, spilled ones included.
    pub(crate) fn places(&self, bucket: usize) -> impl Iterator<Item = Place> + '_ {
        let mut at = Some(At::Line(bucket));
        std::iter::from_fn(move || {
            let bucket = self.bucket(at?);
            at = (bucket.spill != NO_BUCKET).then_some(At::Spill(bucket.spill));
            Some(bucket)
        })
        .flat_map(|bucket| bucket.tags.iter().zip(&bucket.places))
        .filter_map(|(&tag, &place)| (tag != 0).then_some(place))
    }

    /// The bucket in line for `hash`.
    #[inline]
    fn line(&self, hash: u64) -> usize {
        let line = (hash & ((1 << self.bits) - 1)) as usize;
        if line < self.split { (hash & ((2 << self.bits) - 1)) as usize } else { line }
    }

    #[inline]
    fn bucket(&self, at: At) -> &Bucket {
        match at {
            At::Line(line) => &self.line[line],
            At::Spill(spill) => &self.spills[spill as usize],
        }
    }

    fn bucket_mut(&mut self, at: At) -> &mut Bucket {
        match at {
            At::Line(line) => &mut self.line[line],
            At::Spill(spill) => &mut self.spills[spill as usize],
        }
    }

    /// Where the entry with this hash and place is.
    fn entry(&self, hash: u64, place: Place) -> Option<(At, usize)> {
        let tag = tag(hash);
        let mut at = At::Line(self.line(hash));
        loop {
            let bucket = self.bucket(at);
            let mut entries = bucket.tags.iter().zip(&bucket.places);
            if let Some(slot) = entries.position(|entry| entry == (&tag, &place)) {
                return Some((at, slot));
            }
            if bucket.spill == NO_BUCKET {
                return None;
            }
            at = At::Spill(bucket.spill);
        }
    }

    fn add(&mut self, line: usize, tag: u8, place: Place) {
        let mut at = At::Line(line);
        loop {
            let bucket = self.bucket_mut(at);
            if let Some(slot) = bucket.tags.iter().position(|&tag| tag == 0) {
                bucket.tags[slot] = tag;
                bucket.places[slot] = place;
                return;
            }
            if bucket.spill == NO_BUCKET {
                let spill = self.new_spill();
                self.bucket_mut(at).spill = spill;
            }
            at = At::Spill(self.bucket(at).spill);
        }
    }

    fn new_spill(&mut self) -> u32 {
        if let Some(spill) = self.spills_free.pop() {
            return spill;
        }
        self.spills.push() as u32
    }

    /// Takes one entry out. What has spilled over comes nearer, so that emptied buckets are free again.
    fn clear(&mut self, at: At, slot: usize) {
        let spill = self.bucket(at).spill;
        if spill == NO_BUCKET {
            self.bucket_mut(at).tags[slot] = 0;
            return;
        }
        let next = self.bucket(At::Spill(spill));
        // A spilled bucket that is in use has an entry, or it would have been freed.
        let from = next.tags.iter().position(|&tag| tag != 0).unwrap_or_default();
        let (tag, place) = (next.tags[from], next.places[from]);
        let bucket = self.bucket_mut(at);
        (bucket.tags[slot], bucket.places[slot]) = (tag, place);
        self.clear(At::Spill(spill), from);
        let next = self.bucket(At::Spill(spill));
        if next.tags == [0; BUCKET_ENTRIES] {
            self.bucket_mut(at).spill = NO_BUCKET;
            self.free_spill(spill);
        }
    }

    fn free_spill(&mut self, spill: u32) {
        self.spills[spill as usize] = Bucket::EMPTY;
        self.spills_free.push(spill);
    }

    /// Splits the next bucket in line in two.
    fn grow(&mut self, hash_of: impl Fn(Place) -> u64) {
        let from = self.split;
        self.line.push();
        let mut moved = Vec::with_capacity(2 * BUCKET_ENTRIES);
        let mut at = At::Line(from);
        loop {
            let bucket = std::mem::replace(self.bucket_mut(at), Bucket::EMPTY);
            moved.extend(bucket.tags.into_iter().zip(bucket.places).filter(|&(tag, _)| tag != 0));
            if let At::Spill(spill) = at {
                self.spills_free.push(spill);
            }
            if bucket.spill == NO_BUCKET {
                break;
            }
            at = At::Spill(bucket.spill);
        }
        self.split += 1;
        if self.split == 1 << self.bits {
            self.split = 0;
            self.bits += 1;
        }
        for (tag, place) in moved {
            self.add(self.line(hash_of(place)), tag, place);
        }
    }
}

/// A byte of the hash that the line does not depend on before there are 2^48 of them; never 0, which marks
/// an empty slot.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 48) as u8).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Spreads small numbers over 64 bits (splitmix64).
    fn hash(number: u32) -> u64 {
        let mut x = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^ (x >> 27)
    }

    fn place(number: u32) -> Place {
        Place::new(number, 0)
    }

    #[test]
    fn every_entry_is_found_while_the_table_grows_and_after_some_are_gone() {
        let mut table = Table::new();
        let hash_of = |place: Place| hash(place.page());
        for number in 0..20_000 {
            table.insert(hash(number), place(number), hash_of);
            let at = number / 2;
            assert!(table.find(hash(at), |found| found == place(at)).is_some(), "{at} of {number}");
        }
        for number in (0..20_000).filter(|number| number % 3 != 0) {
            assert!(table.remove(hash(number), place(number)));
            assert!(!table.remove(hash(number), place(number)));
        }
        for number in 0..20_000 {
            let found = table.find(hash(number), |found| found == place(number));
            assert_eq!(found.is_some(), number % 3 == 0, "{number}");
        }
        let walked: usize = (0..table.buckets()).map(|bucket| table.places(bucket).count()).sum();
        assert_eq!((walked, table.len()), (6_667, 6_667));
    }

    #[test]
    fn entries_with_one_hash_spill_over_and_come_back() {
        let mut table = Table::new();
        let same = 42;
        for number in 0..60 {
            table.insert(same, place(number), |_| same);
        }
        for number in (0..60).rev() {
            assert!(table.replace(same, place(number), place(number + 100)));
            assert!(table.find(same, |found| found == place(number + 100)).is_some());
            assert!(table.remove(same, place(number + 100)));
        }
        assert_eq!((table.len(), table.spills_free.len()), (0, table.spills.len()), "no bucket is lost");
    }

    #[test]
    fn an_entry_takes_about_ten_bytes() {
        let mut table = Table::new();
        let hash_of = |place: Place| hash(place.page());
        let mut most: HashMap<bool, usize> = HashMap::new();
        for number in 0..100_000u32 {
            table.insert(hash(number), place(number), hash_of);
            if number > 20_000 {
                let per_item = table.bytes() * 10 / table.len();
                most.entry(true).and_modify(|most| *most = per_item.max(*most)).or_insert(per_item);
            }
        }
        assert!(most[&true] <= 120, "{} tenths of a byte an entry", most[&true]);
    }
}
