//! How a conversation is cut into packets changes nothing: every transcript, cut at every byte, without
//! sockets.

use crate::programs::options;
use crate::transcript::{Answer, Saved, Step, Transcript, on};
use peercache_engine::Now;
use peercache_server::{Engine, Session};

/// Requests longer than this are cut at some places only; what is behind it is one body.
const CUT_EVERYWHERE_BYTES_MAX: usize = 300;

/// A session, with the time in the test's hands.
struct Bench {
    engine: Engine,
    session: Session,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        let engine = Engine::new(options());
        let now = engine.now();
        let session = Session::new(&engine);
        Self { engine, session, now }
    }

    fn feed(&mut self, piece: &[u8], answer: &mut Answer) {
        let mut piece = piece;
        while !answer.closed {
            // What was answered is taken away at once, as by a client that reads.
            let mut out = Vec::new();
            let step = self.session.handle_input(&self.engine, piece, self.now, &mut out);
            answer.bytes.append(&mut out);
            answer.closed = step == peercache_server::Step::Close;
            if step != peercache_server::Step::Again {
                return;
            }
            piece = &[];
        }
    }

    fn ask(
        &mut self,
        step: &Step,
        saved: &Saved,
        cut: impl Fn(&[u8]) -> Vec<usize>,
    ) -> Result<Saved, Answer> {
        let mut tries = if step.repeated { 10 } else { 1 };
        loop {
            let request = [&step.request(saved)[..], b"mn\r\n"].concat();
            let mut answer = Answer { bytes: Vec::new(), closed: false };
            let mut start = 0;
            for end in cut(&request).into_iter().chain([request.len()]) {
                self.feed(&request[start..end], &mut answer);
                start = end;
            }
            if !answer.closed && answer.bytes.ends_with(b"MN\r\n") {
                answer.bytes.truncate(answer.bytes.len() - 4);
            }
            tries -= 1;
            match step.accepts(&answer, saved) {
                Some(now_saved) => return Ok(now_saved),
                None if tries == 0 => return Err(answer),
                None => self.now.unix_s += 1,
            }
        }
    }
}

fn hold(transcript: &Transcript, what: &str, cut: impl Fn(&[u8]) -> Vec<usize>) {
    let mut bench = Bench::new();
    let mut saved = Saved::default();
    for step in &transcript.steps {
        match bench.ask(step, &saved, &cut) {
            Ok(now_saved) => saved = now_saved,
            Err(answer) => panic!("{what}: {}\n{step}\nanswered {answer:?}", transcript.title),
        }
    }
}

#[test]
fn whole_requests() {
    for transcript in on("engine") {
        hold(&transcript, "whole", |_| Vec::new());
    }
}

#[test]
fn byte_by_byte() {
    for transcript in on("engine") {
        // A million bytes one by one would say nothing more than a few thousand.
        let every = |request: &[u8]| {
            let step = request.len().div_ceil(20_000);
            (1..request.len()).step_by(step).collect()
        };
        hold(&transcript, "byte by byte", every);
    }
}

#[test]
fn cut_once_at_every_byte() {
    for transcript in on("engine") {
        let longest = transcript.steps.iter().map(|step| step.request(&Saved::default()).len()).max();
        for at in 1..longest.unwrap_or(0).min(CUT_EVERYWHERE_BYTES_MAX) {
            let cut = |request: &[u8]| if at < request.len() { vec![at] } else { Vec::new() };
            hold(&transcript, &format!("cut at {at}"), cut);
        }
    }
}
