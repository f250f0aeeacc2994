//! The `peercache` command. Everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    peercache::run(std::env::args_os())
}
