//! What `wait_ready` and the questions to a peer make of daemons that do not serve, and of strangers.

use crate::common::{PATIENCE, Yard, free_port, memcached, wait_ready};
use peercache_agent::supervise::stats;
use peercache_agent::supervise::{Exit, Launch, NotReady, SpawnError, StatsError, spawn};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Short, for what is expected not to happen.
const A_MOMENT: Duration = Duration::from_millis(300);

/// A service that answers every connection with `answer`, then waits for the other side to leave or closes.
fn stranger(answer: &'static [u8], stays: bool) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // The other side may have left already; then there is nobody to answer.
            let _ = stream.read(&mut [0; 64]).and_then(|_| stream.write_all(answer));
            if stays {
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    address
}

#[tokio::test]
async fn a_port_taken_by_another_memcached_names_its_pid() {
    let mut first_yard = Yard::new();
    let (first, address) = first_yard.memcached();
    wait_ready(first, address, PATIENCE).await.unwrap();
    let mut second_yard = Yard::new();
    let (second, _) = second_yard.memcached_on(address.port());
    let error = wait_ready(second, address, PATIENCE).await.unwrap_err();
    assert!(matches!(error, NotReady::PortTaken { pid, .. } if pid == first.process.pid()), "{error}");
    assert!(
        error.to_string().contains(&format!("{address} is taken by process {}", first.process.pid())),
        "{error}"
    );
    assert!(first.process.is_alive().unwrap(), "the one that has the port is left alone");
}

#[tokio::test]
async fn a_port_taken_by_something_silent_shows_the_daemons_own_words() {
    let silent = stranger(b"", true);
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached_on(silent.port());
    let error = wait_ready(daemon, address, PATIENCE).await.unwrap_err();
    assert!(matches!(error, NotReady::Exited { exit: Exit::Code(71), .. }), "{error}");
    assert!(error.to_string().contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn a_port_taken_by_another_service_quotes_it() {
    let web = stranger(b"HTTP/1.1 400 Bad Request\r\n\r\n", false);
    let mut yard = Yard::new();
    let (daemon, address) = yard.memcached_on(web.port());
    let error = wait_ready(daemon, address, PATIENCE).await.unwrap_err();
    assert!(matches!(error, NotReady::Stranger { .. }), "{error}");
    assert!(error.to_string().contains("HTTP/1.1 400"), "{error}");
}

#[tokio::test]
async fn a_daemon_that_dies_at_once_has_the_last_word() {
    let mut yard = Yard::new();
    let args = ["-m", "1", "-I", "64m", "-u", "nobody"].map(OsString::from).to_vec();
    let daemon = yard.launch(memcached(), args);
    let address = (Ipv4Addr::LOCALHOST, free_port()).into();
    let error = wait_ready(daemon, address, PATIENCE).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the daemon exited with code 64 before it answered; its last words in"),
        "{error}"
    );
    assert!(error.contains("Cannot set item size limit higher than 1/2 of memory max."), "{error}");
}

#[tokio::test]
async fn the_words_of_an_earlier_run_are_not_put_in_its_mouth() {
    let mut yard = Yard::new();
    let loud = yard.shell("echo I was here");
    loud.process.wait_exit(PATIENCE).unwrap().expect("it ends by itself");
    let silent = yard.shell("kill -9 $$");
    let address = (Ipv4Addr::LOCALHOST, free_port()).into();
    let error = wait_ready(silent, address, PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains("was killed by signal 9") && error.contains("it wrote nothing"), "{error}");
}

#[tokio::test]
async fn a_daemon_that_never_listens_runs_out_of_time() {
    let mut yard = Yard::new();
    let daemon = yard.shell("echo still thinking; exec sleep 1000");
    let address = (Ipv4Addr::LOCALHOST, free_port()).into();
    let error = wait_ready(daemon, address, A_MOMENT).await.unwrap_err();
    assert!(matches!(error, NotReady::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("still thinking"), "{error}");
    assert!(daemon.process.is_alive().unwrap(), "it is the caller's to stop");
}

#[test]
fn what_cannot_be_run_is_an_error_that_names_it() {
    let yard = Yard::new();
    let launch = Launch {
        program: PathBuf::from("/nonexistent/memcached"),
        args: Vec::new(),
        log_path: yard.log_path(),
        marker: yard.marker(),
    };
    let error = spawn(&launch).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/memcached cannot be run"), "{error}");
    let no_folder = Launch { log_path: yard.path().join("none/p0.log"), program: memcached(), ..launch };
    assert!(matches!(spawn(&no_folder).unwrap_err(), SpawnError::Log { .. }));
}

#[tokio::test]
async fn garbage_on_the_port_is_refused_and_quoted() {
    let answers: [&[u8]; 4] = [b"-ERR unknown command\r\n", b"\x00\xff\x00", b"ERROR\r\n", b"SSH-2.0-x\r\n"];
    for answer in answers {
        let address = stranger(answer, true);
        let errors = [
            stats::query(address, None, PATIENCE).await.unwrap_err(),
            stats::version(address, None, PATIENCE).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(error, StatsError::NotMemcached { .. }), "{error}");
            assert!(error.to_string().contains("does not speak memcached's protocol"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    static FLOOD: [u8; 100_000] = [b' '; 100_000];
    let address = stranger(&FLOOD, true);
    assert!(matches!(stats::query(address, None, PATIENCE).await, Err(StatsError::NotMemcached { .. })));
    static LONG_VERSION: [u8; 80_000] = {
        let mut bytes = [b'1'; 80_000];
        let start = *b"VERSION ";
        let mut at = 0;
        while at < start.len() {
            bytes[at] = start[at];
            at += 1;
        }
        bytes
    };
    let address = stranger(&LONG_VERSION, true);
    assert!(matches!(stats::version(address, None, PATIENCE).await, Err(StatsError::NotMemcached { .. })));
}

#[tokio::test]
async fn silence_hanging_up_and_nobody_are_told_apart() {
    let silent = stranger(b"STAT pid 1\r\n", true);
    let error = stats::query(silent, None, A_MOMENT).await.unwrap_err();
    assert!(matches!(error, StatsError::TimedOut { .. }), "{error}");
    let leaver = stranger(b"STAT pid 1\r\n", false);
    let error = stats::query(leaver, None, PATIENCE).await.unwrap_err();
    assert!(matches!(error, StatsError::Lost { .. }), "{error}");
    let nobody = (Ipv4Addr::LOCALHOST, free_port()).into();
    let error = stats::query(nobody, None, PATIENCE).await.unwrap_err();
    assert!(matches!(error, StatsError::Connect { .. }), "{error}");
}
