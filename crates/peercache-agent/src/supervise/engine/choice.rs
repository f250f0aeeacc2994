//! Which engine a peer gets, and the reason to tell the user.

use super::find::{FindError, Program, Surroundings};
use super::of;
use peercache_core::spec::EngineKind;

/// An engine that was found, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which engine.
    pub kind: EngineKind,
    /// Its program.
    pub program: Program,
    /// What to tell the user, as a phrase.
    pub why: String,
}

impl Choice {
    /// memcached when there is one, else the embedded engine.
    ///
    /// # Errors
    /// [`FindError`] when the user names a memcached that cannot be used: to take another engine silently
    /// would hide the mistake.
    pub fn auto(surroundings: &Surroundings) -> Result<Self, FindError> {
        let is_named = surroundings.memcached_path.as_ref().is_some_and(|named| !named.is_empty());
        let embedded_because = |reason: String| {
            let mut choice = Self::fixed(EngineKind::Embedded, surroundings)?;
            choice.why = format!("{}, as {reason}", choice.why);
            Ok(choice)
        };
        match Self::fixed(EngineKind::Memcached, surroundings) {
            Err(FindError::NotOnPath) => embedded_because("there is no memcached on PATH".to_owned()),
            Err(FindError::NotMemcached { path, said }) if !is_named => {
                embedded_because(format!("{} does not work as memcached ({said})", path.display()))
            }
            found => found,
        }
    }

    /// The engine `kind`, and no other.
    ///
    /// # Errors
    /// [`FindError`] when it cannot be used.
    pub fn fixed(kind: EngineKind, surroundings: &Surroundings) -> Result<Self, FindError> {
        let engine = of(kind);
        let program = engine.find(surroundings)?;
        let why = engine.title(&program);
        Ok(Self { kind, program, why })
    }
}
