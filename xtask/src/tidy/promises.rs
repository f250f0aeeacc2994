//! Every promise that docs/promises.md calls reached is proven three times: by a named test on real daemons,
//! by a rule of the simulator, and by a mutant that the rule catches.
//!
//! The document is a table with one row for each promise, the id first and how far it is last: `reached`,
//! `reached, no rule: REASON` (a test alone proves it) or `part N` (a later part builds it).

use super::Problem;
use super::proofs::Proofs;
use super::tree::Tree;

const DOCUMENT: &str = "docs/promises.md";

/// How far a promise is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Reached,
    ReachedWithoutRule,
    Later,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Promise {
    id: String,
    standing: Standing,
    line: usize,
}

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(DOCUMENT) else {
        return vec![Problem::of(DOCUMENT, "the document of promises is missing")];
    };
    let (promises, mut problems) = read(text);
    let proofs = Proofs::of(tree);
    problems.extend(promises.iter().flat_map(|promise| lacking(promise, &proofs)));
    let is_known = |id: &str| promises.iter().any(|promise| promise.id == id);
    let strangers = proofs.all().filter(|proof| !is_known(&proof.id));
    problems.extend(strangers.map(|proof| {
        Problem::at(&proof.path, proof.line, format!("{} is not a promise of {DOCUMENT}", proof.id))
    }));
    problems
}

fn read(text: &str) -> (Vec<Promise>, Vec<Problem>) {
    let mut promises: Vec<Promise> = Vec::new();
    let mut problems = Vec::new();
    for (index, row) in text.lines().enumerate() {
        let Some(cells) = row.trim().strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            continue;
        };
        let id = cells.split('|').next().unwrap_or_default().trim().trim_matches('*');
        if !is_id(id) {
            continue;
        }
        let last = cells.rsplit('|').next().unwrap_or_default().trim();
        let line = index + 1;
        if promises.iter().any(|promise| promise.id == id) {
            problems.push(Problem::at(DOCUMENT, line, format!("{id} has two rows")));
        }
        match standing(last) {
            Some(standing) => promises.push(Promise { id: id.to_string(), standing, line }),
            None => {
                let says = format!("{id} is {last:?}; say `reached`, `reached, no rule: REASON` or `part N`");
                problems.push(Problem::at(DOCUMENT, line, says));
            }
        }
    }
    if promises.is_empty() && problems.is_empty() {
        problems.push(Problem::of(DOCUMENT, "no promises: a row is `| P-14 | … | reached |`"));
    }
    (promises, problems)
}

/// Whether the text is `P-` and digits.
fn is_id(text: &str) -> bool {
    text.strip_prefix("P-")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn standing(text: &str) -> Option<Standing> {
    if text == "reached" {
        return Some(Standing::Reached);
    }
    let reason = text.strip_prefix("reached, no rule:").map(str::trim);
    if reason.is_some_and(|reason| !reason.is_empty()) {
        return Some(Standing::ReachedWithoutRule);
    }
    text.strip_prefix("part ")?.parse::<u8>().ok().map(|_| Standing::Later)
}

fn lacking(promise: &Promise, proofs: &Proofs) -> Vec<Problem> {
    let id = &promise.id;
    let mut lacks = Vec::new();
    if promise.standing != Standing::Later && !proofs.has_test(id) {
        let prefix = id.replace('-', "").to_lowercase();
        lacks.push(format!("no test in crates/*/tests whose name begins with `{prefix}_`"));
    }
    if promise.standing == Standing::Reached && !proofs.has_rule(id) {
        lacks.push(format!("no rule of the simulator with `promise: \"{id}\"`"));
    }
    if promise.standing == Standing::Reached && !proofs.has_mutant(id) {
        lacks.push(format!("no mutant of the simulator with `breaks: \"{id}\"`"));
    }
    let problem = |lack| Problem::at(DOCUMENT, promise.line, format!("{id} is reached, but there is {lack}"));
    lacks.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: (&str, &str) =
        ("crates/peercache/tests/a.rs", "#[tokio::test]\nasync fn p14_all_confirm() {}");
    const RULE: (&str, &str) = ("crates/peercache-sim/src/rules.rs", "Rule { promise: \"P-14\", x }");
    const MUTANT: (&str, &str) = ("crates/peercache-sim/src/mutants.rs", "Mutant { breaks: \"P-14\", x }");

    fn says(rows: &str, files: &[(&str, &str)]) -> Vec<String> {
        let document = format!("# Promises\n\n| id | promise | standing |\n|---|---|---|\n{rows}\n");
        let tree = Tree::of(&[&[(DOCUMENT, document.as_str())], files].concat());
        check(&tree).into_iter().map(|problem| problem.to_string()).collect()
    }

    #[test]
    fn a_reached_promise_with_its_three_proofs_is_fine() {
        assert!(
            says("| P-14 | writes | reached |\n| P-15 | later | part 4 |", &[TEST, RULE, MUTANT]).is_empty()
        );
        assert!(says("| **P-14** | a \\| b | reached, no rule: sockets are real |", &[TEST]).is_empty());
    }

    #[test]
    fn each_missing_proof_is_told_by_name() {
        let row = "| P-14 | writes | reached |";
        let found = says(row, &[]);
        assert_eq!(found.len(), 3);
        assert!(
            found.iter().all(|says| says.starts_with("docs/promises.md:5: P-14 is reached, but there is no"))
        );
        assert!(says(row, &[RULE, MUTANT])[0].contains("begins with `p14_`"));
        assert!(says(row, &[TEST, MUTANT])[0].contains("`promise: \"P-14\"`"));
        assert!(says(row, &[TEST, RULE])[0].contains("`breaks: \"P-14\"`"));
        assert_eq!(says("| P-14 | writes | reached, no rule: why |", &[]).len(), 1);
    }

    #[test]
    fn rows_that_say_something_else_are_told() {
        for last in ["", "done", "part", "part four", "reached, no rule:", "Reached"] {
            let found = says(&format!("| P-14 | writes | {last} |"), &[]);
            assert!(found.len() == 1 && found[0].contains("say `reached`"), "{last}: {found:?}");
        }
        assert!(says("| P-14 | a | part 1 |\n| P-14 | b | part 2 |", &[])[0].contains("two rows"));
        assert!(says("", &[])[0].contains("no promises"));
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }

    #[test]
    fn a_proof_of_an_unknown_promise_is_told() {
        let found = says("| P-15 | later | part 4 |", &[TEST, RULE]);
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("a.rs:2: P-14 is not a promise"), "{found:?}");
    }
}
