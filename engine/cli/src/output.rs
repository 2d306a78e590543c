//! What commands print: tables for people, JSON for programs.

use clap::Args;
use serde_json::Value;

/// One column of a table.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows in columns as wide as they need to be.
pub(crate) fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    let names: Vec<String> = head.iter().map(|(name, _)| (*name).to_owned()).collect();
    for row in std::iter::once(&names).chain(rows) {
        let mut line = String::new();
        for ((cell, (_, align)), width) in row.iter().zip(head).zip(&widths) {
            let gap = " ".repeat(width - cell.chars().count());
            match align {
                Align::Left => line.push_str(&format!("{cell}{gap}  ")),
                Align::Right => line.push_str(&format!("{gap}{cell}  ")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Microseconds as people read them.
pub(crate) fn duration(microseconds: i64) -> String {
    let seconds = microseconds.max(0) as f64 / 1e6;
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows =
            vec![vec!["a".to_owned(), "10".to_owned()], vec!["long".to_owned(), "2".to_owned()]];
        let text = table(&[("pipe", Align::Left), ("read", Align::Right)], &rows);
        assert_eq!(text, "pipe  read\na       10\nlong     2\n");
        assert_eq!(duration(1500), "2 ms");
        assert_eq!(duration(2_500_000), "2.5 s");
    }
}

/// How a command tells what it did.
#[derive(Args, Clone, Copy)]
pub(crate) struct Output {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Prints what is known as JSON where that is asked for, and otherwise the
    /// words, if there are any.
    pub(crate) fn tell(self, known: Value, words: Option<String>) {
        match (self.json, words) {
            (true, _) => println!("{known:#}"),
            (false, Some(words)) => println!("{words}"),
            (false, None) => {}
        }
    }
}
