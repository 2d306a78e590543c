//! What separates fields, set or found out.

/// How the fields of a row are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// Between fields; never empty.
    pub(crate) delimiter: String,
    /// Around fields; an ASCII character.
    pub(crate) quote: u8,
}

impl Dialect {
    pub(crate) fn with_delimiter(delimiter: &str) -> Dialect {
        Dialect { delimiter: delimiter.to_owned(), quote: b'"' }
    }

    /// A named preset.
    pub(crate) fn named(name: &str) -> Option<Dialect> {
        match name {
            "excel" | "unix_dialect" | "unix" => Some(Dialect::with_delimiter(",")),
            "excel_tab" | "excel-tab" => Some(Dialect::with_delimiter("\t")),
            _ => None,
        }
    }

    /// Finds the delimiter from the beginning of a text: the one that occurs in
    /// the first row and equally often in most rows. `None` when no candidate
    /// does.
    pub(crate) fn sniff(sample: &str, is_whole: bool) -> Option<Dialect> {
        const CANDIDATES: [char; 4] = [',', ';', '\t', '|'];
        let mut best: Option<(f64, char)> = None;
        for candidate in CANDIDATES {
            let counts = counts(sample, candidate, is_whole);
            let Some(&first) = counts.first().filter(|count| **count > 0) else { continue };
            let same = counts.iter().filter(|count| **count == first).count();
            #[allow(clippy::cast_precision_loss)] // At most a hundred rows.
            let share = same as f64 / counts.len() as f64;
            if share >= 0.5 && best.is_none_or(|(most, _)| share > most) {
                best = Some((share, candidate));
            }
        }
        best.map(|(_, delimiter)| Dialect::with_delimiter(delimiter.encode_utf8(&mut [0; 4])))
    }
}

/// How often a delimiter occurs outside quotes, for each of the first rows.
fn counts(sample: &str, delimiter: char, is_whole: bool) -> Vec<usize> {
    const ROWS: usize = 100;
    #[derive(PartialEq)]
    enum After {
        /// A row's beginning.
        Row,
        Delimiter,
        Quote,
        Other,
    }
    let mut counts = Vec::new();
    let (mut count, mut quoted, mut after) = (0, false, After::Row);
    for character in sample.chars() {
        after = match character {
            '"' if quoted => {
                quoted = false;
                After::Quote
            }
            // A doubled quote closes and opens again, which comes to the same.
            '"' if after != After::Other => {
                quoted = true;
                After::Other
            }
            _ if quoted => After::Other,
            '\n' | '\r' => {
                if after != After::Row {
                    counts.push(count);
                }
                if counts.len() == ROWS {
                    return counts;
                }
                count = 0;
                After::Row
            }
            character if character == delimiter => {
                count += 1;
                After::Delimiter
            }
            _ => After::Other,
        };
    }
    // The last row may be cut off.
    if after != After::Row && (is_whole || counts.is_empty()) {
        counts.push(count);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniff(sample: &str) -> Option<String> {
        Dialect::sniff(sample, true).map(|dialect| dialect.delimiter)
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(sniff("a;b,c;d\n1;2;3\n4;5;6\n").as_deref(), Some(";"));
        assert_eq!(sniff("a\tb\n1,5\t2\n1,5\t2\n").as_deref(), Some("\t"));
        assert_eq!(sniff("a|b\n1|2\n").as_deref(), Some("|"));
        assert_eq!(sniff("a,b;c\n1,2\n3,4;5\n").as_deref(), Some(","));
    }

    #[test]
    fn what_is_in_quotes_does_not_count() {
        let sample = "a,b\n\"x;\"\"y;\"\";\n;\",1\n\"x;y\",2\n";
        assert_eq!(sniff(sample).as_deref(), Some(","));
        assert_eq!(counts(sample, ';', true), [0, 0, 0]);
    }

    #[test]
    fn one_column_has_no_delimiter() {
        assert_eq!(sniff("name\nA; B\nC\n"), None);
        assert_eq!(sniff(""), None);
    }

    #[test]
    fn a_row_that_is_cut_off_does_not_count() {
        assert_eq!(counts("a,b\n1,2\n3", ',', false), [1, 1]);
        assert_eq!(counts("a,b\n1,2\n3", ',', true), [1, 1, 0]);
    }
}
