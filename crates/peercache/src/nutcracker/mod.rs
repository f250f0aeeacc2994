//! Reads twemproxy's configuration (`nutcracker.yml`): which daemons a fleet has and how it places keys.
//!
//! What decides where a key is must be understood to the letter, so everything about that is checked, and
//! what cannot be kept is an error. What only says how twemproxy itself behaves (time-outs, listeners, when
//! it gives up on a daemon) is not taken over: it is handed back by name, to be told to the user.
//! Resolves no host and opens nothing.

mod yaml;

use peercache_core::spec::{HashTag, Ketama, RingName, Weight};
use thiserror::Error;
use yaml::{Section, Setting, Value, Word};

/// One fleet of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fleet {
    /// What twemproxy calls it.
    pub(crate) name: String,
    /// How it places keys.
    pub(crate) ketama: Ketama,
    /// Its daemons, in the order of the file.
    pub(crate) daemons: Vec<Daemon>,
    /// Where twemproxy listens for it: where its clients connect now.
    pub(crate) listen: Option<String>,
    /// Whether twemproxy sends the keys of a daemon that failed to others.
    pub(crate) ejects: bool,
    /// Settings that are not taken over.
    pub(crate) left_out: Vec<String>,
}

/// One daemon of a fleet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Daemon {
    /// The line it is on.
    pub(crate) line: usize,
    /// A name, an IPv4 or an IPv6 address.
    pub(crate) host: String,
    /// Its TCP port.
    pub(crate) port: u16,
    /// Its weight.
    pub(crate) weight: Weight,
    /// What its points are made of: the name in the file, or else its address.
    pub(crate) ring_name: RingName,
}

/// Why a configuration cannot be taken over. Nothing was changed by reading it.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ConfigError {
    /// The parser gave up.
    #[error("line {line} is not YAML: {why}")]
    NotYaml { line: usize, why: String },
    /// It is YAML, but of another shape.
    #[error("line {line} is not what twemproxy takes there: {wanted}")]
    Shape { line: usize, wanted: &'static str },
    /// A name that must be there once.
    #[error("line {line} has {name} again, after line {before}")]
    Twice { line: usize, name: String, before: usize },
    /// No fleet was named, and there is not exactly one.
    #[error("the file has {}; name one of them with --pool", listed(.names))]
    Which { names: Vec<String> },
    /// The fleet that was named is not there.
    #[error("there is no pool {wanted}; the file has {}", listed(.names))]
    NoSuch { wanted: String, names: Vec<String> },
    /// A setting whose value means nothing, or nothing that we can keep.
    #[error("pool {pool}, line {line}: {says}")]
    Setting { pool: String, line: usize, says: String },
    /// Without daemons there is nothing to adopt.
    #[error("pool {pool} has no servers")]
    NoDaemons { pool: String },
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no pools".to_owned(),
        [only] => format!("the pool {only}"),
        names => format!("the pools {}", names.join(", ")),
    }
}

/// The fleet called `wanted` in the configuration `text`, or the only one.
pub(crate) fn read(text: &str, wanted: Option<&str>) -> Result<Fleet, ConfigError> {
    let sections = yaml::read(text)?;
    let names = || sections.iter().map(|section| section.name.text.clone()).collect();
    let section = match (wanted, sections.as_slice()) {
        (None, [only]) => only,
        (None, _) => return Err(ConfigError::Which { names: names() }),
        (Some(wanted), all) => all
            .iter()
            .find(|section| section.name.text == wanted)
            .ok_or_else(|| ConfigError::NoSuch { wanted: wanted.to_owned(), names: names() })?,
    };
    read_fleet(section)
}

fn read_fleet(section: &Section) -> Result<Fleet, ConfigError> {
    let mut fleet = Fleet {
        name: section.name.text.clone(),
        ketama: Ketama::TWEMPROXY,
        daemons: Vec::new(),
        listen: None,
        ejects: false,
        left_out: Vec::new(),
    };
    let pool = &section.name.text;
    let at = |line, says| ConfigError::Setting { pool: pool.clone(), line, says };
    for setting in &section.settings {
        read_setting(&mut fleet, setting).map_err(|says| at(setting.key.line, says))?;
        if let ("servers", Value::Many(words)) = (setting.key.text.as_str(), &setting.value) {
            for word in words {
                let daemon = read_daemon(word, &fleet.daemons).map_err(|says| at(word.line, says))?;
                fleet.daemons.push(daemon);
            }
        }
    }
    if fleet.daemons.is_empty() {
        return Err(ConfigError::NoDaemons { pool: fleet.name });
    }
    Ok(fleet)
}

/// One setting; the daemons themselves are read by the caller, since each has a line of its own.
fn read_setting(fleet: &mut Fleet, setting: &Setting) -> Result<(), String> {
    let key = setting.key.text.as_str();
    let word = match (&setting.value, key) {
        (Value::Many(_), "servers") => return Ok(()),
        (Value::One(word), _) if key != "servers" => word.text.as_str(),
        (Value::Mapping, "hash_tag") => return Err("write the hash tag in quotes: \"{}\"".to_owned()),
        (_, "servers") => {
            return Err("servers must be a list, one \"- HOST:PORT:WEIGHT [NAME]\" a line".to_owned());
        }
        _ => return Err(format!("{key} must be a single word")),
    };
    match key {
        "hash" => fleet.ketama.key_hash = word.parse().map_err(shown)?,
        "hash_tag" => fleet.ketama.hash_tag = Some(word.parse::<HashTag>().map_err(shown)?),
        "distribution" if word == "ketama" => {}
        "distribution" => {
            return Err(format!(
                "distribution {word} places keys by no ring: only ketama can be adopted without losing the \
                 cache. Make a network of its own (network create), and let it fill"
            ));
        }
        "redis" if word == "true" => {
            return Err("its daemons are Redis, which peercache cannot serve yet".to_owned());
        }
        "redis" => {}
        "listen" => fleet.listen = Some(word.to_owned()),
        other => {
            fleet.ejects |= other == "auto_eject_hosts" && word == "true";
            fleet.left_out.push(other.to_owned());
        }
    }
    Ok(())
}

/// `HOST:PORT:WEIGHT [NAME]`, taken apart from its end, as twemproxy does: a host may hold colons.
fn read_daemon(word: &Word, before: &[Daemon]) -> Result<Daemon, String> {
    let text = word.text.as_str();
    if text.starts_with('/') {
        return Err(format!("{text:?} is a unix socket; a peer has a TCP address"));
    }
    let unsound = || format!("{text:?} is not HOST:PORT:WEIGHT, with a name behind it or not");
    let (place, name) = text.rsplit_once(' ').map_or((text, None), |(place, name)| (place, Some(name)));
    let (address, weight) = place.rsplit_once(':').ok_or_else(unsound)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(unsound)?;
    let port = port.parse::<u16>().ok().filter(|&port| port != 0);
    let port = port.ok_or_else(|| format!("{text:?} needs a port from 1 to 65535"))?;
    if host.is_empty() || weight.is_empty() || !weight.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unsound());
    }
    let weight = weight.parse().map_err(|error| format!("{text:?}: {error}"))?;
    let named = name.map_or_else(|| RingName::of_address(host, port), str::parse);
    let ring_name = named.map_err(|error| format!("{text:?}: {error}"))?;
    if let Some(twin) = before.iter().find(|twin| twin.ring_name == ring_name) {
        return Err(format!("{ring_name} is the server of line {} already", twin.line));
    }
    Ok(Daemon { line: word.line, host: host.to_owned(), port, weight, ring_name })
}

fn shown(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
