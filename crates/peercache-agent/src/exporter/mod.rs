//! Shows metrics to whoever asks by HTTP, from a thread of its own.
//!
//! It knows one page, `GET /metrics`, and one connection at a time: a scraper comes every few seconds.
//! Nobody can make it wait or keep anything: a request has at most 8 KiB and a second. What is on the page
//! is its owner's business; [`process`] knows what there is to say of every process.

pub mod process;
mod request;

use request::{Method, read_request};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// How long whoever asks may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait when nobody can be let in, for want of descriptors.
const RETRY: Duration = Duration::from_millis(100);

/// The page's format: Prometheus' text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A port that metrics are asked at.
#[derive(Debug)]
pub struct Exporter {
    listener: TcpListener,
}

impl Exporter {
    /// Listens; whoever asks is answered from [`Self::serve`] on.
    ///
    /// # Errors
    /// What the operating system says of the address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address)? })
    }

    /// Where it listens, with its real port.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers with what `page` writes, on a thread that ends with the process.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn serve(self, page: impl Fn() -> String + Send + 'static) -> io::Result<()> {
        let answer_all = move || {
            for stream in self.listener.incoming() {
                match stream {
                    // Whoever goes away before it is answered is nobody's trouble.
                    Ok(stream) => drop(answer(stream, &page)),
                    Err(_) => thread::sleep(RETRY),
                }
            }
        };
        thread::Builder::new().name("metrics".to_owned()).spawn(answer_all).map(drop)
    }
}

fn answer(mut stream: TcpStream, page: &impl Fn() -> String) -> io::Result<()> {
    let (status, body) = match read_request(&mut stream, PATIENCE)? {
        Some(request) if !matches!(request.method, Method::Get) => {
            ("405 Method Not Allowed", "only GET\n".to_owned())
        }
        Some(request) if request.path == "/metrics" => ("200 OK", page()),
        Some(_) => ("404 Not Found", "the metrics are at /metrics\n".to_owned()),
        None => ("400 Bad Request", "this is no request\n".to_owned()),
    };
    let length = body.len();
    let allow = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {length}\r\n\
         {allow}Connection: close\r\n\r\n"
    );
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn ask(request: &str) -> String {
        let exporter = Exporter::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = exporter.address().unwrap();
        exporter.serve(|| "up 1\n".to_owned()).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_page_is_at_its_path_and_nothing_else_is_anywhere() {
        let page = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\nup 1\n"), "{page}");
        assert!(page.contains("Content-Length: 5\r\n"), "{page}");
        assert!(ask("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(ask("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(ask("get a\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }

    #[test]
    fn whoever_says_nothing_keeps_nobody_waiting_for_long() {
        let exporter = Exporter::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = exporter.address().unwrap();
        exporter.serve(String::new).unwrap();
        let _silent = TcpStream::connect(address).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics?x=1 HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}
