//! Says whether what clients read can have been, given what they wrote and when.
//!
//! Every write has a value of its own, so a read tells which write it saw. A read of a value may be if that
//! write had begun before the read ended, and no other write that began after it was acknowledged was
//! acknowledged before the read began. A delete is a write of nothing, and every key begins with one. A
//! write whose outcome is unknown may have been executed at any later time, so nothing supersedes it, and
//! it supersedes nothing.

use std::collections::HashMap;

/// From when to when, in nanoseconds since the load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) began: u64,
    pub(crate) ended: u64,
}

/// What was done to the keys.
#[derive(Debug, Default)]
pub(crate) struct History {
    writes: HashMap<String, Vec<Write>>,
}

#[derive(Debug)]
struct Write {
    /// None of a delete.
    value: Option<String>,
    began: u64,
    /// None where nobody knows whether and when it was executed.
    acknowledged: Option<u64>,
}

/// What is wrong with a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The value was overwritten before.
    Stale,
    /// The value was deleted before.
    Risen,
    /// A value was written before, and nothing is there.
    Lost,
    /// Nobody had written that.
    Invented,
}

impl History {
    /// A write that was acknowledged.
    pub(crate) fn acknowledged(&mut self, key: &str, value: Option<String>, span: Span) {
        self.note(key, Write { value, began: span.began, acknowledged: Some(span.ended) });
    }

    /// A write of which nobody knows what became.
    pub(crate) fn unknown(&mut self, key: &str, value: Option<String>, began: u64) {
        self.note(key, Write { value, began, acknowledged: None });
    }

    fn note(&mut self, key: &str, write: Write) {
        self.writes.entry(key.to_owned()).or_default().push(write);
    }

    /// Judges a read that found `value`, or nothing.
    pub(crate) fn judge(&self, key: &str, value: Option<&str>, span: Span) -> Result<(), Fault> {
        let nothing = Write { value: None, began: 0, acknowledged: Some(0) };
        let writes = || std::iter::once(&nothing).chain(self.writes.get(key).into_iter().flatten());
        let seen = writes().filter(|write| write.value.as_deref() == value && write.began <= span.ended);
        let mut fault = Fault::Invented;
        for write in seen {
            let supersedes = |later: &&Write| {
                write.acknowledged.is_some_and(|ended| later.began > ended)
                    && later.acknowledged.is_some_and(|ended| ended < span.began)
            };
            let Some(later) = writes().find(supersedes) else { return Ok(()) };
            fault = match (value, &later.value) {
                (None, _) => Fault::Lost,
                (Some(_), None) => Fault::Risen,
                (Some(_), Some(_)) => Fault::Stale,
            };
        }
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(began: u64, ended: u64) -> Span {
        Span { began, ended }
    }

    fn value(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_read_sees_what_was_acknowledged_last() {
        let mut history = History::default();
        history.acknowledged("k", value("a"), span(10, 20));
        history.acknowledged("k", value("b"), span(30, 40));
        assert_eq!(history.judge("k", Some("b"), span(50, 60)), Ok(()));
        assert_eq!(history.judge("k", Some("a"), span(50, 60)), Err(Fault::Stale));
        assert_eq!(history.judge("k", None, span(50, 60)), Err(Fault::Lost));
        assert_eq!(history.judge("k", Some("c"), span(50, 60)), Err(Fault::Invented));
    }

    #[test]
    fn while_a_write_is_under_way_both_values_may_be_read() {
        let mut history = History::default();
        history.acknowledged("k", value("a"), span(10, 20));
        history.acknowledged("k", value("b"), span(30, 40));
        for seen in ["a", "b"] {
            assert_eq!(history.judge("k", Some(seen), span(35, 36)), Ok(()));
        }
        assert_eq!(history.judge("k", Some("b"), span(22, 25)), Err(Fault::Invented), "it had not begun");
    }

    #[test]
    fn writes_at_the_same_time_may_end_in_either_order() {
        let mut history = History::default();
        history.acknowledged("k", value("a"), span(10, 30));
        history.acknowledged("k", None, span(20, 40));
        for seen in [Some("a"), None] {
            assert_eq!(history.judge("k", seen, span(50, 60)), Ok(()));
        }
    }

    #[test]
    fn what_was_deleted_must_not_rise() {
        let mut history = History::default();
        assert_eq!(history.judge("k", None, span(1, 2)), Ok(()));
        history.acknowledged("k", value("a"), span(10, 20));
        history.acknowledged("k", None, span(30, 40));
        assert_eq!(history.judge("k", None, span(50, 60)), Ok(()));
        assert_eq!(history.judge("k", Some("a"), span(50, 60)), Err(Fault::Risen));
    }

    #[test]
    fn what_is_unknown_may_have_been_executed_or_not() {
        let mut history = History::default();
        history.acknowledged("k", value("a"), span(10, 20));
        history.unknown("k", value("b"), 30);
        history.acknowledged("k", value("c"), span(40, 50));
        assert_eq!(history.judge("k", Some("b"), span(60, 70)), Ok(()), "much later, too");
        assert_eq!(history.judge("k", Some("c"), span(60, 70)), Ok(()));
        assert_eq!(history.judge("k", Some("a"), span(60, 70)), Err(Fault::Stale));
    }
}
