//! How `up` serves its network: by a proxy in its own process, or by one that outlives it, or not at all.

use crate::cli::proxy::options;
use crate::cli::{Context, Ended};
use crate::client::Client;
use crate::fleet::{ServeWish, Serving, start_proxy, stop_proxy};
use crate::state::ProxyRecord;
use anyhow::{Context as _, Result};
use peercache_core::spec::NetworkName;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::pin;
use tokio::sync::oneshot;

/// Where the network is to be served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doors {
    /// To clients.
    pub(super) listen: SocketAddr,
    /// To Prometheus, if at all.
    pub(super) metrics: Option<SocketAddr>,
}

/// What serves the network.
#[derive(Debug)]
pub(super) enum Served<'a> {
    Here(Box<Serving<'a>>),
    Elsewhere(ProxyRecord),
    /// Nothing does. As long as the client lives, peers that missed writes of commands that are gone are
    /// cleaned (P-11).
    NotAtAll(Option<Client>),
}

impl<'a> Served<'a> {
    pub(super) async fn begin(
        context: &'a Context,
        network: &NetworkName,
        doors: Option<Doors>,
        detach: bool,
    ) -> Result<Self> {
        let (state, settings) = (&context.state, &context.settings);
        Ok(match doors {
            Some(Doors { listen, metrics }) if detach => {
                Self::Elsewhere(start_proxy(state, settings, network, listen, metrics).await?)
            }
            Some(Doors { listen, metrics }) => {
                let options = options(&settings.proxy, vec![listen])?;
                let wish = ServeWish { options, metrics, left_by_up: false };
                Self::Here(Box::new(Serving::open(state, settings, network, wish).await?))
            }
            None if detach => Self::NotAtAll(None),
            None => Self::NotAtAll(Some(context.connect(network)?.client)),
        })
    }

    /// The proxy, if there is one.
    pub(super) fn record(&self) -> Option<&ProxyRecord> {
        match self {
            Self::Here(serving) => Some(&serving.record),
            Self::Elsewhere(record) => Some(record),
            Self::NotAtAll(_) => None,
        }
    }

    /// Serves no longer, be it here or elsewhere.
    pub(super) async fn end(self, context: &Context) -> Result<()> {
        if let Self::Elsewhere(record) = &self {
            return stop_proxy(&context.state, record).await;
        }
        self.serve_while(ready(Ended::NotDone)).await.map(drop)
    }

    /// Serves until `command` ends.
    pub(super) async fn serve_while(self, command: impl Future<Output = Ended>) -> Result<Ended> {
        let serving = match self {
            Self::Here(serving) => serving,
            Self::Elsewhere(_) => return Ok(command.await),
            Self::NotAtAll(healed) => {
                let ended = command.await;
                drop(healed);
                return Ok(ended);
            }
        };
        let (ended, told) = oneshot::channel::<()>();
        // Who would tell is gone when the command has ended.
        let mut serve = pin!(serving.serve(async move { drop(told.await) }));
        let mut command = pin!(command);
        let how = tokio::select! {
            served = &mut serve => return served.context("the proxy ended").and(Ok(Ended::NotDone)),
            how = &mut command => how,
        };
        drop(ended);
        serve.await.context("the proxy ended badly")?;
        Ok(how)
    }
}
