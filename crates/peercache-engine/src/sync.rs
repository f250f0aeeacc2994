//! What threads share, and what chance decides, in one place: `tests/schedules.rs` has locks whose order it
//! chooses, and keys that are dealt to the same shards in every run.

#[cfg(not(feature = "shuttle"))]
pub(crate) use std::{
    collections::hash_map::RandomState,
    sync::{Mutex, MutexGuard},
};

#[cfg(feature = "shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

/// Without chance.
#[cfg(feature = "shuttle")]
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;
