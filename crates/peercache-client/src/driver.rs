//! Moves one link's bytes and keeps its time; what happens on it is told to the peer's cell.
//!
//! The driver connects when there is something to send or the peer is down and has to be probed, greets, and
//! then pumps until the connection ends. Its only loop over time is the backoff between attempts to connect.

use crate::backoff::Backoff;
use crate::direct::open_greeted;
use crate::link::{LinkShared, LinkState};
use crate::watch::Watch;
use peercache_core::health::{Event, Identified, Incarnation, Phase};
use peercache_core::pipeline::{Answered, Malformed};
use peercache_core::replication::Lost;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// The driver task of one link; ends when the link is dropped and owes nothing more.
pub(crate) async fn drive(link: Arc<LinkShared>) {
    let mut backoff = Backoff::default();
    while link.wait_for_work().await {
        match connect_in_time(&link).await {
            Ok((stream, incarnation)) => {
                backoff.reset();
                link.connected();
                let mut watch = Watch::new(link.network.now());
                let end = pump(&link, stream, &mut watch).await;
                link.disconnected(&end, incarnation);
                // Only now: a return must see the lost writes before it sees that no link owes any.
                watch.set_debt(&link, false);
            }
            Err(trouble) => {
                link.refused(trouble);
                link.wait_to_retry(backoff.wait()).await;
            }
        }
    }
}

/// Connects, and meanwhile ends the attempts whose time is over: none of them is sent late.
async fn connect_in_time(link: &LinkShared) -> Result<(TcpStream, Incarnation), String> {
    let mut connecting = pin!(connect(link));
    loop {
        let deadline = link.lock().pipeline.next_deadline();
        let alarm = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(link.network.instant(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            connected = &mut connecting => {
                link.expire();
                return connected;
            }
            () = alarm => link.expire(),
            () = link.wake.notified() => {}
        }
    }
}

/// Opens the connection and learns who answers, before the first request (P-33).
async fn connect(link: &LinkShared) -> Result<(TcpStream, Incarnation), String> {
    let policy = link.network.topology().policy();
    let address = link.peer.spec.address;
    let (stream, greeting) = open_greeted(address, policy).await.map_err(|error| error.to_string())?;
    if link.peer.cell.identify(greeting.incarnation) == Identified::New {
        let id = &link.peer.spec.id;
        tracing::info!(peer = %id, %address, items = greeting.items, "another incarnation answers");
        link.network.stir();
    }
    Ok((stream, greeting.incarnation))
}

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// The peer closed it.
    Closed,
    /// It broke.
    Io(io::Error),
    /// The peer sent what is no answer.
    Malformed,
    /// The link was dropped, and nothing is owed any more.
    Dropped,
}

/// Moves bytes both ways until the connection ends.
async fn pump<S: AsyncRead + AsyncWrite + Unpin>(link: &LinkShared, stream: S, watch: &mut Watch) -> End {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut output = Vec::new();
    let mut written = 0;
    let mut input = Vec::with_capacity(READ_BYTES);
    let mut alarm = pin!(tokio::time::sleep(Duration::ZERO));
    let mut alarm_at = None;
    loop {
        if written == output.len() {
            output.clear();
            written = 0;
            link.take_output(&mut output);
        }
        if output.is_empty() && link.is_finished() {
            return End::Dropped;
        }
        // An alarm that is set too early rings in vain and is set anew; that is cheaper than moving it each
        // time.
        if let Some(at) = watch.next_alarm(link).filter(|&at| alarm_at.is_none_or(|set| at < set)) {
            alarm.as_mut().reset(link.network.instant(at));
            alarm_at = Some(at);
        }
        tokio::select! {
            read = reader.read_buf(&mut input) => match read {
                Ok(0) => return End::Closed,
                Err(error) => return End::Io(error),
                Ok(_) => {
                    if link.handle_input(&input).is_err() {
                        return End::Malformed;
                    }
                    input.clear();
                    watch.heard(link);
                }
            },
            write = writer.write(&output[written..]), if written < output.len() => match write {
                Ok(bytes) => written += bytes,
                Err(error) => return End::Io(error),
            },
            () = alarm.as_mut(), if alarm_at.is_some() => {
                alarm_at = None;
                watch.ring(link);
            }
            () = link.wake.notified() => {}
        }
    }
}

