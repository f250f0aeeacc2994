//! A page of metrics in Prometheus' text format, version 0.0.4: families with their help and type, then their
//! samples.

use std::fmt::{Display, Write};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
}

/// A page in the making.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

/// A label and its value.
pub type Label<'a> = (&'a str, &'a str);

impl Page {
    /// What was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// Begins a family; its samples follow. Each family begins once.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Adds a sample of the family that was begun last.
    pub fn sample(&mut self, name: &str, labels: &[Label<'_>], value: impl Display) {
        self.text += name;
        for (number, (label, value)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            // Writing to a string cannot fail.
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(value));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }

    /// A family of one sample.
    pub fn single(
        &mut self,
        (name, kind, help): (&str, Kind, &str),
        labels: &[Label<'_>],
        value: impl Display,
    ) {
        self.family(name, kind, help);
        self.sample(name, labels, value);
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_help_and_type_and_labels_are_escaped() {
        let mut page = Page::default();
        page.single(("up", Kind::Gauge, "Whether it is up."), &[], 1);
        page.family("x_total", Kind::Counter, "Xs.");
        page.sample("x_total", &[("a", "q\"\\\n"), ("b", "c")], 2.5);
        let text = "# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n# HELP x_total Xs.\n\
                    # TYPE x_total counter\nx_total{a=\"q\\\"\\\\\\n\",b=\"c\"} 2.5\n";
        assert_eq!(page.into_text(), text);
    }
}
