//! Moves one link's bytes, tells it the time, and passes its news on. What to do and what things mean is
//! decided by core's `link`; this file only does it.

use crate::answer::Collector;
use crate::direct::{DirectError, Greeting, open_greeted};
use crate::link::LinkShared;
use peercache_core::health::Identified;
use peercache_core::link::{End, Next};
use peercache_core::pipeline::Answered;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// The driver task of one link; ends when the link is dropped and owes nothing more.
pub(crate) async fn drive(link: Arc<LinkShared>) {
    let link = Driving(link);
    let link = &*link.0;
    let mut alarm = Alarm::new();
    loop {
        let mut stirred = pin!(link.network.stirred());
        stirred.as_mut().enable();
        match link.change(|state| state.link.poll(link.network.now())) {
            Next::End => return,
            Next::Wait | Next::Pump => {
                alarm.set(link);
                tokio::select! {
                    () = link.wake.notified() => {}
                    () = stirred => {}
                    () = alarm.rings() => link.alarmed(),
                }
            }
            Next::Connect => match connect_in_time(link, &mut alarm).await {
                Ok((stream, greeting)) => {
                    link.connected(&greeting);
                    let (end, trouble) = pump(link, stream, &mut alarm).await;
                    link.ended(end, trouble);
                }
                Err(error) => link.not_connected(&error),
            },
        }
    }
}

/// However the driver ends, a panic and the end of its runtime among it, nobody is left waiting for it.
struct Driving(Arc<LinkShared>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.change(|state| {
            state.trouble = Some("nobody drives its connection any more".to_owned());
            state.link.abandon(Collector::lost);
        });
    }
}

/// Connects and learns who answers (P-33). Meanwhile the attempts whose time is over end: none of them is
/// sent late.
async fn connect_in_time(link: &LinkShared, alarm: &mut Alarm) -> Result<(TcpStream, Greeting), DirectError> {
    let mut connecting = pin!(open_greeted(&link.network, &link.peer.spec));
    loop {
        alarm.set(link);
        tokio::select! {
            connected = &mut connecting => return connected,
            () = alarm.rings() => link.alarmed(),
            () = link.wake.notified() => {}
        }
    }
}

/// Moves bytes both ways until the connection ends.
async fn pump<S: AsyncRead + AsyncWrite + Unpin>(
    link: &LinkShared,
    stream: S,
    alarm: &mut Alarm,
) -> (End, String) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut output = Vec::new();
    let mut written = 0;
    let mut input = Vec::with_capacity(READ_BYTES);
    let lost = |error: io::Error| (End::Lost, format!("the connection was lost: {error}"));
    loop {
        if written == output.len() {
            output.clear();
            written = 0;
            link.take_output(&mut output);
        }
        if output.is_empty() && link.lock().link.poll(link.network.now()) == Next::End {
            return (End::Ours, String::new());
        }
        alarm.set(link);
        tokio::select! {
            // The alarm last: answers that have come are read before anybody is told that they did not, even
            // if it was this process that stood still.
            biased;
            write = writer.write(&output[written..]), if written < output.len() => match write {
                Ok(bytes) => written += bytes,
                Err(error) => return lost(error),
            },
            read = reader.read_buf(&mut input) => match read {
                Ok(0) => return (End::Lost, "it closed the connection".to_owned()),
                Err(error) => return lost(error),
                Ok(_) => {
                    if link.handle_input(&input).is_err() {
                        return (End::Malformed, "it sent something that is no answer".to_owned());
                    }
                    input.clear();
                }
            },
            () = link.wake.notified() => {}
            () = alarm.rings() => link.alarmed(),
        }
    }
}

/// The link's next alarm. One that is set too early rings in vain and is set anew; that is cheaper than
/// moving it each time.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Option<Duration>,
}

impl Alarm {
    fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)), at: None }
    }

    fn set(&mut self, link: &LinkShared) {
        let next = link.lock().link.next_alarm();
        if let Some(at) = next.filter(|&at| self.at.is_none_or(|set| at < set)) {
            self.sleep.as_mut().reset(link.network.instant(at));
            self.at = Some(at);
        }
    }

    async fn rings(&mut self) {
        if self.at.is_none() {
            std::future::pending::<()>().await;
        }
        self.sleep.as_mut().await;
        self.at = None;
    }
}

impl LinkShared {
    /// Changes the link, and tells the network what happened on it.
    fn change<R>(&self, change: impl FnOnce(&mut crate::link::LinkState) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        let news = state.link.take_news();
        drop(state);
        self.network.pass_on(&self.peer, &news);
        self.wake_parked();
        result
    }

    fn alarmed(&self) {
        self.change(|state| state.link.handle_alarm(self.network.now(), Collector::lost));
    }

    fn connected(&self, greeting: &Greeting) {
        let identified = self.change(|state| {
            state.trouble = None;
            state.link.handle_connected(greeting.incarnation, self.network.now(), Collector::lost)
        });
        if identified == Identified::New {
            let (id, address) = (&self.peer.spec.id, self.peer.spec.address);
            tracing::info!(peer = %id, %address, items = greeting.items, "another incarnation answers");
        }
    }

    fn not_connected(&self, error: &DirectError) {
        self.change(|state| {
            state.trouble = Some(error.to_string());
            let (now, chance) = (self.network.now(), rand::random());
            if error.is_our_own() {
                state.link.handle_unable(now, chance, Collector::lost);
            } else {
                state.link.handle_refused(now, chance, Collector::lost);
            }
        });
    }

    fn ended(&self, end: End, trouble: String) {
        self.change(|state| {
            state.trouble = Some(trouble);
            state.link.handle_end(end, Collector::lost);
        });
    }

    fn take_output(&self, output: &mut Vec<u8>) {
        self.change(|state| state.link.take_output(self.network.now(), output, Collector::lost));
    }

    fn handle_input(&self, bytes: &[u8]) -> Result<(), peercache_core::pipeline::Malformed> {
        self.change(|state| {
            state.link.handle_input(bytes, self.network.now(), |answered| match answered {
                Answered::Part(collector, reply) => collector.part(reply),
                Answered::Last(collector, reply) => collector.last(reply),
            })
        })
    }
}
