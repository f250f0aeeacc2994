//! A stretch of wire between the proxy and a peer that breaks where a test says so.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::thread;

/// Lets everything through, or so many more bytes of the peer and then nothing ever again.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    /// Bytes of answers that still pass; below 0 there is no end to them.
    passes: Arc<AtomicI64>,
}

/// No end to what passes.
const ALL: i64 = -1;

impl Relay {
    pub(crate) fn to(peer: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passes = Arc::new(AtomicI64::new(ALL));
        let passing = Arc::clone(&passes);
        // It lives as long as the test's process; nobody connects once the test has ended.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if passing.load(SeqCst) != ALL {
                    continue;
                }
                let Ok(peer) = TcpStream::connect(peer) else { continue };
                join(&client, &peer, Arc::new(AtomicI64::new(ALL)));
                join(&peer, &client, Arc::clone(&passing));
            }
        });
        Self { address, passes }
    }

    /// After so many more bytes of answers the wire breaks, and whoever connects anew finds nobody.
    pub(crate) fn break_after(&self, bytes: i64) {
        self.passes.store(bytes, SeqCst);
    }

    /// The wire is whole again.
    pub(crate) fn mend(&self) {
        self.passes.store(ALL, SeqCst);
    }
}

/// Carries bytes from one to the other while they pass.
fn join(from: &TcpStream, to: &TcpStream, passes: Arc<AtomicI64>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let left = passes.load(SeqCst);
            let pass = if left == ALL { read } else { read.min(usize::try_from(left).unwrap_or(0)) };
            if left != ALL {
                passes.fetch_sub(pass as i64, SeqCst);
            }
            if to.write_all(&buffer[..pass]).is_err() || pass < read {
                break;
            }
        }
        // Either may be gone.
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
