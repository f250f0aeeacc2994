//! Moves one link's bytes and keeps its time; what happens on it is told to the peer's cell.
//!
//! The driver connects when there is something to send or the peer is down and has to be probed, greets, and
//! then pumps until the connection ends. Its only loop over time is the backoff between attempts to connect.

use crate::answer::Collector;
use crate::backoff::Backoff;
use crate::direct::{DirectError, open_greeted};
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
    let link = Driving(link);
    let link = &*link.0;
    let mut backoff = Backoff::default();
    while link.wait_for_work().await {
        match connect_in_time(link).await {
            Ok((stream, incarnation)) => {
                link.connected(incarnation);
                let mut watch = Watch::new(link);
                let end = pump(link, stream, &mut watch).await;
                if watch.has_heard() {
                    backoff.reset();
                }
                link.disconnected(&end);
            }
            Err(error) if error.is_our_own() => link.unable(error.to_string()),
            Err(error) => {
                link.refused(error.to_string());
                link.wait_to_retry(backoff.wait()).await;
            }
        }
    }
}

/// However the driver ends, a panic and the end of its runtime among it, nobody is left waiting for it.
struct Driving(Arc<LinkShared>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Connects, and meanwhile ends the attempts whose time is over: none of them is sent late.
async fn connect_in_time(link: &LinkShared) -> Result<(TcpStream, Incarnation), DirectError> {
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
                link.deliver(link.expire());
                return connected;
            }
            () = alarm => link.deliver(link.expire()),
            () = link.wake.notified() => {}
        }
    }
}

/// Opens the connection and learns who answers, before the first request (P-33).
async fn connect(link: &LinkShared) -> Result<(TcpStream, Incarnation), DirectError> {
    let policy = link.network.topology().policy();
    let address = link.peer.spec.address;
    let (stream, greeting) = open_greeted(address, policy).await?;
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
async fn pump<S: AsyncRead + AsyncWrite + Unpin>(link: &LinkShared, stream: S, watch: &mut Watch<'_>) -> End {
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
        if let Some(at) = watch.next_alarm().filter(|&at| alarm_at.is_none_or(|set| at < set)) {
            alarm.as_mut().reset(link.network.instant(at));
            alarm_at = Some(at);
        }
        tokio::select! {
            // The alarm last: answers that have come are read before anybody is told that they did not, even
            // if it was this process that stood still.
            biased;
            write = writer.write(&output[written..]), if written < output.len() => match write {
                Ok(bytes) => written += bytes,
                Err(error) => return End::Io(error),
            },
            read = reader.read_buf(&mut input) => match read {
                Ok(0) => return End::Closed,
                Err(error) => return End::Io(error),
                Ok(_) => {
                    if link.handle_input(&input).is_err() {
                        return End::Malformed;
                    }
                    input.clear();
                    watch.heard();
                }
            },
            () = link.wake.notified() => {}
            () = alarm.as_mut(), if alarm_at.is_some() => {
                alarm_at = None;
                watch.alarmed();
            }
        }
    }
}

/// Attempts whose time is over.
pub(crate) struct Expired {
    over: Vec<(Collector, Lost)>,
    /// Whether a write among them was sent.
    wrote: bool,
    /// Whether the peer still owes answers to writes that nobody waits for.
    pub(crate) owes_writes: bool,
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

    /// Waits before the next attempt to connect, but not while a request waits: one is only taken in while
    /// the peer is live, so somebody else has met it.
    async fn wait_to_retry(&self, wait: Duration) {
        let until = tokio::time::Instant::now() + wait;
        loop {
            {
                let state = self.lock();
                if state.dropped || state.pipeline.has_output() {
                    return;
                }
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.wake.notified() => {}
            }
        }
    }

    /// Whether the driver may go: a link that owes nothing but reads to a peer that hangs need not wait for
    /// it.
    fn is_finished(&self) -> bool {
        let state = self.lock();
        state.dropped && !state.pipeline.is_owed_writes() && !state.pipeline.has_output()
    }

    /// Takes out the attempts whose time is over; [`Self::deliver`] tells those who wait.
    pub(crate) fn expire(&self) -> Expired {
        let mut state = self.lock();
        let before = state.pipeline.abandoned_writes();
        let mut over = Vec::new();
        state.pipeline.expire(self.network.now(), |collector, lost| over.push((collector, lost)));
        let abandoned = state.pipeline.abandoned_writes();
        Expired { over, wrote: abandoned > before, owes_writes: abandoned > 0 }
    }

    /// Tells those whose time is over. A write among them makes the peer unreadable first, whether or not
    /// anybody still waits for it (P-13).
    pub(crate) fn deliver(&self, expired: Expired) {
        if expired.wrote {
            self.peer.cell.clear_readable();
            self.network.stir();
        }
        if !expired.over.is_empty() {
            self.network.observe(&self.peer, Event::TimedOut);
            expired.over.into_iter().for_each(|(collector, lost)| collector.lost(lost));
            self.wake_parked();
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
        self.wake_parked();
    }

    fn connected(&self, incarnation: Incarnation) {
        {
            let mut state = self.lock();
            state.trouble = None;
            state.refusing = false;
            state.was_open = true;
            state.connected_to = Some(incarnation);
        }
        self.network.observe(&self.peer, Event::Answered);
    }

    /// No connection: whatever waits was never sent.
    fn refused(&self, trouble: String) {
        self.network.observe(&self.peer, Event::Refused);
        self.lock().refusing = true;
        self.unable(trouble);
    }

    /// No connection, which says nothing of the peer.
    fn unable(&self, trouble: String) {
        let mut state = self.lock();
        state.trouble = Some(trouble);
        state.pipeline.lose_unsent(|collector| collector.lost(Lost::NotSent));
        drop(state);
        self.wake_parked();
    }

    /// A connection ended. Where nothing was owed, that says nothing yet: the next attempt to connect will.
    fn disconnected(&self, end: &End) {
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
    }

    /// Gives up what was sent on a connection that is gone. Whoever waits is told after the peer was made
    /// unreadable.
    pub(crate) fn lose_sent(&self) {
        let mut state = self.lock();
        let mut collectors = Vec::new();
        let wrote = state.pipeline.lose_sent(|collector| collectors.push(collector));
        let lost_by = state.connected_to.take().filter(|_| wrote);
        drop(state);
        if let Some(incarnation) = lost_by {
            self.peer.cell.note_lost_writes(incarnation);
            self.network.stir();
        }
        collectors.into_iter().for_each(|collector| collector.lost(Lost::Ambiguous));
        self.wake_parked();
    }

    /// The driver is gone: nothing will be sent any more.
    fn abandon(&self) {
        self.lock().dropped = true;
        self.lose_sent();
        self.unable("nobody drives its connection any more".to_owned());
    }

    fn handle_input(&self, bytes: &[u8]) -> Result<(), Malformed> {
        let handled = self.lock().pipeline.handle_input(bytes, |answered| match answered {
            Answered::Part(collector, reply) => collector.part(reply),
            Answered::Last(collector, reply) => collector.last(reply),
        });
        self.wake_parked();
        handled
    }
}
