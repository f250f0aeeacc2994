//! The embedded engine, from outside: the same conversations as with a real memcached, clients that
//! misbehave, and what happens when it is started and stopped.

mod client;
mod conversations;
mod life;
mod misbehave;
mod packets;
mod pieces;
mod programs;
mod refusals;
mod sequences;
mod statistics;
mod transcript;
mod users;
