//! After a `flush_all` that is told as done, its process reads nothing that it had written before.

use super::Found;
use super::facts::Facts;
use crate::history::{Flush, Operation, Told};

pub(super) fn check(facts: &Facts<'_>) -> Vec<Found> {
    let judge = |(at, read): (usize, &Operation)| {
        let end = read.end.as_ref()?;
        let Told::Hit(value) = &end.told else { return None };
        let (written, writer) = facts.writer(value).filter(|(_, writer)| writer.process == read.process)?;
        let is_between = |flush: &Flush| match flush.end {
            Some((ended, true)) => {
                flush.process == read.process && writer.ended_before(flush.began) && ended < read.began
            }
            _ => false,
        };
        let flush = facts.history.flushes.iter().find(|flush| is_between(flush))?;
        let what = format!("#{at} reads {value} of #{written}, and a flush had begun at {:?}", flush.began);
        Some(Found { at: end.at, key: Some(read.key), what })
    };
    facts.history.each().filter(|(_, operation)| operation.is_read()).filter_map(judge).collect()
}
