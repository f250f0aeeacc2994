//! Settings in the environment: `PEERCACHE_` and the setting's name in capitals.
//!
//! An unknown one is told and passed over. It is no error, as an unknown key of the file is: an environment
//! is not written for us alone, and daemons hand theirs on.

use super::nearest;

const PREFIX: &str = "PEERCACHE_";

/// What else begins like a setting: what is logged, the marks of daemons and proxies, and what the tests and
/// tools of this project are told.
const OTHERS: [&str; 6] = ["LOG", "PEER", "PROXY", "LONG", "TOOLS", "SIM_SEEDS"];

/// How variables begin that others make: tests mark processes of theirs, and Kubernetes tells every container
/// of a service that is called peercache.
const FOREIGN: [&str; 4] = ["TEST_", "SERVICE_HOST", "SERVICE_PORT", "PORT"];

/// The variable of the setting `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

/// A sentence for each of `names` that looks like a setting and is none of `keys`, with what may be meant.
pub(super) fn unknown(names: impl IntoIterator<Item = String>, keys: &[&str]) -> Vec<String> {
    let known: Vec<String> = keys.iter().map(|key| key.to_uppercase()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).chain(OTHERS).collect();
    // Who mistypes means a setting, or the log.
    let meant = &known[..=keys.len()];
    let mut sentences = Vec::new();
    for name in names {
        let Some(word) = name.strip_prefix(PREFIX) else { continue };
        if known.contains(&word) || FOREIGN.iter().any(|foreign| word.starts_with(foreign)) {
            continue;
        }
        let hint = match nearest(word, meant) {
            Some(nearest) => format!("did you mean {PREFIX}{nearest}?"),
            None => "`peercache config show` lists the settings".to_owned(),
        };
        sentences.push(format!("there is no setting {name}, so it changes nothing: {hint}"));
    }
    sentences.sort_unstable();
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Vec<String> {
        unknown(names.iter().map(ToString::to_string), &["vnodes", "memory_mb"])
    }

    #[test]
    fn what_is_known_or_not_ours_is_not_told() {
        let ours = ["PEERCACHE_VNODES", "PEERCACHE_MEMORY_MB", "PEERCACHE_LOG", "PEERCACHE_PEER"];
        let tools = ["PEERCACHE_LONG", "PEERCACHE_TOOLS", "PEERCACHE_SIM_SEEDS", "PEERCACHE_TEST_WRITER"];
        let kubernetes = ["PEERCACHE_SERVICE_HOST", "PEERCACHE_PORT", "PEERCACHE_PORT_11311_TCP_ADDR"];
        assert_eq!(of(&kubernetes), [""; 0]);
        let others = ["PATH", "MEMCACHED_PATH", "peercache_x", "MY_PEERCACHE_VNODE"];
        assert_eq!(of(&[ours, tools, others].concat()), [""; 0]);
    }

    #[test]
    fn the_nearest_one_is_told() {
        let told = of(&["PEERCACHE_VNODE", "PEERCACHE_LGO", "PEERCACHE_SOMETHING_ELSE"]);
        assert_eq!(told.len(), 3);
        assert!(
            told[0].ends_with("no setting PEERCACHE_LGO, so it changes nothing: did you mean PEERCACHE_LOG?")
        );
        assert!(told[1].contains("no setting PEERCACHE_SOMETHING_ELSE") && told[1].contains("config show"));
        assert!(told[2].ends_with("did you mean PEERCACHE_VNODES?"));
    }
}
