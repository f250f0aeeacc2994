//! `network unset`: a key goes, from every replica.

use super::{KeyArgs, answer, warn_of_missed};
use crate::cli::{Context, Ended};
use crate::output::quoted;
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Delete a key
#[derive(Debug, Args)]
pub(in crate::cli) struct Unset {
    #[command(flatten)]
    at: KeyArgs,
}

impl Unset {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let key = self.at.key()?;
        let connected = context.connect_tidy(&self.at.name).await?;
        let deleted = connected.client.delete(key).await;
        connected.leave_word_of(&deleted).await;
        let Some(deleted) = answer(context, &self.at.name, deleted)? else { return Ok(Ended::NotDone) };
        warn_of_missed(context, &deleted.missed);
        let names = |ids: &[peercache_core::spec::PeerId]| -> Vec<String> {
            ids.iter().map(ToString::to_string).collect()
        };
        let document = json!({
            "network": self.at.name.to_string(),
            "key": self.at.shown(),
            "existed": deleted.existed,
            "unset_on": names(&deleted.confirmed),
            "missed": names(&deleted.missed),
        });
        context.output.result(&document, || {
            if deleted.existed {
                format!("UNSET {} on {}\n", self.at.shown(), quoted(&deleted.confirmed))
            } else {
                "MISS\n".to_owned()
            }
        })?;
        Ok(Ended::done_if(deleted.existed))
    }
}
