//! How long a test takes: a short form that always runs, and the long one of `cargo xtask test --all`.

/// Set by `cargo xtask test --all`.
const LONG: &str = "PEERCACHE_LONG";

/// The first in short runs, the second in long ones.
pub(crate) fn short_or_long<T>(short: T, long: T) -> T {
    if std::env::var_os(LONG).is_some() { long } else { short }
}
