//! What a suite found, and whether that is all that it has.

/// What one run of a suite came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) passed: usize,
    /// The names of those that failed.
    pub(super) failed: Vec<String>,
    /// All that it printed, for whoever has to find out why.
    pub(super) printed: String,
}

/// The counts in words; an error when a test failed, or did not run.
pub(super) fn judge(tests: usize, outcome: &Outcome) -> Result<String, String> {
    let counts = format!("{} of {tests} passed", outcome.passed);
    if !outcome.failed.is_empty() {
        return Err(format!("{counts}; {:?} failed\n{}", outcome.failed, outcome.printed));
    }
    if outcome.passed != tests {
        return Err(format!("{counts}: not the suite that is known\n{}", outcome.printed));
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: usize, failed: &[&str]) -> Outcome {
        Outcome { passed, failed: failed.iter().map(ToString::to_string).collect(), ..Outcome::default() }
    }

    #[test]
    fn all_of_a_suite_passes_or_it_is_an_error() {
        assert_eq!(judge(3, &outcome(3, &[])), Ok("3 of 3 passed".to_string()));
        assert!(judge(3, &outcome(2, &["other"])).unwrap_err().contains("other"));
        for ran in [0, 2, 4] {
            assert!(judge(3, &outcome(ran, &[])).unwrap_err().contains("not the suite"));
        }
    }
}
