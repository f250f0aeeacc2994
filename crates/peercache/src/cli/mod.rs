//! The command line: the noun first, then the verb, one verb a file.
//!
//! Commands read flags, call the rooms that do the work, and say what came of it. Exit codes: 0 when it is
//! done, 1 when it is not or a key is missing, 2 when the command line is wrong.

mod completions;
mod config;
mod context;
mod down;
mod engine;
mod lab;
mod network;
mod outage;
mod peer;
mod proxy;
mod signals;
mod up;
pub(crate) mod words;

pub(crate) use context::Context;

use crate::output::{Format, Output, print_error};
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

/// Makes many cache daemons act as one.
#[derive(Debug, Parser)]
#[command(name = "peercache", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Begin with `peercache up`: four peers and a network with two copies of each key.")]
struct Cli {
    /// Where peers and networks are kept [default: ./state, or PEERCACHE_STATE_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The settings file [default: ./peercache.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How results are printed
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Debug, Subcommand)]
enum Noun {
    Up(up::Up),
    Down(down::Down),
    #[command(subcommand)]
    Peer(peer::Verb),
    #[command(subcommand)]
    Network(network::Verb),
    Proxy(proxy::ProxyCommand),
    #[command(subcommand)]
    Lab(lab::Verb),
    #[command(subcommand)]
    Config(config::Verb),
    Engine(engine::Engine),
    Completions(completions::Completions),
}

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is done.
    Done,
    /// It is not, or the answer is no; everything was said already.
    NotDone,
}

impl Ended {
    fn done_if(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::NotDone }
    }
}

/// Runs the command line `args`, the program's name first, and says how it went.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // An engine's flags are memcached's, and some of them (-o) mean something else to us.
    if args.get(1).is_some_and(|noun| noun == "engine") {
        return engine::run(args.into_iter().skip(2));
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to be told when standard error is closed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // A proxy runs for long and alone: what becomes of its peers is told without being asked for.
    let is_proxy = matches!(cli.noun, Noun::Proxy(_));
    log_to_stderr(if is_proxy { LevelFilter::INFO } else { LevelFilter::WARN });
    match dispatch(cli) {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::NotDone) => ExitCode::FAILURE,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<Ended> {
    let output = Output::new(cli.output);
    let context = || Context::open(cli.state_dir.as_deref(), cli.config.as_deref(), output);
    match cli.noun {
        Noun::Completions(completions) => completions.run(output),
        Noun::Engine(engine) => engine.run(),
        Noun::Config(verb) => verb.run(&context()?),
        Noun::Up(up) => block_on(up.run(&context()?)),
        Noun::Down(down) => block_on(down.run(&context()?)),
        Noun::Peer(verb) => block_on(verb.run(&context()?)),
        Noun::Network(verb) => block_on(verb.run(&context()?)),
        Noun::Proxy(proxy) => block_on(proxy.run(&context()?)),
        Noun::Lab(verb) => block_on(verb.run(&context()?)),
    }
}

/// One thread is enough for every command: the load of a replay runs on threads of its own.
fn block_on(command: impl Future<Output = Result<Ended>>) -> Result<Ended> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// What happens from `level` on, or what `PEERCACHE_LOG` asks for (`info`, `peercache_client=debug`), on
/// standard error.
fn log_to_stderr(level: LevelFilter) {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(level.into())
        .with_env_var("PEERCACHE_LOG")
        .from_env_lossy();
    // A program that calls `run` may have a subscriber of its own, which stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .try_init();
}
