//! A cache daemon of its own for one replay, spoken to over a socket; it ends with its value.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

/// The largest value that is stored: memcached's limit of an item, less what it adds to a value.
pub(crate) const VALUE_BYTES_MAX: usize = (1 << 20) - 512;

pub(crate) struct Daemon {
    child: Child,
    reader: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Daemon {
    pub(crate) fn memcached(program: &Path, memory_mb: u64) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program);
        // Without rights it must be told whom to be; where there are none to give up it does not look.
        command.args(["-u", "nobody", "-U", "0"]);
        Self::start(command, memory_mb)
    }

    pub(crate) fn embedded(program: &Path, memory_mb: u64) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program);
        command.arg("engine");
        Self::start(command, memory_mb)
    }

    fn start(mut command: Command, memory_mb: u64) -> Result<Self, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        command.args(["-l", "127.0.0.1", "-t", "1", "-p", &port.to_string(), "-m", &memory_mb.to_string()]);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).spawn();
        let mut child = child.map_err(|error| format!("cannot start {program}: {error}"))?;
        let deadline = Instant::now() + START_MAX;
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => {
                    let _ = child.kill();
                    return Err(format!("{program} does not listen: {error}").into());
                }
            }
        };
        stream.set_nodelay(true)?;
        Ok(Self { child, reader: BufReader::new(stream), request: Vec::new() })
    }

    /// Whether an object is there; that counts as its use.
    pub(crate) fn has(&mut self, id: u64) -> Result<bool, Box<dyn Error>> {
        self.request.clear();
        write!(self.request, "mg {id:020}\r\n")?;
        match self.ask()?.as_str() {
            "HD" => Ok(true),
            "EN" => Ok(false),
            other => Err(format!("mg was answered {other:?}").into()),
        }
    }

    /// Stores an object of so many bytes, if it is not too large for anybody.
    pub(crate) fn store(&mut self, id: u64, value_bytes: usize) -> Result<(), Box<dyn Error>> {
        if value_bytes > VALUE_BYTES_MAX {
            return Ok(());
        }
        self.request.clear();
        write!(self.request, "set {id:020} 0 0 {value_bytes}\r\n")?;
        self.request.resize(self.request.len() + value_bytes, b'v');
        self.request.extend_from_slice(b"\r\n");
        match self.ask()?.as_str() {
            "STORED" => Ok(()),
            other => Err(format!("set of {value_bytes} bytes was answered {other:?}").into()),
        }
    }

    fn ask(&mut self) -> Result<String, Box<dyn Error>> {
        self.reader.get_mut().write_all(&self.request)?;
        let mut answer = String::new();
        self.reader.read_line(&mut answer)?;
        Ok(answer.trim_end().to_string())
    }

    /// What a memcached has taken for items.
    pub(crate) fn slab_bytes(&mut self) -> Result<u64, Box<dyn Error>> {
        self.request.clear();
        self.request.extend_from_slice(b"stats slabs\r\n");
        let mut line = self.ask()?;
        let mut bytes = None;
        while line != "END" {
            bytes = bytes.or(line.strip_prefix("STAT total_malloced ").and_then(|bytes| bytes.parse().ok()));
            line.clear();
            self.reader.read_line(&mut line)?;
            line.truncate(line.trim_end().len());
        }
        bytes.ok_or("stats slabs has no total_malloced".into())
    }

    /// What the process holds, as the operating system counts it.
    pub(crate) fn resident_mib(&self) -> Result<f64, Box<dyn Error>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
        Ok(kib.trim().parse::<f64>()? / 1024.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
