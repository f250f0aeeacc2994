//! Which crate may depend on which: the one picture of the house that the compiler cannot draw.
//!
//! Tests may look anywhere (`dev-dependencies`), as long as no circle comes of it.

use super::Problem;
use super::manifest::{Edge, edges};
use super::tree::Tree;

/// Every crate and what it may depend on. A crate that is not here has no promise to keep.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("engine", &["core"]),
    ("client", &["core"]),
    ("control", &["core", "client"]),
    ("server", &["core", "engine", "client"]),
    ("agent", &["core", "client", "control"]),
    ("lab", &["core", "client", "agent"]),
    ("sim", &["core", "engine", "client", "control", "server"]),
    ("", &["core", "engine", "client", "control", "server", "agent", "lab"]),
];

/// The manifest of one crate.
struct Manifest {
    /// The crate's name.
    name: String,
    path: String,
    edges: Vec<Edge>,
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let manifests: Vec<Manifest> = manifests(tree);
    let mut problems: Vec<Problem> = manifests.iter().flat_map(check_edges).collect();
    problems.extend(manifests.iter().filter_map(|manifest| check_circle(manifest, &manifests)));
    problems
}

fn manifests(tree: &Tree) -> Vec<Manifest> {
    let read = |path: &str, name: &str, text: &str| Manifest {
        name: name.to_string(),
        path: path.to_string(),
        edges: edges(text),
    };
    let of_file = |path: &str, text: &str| {
        let folder = path.strip_suffix("/Cargo.toml")?;
        let name = folder.strip_prefix("crates/").or_else(|| (folder == "xtask").then_some(folder))?;
        (!name.contains('/')).then(|| read(path, name, text))
    };
    tree.files.iter().filter_map(|file| of_file(&file.path, &file.text)).collect()
}

fn check_edges(manifest: &Manifest) -> Vec<Problem> {
    if manifest.name == "xtask" {
        let says = |edge: &Edge| format!("xtask depends on nothing of ours, and names {}", edge.to);
        return manifest
            .edges
            .iter()
            .map(|edge| Problem::at(&manifest.path, edge.line, says(edge)))
            .collect();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(short, _)| full_name(short) == manifest.name) else {
        let says = "a crate that the picture of the house does not have; give it a promise and a place there";
        return vec![Problem::of(&manifest.path, says)];
    };
    let is_wrong = |edge: &&Edge| !edge.dev && !allowed.iter().any(|short| full_name(short) == edge.to);
    let says = |edge: &Edge| match allowed.join(", ") {
        none if none.is_empty() => {
            format!("{} depends on nothing of ours, and names {}", manifest.name, edge.to)
        }
        names => format!("{} may depend on {names}, not on {}", manifest.name, edge.to),
    };
    manifest
        .edges
        .iter()
        .filter(is_wrong)
        .map(|edge| Problem::at(&manifest.path, edge.line, says(edge)))
        .collect()
}

fn full_name(short: &str) -> String {
    if short.is_empty() { "peercache".to_string() } else { format!("peercache-{short}") }
}

/// A way from a crate back to itself, dev-dependencies included.
fn check_circle(from: &Manifest, all: &[Manifest]) -> Option<Problem> {
    let mut ways: Vec<Vec<&str>> = vec![vec![&from.name]];
    let mut seen: Vec<&str> = Vec::new();
    while let Some(way) = ways.pop() {
        let Some(here) = all.iter().find(|manifest| Some(&manifest.name.as_str()) == way.last()) else {
            continue;
        };
        for edge in &here.edges {
            let longer = [&way[..], &[&edge.to]].concat();
            if edge.to == from.name {
                return Some(Problem::of(&from.path, format!("a circle of crates: {}", longer.join(" → "))));
            }
            if !seen.contains(&edge.to.as_str()) {
                seen.push(&edge.to);
                ways.push(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(manifests: &[(&str, &str)]) -> Vec<String> {
        let file = |&(name, text): &(&str, &str)| {
            let folder = if name == "xtask" { name.to_string() } else { format!("crates/{name}") };
            (format!("{folder}/Cargo.toml"), text.to_string())
        };
        let files: Vec<(String, String)> = manifests.iter().map(file).collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        check(&Tree::of(&files)).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn edges_of_the_picture_are_fine() {
        let all = [
            ("peercache-core", ""),
            (
                "peercache-server",
                "[dependencies]\npeercache-core.workspace = true\npeercache-client = \"1\"\n",
            ),
            ("peercache-client", "[dev-dependencies]\npeercache-engine = \"1\"\n"),
            ("peercache", "[dependencies]\npeercache-lab = \"1\"\n"),
            ("xtask", "[dependencies]\nother = \"1\"\n"),
        ];
        assert!(says(&all).is_empty());
    }

    #[test]
    fn an_edge_against_the_picture_is_told_with_its_line() {
        assert_eq!(
            says(&[("peercache-server", "[dependencies]\npeercache-agent = \"1\"\n")]),
            ["crates/peercache-server/Cargo.toml:2: \
              peercache-server may depend on core, engine, client, not on peercache-agent"]
        );
        assert_eq!(says(&[("peercache-core", "[dependencies]\npeercache-sim = \"1\"")]).len(), 1);
        assert_eq!(says(&[("peercache", "[dependencies]\npeercache-sim = \"1\"")]).len(), 1);
    }

    #[test]
    fn xtask_and_unknown_crates_have_no_edges() {
        assert_eq!(says(&[("xtask", "[dev-dependencies]\npeercache-core = \"1\"")]).len(), 1);
        assert!(says(&[("peercache-tenth", "")])[0].contains("does not have"));
    }

    #[test]
    fn dev_dependencies_may_not_close_a_circle() {
        let all = [
            ("peercache-core", "[dev-dependencies]\npeercache-sim = \"1\""),
            ("peercache-engine", "[dependencies]\npeercache-core = \"1\""),
            ("peercache-sim", "[dependencies]\npeercache-engine = \"1\""),
        ];
        let found = says(&all);
        assert_eq!(found.len(), 3, "each crate of the circle is told");
        assert!(found[0].ends_with("peercache-core → peercache-sim → peercache-engine → peercache-core"));
    }
}
