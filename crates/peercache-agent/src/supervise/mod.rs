//! The supervisor's building blocks: start a daemon, know when it is ready, watch it, stop it, read its log.
//!
//! A start goes: [`Choice`] finds a program and [`Engine::args`] its arguments, [`spawn`] runs it, the caller
//! records its [`ProcessIdentity`], [`wait_ready`] asks the daemon itself. Later, from any process,
//! [`Process::open`] takes that identity back to the running process, or says that it is gone.
//!
//! The rules that everything here keeps:
//! - a process is signalled only through a pidfd whose identity was compared after it was opened, so a
//!   recycled pid is never hit;
//! - a daemon is ready when the one that answers on its port has its pid, not when somebody answers;
//! - a daemon carries a [`Marker`] in its environment, so one that was started but not yet recorded when its
//!   starter died is found again by [`find_marked`];
//! - an error that leaves a process running says so.

pub mod engine;
pub mod identity;
pub mod launch;
mod linux;
pub mod log;
pub mod marker;
pub mod port;
pub mod process;
pub mod ready;
pub mod stats;
mod wait;

pub use engine::{
    Ability, Choice, Engine, EngineSettings, FindError, Program, Protocol, SettingsError, Statistic,
    Surroundings,
};
pub use identity::ProcessIdentity;
pub use launch::{Launch, Launched, SpawnError, spawn};
pub use log::LogMark;
pub use marker::{Marker, MarkerError, find_marked};
pub use process::{Exit, OpenError, Process, StopError, Stopped, WatchError};
pub use ready::{NotReady, Ready, wait_ready};
pub use stats::StatsError;
