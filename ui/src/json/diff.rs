//! Entities as lines of text, with what changed marked.

use super::tree::{Tree, quoted};

/// What a line says about the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// In both.
    Same,
    /// Only in the new one.
    Added,
    /// Only in the old one.
    Removed,
}

/// One line of printed JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it says about the change.
    pub mark: Mark,
    /// Levels it is indented.
    pub indent: u16,
    /// The property it starts, as JSON writes it.
    pub key: Option<String>,
    /// A scalar or brackets, as JSON writes them.
    pub value: String,
    /// How to colour the value.
    pub kind: Kind,
    /// Whether a comma follows.
    pub comma: bool,
}

/// How to colour a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Brackets.
    Punctuation,
    /// Plain strings.
    String,
    /// Numbers and decimals.
    Number,
    /// `true`, `false`, `null`.
    Word,
    /// Dates and times.
    Time,
    /// Namespaced identifiers and links.
    Reference,
}

/// Prints a value, one scalar a line.
pub fn print(tree: &Tree) -> Vec<Line> {
    let mut lines = Vec::new();
    whole(&mut lines, Mark::Same, 0, None, tree, false);
    lines
}

/// A value as one would write it into a file.
pub fn pretty(tree: &Tree) -> String {
    let line = |line: &Line| {
        let key = line.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
        let indent = "  ".repeat(line.indent.into());
        format!("{indent}{key}{}{}", line.value, if line.comma { "," } else { "" })
    };
    print(tree).iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Prints the new value with the lines of the old one that differ. Objects are
/// compared by property, whatever their order; lists by position of equal
/// items.
pub fn compare(old: &Tree, new: &Tree) -> Vec<Line> {
    let mut lines = Vec::new();
    differ(&mut lines, 0, None, old, new, false);
    lines
}

fn kind(tree: &Tree) -> Kind {
    match tree {
        Tree::Null | Tree::Bool(_) => Kind::Word,
        Tree::Number(_) => Kind::Number,
        Tree::List(_) | Tree::Object(_) => Kind::Punctuation,
        Tree::String(text) => match text.as_bytes() {
            [b'~', b'f', ..] => Kind::Number,
            [b'~', b't', ..] => Kind::Time,
            [b'~', b':' | b'r' | b'u', ..] => Kind::Reference,
            _ => Kind::String,
        },
    }
}

fn line(
    lines: &mut Vec<Line>,
    mark: Mark,
    indent: u16,
    key: Option<&str>,
    value: String,
    kind: Kind,
    comma: bool,
) {
    lines.push(Line { mark, indent, key: key.map(quoted), value, kind, comma });
}

fn whole(
    lines: &mut Vec<Line>,
    mark: Mark,
    indent: u16,
    key: Option<&str>,
    tree: &Tree,
    comma: bool,
) {
    match tree {
        Tree::List(items) if !items.is_empty() => {
            line(lines, mark, indent, key, "[".into(), Kind::Punctuation, false);
            for (index, item) in items.iter().enumerate() {
                whole(lines, mark, indent + 1, None, item, index + 1 < items.len());
            }
            line(lines, mark, indent, None, "]".into(), Kind::Punctuation, comma);
        }
        Tree::Object(members) if !members.is_empty() => {
            line(lines, mark, indent, key, "{".into(), Kind::Punctuation, false);
            for (index, (name, value)) in members.iter().enumerate() {
                whole(lines, mark, indent + 1, Some(name), value, index + 1 < members.len());
            }
            line(lines, mark, indent, None, "}".into(), Kind::Punctuation, comma);
        }
        _ => line(lines, mark, indent, key, tree.to_string(), kind(tree), comma),
    }
}

fn differ(
    lines: &mut Vec<Line>,
    indent: u16,
    key: Option<&str>,
    old: &Tree,
    new: &Tree,
    comma: bool,
) {
    match (old, new) {
        (Tree::Object(before), Tree::Object(after)) if !before.is_empty() && !after.is_empty() => {
            line(lines, Mark::Same, indent, key, "{".into(), Kind::Punctuation, false);
            let gone: Vec<_> = before.iter().filter(|(name, _)| new.get(name).is_none()).collect();
            let last = after.len() - 1;
            for (index, (name, value)) in after.iter().enumerate() {
                let comma = index < last || !gone.is_empty();
                match old.get(name) {
                    Some(was) => differ(lines, indent + 1, Some(name), was, value, comma),
                    None => whole(lines, Mark::Added, indent + 1, Some(name), value, comma),
                }
            }
            for (index, (name, value)) in gone.iter().enumerate() {
                whole(lines, Mark::Removed, indent + 1, Some(name), value, index + 1 < gone.len());
            }
            line(lines, Mark::Same, indent, None, "}".into(), Kind::Punctuation, comma);
        }
        (Tree::List(before), Tree::List(after)) if !before.is_empty() && !after.is_empty() => {
            line(lines, Mark::Same, indent, key, "[".into(), Kind::Punctuation, false);
            let last = after.len() - 1;
            let mut position = 0;
            for (index, item) in after.iter().enumerate() {
                // Items in front of the next equal one are gone.
                let mark = match before[position..].iter().position(|was| was == item) {
                    Some(skipped) => {
                        for was in &before[position..position + skipped] {
                            whole(lines, Mark::Removed, indent + 1, None, was, true);
                        }
                        position += skipped + 1;
                        Mark::Same
                    }
                    None => Mark::Added,
                };
                whole(lines, mark, indent + 1, None, item, index < last || position < before.len());
            }
            for (index, was) in before[position..].iter().enumerate() {
                whole(
                    lines,
                    Mark::Removed,
                    indent + 1,
                    None,
                    was,
                    position + index + 1 < before.len(),
                );
            }
            line(lines, Mark::Same, indent, None, "]".into(), Kind::Punctuation, comma);
        }
        _ if old == new => whole(lines, Mark::Same, indent, key, new, comma),
        _ => {
            whole(lines, Mark::Removed, indent, key, old, comma);
            whole(lines, Mark::Added, indent, key, new, comma);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(lines: &[Line]) -> String {
        let mut out = String::new();
        for line in lines {
            out.push(match line.mark {
                Mark::Same => ' ',
                Mark::Added => '+',
                Mark::Removed => '-',
            });
            out.push_str(&"  ".repeat(line.indent.into()));
            if let Some(key) = &line.key {
                out.push_str(key);
                out.push_str(": ");
            }
            out.push_str(&line.value);
            if line.comma {
                out.push(',');
            }
            out.push('\n');
        }
        out
    }

    fn diff(old: &str, new: &str) -> String {
        text(&compare(&Tree::parse(old).unwrap(), &Tree::parse(new).unwrap()))
    }

    #[test]
    fn an_entity_against_itself_is_unmarked_json() {
        let entity = r#"{"_id":"1","l":[1,{"a":null}],"e":{},"n":[]}"#;
        let printed = diff(entity, entity);
        assert!(!printed.contains(['+', '-']));
        let json: String = printed.chars().filter(|c| !c.is_whitespace()).collect();
        assert_eq!(json, entity);
    }

    #[test]
    fn only_what_changed_is_marked() {
        assert_eq!(
            diff(r#"{"_id":"1","name":"Ann","old":1}"#, r#"{"_id":"1","new":[2],"name":"Anne"}"#),
            " {\n   \"_id\": \"1\",\n+  \"new\": [\n+    2\n+  ],\n-  \"name\": \"Ann\",\n+  \"name\": \"Anne\",\n-  \"old\": 1\n }\n"
        );
        assert_eq!(diff("[1,2,3]", "[1,3,4]"), " [\n   1,\n-  2,\n   3,\n+  4\n ]\n");
        assert_eq!(diff("{}", "{\"a\":1}"), "-{}\n+{\n+  \"a\": 1\n+}\n");
    }
}
