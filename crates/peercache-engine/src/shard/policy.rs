//! Who stays and who has to go: S3-FIFO (Yang et al., SOSP 2023), which here knows what an item takes.
//!
//! New items begin in a small queue. Those that were used by the time they come to its end go on to the
//! main queue; of the others only a fingerprint is kept, and whoever comes back while it is remembered
//! begins in the main queue. At the end of the main queue an item that was used goes round once more, a
//! little cooler. A scan passes through the small queue and leaves the main one alone.
//!
//! Two things are not in the paper. What takes less than others costs less to keep, so it goes round its
//! queue more often before it has to go, and to the main queue unused while there is room. And the length of
//! the small queue is not fixed: as in ARC (Megiddo and Modha, FAST 2003), whoever comes back to a queue that
//! it has just left says that this queue is too short.
//!
//! Nothing here touches an item: it is told what there is, and decides.

use crate::memory::{Header, Queue};

/// The share of the memory that the small queue begins with, and between what it stays.
const SMALL_SHARE: f32 = 0.05;
const SMALL_SHARE_MIN: f32 = 0.02;
const SMALL_SHARE_MAX: f32 = 0.5;

/// By how many items' share of the memory the small queue changes when a key comes back, at least.
const STEP_ITEMS: f32 = 3.0;

/// An item goes on to the main queue when it was used so often while it was in the small one; the paper has
/// 2, which needs a longer queue.
const HEAT_TO_STAY: u8 = 1;

/// What takes this share of the mean is small: a half.
const SMALL_ITEM_SHARE: usize = 2;

/// The main queue has room for what is small until it takes this share of the memory: three quarters.
const MAIN_ROOM_SHARE: (usize, usize) = (3, 4);

/// How often an item may go round a queue only because it takes little. More than that gains nothing.
const LAPS_MAX: usize = 3;

/// How long the small queue is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    small_share: f32,
}

/// What there is when somebody has to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) small_pages: usize,
    pub(super) main_pages: usize,
    /// What an item takes, on average.
    pub(super) mean_bytes: usize,
}

/// What becomes of an item at the end of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays(Queue, Header),
    Goes,
}

impl Policy {
    pub(super) const fn new() -> Self {
        Self { small_share: SMALL_SHARE }
    }

    /// The queue whose oldest are judged next.
    pub(super) fn judged(self, standing: &Standing) -> Queue {
        let all = (standing.small_pages + standing.main_pages) as f32;
        if standing.main_pages == 0 || standing.small_pages as f32 > self.small_share * all {
            Queue::Small
        } else {
            Queue::Main
        }
    }

    /// A key has come back that had gone from a queue; so many are remembered of this queue and of the other,
    /// and there are so many items.
    pub(super) fn came_back(&mut self, from: Queue, here: usize, other: usize, items: usize) {
        let weight = (other as f32 / here.max(1) as f32).max(1.0);
        let step = STEP_ITEMS * weight / items.max(1) as f32;
        let share = match from {
            Queue::Small => self.small_share + step,
            Queue::Main => self.small_share - step,
        };
        self.small_share = share.clamp(SMALL_SHARE_MIN, SMALL_SHARE_MAX);
    }
}

impl Standing {
    /// What becomes of an item that has come to the end of a queue.
    pub(super) fn fate(&self, queue: Queue, header: &Header) -> Fate {
        let next_lap = Fate::Stays(queue, Header { laps: header.laps + 1, ..*header });
        match queue {
            Queue::Small if header.heat >= HEAT_TO_STAY || self.has_room_for(header) => {
                Fate::Stays(Queue::Main, Header { heat: 0, laps: 0, ..*header })
            }
            Queue::Main if header.heat > 0 => {
                Fate::Stays(Queue::Main, Header { heat: header.heat - 1, laps: 0, ..*header })
            }
            Queue::Small | Queue::Main if (header.laps as usize) < self.laps(header) => next_lap,
            Queue::Small | Queue::Main => Fate::Goes,
        }
    }

    /// Whether an item is small and the main queue not full.
    fn has_room_for(&self, header: &Header) -> bool {
        let (share, of) = MAIN_ROOM_SHARE;
        header.bytes() * SMALL_ITEM_SHARE < self.mean_bytes
            && self.main_pages * of < (self.small_pages + self.main_pages) * share
    }

    /// How often an item may go round because it takes little: whoever takes half of the mean twice.
    fn laps(&self, header: &Header) -> usize {
        (self.mean_bytes / header.bytes()).saturating_sub(1).min(LAPS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Marks;
    use crate::time::Death;

    fn header(value_bytes: u32, heat: u8, laps: u8) -> Header {
        Header {
            key_bytes: 4,
            marks: Marks::default(),
            heat,
            laps,
            value_bytes,
            flags: 0,
            version: 1,
            death: Death::NEVER,
            used_at_s: 0,
        }
    }

    const FULL: Standing = Standing { small_pages: 5, main_pages: 95, mean_bytes: 1_000 };

    #[test]
    fn who_was_used_goes_on_and_who_was_not_goes() {
        let used = FULL.fate(Queue::Small, &header(1_000, 2, 0));
        assert_eq!(used, Fate::Stays(Queue::Main, header(1_000, 0, 0)));
        assert_eq!(FULL.fate(Queue::Small, &header(1_000, 0, 0)), Fate::Goes);
        let round = FULL.fate(Queue::Main, &header(1_000, 2, 0));
        assert_eq!(round, Fate::Stays(Queue::Main, header(1_000, 1, 0)));
        assert_eq!(FULL.fate(Queue::Main, &header(1_000, 0, 0)), Fate::Goes);
    }

    #[test]
    fn what_takes_little_goes_round_in_proportion_more_often() {
        for (value_bytes, laps_max) in [(900, 0), (450, 1), (290, 2), (10, 3)] {
            for queue in [Queue::Small, Queue::Main] {
                for laps in 0..laps_max {
                    let next = Fate::Stays(queue, header(value_bytes, 0, laps + 1));
                    assert_eq!(FULL.fate(queue, &header(value_bytes, 0, laps)), next);
                }
                assert_eq!(FULL.fate(queue, &header(value_bytes, 0, laps_max)), Fate::Goes);
            }
        }
    }

    #[test]
    fn while_the_main_queue_has_room_the_small_go_there_unused() {
        let standing = Standing { small_pages: 30, main_pages: 70, ..FULL };
        let stays = Fate::Stays(Queue::Main, header(100, 0, 0));
        assert_eq!(standing.fate(Queue::Small, &header(100, 0, 0)), stays);
        assert_eq!(standing.fate(Queue::Small, &header(1_000, 0, 0)), Fate::Goes);
    }

    #[test]
    fn a_queue_that_keys_come_back_to_gets_longer() {
        let mut policy = Policy::new();
        assert_eq!(policy.judged(&FULL), Queue::Main);
        assert_eq!(policy.judged(&Standing { small_pages: 6, main_pages: 94, ..FULL }), Queue::Small);
        let half = Standing { small_pages: 50, main_pages: 50, ..FULL };
        for _ in 0..1_000 {
            policy.came_back(Queue::Small, 10, 10, 1_000);
        }
        assert_eq!(policy.judged(&half), Queue::Main, "it stays at its largest share");
        for _ in 0..1_000 {
            policy.came_back(Queue::Main, 10, 10, 1_000);
        }
        assert_eq!(policy.judged(&Standing { small_pages: 3, main_pages: 97, ..FULL }), Queue::Small);
        assert_eq!(policy.judged(&Standing { small_pages: 1, main_pages: 99, ..FULL }), Queue::Main);
    }
}
