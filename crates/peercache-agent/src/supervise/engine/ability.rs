//! What an engine can do beyond keeping values, so that whoever needs an ability asks for it and not for the
//! name of an engine.

use serde::Serialize;
use std::fmt;

/// Something that not every engine can do in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// It asks its clients who they are, and serves only those in a file of users.
    Logins,
    /// It tells one of many clients to compute what is missing, old or stale: `N`, `R` and `I` of meta
    /// commands.
    Leases,
    /// It says how long an item has left.
    TtlRead,
    /// It lists the keys that it holds.
    KeyListing,
    /// It takes the version of an item from whoever writes it: `E` of meta commands.
    Versions,
    /// It counts by itself: `incr` and `decr`.
    Counters,
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Logins => "logins",
            Self::Leases => "leases",
            Self::TtlRead => "TTL read",
            Self::KeyListing => "key listing",
            Self::Versions => "versions",
            Self::Counters => "counters",
        })
    }
}

/// In which versions of its program an engine has an ability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// In all.
    Always,
    /// From this one on.
    Version(u32, u32, u32),
}

/// Those of `abilities` that a program has which says that it is `version`; none where one depends on a
/// version that cannot be read.
pub(super) fn at(abilities: &[(Ability, Since)], version: &str) -> Option<Vec<Ability>> {
    let version = number_of(version);
    let mut found = Vec::new();
    for &(ability, since) in abilities {
        let has_it = match since {
            Since::Always => true,
            Since::Version(major, minor, patch) => version? >= (major, minor, patch),
        };
        if has_it {
            found.push(ability);
        }
    }
    Some(found)
}

/// `1.6.18`, also with a packager's `_3` behind it. Whoever adds anything else is another program that
/// answers under the number of one that it resembles, and what it can do is its own affair.
fn number_of(version: &str) -> Option<(u32, u32, u32)> {
    let number = version.split_once('_').map_or(version, |(number, _)| number);
    let mut parts = number.split('.').map(|part| part.parse().ok());
    let number = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ability_comes_with_its_version_and_stays() {
        let table = [(Ability::Counters, Since::Always), (Ability::Versions, Since::Version(1, 6, 27))];
        for version in ["1.6.27", "1.6.27_2", "1.6.100", "1.10.0", "2.0.0"] {
            assert_eq!(at(&table, version), Some(vec![Ability::Counters, Ability::Versions]), "{version}");
        }
        for version in ["1.6.26", "1.6.18", "1.5.99", "0.7.30"] {
            assert_eq!(at(&table, version), Some(vec![Ability::Counters]), "{version}");
        }
    }

    #[test]
    fn of_a_version_that_cannot_be_read_nothing_is_said_that_depends_on_it() {
        let table = [(Ability::Versions, Since::Version(1, 6, 27))];
        for version in ["", "unknown", "1.6", "1.6.18-peercache", "1.6.18 DF", "1.6.18.1", "1.6.-1"] {
            assert_eq!(at(&table, version), None, "{version:?}");
            assert_eq!(at(&[(Ability::Leases, Since::Always)], version), Some(vec![Ability::Leases]));
        }
    }
}
