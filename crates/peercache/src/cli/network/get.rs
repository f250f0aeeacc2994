//! `network get`: one value, from the first replica that can serve it.

use super::{KeyArgs, answer};
use crate::cli::{Context, Ended};
use anyhow::Result;
use clap::Args;
use peercache_client::Value;
use serde_json::{Map, json};

/// Print the value of a key
#[derive(Debug, Args)]
pub(in crate::cli) struct Get {
    #[command(flatten)]
    at: KeyArgs,
}

impl Get {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let key = self.at.key()?;
        let connected = context.connect_tidy(&self.at.name).await?;
        let got = connected.client.get(key).await;
        let Some(found) = answer(context, &self.at.name, got)? else { return Ok(Ended::NotDone) };
        if context.output.is_json() {
            context.output.result(&self.document(found.as_ref()), String::new)?;
        } else {
            let mut bytes = found.as_ref().map_or_else(|| b"MISS".to_vec(), |value| value.data.to_vec());
            bytes.push(b'\n');
            context.output.print(&bytes)?;
        }
        Ok(Ended::done_if(found.is_some()))
    }

    /// JSON has no bytes: a value that is no text is shown in hexadecimal.
    fn document(&self, found: Option<&Value>) -> Map<String, serde_json::Value> {
        let mut document = Map::new();
        document.insert("network".into(), json!(self.at.name.to_string()));
        document.insert("key".into(), json!(self.at.shown()));
        document.insert("found".into(), json!(found.is_some()));
        if let Some(value) = found {
            match std::str::from_utf8(&value.data) {
                Ok(text) => document.insert("value".into(), json!(text)),
                Err(_) => document.insert("value_hex".into(), json!(hex(&value.data))),
            };
            document.insert("flags".into(), json!(value.flags));
            document.insert("from".into(), json!(value.from.to_string()));
        }
        document
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
