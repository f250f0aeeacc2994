//! What a command does when its flags do not say: flags over environment (`PEERCACHE_…`) over
//! `peercache.toml` over defaults.
//!
//! Every value knows where it came from, for `config show` and for its own error. All are checked at once, so
//! a wrong one is found by the first command and not by the one that needs it. A flag of a single command is
//! no setting: the command prefers it to what is here.

mod environment;
mod file;

use crate::cli::words::EngineWish;
use crate::output::Failure;
use anyhow::{Context, Result};
use peercache_core::spec::{HashKind, OnDown, Policy, ReadPolicy, Replication, Vnodes};
use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The name of every setting, as in the file, with its default.
const KEYS: [(&str, &str); 18] = [
    ("state_dir", "state"),
    ("engine", "auto"),
    ("memory_mb", "64"),
    ("peers", "4"),
    ("replication", ""),
    ("vnodes", "100"),
    ("hash", "xxh3"),
    ("attempt_ms", "200"),
    ("connect_ms", "200"),
    ("request_ms", "1000"),
    ("on_down", "error"),
    ("read", "owner-first"),
    ("workers", "4"),
    ("listen", "127.0.0.1:11311"),
    ("metrics", ""),
    ("proxy_workers", "1"),
    ("connections_max", "10000"),
    ("idle_timeout_s", ""),
];

/// The file that is read when none is named, in the working directory.
const FILE: &str = "peercache.toml";

/// How far a name may be from another to have been meant as that, in letters that differ.
const TYPING_ERRORS_MAX: usize = 4;

/// Where a setting's value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Built in.
    Default,
    /// A settings file and its line, from 1.
    File(PathBuf, usize),
    /// An environment variable.
    Environment(String),
    /// The command line.
    Flag,
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// One setting as text, and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) key: &'static str,
    /// Its value; empty is none.
    pub(crate) value: OsString,
    /// Where that came from.
    pub(crate) source: Source,
}

/// All settings, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Each setting as it was given.
    pub(crate) entries: Vec<Entry>,
    /// Where the state is kept.
    pub(crate) state_dir: PathBuf,
    /// Which engine new peers get.
    pub(crate) engine: EngineWish,
    /// The memory of new peers, in MiB.
    pub(crate) memory_mb: NonZeroU32,
    /// How many peers `up` starts.
    pub(crate) peers: NonZeroU16,
    /// Copies per key of new networks. None: each command has its own default (P-01).
    pub(crate) replication: Option<Replication>,
    /// Points per unit of weight of new networks.
    pub(crate) vnodes: Vnodes,
    /// The hash of new networks.
    pub(crate) hash: HashKind,
    /// How requests behave: time-outs, and the on-down and read policies of new networks.
    pub(crate) policy: Policy,
    /// Workers of a replay.
    pub(crate) workers: NonZeroU16,
    /// How networks are served.
    pub(crate) proxy: ProxySettings,
}

/// How a proxy serves where its command does not say.
#[derive(Debug)]
pub(crate) struct ProxySettings {
    /// Where clients connect.
    pub(crate) listen: SocketAddr,
    /// Where its metrics are served, if anywhere.
    pub(crate) metrics: Option<SocketAddr>,
    /// Worker threads.
    pub(crate) workers: NonZeroU16,
    /// Clients that may be connected at once.
    pub(crate) connections_max: NonZeroU32,
    /// How long a client may say nothing, in seconds; none is for ever.
    pub(crate) idle_timeout_s: Option<NonZeroU32>,
}

impl Settings {
    /// Reads the file and the environment; `state_dir` and `file` are the flags of those names.
    ///
    /// # Errors
    /// One sentence that names the setting, its value and where that stands.
    pub(crate) fn load(state_dir: Option<&Path>, file: Option<&Path>) -> Result<Self> {
        let mut entries: Vec<Entry> = KEYS
            .iter()
            .map(|&(key, value)| Entry { key, value: value.into(), source: Source::Default })
            .collect();
        for (key, value, line) in file_values(file)? {
            let path = file.unwrap_or(Path::new(FILE));
            let relative = key == "state_dir" && Path::new(&value).is_relative();
            // A path in a file means the same wherever the command is run.
            let value = if relative { beside(path, &value) } else { value.into() };
            set(&mut entries, key, value, Source::File(path.to_owned(), line));
        }
        for (key, name) in KEYS.map(|(key, _)| (key, environment::variable(key))) {
            if let Some(value) = env::var_os(&name).filter(|value| !value.is_empty()) {
                set(&mut entries, key, value, Source::Environment(name));
            }
        }
        if let Some(flag) = state_dir {
            set(&mut entries, "state_dir", flag.into(), Source::Flag);
        }
        Self::check(entries)
    }

