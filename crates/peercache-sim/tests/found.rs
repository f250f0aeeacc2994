//! What the simulator has found in the deciding code and its drivers. Each mistake has become a mutant that
//! makes it again: the seed that showed it shows it still, and without the mistake the same seed keeps
//! every promise.

use peercache_sim::{Mutant, SCENARIOS, check, play};

/// Plays one seed with the mistake and without it.
fn was_found(scenario: &str, seed: u64, mistake: Mutant, promise: &str) {
    let scenario = SCENARIOS.iter().find(|known| known.name == scenario).expect("it names a scenario");
    let broken = check(&play(scenario, seed, Some(mistake)).history);
    let is_shown = broken.iter().any(|violation| violation.promise == promise);
    assert!(is_shown, "this seed shows the mistake no more; the dice have changed, so look for another seed");
    let violations = check(&play(scenario, seed, None).history);
    assert!(violations.is_empty(), "{}", violations[0]);
}

/// A worker connects for the first time, to a peer that another worker had met and that has started again
/// since. The link compared who answers with whom it had met itself, which was nobody, and sent a read that
/// was planned before.
#[test]
fn a_worker_that_never_met_the_old_daemon_does_not_trust_the_new_one() {
    was_found("late workers", 139, Mutant::UnsentReadsKept, "P-12");
}

/// Four replicas are slow or hung, and links to them are being opened: nobody looked at the deadlines of
/// requests that waited for a connection, so a read took longer than a request may.
#[test]
fn no_attempt_outlives_its_deadline_while_a_link_connects() {
    was_found("four copies, far away", 0, Mutant::OpeningUntimed, "P-25");
}

/// The leader could not be reached and kept the old value; the follower refused, and its refusal was told,
/// which promises that nobody keeps the old value.
#[test]
fn a_followers_refusal_is_no_answer() {
    was_found("refusals", 16, Mutant::FollowerBelieved, "P-13");
}
