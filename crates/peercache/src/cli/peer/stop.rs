//! `peer stop`: TERM, then KILL, and gone when the command returns.

use crate::cli::context::refuse_duplicates;
use crate::cli::{Context, Ended, words};
use crate::fleet::{self, stop_all};
use crate::output::{complain, joined, print_error, sentence};
use anyhow::Result;
use clap::Args;
use peercache_core::spec::PeerId;
use serde_json::{Value, json};

/// Stop peers; they keep their ids, ports and networks
#[derive(Debug, Args)]
pub(in crate::cli) struct Stop {
    /// The peers
    #[arg(required = true, value_name = "ID", value_parser = words::peer_id)]
    ids: Vec<PeerId>,
}

impl Stop {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        refuse_duplicates(&self.ids)?;
        let stopped = stop_all(&context.state, &self.ids).await;
        let mut documents = Vec::new();
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for (id, result) in stopped {
            match result {
                Ok(stop) => {
                    context.output.say(line(&id, stop));
                    documents.push(json!({ "id": id.to_string(), "state": "stopped" }));
                    good.push(id);
                }
                Err(error) => {
                    documents.push(json!({ "id": id.to_string(), "error": sentence(&error) }));
                    print_error(&error);
                    bad.push(id);
                }
            }
        }
        if !good.is_empty() && !bad.is_empty() {
            complain(format!("{} stopped, {} did not", joined(&good), joined(&bad)));
        }
        context.output.result(&Value::Array(documents), String::new)?;
        Ok(Ended::done_if(bad.is_empty()))
    }
}

fn line(id: &PeerId, stop: fleet::Stop) -> String {
    match stop {
        fleet::Stop::Stopped { pid } => format!("stopped {id} (was pid {pid})"),
        fleet::Stop::WasStopped => format!("{id} was not running"),
    }
}
