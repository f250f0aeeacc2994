//! The proxies of one state directory: what is written down of those that run, and one that outlives its
//! command.

use super::GRACE;
use crate::output::Failure;
use crate::settings::Settings;
use crate::state::{ProxyRecord, Reader, State, Writer};
use anyhow::{Context, Result, anyhow};
use peercache_agent::supervise::{LogMark, Process, ProcessIdentity};
use peercache_core::spec::NetworkName;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, absolute};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a proxy waits for the lock of the state. Others hold it for milliseconds.
pub(super) const LOCK_WITHIN: Duration = Duration::from_secs(2);

/// The same when it ends: it is waited for.
const STRIKE_OUT_WITHIN: Duration = Duration::from_secs(1);

/// The variable that says whose a proxy is, as a peer's does.
const VARIABLE: &str = "PEERCACHE_PROXY";

/// A proxy runs from now on. Records of those that were killed go.
pub(super) async fn write_down(state: &State, proxy: &ProxyRecord) -> Result<()> {
    let write = state.change_when_free(|writer| {
        for old in writer.proxies()? {
            if Process::open(&old.process)?.is_none() {
                writer.remove_proxy(old.process.pid)?;
            }
        }
        anyhow::Ok(writer.put_proxy(proxy)?)
    });
    within(LOCK_WITHIN, write).await
}

/// This proxy has ended. Where somebody has the lock its record stays, and counts for nothing.
pub(super) async fn strike_out_own(state: &State, proxy: &ProxyRecord) -> Result<()> {
    within(STRIKE_OUT_WITHIN, state.change_when_free(|writer| strike_out(writer, proxy))).await
}

fn strike_out(writer: &mut Writer, proxy: &ProxyRecord) -> Result<()> {
    let is_ours = |record: &ProxyRecord| record.process == proxy.process;
    if writer.proxies()?.iter().any(is_ours) {
        writer.remove_proxy(proxy.process.pid)?;
    }
    Ok(())
}

/// Does something that waits for the state's lock, but not for ever: whoever has it may have been stopped.
pub(super) async fn within<T>(within: Duration, locked: impl Future<Output = Result<T>>) -> Result<T> {
    let Ok(done) = tokio::time::timeout(within, locked).await else {
        let sentence = "another command has held the lock of the state directory for too long";
        return Err(Failure::new(sentence, "if it was stopped, continue it (fg) or end it").into());
    };
    done
}

/// The proxies that run.
pub(crate) fn running_proxies(state: &Reader) -> Result<Vec<ProxyRecord>> {
    let mut running = Vec::new();
    for proxy in state.proxies()? {
        if Process::open(&proxy.process)?.is_some() {
            running.push(proxy);
        }
    }
    Ok(running)
}

/// Starts a proxy of `network` that outlives this command, and waits until it listens, also where its metrics
/// are to be shown.
pub(crate) async fn start_proxy(
    state: &State,
    settings: &Settings,
    network: &NetworkName,
    listen: SocketAddr,
    metrics: Option<SocketAddr>,
) -> Result<ProxyRecord> {
    let log_path = state.proxy_log(network);
    let log = LogMark::end_of(&log_path);
    let mut command = command(state, settings, network, listen)?;
    if let Some(metrics) = metrics {
        command.args(["--metrics", &metrics.to_string()]);
    }
    command.stderr(open_log(&log_path).with_context(|| cannot_write(&log_path))?);
    let started = tokio::task::spawn_blocking(move || spawn(command)).await?;
    started.map_err(|error| {
        let words = log.last_lines(20).unwrap_or_default();
        let said = words.iter().find_map(|line| line.strip_prefix("error: "));
        let sentence = said.map_or_else(|| error.to_string(), ToString::to_string);
        let hint = "--listen and --metrics take other addresses, --no-proxy none";
        Failure::new(format!("the proxy does not run: {sentence}"), hint).into()
    })
}

/// Ends a proxy and waits until it is gone.
pub(crate) async fn stop_proxy(state: &State, proxy: &ProxyRecord) -> Result<()> {
    if let Some(process) = Process::open(&proxy.process)? {
        tokio::task::spawn_blocking(move || process.stop(GRACE)).await??;
    }
    state.change(|writer| strike_out(writer, proxy))
}

fn command(state: &State, settings: &Settings, network: &NetworkName, listen: SocketAddr) -> Result<Command> {
    let own = std::env::current_exe().context("the path of this very program is unknown")?;
    let mut command = Command::new(own);
    command.args(["-o", "json", "--state-dir"]).arg(state.root());
    if let Some(file) = settings.file() {
        command.arg("--config").arg(absolute(file)?);
    }
    command.args(["proxy", network.as_str(), "--listen", &listen.to_string(), "--left-by-up"]);
    // Settings of the environment are handed on; the folder it was typed in is not kept busy.
    command.env(VARIABLE, state.root()).current_dir(state.root());
    // Ctrl-C and the terminal's hang-up go to the foreground group, which this is not part of.
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command)
}

/// Starts it, and reads its one document, which it prints when it listens.
fn spawn(mut command: Command) -> Result<ProxyRecord> {
    let mut child = command.spawn().context("this very program cannot be run")?;
    let process = ProcessIdentity::of(child.id())?.ok_or_else(|| anyhow!("it ended at once"))?;
    match read_document(&mut child) {
        // Dropping the child leaves it alone.
        Ok(record) => Ok(record),
        Err(error) => {
            if let Some(process) = Process::open(&process)? {
                process.stop(GRACE)?;
            }
            Err(error)
        }
    }
}

fn read_document(child: &mut Child) -> Result<ProxyRecord> {
    let stdout = child.stdout.take().context("its output is a pipe")?;
    let mut documents = serde_json::Deserializer::from_reader(stdout).into_iter();
    documents.next().context("it ended before it listened")?.context("it did not say that it listens")
}

fn open_log(path: &Path) -> io::Result<File> {
    let no_links = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(no_links).open(path)
}

fn cannot_write(path: &Path) -> String {
    format!("the log {} cannot be written", path.display())
}
