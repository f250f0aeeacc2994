//! A whole network in one thread from one seed, with the rules it must keep.
//!
//! [`play`] runs a [`Scenario`]: simulated daemons, a simulated wire with delays and faults, and client
//! processes whose drivers are simulated around the *real* deciding code: `router`, `replication`,
//! `pipeline`, `health` and the control plane's `Return`. Real protocol bytes travel. What happened is kept
//! as a [`History`], and [`check`] holds it against the promises: one [`Rule`](RULES) for each promise that
//! can be tested here. That a rule can see is shown by [`MUTANTS`]: each breaks a promise on purpose, and
//! its rule must catch it.
//!
//! Only tests use this crate. It opens no socket, reads no clock, and forgets everything but the seed.

mod dice;
mod faults;
mod history;
mod mutants;
mod peer;
mod process;
mod queue;
mod rules;
mod scenario;
mod stage;
mod wire;
mod world;

pub use history::History;
pub use mutants::{MUTANTS, Mutant, Mutation};
pub use rules::{RULES, Rule, Violation, check};
pub use scenario::{SCENARIOS, Scenario};
pub use world::{Played, play};
