//! Ending a replay early, from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a replay early: within about one request, with a report of what was done. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    stopped: Arc<AtomicBool>,
    parent: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// A switch that is not thrown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws it, for good.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it is thrown.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let is_thrown = |switch: &AtomicBool| switch.load(Ordering::Relaxed);
        is_thrown(&self.stopped) || self.parent.as_deref().is_some_and(is_thrown)
    }

    /// A switch that is thrown with this one and can be thrown without it.
    pub(super) fn child(&self) -> Self {
        Self { stopped: Arc::default(), parent: Some(Arc::clone(&self.stopped)) }
    }

    /// Throws this switch when the guard is dropped.
    pub(super) fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }
}

pub(super) struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stops_with_its_user_and_not_the_other_way_round() {
        let user = Stop::new();
        let (one, two) = (user.child(), user.child());
        drop(one.on_drop());
        assert!(one.is_stopped() && !two.is_stopped() && !user.is_stopped());
        user.clone().stop();
        assert!(two.is_stopped());
    }
}
