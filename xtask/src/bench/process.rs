//! What `/proc` tells of a process, and which processor it may use.

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// CPU time of the threads that a process has now, to the nanosecond; what ended ones used is not in it.
pub(super) fn cpu(pid: u32) -> io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        match run_time(&task?.path().join("schedstat")) {
            Ok(time) => sum += time,
            // It ended between two looks.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum)
}

/// CPU time of this thread.
pub(super) fn own_cpu() -> io::Result<Duration> {
    run_time(Path::new("/proc/thread-self/schedstat"))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Reads the first figure of a `schedstat`: nanoseconds on a processor.
fn run_time(schedstat: &Path) -> io::Result<Duration> {
    let text = fs::read_to_string(schedstat)?;
    let nanos = text.split(' ').next().and_then(|first| first.parse().ok());
    let missing = || io::Error::other(format!("{} has no figures", schedstat.display()));
    Ok(Duration::from_nanos(nanos.ok_or_else(missing)?))
}

/// CPU time that all processors together have spent on anything at all, or were denied by what runs beside
/// this machine; to a hundredth of a second.
pub(super) fn machine_cpu() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let ticks: Vec<u64> =
        text.lines().next().unwrap_or("").split(' ').filter_map(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let [user, nice, system, _, _, irq, softirq, steal, ..] = ticks[..] else {
        return Err(io::Error::other("/proc/stat has no line of all processors"));
    };
    let busy = user + nice + system + irq + softirq + steal;
    Ok(Duration::from_secs_f64(busy as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Memory that a process holds, in KiB.
pub(super) fn resident_kib(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| io::Error::other(format!("/proc/{pid}/status tells no VmRSS")))
}

/// The process that listens on an IPv4 address, if we may see it.
pub(super) fn listener(address: SocketAddr) -> Option<u32> {
    let SocketAddr::V4(address) = address else { return None };
    let wanted = format!("{:08X}:{:04X}", u32::from_le_bytes(address.ip().octets()), address.port());
    let any = format!("00000000:{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    // Columns: number, local, remote, state (0A listens), …, the tenth is the inode.
    let inode = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_meant = columns.get(3) == Some(&"0A") && (columns[1] == wanted || columns[1] == any);
        is_meant.then(|| columns.get(9).map(|inode| format!("socket:[{inode}]"))).flatten()
    })?;
    let holds = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|link| link == Path::new(&inode))
    };
    let pids =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.into_iter().find(holds)
}

/// The processors that this process may use.
pub(super) fn cpus() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()
}

/// Keeps a thread on one processor; `None` is the calling one.
pub(super) fn pin_thread(thread: Option<Pid>, cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(thread, &set)?)
}

/// A process whose threads are kept on one processor until this is dropped.
#[derive(Debug)]
pub(super) struct Pinned(Vec<(Pid, CpuSet)>);

impl Pinned {
    pub(super) fn new(pid: u32, cpu: usize) -> io::Result<Self> {
        let mut before = Vec::new();
        for task in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = task?.file_name().to_str().and_then(|name| Pid::from_raw(name.parse().ok()?));
            let Some(thread) = thread else { continue };
            before.push((thread, sched_getaffinity(Some(thread))?));
            pin_thread(Some(thread), cpu)?;
        }
        Ok(Self(before))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        for (thread, set) in &self.0 {
            // The thread may have ended, and then there is nothing to give back.
            let _ = sched_setaffinity(Some(*thread), set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn this_process_has_used_time_and_holds_memory() {
        let pid = std::process::id();
        assert!(cpu(pid).unwrap() > Duration::ZERO);
        let before = own_cpu().unwrap();
        let mut sum = 0_u64;
        while own_cpu().unwrap() <= before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(resident_kib(pid).unwrap() > 100);
        assert!(machine_cpu().unwrap() > own_cpu().unwrap());
    }

    #[test]
    fn the_listener_of_an_address_is_found() {
        let listener_socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener_socket.local_addr().unwrap();
        assert_eq!(listener(address), Some(std::process::id()));
        drop(listener_socket);
        assert_eq!(listener(address), None);
    }
}
