//! `peercache.toml`: flat, with the names of [`super::KEYS`]. Anything else in it is an error with its line.

use crate::output::Failure;
use anyhow::Result;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The settings in `text`, each with its line, from 1. `path` is for errors.
pub(super) fn values(
    path: &Path,
    text: &str,
    keys: &[&'static str],
) -> Result<Vec<(&'static str, String, usize)>> {
    let line_of = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let place = |at: usize| format!("{}:{}", path.display(), line_of(at));
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Failure::new(format!("{} is not TOML: {}", place(at), error.message()), "correct that line")
    })?;
    let mut found = Vec::new();
    for (name, value) in table.get_ref() {
        let at = name.span().start;
        let Some(key) = keys.iter().find(|key| **key == name.get_ref().as_ref()) else {
            return Err(unknown(&place(at), name.get_ref(), keys).into());
        };
        let Some(value) = plain(value.get_ref()) else {
            let sentence = format!("{}: the setting {key} must be a text or a whole number", place(at));
            return Err(Failure::new(sentence, "correct that line").into());
        };
        found.push((*key, value, line_of(at)));
    }
    Ok(found)
}

fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        _ => None,
    }
}

fn unknown(place: &str, name: &str, keys: &[&str]) -> Failure {
    let sentence = format!("{place}: there is no setting {name:?}");
    let hint = match super::nearest(name, keys) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("the settings are {}", keys.join(", ")),
    };
    Failure::new(sentence, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 3] = ["engine", "memory_mb", "vnodes"];

    fn read(text: &str) -> Result<Vec<(&'static str, String, usize)>> {
        values(Path::new("p.toml"), text, &KEYS)
    }

    #[test]
    fn texts_and_numbers_come_with_their_lines() {
        let found = read("# ours\nengine = 'embedded'\n\nmemory_mb = 0x40\n").unwrap();
        assert_eq!(found, [("engine", "embedded".into(), 2), ("memory_mb", "64".into(), 4)]);
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest_known_one() {
        let error = read("engine = 'auto'\nmemory = 64\n").unwrap_err();
        assert_eq!(error.to_string(), "p.toml:2: there is no setting \"memory\"");
    }

    #[test]
    fn what_is_not_toml_or_no_plain_value_is_told_with_its_line() {
        assert!(read("engine = \n").unwrap_err().to_string().starts_with("p.toml:1 is not TOML"));
        let error = read("\n[engine]\nkind = 'x'\n").unwrap_err();
        assert!(error.to_string().starts_with("p.toml:2: the setting engine must be"), "{error}");
    }
}
