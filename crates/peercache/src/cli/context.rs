//! What every command gets: the settings, the state, and where to speak.

use crate::fleet::{self, Connected};
use crate::output::{Failure, Output};
use crate::settings::Settings;
use crate::state::State;
use anyhow::Result;
use peercache_core::spec::{NetworkName, PeerId};
use std::collections::BTreeSet;
use std::env;
use std::path::Path;

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) state: State,
    pub(crate) output: Output,
}

impl Context {
    pub(super) fn open(state_dir: Option<&Path>, config: Option<&Path>, output: Output) -> Result<Self> {
        Settings::unknown_variables().into_iter().for_each(|words| output.warn(words));
        let settings = Settings::load(state_dir, config)?;
        let state = State::at(&settings.state_dir)?;
        Ok(Self { settings, state, output })
    }

    /// Opens a network for requests, after what commands that are gone left undone is done.
    pub(crate) async fn connect_tidy(&self, name: &NetworkName) -> Result<Connected> {
        let connected = self.connect(name)?;
        let say = |peer: &PeerId| {
            let words = format!("{peer} missed writes of a command that is gone: it is emptied first");
            self.output.warn(words);
        };
        connected.tidy_up(say).await?;
        Ok(connected)
    }

    /// Opens a network.
    pub(crate) fn connect(&self, name: &NetworkName) -> Result<Connected> {
        fleet::connect(&self.state, &self.settings, name)
    }

    /// A command of ours to be typed next, with the state directory that this one was given.
    pub(crate) fn command(&self, words: &str) -> String {
        let program = program();
        match self.settings.state_dir_to_repeat() {
            Some(dir) => format!("{program} --state-dir {} {words}", shell_word(&dir.to_string_lossy())),
            None => format!("{program} {words}"),
        }
    }
}

/// Refuses a list that names a peer twice: half of it would be a mistake.
pub(crate) fn refuse_duplicates(ids: &[PeerId]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match ids.iter().find(|id| !seen.insert(*id)) {
        Some(id) => Err(Failure::new(format!("peer {id} is given twice"), "name each peer once").into()),
        None => Ok(()),
    }
}

/// This program as it was typed: it need not be on `PATH`.
fn program() -> String {
    let typed = env::args().next().filter(|typed| typed.contains('/'));
    typed.map_or_else(|| "peercache".to_owned(), |typed| shell_word(&typed))
}

fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_commands_can_be_pasted() {
        assert_eq!(shell_word("/tmp/a-b_1.x"), "/tmp/a-b_1.x");
        assert_eq!(shell_word("my state"), "'my state'");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
    }

    #[test]
    fn a_peer_named_twice_is_refused() {
        let ids =
            |texts: &[&str]| -> Vec<PeerId> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        assert!(refuse_duplicates(&ids(&["p0", "p1"])).is_ok());
        let error = refuse_duplicates(&ids(&["p0", "p1", "p0"])).unwrap_err();
        assert_eq!(error.to_string(), "peer p0 is given twice");
    }
}
