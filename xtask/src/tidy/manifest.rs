//! The edges between our crates, read out of their `Cargo.toml`.
//!
//! It reads the lines of dependency tables and no other TOML: a name, the table it stands in, and `package =
//! "…"` when a crate goes by another name. Every form that cargo takes for one line of a dependency is known.

/// That one crate names another of ours as a dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    /// The crate that is depended upon.
    pub(super) to: String,
    /// Whether only tests, examples and benchmarks see it.
    pub(super) dev: bool,
    /// The line of the manifest, counted from 1.
    pub(super) line: usize,
}

/// The dependencies of a manifest whose names begin with that of the product.
pub(super) fn edges(manifest: &str) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut table = Table::Other;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let (to, dev) = if let Some(header) = line.strip_prefix('[') {
            table = Table::of(header.trim_end_matches(']'));
            match &table {
                Table::One { name, dev } => (name.clone(), *dev),
                _ => continue,
            }
        } else {
            match &table {
                Table::Many { dev } => (dependency(line), *dev),
                Table::One { dev, .. } if line.starts_with("package") => {
                    (package(line).unwrap_or_default(), *dev)
                }
                _ => continue,
            }
        };
        if to == "peercache" || to.starts_with("peercache-") {
            edges.push(Edge { to, dev, line: index + 1 });
        }
    }
    edges
}

/// What the lines below a header are.
enum Table {
    /// `[dependencies]`: one dependency a line.
    Many {
        dev: bool,
    },
    /// `[dependencies.name]`: the parts of one dependency.
    One {
        name: String,
        dev: bool,
    },
    Other,
}

impl Table {
    fn of(header: &str) -> Self {
        // A table of the workspace declares and does not depend.
        if header.starts_with("workspace.") {
            return Self::Other;
        }
        for (kind, dev) in
            [("dev-dependencies", true), ("build-dependencies", false), ("dependencies", false)]
        {
            let Some((before, after)) = header.rsplit_once(kind) else { continue };
            match (before.is_empty() || before.ends_with('.'), after.strip_prefix('.')) {
                (true, None) if after.is_empty() => return Self::Many { dev },
                (true, Some(name)) => return Self::One { name: unquoted(name), dev },
                _ => {}
            }
        }
        Self::Other
    }
}

/// The crate that a line such as `name.workspace = true` or `name = { package = "…" }` depends on.
fn dependency(line: &str) -> String {
    let key = line.split(['=', '.']).next().unwrap_or_default();
    package(line).unwrap_or_else(|| unquoted(key.trim()))
}

fn package(line: &str) -> Option<String> {
    let (_, behind) = line.split_once("package")?;
    behind.trim_start().strip_prefix('=')?.split('"').nth(1).map(str::to_string)
}

fn unquoted(name: &str) -> String {
    name.trim_matches(['"', '\'']).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(manifest: &str) -> Vec<(String, bool, usize)> {
        edges(manifest).into_iter().map(|edge| (edge.to, edge.dev, edge.line)).collect()
    }

    #[test]
    fn every_form_of_a_dependency_is_read() {
        let manifest = r#"
            [dependencies]
            peercache-a.workspace = true
            peercache-b = { workspace = true } # why
            short = { path = "../x", package = "peercache-c" }
            "peercache-d" = "1"
            tokio = "1"
            [dependencies.peercache-e]
            workspace = true
            [target.'cfg(unix)'.dependencies]
            peercache-f = "1"
            [build-dependencies]
            peercache = "1"
            [dependencies.other]
            package = "peercache-g"
        "#;
        let names: Vec<String> = found(manifest).into_iter().map(|edge| edge.0).collect();
        let wanted =
            ["peercache-a", "peercache-b", "peercache-c", "peercache-d", "peercache-e", "peercache-f"];
        assert_eq!(names, [&wanted[..], &["peercache", "peercache-g"]].concat());
        assert!(found(manifest).iter().all(|edge| !edge.1));
    }

    #[test]
    fn dev_dependencies_are_told_apart() {
        let manifest =
            "[dev-dependencies]\npeercache-a = \"1\"\n[target.'cfg(unix)'.dev-dependencies.peercache-b]\n";
        assert_eq!(found(manifest), [("peercache-a".into(), true, 2), ("peercache-b".into(), true, 3)]);
    }

    #[test]
    fn what_is_no_dependency_is_left_alone() {
        let manifest = "[package]\nname = \"peercache-a\"\n[features]\npeercache-b = []\n\
             [workspace.dependencies]\npeercache-c = \"1\"\n[dependencies]\n# peercache-d = \"1\"\n";
        assert!(found(manifest).is_empty());
    }
}
