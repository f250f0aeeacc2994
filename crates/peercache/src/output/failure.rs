//! Errors as the user meets them: one sentence, and what to type next.

use crate::state::StateError;
use anstream::AutoStream;
use anyhow::Error;
use peercache_agent::supervise::FindError;
use std::io::{self, Write};
use thiserror::Error;

/// An error with the sentence for the user and what to type next.
#[derive(Debug, Error)]
#[error("{sentence}")]
pub(crate) struct Failure {
    sentence: String,
    hint: String,
}

impl Failure {
    /// An error that says what failed and why, and a hint that says what to type next.
    pub(crate) fn new(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: hint.into() }
    }
}

/// Adds what to type next to an error.
pub(crate) trait WithHint<T> {
    /// The same, with a hint if it is an error.
    fn hint(self, hint: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<Error>> WithHint<T> for Result<T, E> {
    fn hint(self, hint: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| Failure::new(sentence(&error.into()), hint()).into())
    }
}

/// Says on standard error what went wrong and what to do.
pub(crate) fn print_error(error: &Error) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    let cyan = anstyle::AnsiColor::Cyan.on_default().bold();
    let mut to = AutoStream::auto(io::stderr());
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(to, "{red}error:{red:#} {}", sentence(error));
    if let Some(hint) = hint_of(error) {
        let _ = writeln!(to, "{cyan}hint:{cyan:#} {hint}");
    }
}

/// The chain of causes as one sentence. Many an error already says its cause: that is not said twice.
pub(crate) fn sentence(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// What to type next, if the error or one of its causes knows.
fn hint_of(error: &Error) -> Option<String> {
    error.chain().find_map(|cause| {
        let ours = cause.downcast_ref::<Failure>().map(|failure| failure.hint.clone());
        let state = || cause.downcast_ref::<StateError>().map(StateError::hint);
        let engine = || match cause.downcast_ref::<FindError>()? {
            FindError::OwnProgramGone { .. } => None,
            _ => Some("peercache peer start ID --engine embedded needs nothing installed".to_owned()),
        };
        ours.or_else(state).or_else(engine)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("disk on fire");
        let plain = Error::new(cause()).context("cannot save");
        assert_eq!(sentence(&plain), "cannot save: disk on fire");
        let said = Error::new(cause()).context("cannot save: disk on fire");
        assert_eq!(sentence(&said), "cannot save: disk on fire");
    }

    #[test]
    fn a_hint_is_found_through_added_context() {
        let error = Error::new(Failure::new("it failed", "try again")).context("peer p0");
        assert_eq!(sentence(&error), "peer p0: it failed");
        assert_eq!(hint_of(&error).as_deref(), Some("try again"));
        assert_eq!(hint_of(&anyhow!("no hint")), None);
    }
}
