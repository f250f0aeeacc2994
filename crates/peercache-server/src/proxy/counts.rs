//! What one worker counts, without atomics; copied to where others can read it once a turn.

use super::op::{MetaOp, Op};
use peercache_core::protocol::memcached::request::{CountVerb, MetaVerb, StoreVerb};
use peercache_core::replication::Answer;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets of the latency histogram: bucket `n` has what took less than 2^n microseconds, the last all else.
pub(crate) const LATENCY_BUCKETS: usize = 24;

/// Latencies of requests, from taking one in to knowing its answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Latency {
    pub(crate) buckets: [u64; LATENCY_BUCKETS],
    pub(crate) sum_us: u64,
}

impl Latency {
    #[inline]
    pub(crate) fn record(&mut self, took: Duration) {
        let us = took.as_secs() * 1_000_000 + u64::from(took.subsec_micros());
        let bucket = (u64::BITS - us.leading_zeros()) as usize;
        self.buckets[bucket.min(LATENCY_BUCKETS - 1)] += 1;
        self.sum_us += us;
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What one worker has counted since it began.
        #[derive(Debug, Clone, Copy, Default)]
        pub(crate) struct Counts {
            $($(#[$doc])* pub(crate) $name: u64,)*
            pub(crate) latency: Latency,
        }

        /// The same, for other threads to read.
        #[derive(Debug, Default)]
        pub(crate) struct Published {
            $($name: AtomicU64,)*
            latency: [AtomicU64; LATENCY_BUCKETS],
            latency_sum_us: AtomicU64,
        }

        impl Published {
            /// Copies `counts` for others to read.
            pub(crate) fn publish(&self, counts: &Counts) {
                $(self.$name.store(counts.$name, Relaxed);)*
                for (to, from) in self.latency.iter().zip(&counts.latency.buckets) {
                    to.store(*from, Relaxed);
                }
                self.latency_sum_us.store(counts.latency.sum_us, Relaxed);
            }

            /// Adds what is published to `sum`.
            pub(crate) fn add_to(&self, sum: &mut Counts) {
                $(sum.$name += self.$name.load(Relaxed);)*
                for (to, from) in sum.latency.buckets.iter_mut().zip(&self.latency) {
                    *to += from.load(Relaxed);
                }
                sum.latency.sum_us += self.latency_sum_us.load(Relaxed);
            }
        }

        impl Counts {
            /// What was counted since `before`.
            pub(crate) fn since(&self, before: &Self) -> Self {
                let mut counts = *self;
                $(counts.$name -= before.$name;)*
                for (to, from) in counts.latency.buckets.iter_mut().zip(&before.latency.buckets) {
                    *to -= from;
                }
                counts.latency.sum_us -= before.latency.sum_us;
                counts
            }
        }
    };
}

counts! {
    /// Keys read.
    cmd_get,
    get_hits,
    get_misses,
    /// Values stored, or not.
    cmd_set,
    delete_hits,
    delete_misses,
    incr_hits,
    incr_misses,
    decr_hits,
    decr_misses,
    cas_hits,
    cas_misses,
    cas_badval,
    cmd_touch,
    touch_hits,
    touch_misses,
    cmd_flush,
    cmd_meta,
    /// Answers that were errors: no replica could serve, nobody knows, or a replica refused. They count as
    /// nothing else.
    errors,
    /// Bytes read from clients.
    bytes_read,
    /// Bytes sent to clients.
    bytes_written,
    /// Replicas that were asked because another could not answer.
    failovers,
}

impl Counts {
    /// Counts an answer.
    pub(crate) fn told(&mut self, op: Op, answer: &Answer) {
        self.cmd_meta += u64::from(matches!(op, Op::Meta(_)));
        if matches!(answer, Answer::Ambiguous(_) | Answer::Unavailable | Answer::Refused(..)) {
            self.errors += 1;
            return;
        }
        let found = !matches!(answer, Answer::Miss | Answer::No(..) | Answer::Done { found: false, .. });
        match op {
            // As in memcached 1.6.18, what it finds is touched, and what it does not find was read.
            Op::Meta(MetaOp { verb: MetaVerb::Get, touch: Some(_), .. }) if found => {
                self.cmd_touch += 1;
                self.touch_hits += 1;
            }
            Op::Get(_) | Op::Meta(MetaOp { verb: MetaVerb::Get, .. }) => {
                self.cmd_get += 1;
                *if found { &mut self.get_hits } else { &mut self.get_misses } += 1;
            }
            Op::GetAndTouch { .. } | Op::Touch { .. } => {
                self.cmd_touch += 1;
                *if found { &mut self.touch_hits } else { &mut self.touch_misses } += 1;
            }
            Op::Store { verb: StoreVerb::Cas(_), .. } => {
                self.cmd_set += 1;
                match answer {
                    Answer::Led(_) => self.cas_hits += 1,
                    Answer::No(_, peercache_core::replication::No::Exists) => self.cas_badval += 1,
                    _ => self.cas_misses += 1,
                }
            }
            Op::Store { .. } | Op::Meta(MetaOp { verb: MetaVerb::Set, .. }) => self.cmd_set += 1,
            Op::Delete | Op::Meta(MetaOp { verb: MetaVerb::Delete, .. }) => {
                *if found { &mut self.delete_hits } else { &mut self.delete_misses } += 1;
            }
            Op::Count { verb: CountVerb::Decr, .. } => {
                *if found { &mut self.decr_hits } else { &mut self.decr_misses } += 1;
            }
            Op::Count { .. } | Op::Meta(MetaOp { verb: MetaVerb::Arithmetic, .. }) => {
                *if found { &mut self.incr_hits } else { &mut self.incr_misses } += 1;
            }
            Op::Forget(_) | Op::Inspect => {}
        }
    }
}
