//! The shape of twemproxy's configuration: fleets by name, each with settings that are a word or a list of
//! words. Nothing here knows what a setting means.
//!
//! Read event by event, as that program does, so that every word keeps its line and stays the text that was
//! written. Refuses every other shape, and everything of YAML that could not be in a file that twemproxy
//! takes: a second document, aliases, anything nested deeper. So nothing in a file can make this recurse.

use super::ConfigError;
use saphyr_parser::{Event, Parser, StrInput};

/// One fleet (twemproxy says pool) as it is written.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: Word,
    pub(super) settings: Vec<Setting>,
}

/// One setting of a fleet.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: Word,
    pub(super) value: Value,
}

/// What a setting is set to.
#[derive(Debug)]
pub(super) enum Value {
    /// A word, or a number; the text as it is written.
    One(Word),
    /// A list of them.
    Many(Vec<Word>),
    /// `{}` without quotes is an empty mapping, which is what people write who mean the hash tag.
    Mapping,
}

/// Text and the line it is on, from 1.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) line: usize,
}

/// All fleets of a file, in its order.
pub(super) fn read(text: &str) -> Result<Vec<Section>, ConfigError> {
    let mut events = Events { parser: Parser::new_from_str(text), line: 1 };
    match events.next()? {
        Some(Event::MappingStart(..)) => {}
        None => return Ok(Vec::new()),
        Some(_) => return Err(events.unsound("a list of pools by name, each with its settings")),
    }
    let mut sections: Vec<Section> = Vec::new();
    while let Some(name) = events.key()? {
        if let Some(before) = sections.iter().find(|before| before.name.text == name.text) {
            return Err(name.is_a_duplicate_of(&before.name));
        }
        let settings = read_settings(&mut events)?;
        sections.push(Section { name, settings });
    }
    match events.next()? {
        None => Ok(sections),
        Some(_) => Err(events.unsound("the end: twemproxy reads one document")),
    }
}

fn read_settings(events: &mut Events<'_>) -> Result<Vec<Setting>, ConfigError> {
    if !matches!(events.next()?, Some(Event::MappingStart(..))) {
        return Err(events.unsound("the settings of a pool, each indented under its name"));
    }
    let mut settings: Vec<Setting> = Vec::new();
    while let Some(key) = events.key()? {
        if let Some(before) = settings.iter().find(|before| before.key.text == key.text) {
            return Err(key.is_a_duplicate_of(&before.key));
        }
        let value = match events.next()? {
            Some(Event::Scalar(text, ..)) => Value::One(events.word(text.into_owned())),
            Some(Event::SequenceStart(..)) => Value::Many(read_list(events)?),
            Some(Event::MappingStart(..)) if matches!(events.next()?, Some(Event::MappingEnd)) => {
                Value::Mapping
            }
            _ => return Err(events.unsound("a word or a list of words")),
        };
        settings.push(Setting { key, value });
    }
    Ok(settings)
}

fn read_list(events: &mut Events<'_>) -> Result<Vec<Word>, ConfigError> {
    let mut words = Vec::new();
    loop {
        match events.next()? {
            Some(Event::Scalar(text, ..)) => words.push(events.word(text.into_owned())),
            Some(Event::SequenceEnd) => return Ok(words),
            _ => return Err(events.unsound("a word for each line of the list")),
        }
    }
}

/// The events of a file, and the line of the last one.
struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    line: usize,
}

impl<'a> Events<'a> {
    /// The next event that says something; none at the end.
    fn next(&mut self) -> Result<Option<Event<'a>>, ConfigError> {
        loop {
            let Some(event) = self.parser.next() else { return Ok(None) };
            let (event, span) = event.map_err(|error| {
                let (line, why) = (error.marker().line(), error.info().to_owned());
                ConfigError::NotYaml { line, why }
            })?;
            self.line = span.start.line();
            match event {
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(None),
                event => return Ok(Some(event)),
            }
        }
    }

    /// The next name in a mapping; none at its end.
    fn key(&mut self) -> Result<Option<Word>, ConfigError> {
        match self.next()? {
            Some(Event::Scalar(text, ..)) => Ok(Some(self.word(text.into_owned()))),
            Some(Event::MappingEnd) => Ok(None),
            _ => Err(self.unsound("a name, followed by a colon")),
        }
    }

    fn word(&self, text: String) -> Word {
        Word { text, line: self.line }
    }

    fn unsound(&self, wanted: &'static str) -> ConfigError {
        ConfigError::Shape { line: self.line, wanted }
    }
}

impl Word {
    fn is_a_duplicate_of(&self, before: &Self) -> ConfigError {
        ConfigError::Twice { line: self.line, name: self.text.clone(), before: before.line }
    }
}
