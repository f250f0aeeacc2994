//! The real binary on real daemons: what a user types, sees and keeps.
//!
//! Every test has a state directory of its own; whatever was started for it is gone when the test ends,
//! however it ends. Nothing sleeps to be in time: what takes time is polled for, with a deadline.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed")]

mod attach;
mod client;
mod command_line;
mod engine;
mod import;
mod lab;
mod logins;
mod metrics;
mod networks;
mod outages;
mod peers;
mod proxy;
mod settings;
mod squatters;
mod start_races;
mod state_files;
mod state_folder;
mod terminal;
mod up;
mod world;
