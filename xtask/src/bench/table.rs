//! What a comparison says: a row for each target under each load, with its ratios to the reference.

use super::sample::Sample;
use super::work::Work;
use serde_json::json;
use std::fmt::Write;

/// From here on the generator is what was measured.
const BUSY_MAX: f64 = 0.95;

/// From here on something else took so much of the processors that times are not ours alone.
const OTHERS_MAX: f64 = 0.25;

/// All runs of one target under one load.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) work: Work,
    pub(super) target: String,
    /// Copies of each key, when it is one of ours.
    pub(super) copies: Option<usize>,
    pub(super) samples: Vec<Sample>,
}

impl Row {
    pub(super) fn new(work: Work, target: String, copies: Option<usize>) -> Self {
        Self { work, target, copies, samples: Vec::new() }
    }

    /// Missing keys and wrong answers of all runs, which must be none.
    pub(super) fn bad(&self) -> u64 {
        self.samples.iter().map(Sample::bad).sum()
    }

    fn all(&self, figure: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples.iter().map(figure).collect()
    }

    fn median(&self, figure: fn(&Sample) -> f64) -> f64 {
        median(self.all(figure))
    }

    /// The median of the ratios to another row, round by round.
    fn ratio(&self, other: &Self, figure: fn(&Sample) -> f64) -> f64 {
        median(self.all(figure).iter().zip(other.all(figure)).map(|(ours, theirs)| ours / theirs).collect())
    }
}

pub(super) fn head() -> String {
    format!(
        "{:<14} {:<12} {:>9} {:>19} {:>7} {:>7} {:>8} {:>7} {:>7} {:>6} {:>6} {:>8}",
        "load",
        "target",
        "ops/s",
        "(min-max)",
        "p50 µs",
        "p99 µs",
        "CPU µs/r",
        "× ops",
        "× CPU",
        "gen",
        "others",
        "MiB"
    )
}

/// The rows of one kind of load; the first is the reference.
pub(super) fn block(rows: &[Row]) -> String {
    let Some(reference) = rows.first() else { return String::new() };
    let mut text = String::new();
    for row in rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line(row, reference));
    }
    let copies = |count| rows.iter().find(|row| row.copies == Some(count));
    if let (Some(one), Some(two)) = (copies(1), copies(2)) {
        let (ops, cpu) = (two.ratio(one, |sample| sample.per_second), two.ratio(one, |sample| sample.cpu_us));
        let _ =
            writeln!(text, "{:<14} {:<12} {:>67.2} {cpu:>7.2}", reference.work.to_string(), "R=2 / R=1", ops);
    }
    text
}

fn line(row: &Row, reference: &Row) -> String {
    let speeds = row.all(|sample| sample.per_second);
    let (low, high) =
        speeds.iter().fold((f64::MAX, 0.0_f64), |(low, high), &ops| (low.min(ops), high.max(ops)));
    let others = row.median(|sample| sample.others_busy);
    let busy = row.median(|sample| sample.generator_busy);
    let mut text = format!(
        "{:<14} {:<12} {:>9.0} {:>19} {:>7.0} {:>7.0} {:>8.2} {:>7.2} {:>7.2} {:>6.2} {:>6.2} {:>8.1}",
        row.work.to_string(),
        row.target,
        median(speeds),
        format!("{low:.0}-{high:.0}"),
        row.median(|sample| sample.p50_us),
        row.median(|sample| sample.p99_us),
        row.median(|sample| sample.cpu_us),
        row.ratio(reference, |sample| sample.per_second),
        row.ratio(reference, |sample| sample.cpu_us),
        busy,
        others,
        row.samples.last().map_or(0.0, |sample| sample.resident_kib as f64 / 1024.0),
    );
    if busy >= BUSY_MAX {
        text.push_str("  GENERATOR-BOUND");
    }
    if others >= OTHERS_MAX {
        text.push_str("  not quiet");
    }
    if row.bad() > 0 {
        let _ = write!(text, "  NOT VALID: {} missing or wrong", row.bad());
    }
    text
}

/// What the columns mean.
pub(super) fn legend(rows: &[Row]) -> String {
    let reference = rows.first().map_or("", |row| &row.target);
    format!(
        "Medians of the rounds; a ratio (×) is to {reference}, round by round.\n\
         CPU µs/r: CPU time of the target a request, its peers left out. MiB: its memory after the load.\n\
         gen: share of a processor that the generator used; from {BUSY_MAX} on ops/s is its own.\n\
         others: what everything else used; from {OTHERS_MAX} on trust CPU time and ratios only.\n"
    )
}

/// Every run of every row, as one JSON document.
pub(super) fn to_json(rows: &[Row]) -> String {
    let run = |sample: &Sample| {
        json!({
            "requests": sample.requests,
            "ops_per_second": sample.per_second,
            "p50_us": sample.p50_us,
            "p99_us": sample.p99_us,
            "cpu_us_per_request": sample.cpu_us,
            "generator_busy": sample.generator_busy,
            "others_busy": sample.others_busy,
            "resident_kib": sample.resident_kib,
            "misses": sample.misses,
            "errors": sample.errors,
        })
    };
    let row = |row: &Row| {
        let runs: Vec<_> = row.samples.iter().map(run).collect();
        json!({ "work": row.work.to_string(), "target": row.target, "copies": row.copies, "runs": runs })
    };
    format!("{:#}\n", json!(rows.iter().map(row).collect::<Vec<_>>()))
}

/// The middle one; the mean of the two middle ones of an even number.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => figures[half],
        _ => f64::midpoint(figures[half - 1], figures[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(per_second: f64) -> Sample {
        Sample {
            requests: 1000.0,
            per_second,
            p50_us: 100.0,
            p99_us: 200.0,
            cpu_us: 1e6 / per_second,
            generator_busy: 0.5,
            others_busy: 0.0,
            resident_kib: 2048,
            misses: 0,
            errors: 0,
        }
    }

    fn row(target: &str, copies: Option<usize>, speeds: &[f64]) -> Row {
        let samples = speeds.iter().map(|&speed| sample(speed)).collect();
        Row { samples, ..Row::new("set:32:1".parse().unwrap(), target.to_string(), copies) }
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let (reference, ours) = (row("a", None, &[100.0, 10.0, 50.0]), row("b", None, &[200.0, 20.0, 50.0]));
        assert_eq!(ours.ratio(&reference, |sample| sample.per_second), 2.0);
        assert_eq!(median(vec![4.0, 1.0]), 2.5);
    }

    #[test]
    fn two_copies_are_held_against_one() {
        let rows = [row("ref", None, &[100.0]), row("1", Some(1), &[300.0]), row("2", Some(2), &[150.0])];
        let text = block(&rows);
        let words: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(words[words.len() - 2..], ["0.50", "2.00"]);
    }

    #[test]
    fn a_row_that_is_not_to_be_trusted_says_so() {
        let mut bad = row("a", None, &[100.0]);
        assert!(!block(&[row("a", None, &[100.0])]).contains("NOT VALID"));
        bad.samples[0].misses = 3;
        bad.samples[0].generator_busy = 0.96;
        let text = block(&[bad]);
        assert!(text.contains("NOT VALID: 3") && text.contains("GENERATOR-BOUND"), "{text}");
    }
}
