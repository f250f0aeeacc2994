//! A list for people: aligned columns on a terminal, tab-separated lines in a pipe.

use comfy_table::presets::NOTHING;

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&'static str; N]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with as many cells as the header has.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Each line of it, with a newline at the end.
    pub(crate) fn render(&self, is_terminal: bool) -> String {
        if is_terminal { self.aligned() } else { self.plain() }
    }

    /// Aligned columns, whatever reads them: for tables inside a longer text.
    pub(crate) fn aligned(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_header(&self.header).add_rows(&self.rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn plain(&self) -> String {
        let header = self.header.iter().map(ToString::to_string).collect();
        let lines = [header].into_iter().chain(self.rows.iter().cloned());
        lines.map(|cells: Vec<String>| format!("{}\n", cells.join("\t"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(["ID", "ADDRESS", "STATE"]);
        table.row(["p0".into(), "127.0.0.1:12000".into(), "running".into()]);
        table.row(["a-long-id".into(), "-".into(), "dead (was pid 7)".into()]);
        table
    }

    #[test]
    fn a_terminal_gets_columns() {
        let expected = "ID         ADDRESS          STATE\n\
                        p0         127.0.0.1:12000  running\n\
                        a-long-id  -                dead (was pid 7)\n";
        assert_eq!(sample().render(true), expected);
    }

    #[test]
    fn a_pipe_gets_tabs() {
        let expected = "ID\tADDRESS\tSTATE\np0\t127.0.0.1:12000\trunning\na-long-id\t-\tdead (was pid 7)\n";
        assert_eq!(sample().render(false), expected);
    }
}
