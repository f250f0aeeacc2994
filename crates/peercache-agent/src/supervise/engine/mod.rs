//! The engines a peer can run, each described once: where its program is, how it is told what to do and
//! talked to, what it says of itself and what it can do.
//!
//! Adding an engine is adding one file here, its name to [`EngineKind`] and a line to [`of`]
//! (docs/engines.md). Nothing else depends on which engine a peer runs: all of them run in the foreground,
//! say their pid and end on SIGTERM.

mod ability;
mod choice;
mod embedded;
mod find;
mod memcached;
mod protocol;
mod settings;
mod statistic;

pub use ability::{Ability, Since};
pub use choice::Choice;
pub use find::{FindError, Program, Surroundings};
pub use protocol::Protocol;
pub use settings::{EngineSettings, SettingsError};
pub use statistic::Statistic;

use super::stats;
use peercache_core::spec::{AuthFile, EngineKind};
use std::ffi::OsString;

/// One kind of engine.
pub trait Engine: Sync {
    /// Which one.
    fn kind(&self) -> EngineKind;

    /// Finds its program and asks it for its version.
    ///
    /// # Errors
    /// [`FindError`] says where it was looked for and what to do.
    fn find(&self, surroundings: &Surroundings) -> Result<Program, FindError>;

    /// What people are told that a peer gets with `program`, as a phrase.
    fn title(&self, program: &Program) -> String;

    /// The arguments that make its program a daemon in the foreground with these settings, its memory cap
    /// among them.
    fn args(&self, settings: &EngineSettings) -> Vec<OsString>;

    /// The user that its program becomes where root starts it, who has to be able to read `auth_file`; none
    /// where it stays who it is.
    fn user(&self, auth_file: Option<&AuthFile>) -> Option<String>;

    /// How its daemons are talked to; they are ready when their answer has the right pid.
    fn protocol(&self) -> Protocol;

    /// What its daemons call the statistics that we have names for.
    fn statistics(&self) -> &'static [(Statistic, &'static str)];

    /// What it can do, and in which versions.
    fn abilities(&self) -> &'static [(Ability, Since)];
}

impl dyn Engine {
    /// What `answer`, the statistics of one of its daemons, says under our name `which`.
    #[must_use]
    pub fn statistic<'a>(&self, answer: &'a [(String, String)], which: Statistic) -> Option<&'a str> {
        let (_, name) = self.statistics().iter().find(|(ours, _)| *ours == which)?;
        stats::value(answer, name)
    }

    /// As `statistic`, where that is a whole number.
    #[must_use]
    pub fn number(&self, answer: &[(String, String)], which: Statistic) -> Option<u64> {
        self.statistic(answer, which)?.parse().ok()
    }

    /// What it can do when its program says that it is `version`; none where that is unknown.
    #[must_use]
    pub fn abilities_at(&self, version: &str) -> Option<Vec<Ability>> {
        ability::at(self.abilities(), version)
    }
}

/// The description of `kind`.
#[must_use]
pub fn of(kind: EngineKind) -> &'static dyn Engine {
    match kind {
        EngineKind::Memcached => &memcached::Memcached,
        EngineKind::Embedded => &embedded::Embedded,
    }
}

/// The flags that memcached and the embedded engine share.
fn shared_flags(settings: &EngineSettings) -> Vec<OsString> {
    let flags = [
        ("-l", settings.bind.to_string()),
        ("-p", settings.port.to_string()),
        ("-m", settings.memory_mb.to_string()),
        ("-t", settings.threads.to_string()),
        ("-c", settings.connections.to_string()),
        ("-I", settings.item_bytes_max.to_string()),
    ];
    let users = settings.auth_file.iter().map(|file| ("-Y", file.to_string()));
    flags.into_iter().chain(users).flat_map(|(flag, value)| [flag.into(), value.into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people are told.
    const PAGE: &str = include_str!("../../../../../docs/engines.md");

    #[test]
    fn every_kind_has_a_description_of_itself_that_names_every_statistic() {
        for &kind in EngineKind::ALL {
            let engine = of(kind);
            assert_eq!(engine.kind(), kind);
            for which in [&[Statistic::Pid, Statistic::Version], Statistic::FIGURES].concat() {
                let names = engine.statistics().iter().filter(|(ours, _)| *ours == which);
                assert_eq!(names.count(), 1, "{kind}: {which:?}");
            }
        }
    }

    /// The table under `heading`: of each row what it is about, and what it says of each kind.
    fn written(heading: &str) -> Vec<(String, Vec<String>)> {
        let section = PAGE.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let cells = rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>());
        cells.map(|mut cells| (cells[0].clone(), cells.split_off(2))).collect()
    }

    /// What is said of each kind, in the order in which people are told of them.
    fn of_each(say: impl Fn(&dyn Engine) -> String) -> Vec<String> {
        EngineKind::ALL.iter().map(|&kind| say(of(kind))).collect()
    }

    #[test]
    fn the_page_says_what_the_descriptions_say() {
        let kinds = of_each(|engine| engine.kind().to_string());
        let mut known: Vec<Ability> = Vec::new();
        for (ability, _) in EngineKind::ALL.iter().flat_map(|&kind| of(kind).abilities()) {
            if !known.contains(ability) {
                known.push(*ability);
            }
        }
        let abilities = known.into_iter().map(|ability| {
            let said = |engine: &dyn Engine| match engine.abilities().iter().find(|(a, _)| *a == ability) {
                Some((_, Since::Always)) => "yes".to_owned(),
                Some((_, Since::Version(major, minor, patch))) => format!("from {major}.{minor}.{patch}"),
                None => "no".to_owned(),
            };
            (ability.to_string(), of_each(said))
        });
        let head = [("ability".to_owned(), kinds.clone())];
        assert_eq!(written("What each can do"), head.into_iter().chain(abilities).collect::<Vec<_>>());

        let statistics = Statistic::FIGURES.iter().map(|&which| {
            let name = |engine: &dyn Engine| engine.statistics().iter().find(|(ours, _)| *ours == which);
            (format!("`{}`", which.as_str()), of_each(|engine| format!("`{}`", name(engine).unwrap().1)))
        });
        let head = [("name".to_owned(), kinds)];
        assert_eq!(
            written("What each says of itself"),
            head.into_iter().chain(statistics).collect::<Vec<_>>()
        );
    }

    #[test]
    fn an_answer_is_read_under_our_names() {
        let answer = [("curr_items", "3"), ("version", "1.6.18")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let engine = of(EngineKind::Memcached);
        assert_eq!(engine.number(&answer, Statistic::Items), Some(3));
        assert_eq!(engine.statistic(&answer, Statistic::Version), Some("1.6.18"));
        assert_eq!(engine.number(&answer, Statistic::Version), None, "it is no whole number");
        assert_eq!(engine.number(&answer, Statistic::Hits), None, "it is not there");
    }
}
