//! What an engine is told when it starts, with limits that every engine keeps.

use peercache_core::spec::AuthFile;
use rustix::process::{Resource, getrlimit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::thread;
use thiserror::Error;

/// The most memory for one peer, in MiB: 1 TiB. memcached counts MiB in 32 bits.
const MEMORY_MB_MAX: u32 = 1 << 20;

/// memcached's own default for `-I`, in bytes.
const ITEM_BYTES_DEFAULT: NonZeroU32 = NonZeroU32::new(1 << 20).expect("1 MiB is not 0");

/// The limits that memcached sets to `-I`, in bytes.
const ITEM_BYTES: std::ops::RangeInclusive<u32> = 1024..=1 << 30;

/// Connections a peer takes unless told otherwise: four times memcached's default, as every worker of every
/// proxy, CLI and library client holds one.
const CONNECTIONS_DEFAULT: u32 = 4096;

/// Descriptors that a daemon needs for other things than connections.
const DESCRIPTORS_RESERVED: u32 = 64;

/// The most threads a daemon gets by itself (memcached's default). More of them help only when one peer is
/// the whole network.
const THREADS_DEFAULT_MAX: u16 = 4;

/// How one daemon is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// The TCP port.
    pub port: NonZeroU16,
    /// Memory for items, in MiB.
    pub memory_mb: NonZeroU32,
    /// The address it listens on.
    pub bind: IpAddr,
    /// Worker threads.
    pub threads: NonZeroU16,
    /// The most connections at once.
    pub connections: NonZeroU32,
    /// The largest item, in bytes: key, value and the engine's header together.
    pub item_bytes_max: NonZeroU32,
    /// Who may use it, for an engine that has [logins](super::Ability::Logins); none is everybody.
    pub auth_file: Option<AuthFile>,
}

impl EngineSettings {
    /// Settings for 127.0.0.1 with defaults that fit this machine: its cores and its limit on descriptors.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting and its range.
    pub fn new(port: u16, memory_mb: u32) -> Result<Self, SettingsError> {
        let settings = Self {
            port: NonZeroU16::new(port).ok_or(SettingsError::Port)?,
            memory_mb: NonZeroU32::new(memory_mb).ok_or(SettingsError::Memory { memory_mb })?,
            bind: Ipv4Addr::LOCALHOST.into(),
            threads: threads_default(),
            connections: connections_default(),
            item_bytes_max: ITEM_BYTES_DEFAULT,
            auth_file: None,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Checks the limits that all engines share, so that a refusal comes before anything is started.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting and its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let (memory_mb, item_bytes_max) = (self.memory_mb.get(), self.item_bytes_max.get());
        if memory_mb > MEMORY_MB_MAX {
            return Err(SettingsError::Memory { memory_mb });
        }
        if !ITEM_BYTES.contains(&item_bytes_max) {
            return Err(SettingsError::ItemRange { item_bytes_max });
        }
        let memory_bytes = u64::from(memory_mb) << 20;
        if u64::from(item_bytes_max) > memory_bytes / 2 {
            return Err(SettingsError::ItemTooLarge { memory_mb, item_bytes_max });
        }
        Ok(())
    }

    /// Where the daemon will listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port.get())
    }
}

fn threads_default() -> NonZeroU16 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = u16::try_from(cores).unwrap_or(u16::MAX).min(THREADS_DEFAULT_MAX);
    NonZeroU16::new(threads).unwrap_or(NonZeroU16::MIN)
}

/// A daemon that asks for more descriptors than it may have refuses to start.
fn connections_default() -> NonZeroU32 {
    let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let allowed = u32::try_from(allowed).unwrap_or(u32::MAX).saturating_sub(DESCRIPTORS_RESERVED);
    NonZeroU32::new(allowed.min(CONNECTIONS_DEFAULT)).unwrap_or(NonZeroU32::MIN)
}

/// Why an engine cannot run with some settings. Nothing was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Port 0.
    #[error("a peer's port must be from 1 to 65535")]
    Port,
    /// No memory, or more than any machine has.
    #[error("a peer's memory must be from 1 to {MEMORY_MB_MAX} MB, not {memory_mb}")]
    Memory {
        /// What was asked for, in MiB.
        memory_mb: u32,
    },
    /// An item limit that memcached does not take.
    #[error(
        "the largest item must be from {} to {} bytes, not {item_bytes_max}",
        ITEM_BYTES.start(),
        ITEM_BYTES.end()
    )]
    ItemRange {
        /// What was asked for, in bytes.
        item_bytes_max: u32,
    },
    /// An item limit that the memory cannot serve.
    #[error(
        "a peer with {memory_mb} MB cannot hold items of {item_bytes_max} bytes: \
         give it at least twice the largest item"
    )]
    ItemTooLarge {
        /// Its memory, in MiB.
        memory_mb: u32,
        /// Its largest item, in bytes.
        item_bytes_max: u32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_local_and_modest() {
        let settings = EngineSettings::new(12_000, 64).unwrap();
        assert_eq!(settings.address().to_string(), "127.0.0.1:12000");
        assert!((1..=4).contains(&settings.threads.get()));
        assert!(settings.connections.get() <= 4096);
        assert_eq!(settings.item_bytes_max.get(), 1024 * 1024);
    }

    #[test]
    fn what_no_engine_takes_is_refused_before_a_start() {
        assert_eq!(EngineSettings::new(0, 64), Err(SettingsError::Port));
        assert_eq!(EngineSettings::new(1, 0), Err(SettingsError::Memory { memory_mb: 0 }));
        assert_eq!(EngineSettings::new(1, u32::MAX), Err(SettingsError::Memory { memory_mb: u32::MAX }));
        let error = EngineSettings::new(1, 1).unwrap_err();
        assert_eq!(error, SettingsError::ItemTooLarge { memory_mb: 1, item_bytes_max: 1 << 20 });
    }
}
