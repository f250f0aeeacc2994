//! Takes back the memory of items that have expired, a segment at a time.
//!
//! A segment knows when the first of its items dies, so segments in which nobody does are passed over. What
//! is freed is a hole, or a whole segment; whoever needs room next takes those before anybody has to go.

use super::Shard;
use crate::time::Now;

/// How many segments without anything dead are passed over in one go.
const PASSED_OVER_MAX: u32 = 1024;

impl Shard {
    /// Buries what is dead in the next segment from `from` on that has anything dead in it; says where to go
    /// on, or that there is nothing more.
    pub(crate) fn reclaim(&mut self, from: u32, now: Now) -> Option<u32> {
        self.begin(now);
        let bound = self.log.segments_bound();
        for segment in from..bound.min(from.saturating_add(PASSED_OVER_MAX)) {
            let Some((dead, first_death)) = self.log.dead_in(segment, now) else { continue };
            for place in dead {
                let header = self.log.header(place);
                let hash = self.hasher.hash(self.log.key(place));
                self.bury(hash, place, &header);
                self.counters.crawler_reclaimed += 1;
                self.classes.counted_like(&header).crawler_reclaimed += 1;
            }
            self.log.set_first_death(segment, first_death);
            return Some(segment + 1);
        }
        let next = from.saturating_add(PASSED_OVER_MAX);
        (next < bound).then_some(next)
    }
}
