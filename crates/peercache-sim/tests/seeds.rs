//! Many seeds of every scenario keep every promise. `PEERCACHE_SIM_SEEDS` asks for more of them.

use peercache_sim::{SCENARIOS, Scenario, check, play};

/// Seeds of each scenario, unless told otherwise.
const SEEDS: u64 = 150;

fn seeds() -> u64 {
    std::env::var("PEERCACHE_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

fn scenario(name: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a test names a scenario that exists")
}

fn keeps_its_promises(name: &str) {
    for seed in 0..seeds() {
        let played = play(scenario(name), seed, None);
        let violations = check(&played.history);
        assert!(violations.is_empty(), "{name:?}, seed {seed}: {}", violations[0]);
    }
}

/// One test for each scenario, so that they run side by side.
macro_rules! scenarios {
    ($($test:ident = $name:literal),+ $(,)?) => {
        $(#[test]
        fn $test() {
            keeps_its_promises($name);
        })+

        #[test]
        fn every_scenario_is_played() {
            let played = [$($name),+];
            assert!(SCENARIOS.iter().map(|scenario| scenario.name).eq(played));
        }
    };
}

scenarios! {
    one_killed = "one killed",
    one_hung = "one hung",
    bad_wire = "bad wire",
    late_workers = "late workers",
    four_copies_far_away = "four copies, far away",
    two_peers_and_everything = "two peers, everything",
    three_copies_of_four = "three copies of four",
    one_copy = "one copy",
    refusals = "refusals",
    three_processes = "three processes",
    doubtful_beginnings = "doubtful beginnings",
    reads_of_every_copy = "reads of every copy",
    counters = "counters",
    versions = "versions",
    one_key = "one key",
    flushes = "flushes",
    a_shared_ledger = "a shared ledger",
    three_processes_and_everything = "three processes, everything",
}

#[test]
fn a_seed_plays_the_same_run_every_time() {
    for scenario in SCENARIOS {
        for seed in 0..5 {
            let first = play(scenario, seed, None).trace;
            assert_eq!(first, play(scenario, seed, None).trace, "{:?}, seed {seed}", scenario.name);
            assert_ne!(first, play(scenario, seed + 100, None).trace);
        }
    }
}
