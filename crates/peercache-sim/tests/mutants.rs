//! Every rule sees: the mutant that breaks its promise is caught by it, in few runs.

use peercache_sim::{MUTANTS, RULES, SCENARIOS, check, play};

/// Seeds of each scenario within which a mutant must be caught.
const SEEDS: u64 = 40;

#[test]
fn every_mutant_is_caught_by_the_rule_of_its_promise() {
    for mutation in MUTANTS {
        let catches = |seed: u64| {
            SCENARIOS.iter().any(|scenario| {
                let violations = check(&play(scenario, seed, Some(mutation.mutant)).history);
                violations.iter().any(|violation| violation.promise == mutation.breaks)
            })
        };
        let caught = (0..SEEDS).find(|&seed| catches(seed));
        assert!(caught.is_some(), "{} does not see {:?}", mutation.breaks, mutation.mutant);
        println!("{} sees {:?} by seed {caught:?}", mutation.breaks, mutation.mutant);
    }
}

#[test]
fn every_rule_has_a_mutant_and_every_mutant_a_rule() {
    for rule in RULES {
        let has_mutant = MUTANTS.iter().any(|mutation| mutation.breaks == rule.promise);
        assert!(has_mutant, "{} ({}) has no mutant", rule.promise, rule.asks_for);
    }
    for mutation in MUTANTS {
        assert!(RULES.iter().any(|rule| rule.promise == mutation.breaks), "{mutation:?}");
    }
}
