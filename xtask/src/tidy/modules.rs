//! What makes the core the core: its modules stand in an order and use only those before them, and none of
//! them can reach the outside.

use super::Problem;
use super::source::Source;
use super::tree::Tree;

const CORE: &str = "crates/peercache-core/src/";

/// The modules of the core; each may use itself and those before it.
const ORDER: &[&str] =
    &["key", "spec", "protocol", "ring", "health", "replication", "topology", "router", "pipeline", "link"];

/// What would let a decision depend on something other than its arguments.
const OUTSIDE: &[&str] =
    &["Instant::now", "SystemTime", "std::net", "std::fs", "std::io", "std::env", "std::process", "tokio"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in tree.rust() {
        let Some(inner) = file.path.strip_prefix(CORE) else { continue };
        let source = Source::new(&file.text);
        for word in OUTSIDE {
            let says = format!("`{word}` in the core: it decides, and what it needs is given to it");
            problems
                .extend(source.find(word).map(|at| Problem::at(&file.path, source.line(at), says.clone())));
        }
        if inner != "lib.rs" {
            problems.extend(check_order(&file.path, inner, &source));
        }
    }
    problems
}

fn check_order(path: &str, inner: &str, source: &Source) -> Vec<Problem> {
    let module = inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs");
    let Some(place) = position(module) else {
        return vec![Problem::of(
            path,
            format!("the core has the modules {}, in this order", ORDER.join(", ")),
        )];
    };
    let mut problems = Vec::new();
    for (at, used) in used_modules(source, module, is_root(inner)) {
        if position(&used).is_some_and(|used| used > place) {
            let says = format!("`{module}` uses `{used}`, which comes after it");
            problems.push(Problem::at(path, source.line(at), says));
        }
    }
    problems
}

fn position(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

/// Whether `super` in this file is the crate.
fn is_root(inner: &str) -> bool {
    !inner.contains('/') || (inner.matches('/').count() == 1 && inner.ends_with("/mod.rs"))
}

/// The modules of the core that the file names, and where: `crate::a`, `crate::{a::B, c}`, and by way of
/// `super`.
fn used_modules(source: &Source, module: &str, is_root: bool) -> Vec<(usize, String)> {
    let ways: &[&str] = if is_root { &["crate::", "super::"] } else { &["crate::", "super::super::"] };
    let mut used = Vec::new();
    for way in ways {
        for at in source.find(way) {
            let names = heads(&source.code[at + way.len()..]);
            used.extend(names.into_iter().filter(|name| name != module).map(|name| (at, name)));
        }
    }
    used
}

/// The first names of a path, or of each path of a group.
fn heads(code: &str) -> Vec<String> {
    let Some(group) = code.strip_prefix('{') else {
        return vec![first_name(code)];
    };
    let mut depth = 0_i32;
    let mut heads = vec![first_name(group)];
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => break,
            b'}' => depth -= 1,
            b',' if depth == 0 => heads.push(first_name(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

fn first_name(code: &str) -> String {
    code.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(inner: &str, text: &str) -> Vec<String> {
        let path = format!("{CORE}{inner}");
        check(&Tree::of(&[(&path, text)])).into_iter().map(|problem| problem.says).collect()
    }

    #[test]
    fn a_module_uses_itself_and_those_before_it() {
        let text = "
            use crate::{key::{Key, KeyError}, ring::Ring};
            use super::cell::Cell;
            // crate::router comes later
            use crate::health::Phase;
        ";
        assert!(says("health/mod.rs", text).is_empty());
        assert!(says("lib.rs", "pub use crate::pipeline::P;").is_empty());
    }

    #[test]
    fn a_module_never_uses_those_after_it() {
        for text in
            ["use crate::ring::Ring;", "fn f(r: &crate::ring::Ring) {}", "use crate::{key::{A, B},\n ring};"]
        {
            assert_eq!(says("spec.rs", text), ["`spec` uses `ring`, which comes after it"], "{text}");
        }
        assert_eq!(
            says("ring/hash.rs", "use super::super::health;"),
            ["`ring` uses `health`, which comes after it"]
        );
        assert_eq!(says("ring/mod.rs", "use super::health;").len(), 1);
    }

    #[test]
    fn a_module_without_a_place_is_told() {
        assert!(says("helpers.rs", "")[0].contains("key, spec, protocol"));
    }

    #[test]
    fn the_core_reaches_nothing_outside() {
        for word in [
            "std::time::Instant::now()",
            "SystemTime",
            "use std::net::TcpStream",
            "std::fs::read",
            "tokio::x",
        ] {
            assert_eq!(says("key.rs", &format!("fn f() {{ {word} }}")).len(), 1, "{word}");
        }
        assert!(
            says("key.rs", "use core::net::SocketAddr; // no tokio\nfn f(now: Instant, my_tokio: u8) {}")
                .is_empty()
        );
        assert!(check(&Tree::of(&[("crates/peercache-agent/src/a.rs", "tokio")])).is_empty());
    }
}
