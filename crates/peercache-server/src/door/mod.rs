//! Where clients come in: listeners, one acceptor each, and the worker threads that connections are given to.
//! What a worker does with a connection is its own affair: a store answers, or a network.
//!
//! The kernel could spread connections over listening workers by itself, but by chance: of eight long-lived
//! clients on two workers, one worker gets five or more in three starts of four.

mod accept;
mod gauges;
mod listener;
mod worker;

pub(crate) use accept::{Welcome, serve};
pub(crate) use gauges::Gauges;
pub(crate) use listener::{BACKLOG, Listener, Welcomed, bind_tcp, bind_unix};
pub(crate) use worker::{Intake, Seat, Socket, Worker};

pub use accept::ServeError;
pub use listener::BindError;
