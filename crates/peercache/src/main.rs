//! The `peercache` command.
fn main() {}
