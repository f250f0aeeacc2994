//! The ways in which a user ends a command that starts daemons: Ctrl-C, `kill`, and closing the terminal.

use anyhow::{Context, Result};
use std::fs;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP's bit in the kernel's masks.
const HANGUP_BIT: u64 = 1;

/// From its making on, no such signal ends this process by itself.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// None under `nohup`, whose user wants exactly that.
    hangup: Option<Signal>,
}

impl Signals {
    pub(crate) fn install() -> Result<Self> {
        let catch = |kind| signal(kind).context("signals cannot be caught");
        let hangup = (!ignores_hangup()).then(|| catch(SignalKind::hangup())).transpose()?;
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether this process was started with SIGHUP ignored.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANGUP_BIT != 0)
}