impl LinkShared {
    /// Waits until the driver has to connect; false when the link was dropped.
    async fn wait_for_work(&self) -> bool {
        loop {
            let mut stirred = pin!(self.network.stirred());
            stirred.as_mut().enable();
            {
                let state = self.lock();
                if state.dropped && !state.pipeline.has_output() {
                    return false;
                }
                if state.pipeline.has_output() || state.refusing || self.must_probe(&state) {
                    return true;
                }
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = stirred => {}
            }
        }
    }

    /// Every link that was ever open looks whether a peer that is down answers again: whoever found it down
    /// may be gone.
    fn must_probe(&self, state: &LinkState) -> bool {
        state.was_open && self.peer.cell.state().phase() == Phase::Down
    }

    /// Waits before the next attempt to connect, but no longer than until somebody else has met the peer.
    async fn wait_to_retry(&self, wait: Duration) {
        let until = tokio::time::Instant::now() + wait;
        loop {
            let mut stirred = pin!(self.network.stirred());
            stirred.as_mut().enable();
            if self.lock().dropped || self.peer.cell.state().is_live() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.wake.notified() => {}
                () = stirred => {}
            }
        }
    }

    fn is_finished(&self) -> bool {
        let state = self.lock();
        state.dropped && !state.pipeline.is_owed() && !state.pipeline.has_output()
    }

    /// Ends the attempts whose time is over.
    pub(crate) fn expire(&self) {
        let mut late = false;
        self.lock().pipeline.expire(self.network.now(), |collector, lost| {
            late = true;
            collector.lost(lost);
        });
        if late {
            self.network.observe(&self.peer, Event::TimedOut);
            self.ring_drained();
        }
    }

    /// Hands over what is to be sent. A read that was planned before the peer became unreadable is not sent
    /// any more: whoever answers now may be another incarnation, or miss a write.
    fn take_output(&self, output: &mut Vec<u8>) {
        let mut state = self.lock();
        if !self.peer.cell.state().is_readable() {
            state.pipeline.lose_unsent_reads(|collector| collector.lost(Lost::NotSent));
        }
        state.pipeline.take_output(output);
        drop(state);
        self.ring_drained();
    }

    fn connected(&self) {
        {
            let mut state = self.lock();
            state.trouble = None;
            state.refusing = false;
            state.was_open = true;
        }
        self.network.observe(&self.peer, Event::Answered);
    }

    /// No connection: whatever waits was never sent.
    fn refused(&self, trouble: String) {
        self.network.observe(&self.peer, Event::Refused);
        let mut state = self.lock();
        state.trouble = Some(trouble);
        state.refusing = true;
        state.pipeline.lose_unsent(|collector| collector.lost(Lost::NotSent));
        drop(state);
        self.ring_drained();
    }

    /// A connection ended. One that owed nothing is only reopened; the attempt to do so shows how the peer
    /// is.
    fn disconnected(&self, end: &End, incarnation: Incarnation) {
        let trouble = match end {
            End::Dropped => return,
            End::Closed => "it closed the connection".to_owned(),
            End::Io(error) => format!("the connection was lost: {error}"),
            End::Malformed => "it sent something that is no answer".to_owned(),
        };
        if self.lock().pipeline.is_owed() || matches!(end, End::Malformed) {
            self.network.observe(&self.peer, Event::Refused);
        }
        let mut state = self.lock();
        state.trouble = Some(trouble);
        // A peer that is down is probed until it is back, whether or not anybody asks.
        state.refusing = self.peer.cell.state().phase() == Phase::Down;
        let mut collectors = Vec::new();
        let wrote = state.pipeline.lose_sent(|collector| collectors.push(collector));
        drop(state);
        if wrote {
            self.peer.cell.note_lost_writes(incarnation);
            self.network.stir();
        }
        collectors.into_iter().for_each(|collector| collector.lost(Lost::Ambiguous));
        self.ring_drained();
    }

    fn handle_input(&self, bytes: &[u8]) -> Result<(), Malformed> {
        self.lock().pipeline.handle_input(bytes, |answered| match answered {
            Answered::Part(collector, reply) => collector.part(reply),
            Answered::Last(collector, reply) => collector.last(reply),
        })
    }
}
