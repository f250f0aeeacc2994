//! The engine inside this program, run as a process of its own so that it outlives the command that started
//! it and dies without taking anything along, like any other engine.

use super::find::{FindError, Program, Surroundings, is_executable};
use super::{Ability, Engine, EngineSettings, Protocol, Since, Statistic, memcached, shared_flags};
use peercache_core::spec::{AuthFile, EngineKind};
use std::ffi::OsString;

/// The description of the embedded engine.
pub(super) struct Embedded;

impl Engine for Embedded {
    fn kind(&self) -> EngineKind {
        EngineKind::Embedded
    }

    fn find(&self, surroundings: &Surroundings) -> Result<Program, FindError> {
        let path = surroundings.own_program.clone();
        // After an upgrade in place, the running program's path names nothing, or something else's folder.
        if path.is_absolute() && is_executable(&path) {
            Ok(Program { path, version: env!("CARGO_PKG_VERSION").to_owned() })
        } else {
            Err(FindError::OwnProgramGone { path })
        }
    }

    fn title(&self, program: &Program) -> String {
        format!("the embedded engine {}", program.version)
    }

    fn args(&self, settings: &EngineSettings) -> Vec<OsString> {
        let mut args = vec![OsString::from("engine")];
        args.extend(shared_flags(settings));
        args
    }

    fn user(&self, _: Option<&AuthFile>) -> Option<String> {
        None
    }

    fn protocol(&self) -> Protocol {
        Protocol::Memcached
    }

    fn statistics(&self) -> &'static [(Statistic, &'static str)] {
        memcached::STATISTICS
    }

    fn abilities(&self) -> &'static [(Ability, Since)] {
        &[
            (Ability::Logins, Since::Always),
            (Ability::Leases, Since::Always),
            (Ability::TtlRead, Since::Always),
            (Ability::KeyListing, Since::Always),
            (Ability::Versions, Since::Always),
            (Ability::Counters, Since::Always),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;
    use std::path::PathBuf;

    #[test]
    fn it_is_this_program_with_the_word_engine() {
        let own_program = env::current_exe().unwrap();
        let surroundings = Surroundings { own_program: own_program.clone(), ..Surroundings::default() };
        assert_eq!(Embedded.find(&surroundings).unwrap().path, own_program);
        let args = Embedded.args(&EngineSettings::new(12_345, 64).unwrap());
        assert_eq!(args[..5], ["engine", "-l", "127.0.0.1", "-p", "12345"].map(OsString::from));
        assert!(!args.contains(&"-Y".into()), "{args:?}");
    }

    #[test]
    fn it_is_told_where_its_users_stand() {
        let auth_file = Some("/users".parse().unwrap());
        let settings = EngineSettings { auth_file, ..EngineSettings::new(12_345, 64).unwrap() };
        let args = Embedded.args(&settings);
        assert!(args.windows(2).any(|pair| pair == ["-Y", "/users"]), "{args:?}");
    }

    #[test]
    fn a_program_that_was_replaced_is_noticed() {
        let own_program = PathBuf::from("/nonexistent/peercache (deleted)");
        let surroundings = Surroundings { own_program, ..Surroundings::default() };
        let error = Embedded.find(&surroundings).unwrap_err();
        assert!(error.to_string().contains("gone or replaced"), "{error}");
    }
}
