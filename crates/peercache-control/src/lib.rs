//! Brings peers that were away back, without ever serving what they missed.
//!
//! The same for the command line, the library and the proxy: [`Return`] decides what must happen before a
//! peer may be read again, as a pure machine; [`Healer`] is the thin driver that carries it out.

mod healer;
mod returning;

pub use healer::Healer;
pub use returning::{Return, ReturnFacts, ReturnStep};
