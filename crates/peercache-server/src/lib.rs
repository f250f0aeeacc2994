//! Sockets inward: what memcached's clients connect to.
//!
//! A [`Session`] is one client's conversation as a pure machine: bytes and the time go in, bytes come out. An
//! [`Engine`] is what all sessions share: the store, the settings, the counts. [`bind`] opens the listeners,
//! so that a port in use is known before anything runs, and [`Server::serve`] gives each connection to the
//! worker thread that has the fewest.
//!
//! [`engine_main`] is all of it together: the embedded engine as a program, with memcached's flags.

mod background;
mod clients;
mod connection;
mod connections;
mod crawler;
mod door;
mod engine;
mod execute;
mod login;
mod main_entry;
pub mod options;
mod passwords;
mod prefixes;
pub mod proxy;
mod serve;
mod session;
mod upload;

pub use background::BackgroundError;
pub use door::{BindError, ServeError};
pub use engine::{Engine, VERSION};
pub use main_entry::{EngineError, engine_main};
pub use options::Options;
pub use passwords::Passwords;
pub use peercache_client::users::UsersError;
pub use serve::{OpenError, Server, bind};
pub use session::{Session, Step};
