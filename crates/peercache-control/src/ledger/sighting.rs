//! What a peer's folder in the ledger means to this process: whether the peer may be read, and whether there
//! are entries that nobody but this process, or another one that looks, will ever clean for (P-11, P-12).
//!
//! Pure: the names and how their writers stand are arguments.

use std::collections::BTreeSet;
use std::ffi::OsString;

/// How the writer of an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is this process.
    Ours,
    /// It lives: it will clean the peer for what it missed, and remove the entry.
    Held,
    /// It is gone, or this is no entry at all: whoever sees it has to clean the peer.
    Abandoned,
}

/// One entry of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The name of its file.
    pub name: OsString,
    /// Its writer.
    pub standing: Standing,
}

/// What a folder's content amounts to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// Whether another writer's missed writes keep the peer from being read.
    pub missed_elsewhere: bool,
    /// The entries to clean for.
    pub abandoned: Vec<OsString>,
    /// Whether this process's own entry is there.
    pub has_own: bool,
}

/// Judges what was seen. `cleaned` are abandoned entries that this process has cleaned for and could not
/// remove: they mean nothing to it any more.
#[must_use]
pub fn judge(sightings: Vec<Sighting>, cleaned: &BTreeSet<OsString>) -> Judged {
    let mut judged = Judged::default();
    for Sighting { name, standing } in sightings {
        match standing {
            Standing::Ours => judged.has_own = true,
            Standing::Held => judged.missed_elsewhere = true,
            Standing::Abandoned if cleaned.contains(&name) => {}
            Standing::Abandoned => {
                judged.missed_elsewhere = true;
                judged.abandoned.push(name);
            }
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(name: &str, standing: Standing) -> Sighting {
        Sighting { name: name.into(), standing }
    }

    #[test]
    fn p12_only_what_others_missed_keeps_this_process_from_reading() {
        let judged = judge(vec![sighting("me", Standing::Ours)], &BTreeSet::new());
        assert_eq!(judged, Judged { has_own: true, ..Judged::default() });
        let judged = judge(vec![sighting("a", Standing::Held)], &BTreeSet::new());
        assert_eq!(judged, Judged { missed_elsewhere: true, ..Judged::default() });
    }

    #[test]
    fn p11_what_a_dead_writer_missed_is_everybodys_business_until_it_was_cleaned() {
        let seen = || vec![sighting("a", Standing::Abandoned), sighting("b", Standing::Abandoned)];
        let judged = judge(seen(), &["a".into()].into());
        assert_eq!((judged.missed_elsewhere, judged.abandoned), (true, vec!["b".into()]));
        let both = ["a".into(), "b".into()].into();
        assert_eq!(judge(seen(), &both), Judged::default());
    }
}
