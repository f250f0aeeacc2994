//! The supervisor on real daemons: memcached as installed on this machine, and plain processes where a daemon
//! has to misbehave.

mod common;
mod detached;
mod engines;
mod life;
mod ready;
