//! memcached, the real one.

use super::find::{FindError, Program, Surroundings, ask_version, is_executable, on_path};
use super::{Ability, Engine, EngineSettings, Protocol, Since, Statistic, shared_flags};
use peercache_core::spec::{AuthFile, EngineKind};
use rustix::process::geteuid;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{self, PathBuf};

/// The user without rights of its own that nearly every system has.
const UNPRIVILEGED: &str = "nobody";

/// What memcached calls its statistics; the embedded engine calls them the same.
pub(super) const STATISTICS: &[(Statistic, &str)] = &[
    (Statistic::Pid, "pid"),
    (Statistic::Version, "version"),
    (Statistic::Items, "curr_items"),
    (Statistic::Bytes, "bytes"),
    (Statistic::BytesMax, "limit_maxbytes"),
    (Statistic::Evictions, "evictions"),
    (Statistic::Hits, "get_hits"),
    (Statistic::Misses, "get_misses"),
    (Statistic::Connections, "curr_connections"),
];

/// The description of memcached.
pub(super) struct Memcached;

impl Engine for Memcached {
    fn kind(&self) -> EngineKind {
        EngineKind::Memcached
    }

    fn find(&self, surroundings: &Surroundings) -> Result<Program, FindError> {
        let named = surroundings.memcached_path.as_deref().filter(|named| !named.is_empty());
        let path = match named {
            Some(named) => named_program(named)?,
            None => on_path("memcached", surroundings.path.as_ref()).ok_or(FindError::NotOnPath)?,
        };
        let said = match ask_version(&path) {
            Ok(line) => match version_in(&line) {
                Some(version) => {
                    return Ok(Program { path, version: version.to_owned() });
                }
                None => format!("it printed {line:?}"),
            },
            Err(error) => format!("it failed: {error}"),
        };
        Err(FindError::NotMemcached { path, said })
    }

    fn title(&self, program: &Program) -> String {
        format!("{} {} at {}", self.kind(), program.version, program.path.display())
    }

    fn args(&self, settings: &EngineSettings) -> Vec<OsString> {
        let mut args = shared_flags(settings);
        // No UDP: nobody asks for it, and it is how memcached was abused to flood others.
        args.extend(["-U", "0"].map(OsString::from));
        if geteuid().is_root()
            && let Some(user) = self.user(settings.auth_file.as_ref())
        {
            args.extend(["-u".into(), user.into()]);
        }
        args
    }

    /// memcached refuses to run as root unless told whom to become. It opens no file after that (its log is
    /// handed to it open), so a user who may do nothing is right; root itself only where there is no such
    /// user. A file of users is the exception: it is opened then, and again on a SIGHUP, so its owner it must
    /// be.
    fn user(&self, auth_file: Option<&AuthFile>) -> Option<String> {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let owner = auth_file.and_then(|file| fs::metadata(file.as_str()).ok()).map(|file| file.uid());
        let owner = owner.and_then(|uid| user_of(&users, uid));
        let unprivileged =
            || users.lines().filter_map(|line| line.split(':').next()).find(|&n| n == UNPRIVILEGED);
        Some(owner.or_else(unprivileged).unwrap_or("root").to_owned())
    }

    fn protocol(&self) -> Protocol {
        Protocol::Memcached
    }

    fn statistics(&self) -> &'static [(Statistic, &'static str)] {
        STATISTICS
    }

    /// Where it has one by default: the crawler that lists keys could be switched on before 1.5.0. Before
    /// 1.6.10, meta commands were answered in words that nobody here reads (`OK` where `HD` is now).
    fn abilities(&self) -> &'static [(Ability, Since)] {
        &[
            (Ability::Logins, Since::Version(1, 5, 15)),
            (Ability::Leases, Since::Version(1, 6, 10)),
            (Ability::TtlRead, Since::Version(1, 6, 10)),
            (Ability::KeyListing, Since::Version(1, 5, 0)),
            (Ability::Versions, Since::Version(1, 6, 27)),
            (Ability::Counters, Since::Always),
        ]
    }
}

/// The file that the user names; relative names count from the working directory, like any argument.
fn named_program(named: &OsStr) -> Result<PathBuf, FindError> {
    let unreachable = |source| FindError::Unreachable { path: named.into(), source };
    let path = path::absolute(named).map_err(unreachable)?;
    fs::metadata(&path).map_err(unreachable)?;
    if is_executable(&path) { Ok(path) } else { Err(FindError::NotExecutable { path }) }
}

/// The name of the user with this number.
fn user_of(users: &str, uid: u32) -> Option<&str> {
    let number = uid.to_string();
    let has_it = |line: &&str| line.split(':').nth(2) == Some(&number);
    users.lines().find(has_it)?.split(':').next()
}

fn version_in(line: &str) -> Option<&str> {
    let version = line.strip_prefix("memcached ")?.split_whitespace().next()?;
    version.starts_with(|first: char| first.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_memcached_and_a_number() {
        assert_eq!(version_in("memcached 1.6.18"), Some("1.6.18"));
        assert_eq!(version_in("memcached 1.6.21_3 (extra)"), Some("1.6.21_3"));
        for other in
            ["", "memcached", "memcached ", "memcached help", "xmemcached 1.6", "redis 7.0", "1.6.18"]
        {
            assert_eq!(version_in(other), None, "{other:?}");
        }
    }

    #[test]
    fn it_is_told_to_stay_local_and_without_udp() {
        let args = Memcached.args(&EngineSettings::new(12_345, 64).unwrap());
        let text = args.join(OsStr::new(" "));
        let text = text.to_string_lossy();
        assert!(text.starts_with("-l 127.0.0.1 -p 12345 -m 64 -t "), "{text}");
        assert!(text.contains(" -I 1048576 -U 0") && !text.contains("-Y"), "{text}");
    }

    #[test]
    fn it_is_told_where_its_users_stand_and_may_read_them() {
        let auth_file = Some("/users".parse().unwrap());
        let settings = EngineSettings { auth_file, ..EngineSettings::new(12_345, 64).unwrap() };
        let args = Memcached.args(&settings);
        assert!(args.windows(2).any(|pair| pair == ["-Y", "/users"]), "{args:?}");
        let users = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/:\n";
        assert_eq!((user_of(users, 1000), user_of(users, 100)), (Some("ann"), None));
    }
}
