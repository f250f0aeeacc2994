//! `config show`: every setting with its value and where that came from.

use super::{Context, Ended};
use crate::output::Table;
use anyhow::Result;
use clap::Subcommand;
use serde_json::{Map, json};

/// Show the settings
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Print each setting and where its value came from
    Show,
}

impl Verb {
    pub(super) fn run(self, context: &Context) -> Result<Ended> {
        let Self::Show = self;
        let rows: Vec<(&str, String, String)> = context
            .settings
            .entries
            .iter()
            .map(|entry| {
                (entry.key, shown(entry.key, &entry.value.to_string_lossy()), entry.source.to_string())
            })
            .collect();
        let member = |(key, value, source): &(&str, String, String)| {
            ((*key).to_owned(), json!({ "value": value, "source": source }))
        };
        let document: Map<_, _> = rows.iter().map(member).collect();
        context.output.list(&document, || {
            let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
            for (key, value, source) in &rows {
                table.row([(*key).to_owned(), value.clone(), source.clone()]);
            }
            table
        })?;
        Ok(Ended::Done)
    }
}

/// The settings without a single default say what stands for one.
fn shown(key: &str, value: &str) -> String {
    let words = match key {
        _ if !value.is_empty() => value,
        // A bare network keeps one copy.
        "replication" => "1, and 2 for up",
        "idle_timeout_s" => "never",
        _ => "none",
    };
    words.to_owned()
}