    fn check(entries: Vec<Entry>) -> Result<Self> {
        let from = Checked(&entries);
        let ms = |key| from.typed::<NonZeroU32>(key).map(|ms| Duration::from_millis(ms.get().into()));
        let policy = Policy {
            attempt: ms("attempt_ms")?,
            connect: ms("connect_ms")?,
            request: ms("request_ms")?,
            on_down: from.typed::<OnDown>("on_down")?,
            read: from.typed::<ReadPolicy>("read")?,
            ..Policy::default()
        };
        Ok(Self {
            state_dir: PathBuf::from(&from.entry("state_dir").value),
            engine: from.typed("engine")?,
            memory_mb: from.typed("memory_mb")?,
            peers: from.typed("peers")?,
            replication: from.optional("replication")?,
            vnodes: from.typed("vnodes")?,
            hash: from.typed("hash")?,
            workers: from.typed("workers")?,
            proxy: ProxySettings {
                listen: from.typed("listen")?,
                metrics: from.optional("metrics")?,
                workers: from.typed("proxy_workers")?,
                connections_max: from.typed("connections_max")?,
                idle_timeout_s: from.optional("idle_timeout_s")?,
            },
            policy,
            entries,
        })
    }

    /// What is to be said of variables that look like settings and are none.
    pub(crate) fn unknown_variables() -> Vec<String> {
        let set = env::vars_os().filter(|(_, value)| !value.is_empty());
        let names = set.map(|(name, _)| name.to_string_lossy().into_owned());
        environment::unknown(names, &KEYS.map(|(key, _)| key))
    }

    /// The settings file that something was taken from, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.entries.iter().find_map(|entry| match &entry.source {
            Source::File(path, _) => Some(path.as_path()),
            _ => None,
        })
    }

    /// The state directory where another shell would not find it by itself: commands that we suggest name it.
    pub(crate) fn state_dir_to_repeat(&self) -> Option<&Path> {
        let entry = self.entries.iter().find(|entry| entry.key == "state_dir")?;
        let is_named = matches!(entry.source, Source::Flag | Source::Environment(_));
        is_named.then_some(self.state_dir.as_path())
    }
}

/// The name among `known` that somebody who typed `name` may have meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |known: &&&str| strsim::damerau_levenshtein(name, known);
    known.iter().min_by_key(distance).filter(|nearest| distance(nearest) <= TYPING_ERRORS_MAX).copied()
}

fn set(entries: &mut [Entry], key: &str, value: OsString, source: Source) {
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
        entry.value = value;
        entry.source = source;
    }
}

fn beside(file: &Path, value: &str) -> OsString {
    file.parent().unwrap_or(Path::new("")).join(value).into_os_string()
}

fn file_values(named: Option<&Path>) -> Result<Vec<(&'static str, String, usize)>> {
    let path = named.unwrap_or(Path::new(FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => file::values(path, &text, &KEYS.map(|(key, _)| key)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => Ok(Vec::new()),
        Err(error) => {
            Err(error).with_context(|| format!("the settings file {} cannot be read", path.display()))
        }
    }
}

/// The entries, from which typed values are taken.
struct Checked<'a>(&'a [Entry]);

impl Checked<'_> {
    fn entry(&self, key: &str) -> &Entry {
        self.0.iter().find(|entry| entry.key == key).expect("KEYS has every setting")
    }

    /// As [`Self::typed`], and none where nothing is set.
    fn optional<T: FromStr<Err: Display>>(&self, key: &str) -> Result<Option<T>> {
        let is_set = !self.entry(key).value.is_empty();
        is_set.then(|| self.typed(key)).transpose()
    }

    fn typed<T: FromStr<Err: Display>>(&self, key: &str) -> Result<T> {
        let entry = self.entry(key);
        let text = entry.value.to_string_lossy();
        text.parse().map_err(|error: T::Err| {
            let sentence = format!("the setting {key} is {text:?} ({}): {error}", entry.source);
            Failure::new(sentence, "correct it there, or take it out").into()
        })
    }
}
