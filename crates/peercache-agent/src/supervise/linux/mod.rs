//! What only Linux has, each in one small module: [`pidfd`] holds on to a process, [`proc`] reads `/proc`.
//!
//! A port to another system replaces these two and nothing else.

pub(super) mod pidfd;
pub(super) mod proc;
