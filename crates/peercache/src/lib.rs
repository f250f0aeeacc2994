//! Peercache makes many cache daemons act as one.
