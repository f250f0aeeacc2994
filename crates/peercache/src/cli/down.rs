//! `down`: stops the peers of the network that `up` made and the proxy that it started, and nothing else.

use super::{Context, Ended};
use crate::fleet::{Condition, Stop, condition, running_proxies, stop_all, stop_proxy};
use crate::output::{joined, print_error, sentence};
use crate::state::NetworkRecord;
use anyhow::Result;
use clap::Args;
use peercache_core::spec::PeerId;
use serde_json::{Value, json};

/// Stop the peers that `up` started; the network stays, empty
#[derive(Debug, Args)]
pub(super) struct Down {}

impl Down {
    pub(super) async fn run(self, context: &Context) -> Result<Ended> {
        let proxies = context.state.read(running_proxies)?;
        let mut documents = Vec::new();
        let mut all_stopped = true;
        for proxy in proxies.iter().filter(|proxy| proxy.left_by_up) {
            let pid = proxy.process.pid;
            if let Err(error) = stop_proxy(&context.state, proxy).await {
                all_stopped = false;
                documents.push(json!({ "proxy": pid, "error": sentence(&error) }));
                print_error(&error);
                continue;
            }
            context
                .output
                .say(format_args!("stopped the proxy on {} (was pid {pid})", joined(&proxy.listen)));
            documents.push(json!({ "proxy": pid, "state": "stopped" }));
        }
        let (ids, others) = context.state.read(|state| {
            let networks = state.networks()?;
            let is_ours = |id: &PeerId| {
                let made_by_up = networks.iter().filter(|network| network.made_by_up);
                made_by_up.flat_map(NetworkRecord::peers_and_starting).any(|peer| peer == id)
            };
            let (mut ids, mut others) = (Vec::new(), Vec::new());
            for peer in state.peers()?.into_iter().filter(|peer| peer.managed) {
                match condition(&peer)? {
                    Condition::Stopped => {}
                    _ if is_ours(&peer.id) => ids.push(peer.id),
                    _ => others.push(peer.id),
                }
            }
            anyhow::Ok((ids, others))
        })?;
        for (id, result) in stop_all(&context.state, &ids).await {
            match result {
                Ok(Stop::Stopped { pid }) => context.output.say(format_args!("stopped {id} (was pid {pid})")),
                Ok(Stop::WasStopped) => context.output.say(format_args!("{id} was not running")),
                Err(error) => {
                    all_stopped = false;
                    documents.push(json!({ "id": id.to_string(), "error": sentence(&error) }));
                    print_error(&error);
                    continue;
                }
            }
            documents.push(json!({ "id": id.to_string(), "state": "stopped" }));
        }
        if ids.is_empty() && documents.is_empty() {
            context.output.say("nothing that `up` started is running");
        }
        if !others.is_empty() {
            let stop = context.command(&format!("peer stop {}", joined(&others).replace(',', "")));
            context
                .output
                .warn(format_args!("not started by `up`, left alone: {} ({stop})", joined(&others)));
        }
        context.output.result(&Value::Array(documents), String::new)?;
        Ok(Ended::done_if(all_stopped))
    }
}
