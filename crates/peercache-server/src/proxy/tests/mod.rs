//! A hub without sockets: what clients and peers say goes in, what they are told comes out.

mod answers;
mod counts;
mod dialects;
mod ending;
mod gats;
mod memory;
mod multigets;
mod order;
mod room;
pub(super) mod stage;
