//! What a suite found, and whether that is what we know of it.

use crate::subjects::Known;

/// What one run of a suite came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) passed: usize,
    /// The names of those that failed.
    pub(super) failed: Vec<String>,
    /// All that it printed, for whoever has to find out why.
    pub(super) printed: String,
}

/// The counts in words; an error when they are not those that are known.
pub(super) fn judge(suite: &str, tests: usize, outcome: &Outcome, known: &[Known]) -> Result<String, String> {
    let known: Vec<&Known> = known.iter().filter(|known| known.suite == suite).collect();
    let counts = format!("{} of {tests} passed", outcome.passed);
    let is_known = |name: &&String| known.iter().any(|known| name.contains(known.named));
    let unknown: Vec<&String> = outcome.failed.iter().filter(|name| !is_known(name)).collect();
    if !unknown.is_empty() {
        return Err(format!("{counts}; {unknown:?} failed and may not\n{}", outcome.printed));
    }
    if outcome.passed + outcome.failed.len() != tests {
        let ran = outcome.passed + outcome.failed.len();
        return Err(format!("{counts}, {ran} ran: not the suite that is known\n{}", outcome.printed));
    }
    for Known { named, tests, .. } in &known {
        let failed = outcome.failed.iter().filter(|name| name.contains(named)).count();
        if failed != *tests {
            return Err(format!(
                "{counts}; of `{named}` {failed} failed instead of {tests}: correct the table"
            ));
        }
    }
    let reasons = known.iter().map(|known| format!("; {} known to fail: {}", known.tests, known.why));
    Ok(counts + &reasons.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[Known { suite: "s", named: "misc", tests: 2, why: "the reason" }];

    fn outcome(passed: usize, failed: &[&str]) -> Outcome {
        Outcome { passed, failed: failed.iter().map(ToString::to_string).collect(), ..Outcome::default() }
    }

    #[test]
    fn the_known_counts_are_fine_and_come_with_their_reason() {
        assert_eq!(judge("s", 3, &outcome(3, &[]), &[]), Ok("3 of 3 passed".to_string()));
        let words = judge("s", 3, &outcome(1, &["misc[a]", "misc[b]"]), KNOWN).unwrap();
        assert_eq!(words, "1 of 3 passed; 2 known to fail: the reason");
    }

    #[test]
    fn fewer_tests_than_there_are_is_an_error() {
        assert!(judge("s", 3, &outcome(2, &[]), &[]).unwrap_err().contains("2 ran"));
        assert!(judge("s", 3, &outcome(0, &[]), &[]).is_err());
    }

    #[test]
    fn a_failure_that_is_not_known_is_named() {
        assert!(judge("s", 3, &outcome(2, &["other"]), KNOWN).unwrap_err().contains("other"));
        assert!(
            judge("t", 3, &outcome(1, &["misc[a]", "misc[b]"]), KNOWN).is_err(),
            "known of another suite"
        );
    }

    #[test]
    fn a_known_failure_that_has_gone_must_leave_the_table() {
        assert!(judge("s", 3, &outcome(2, &["misc[a]"]), KNOWN).unwrap_err().contains("correct the table"));
        assert!(judge("s", 3, &outcome(3, &[]), KNOWN).is_err());
    }
}
