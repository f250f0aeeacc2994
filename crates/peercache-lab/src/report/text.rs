//! A report as aligned lines for a person.

use super::{DaemonDelta, PeerReport, Report};
use crate::latency::Percentiles;
use std::fmt::Write;

/// Where the second column begins.
const LABEL_COLUMNS: usize = 10;

pub(super) fn render(report: &Report) -> String {
    let mut lines = Lines(String::new());
    head(report, &mut lines);
    outcomes(report, &mut lines);
    latencies(report, &mut lines);
    peers(report, &mut lines);
    verdict(report, &mut lines);
    lines.0
}

struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        let line = format!("{label:LABEL_COLUMNS$}{text}");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A table: the first row and column say what the others are; numbers stand right.
    fn table(&mut self, label: &str, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (index, row) in rows.iter().enumerate() {
            let mut text = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                // Writing into a String cannot fail.
                let _ = if column == 0 {
                    write!(text, "{cell:width$}")
                } else {
                    write!(text, "  {cell:>width$}")
                };
            }
            self.add(if index == 0 { label } else { "" }, &text);
        }
    }
}

fn head(report: &Report, lines: &mut Lines) {
    let trace = &report.trace;
    lines.add("trace", &format!("{} ({}), {} bytes", trace.name, trace.format, grouped(trace.bytes)));
    let network = &report.network;
    let on = format!("{} peers, replication {}", network.peers, network.replication);
    let by = format!("{} workers, pipeline {}", report.workers, report.pipeline);
    lines.add("network", &format!("{}: {on}; {by}", network.name));
    let speed = format!("{} operations, {} a second", grouped(report.operations), rounded(report.ops_per_s));
    lines.add("requests", &format!("{} in {:.2} s: {speed}", grouped(report.requests), report.seconds));
}

fn outcomes(report: &Report, lines: &mut Lines) {
    let ratio =
        report.hit_ratio.map_or(String::new(), |ratio| format!("  ({:.2} % of the reads)", ratio * 100.0));
    lines.add("hits", &format!("{}{ratio}", grouped(report.hits)));
    lines.add("misses", &format!("{}  ({} filled)", grouped(report.misses), grouped(report.fills)));
    if report.writes > 0 {
        lines.add("writes", &grouped(report.writes));
    }
    let reasons = report.skipped_by_reason.iter().map(|(reason, &count)| (reason.as_str(), count));
    lines.add("skipped", &with_parts(report.skipped, reasons));
    let refused = &report.refused;
    let kinds = [
        ("too large", refused.too_large),
        ("out of memory", refused.out_of_memory),
        ("other", refused.other),
    ];
    lines.add("refused", &with_parts(refused.total(), kinds.into_iter()));
    let kinds = report.errors_by_kind.iter().map(|(kind, errors)| (kind.as_str(), errors.count));
    lines.add("errors", &with_parts(report.errors, kinds));
    for message in report.errors_by_kind.values().flat_map(|errors| &errors.first) {
        lines.add("", &format!("- {message}"));
    }
}

/// `1,234  (too large 1,000, other 234)`: a total and its parts, without those that are 0.
fn with_parts<'a>(total: u64, parts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let parts: Vec<String> = parts
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| format!("{} {}", name.replace('_', " "), grouped(count)))
        .collect();
    let parts = if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(", ")) };
    format!("{}{parts}", grouped(total))
}

fn latencies(report: &Report, lines: &mut Lines) {
    let mut rows = vec![cells(["µs", "count", "p50", "p95", "p99", "p99.9", "max"])];
    let latency = &report.latency;
    for (name, read) in [("get", latency.get), ("set", latency.set), ("delete", latency.delete)] {
        if let Some(Percentiles { count, p50_us, p95_us, p99_us, p99_9_us, max_us }) = read {
            let mut row = vec![name.to_owned(), grouped(count)];
            row.extend([p50_us, p95_us, p99_us, p99_9_us, max_us].map(rounded));
            rows.push(row);
        }
    }
    if rows.len() > 1 {
        lines.table("latency", &rows);
    }
}

fn peers(report: &Report, lines: &mut Lines) {
    let head =
        ["", "requests", "share", "keys", "hits", "get_hits", "get_misses", "cmd_set", "evictions", "items"];
    let mut rows = vec![cells(head)];
    rows.extend(report.peers.iter().map(peer));
    lines.table("peers", &rows);
    for peer in &report.peers {
        if let Some(why) = &peer.daemon_unknown {
            lines.add("", &format!("- {why}"));
        }
    }
}

fn peer(peer: &PeerReport) -> Vec<String> {
    let about = if peer.keys_estimated { "~" } else { "" };
    let mut row = vec![
        peer.id.clone(),
        grouped(peer.requests),
        format!("{:.1} %", peer.request_share * 100.0),
        format!("{about}{}", grouped(peer.keys)),
        grouped(peer.hits),
    ];
    match peer.daemon {
        Some(DaemonDelta { get_hits, get_misses, cmd_set, evictions, curr_items }) => {
            row.extend([get_hits, get_misses, cmd_set, evictions].map(signed));
            row.push(format!("{}{}", if curr_items > 0 { "+" } else { "" }, signed(curr_items)));
        }
        None => row.extend(cells(["?"; 5])),
    }
    row
}

fn verdict(report: &Report, lines: &mut Lines) {
    let text = match (report.daemon_hits, report.daemon_hits_equal) {
        (Some(_), Some(true)) => "counted the same number of hits".to_owned(),
        (Some(hits), _) => format!(
            "counted {} hits, not {}: somebody else reads or resets them, or answers were lost",
            grouped(hits),
            grouped(report.hits)
        ),
        (None, _) => "could not all be asked for their hits".to_owned(),
    };
    lines.add("daemons", &text);
    if let Some(why) = &report.stopped {
        lines.add("stopped", why);
    }
}

fn cells<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// A latency or a speed with as many decimals as it can bear.
fn rounded(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { grouped(number.round() as u64) }
}

fn signed(number: i64) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, grouped(number.unsigned_abs()))
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
