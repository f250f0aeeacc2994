//! `network set`: one value, onto every replica of its key.

use super::{KeyArgs, answer, warn_of_missed};
use crate::cli::{Context, Ended};
use crate::output::quoted;
use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use peercache_client::{SetOptions, Ttl};
use serde_json::json;
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

/// Store a value under a key
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    at: KeyArgs,
    /// The value; - reads it from standard input
    #[arg(allow_negative_numbers = true)]
    value: OsString,
    /// Seconds until it is gone [default: never]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    ttl: Option<u32>,
}

impl Set {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let key = self.at.key()?;
        let value = self.value(context.settings.policy.value_bytes_max)?;
        let connected = context.connect_tidy(&self.at.name).await?;
        let options = SetOptions { flags: 0, ttl: self.ttl.map_or(Ttl::Never, Ttl::Seconds) };
        let written = connected.client.set(key, &value, options).await;
        connected.leave_word_of(&written).await;
        let Some(written) = answer(context, &self.at.name, written)? else { return Ok(Ended::NotDone) };
        warn_of_missed(context, &written.missed);
        let names = |ids: &[peercache_core::spec::PeerId]| -> Vec<String> {
            ids.iter().map(ToString::to_string).collect()
        };
        let document = json!({
            "network": self.at.name.to_string(),
            "key": self.at.shown(),
            "replicated_to": names(&written.confirmed),
            "missed": names(&written.missed),
        });
        let text = || format!("SET {} replicated to {}\n", self.at.shown(), quoted(&written.confirmed));
        context.output.result(&document, text)?;
        Ok(Ended::Done)
    }

    fn value(&self, bytes_max: usize) -> Result<Cow<'_, [u8]>> {
        if self.value != "-" {
            return Ok(Cow::Borrowed(self.value.as_bytes()));
        }
        let mut value = Vec::new();
        // One byte more than allowed is enough to know.
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        io::stdin().lock().take(limit).read_to_end(&mut value).context("standard input cannot be read")?;
        if value.len() > bytes_max {
            return Err(anyhow!("the value on standard input is longer than the limit of {bytes_max} bytes"));
        }
        Ok(Cow::Owned(value))
    }
}
