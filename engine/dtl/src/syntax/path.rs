//! Where a value stands in a document.

use std::fmt;
use std::str::FromStr;

use pipewright_entity::Text;

/// One step down from a value to a value in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To the member of an object with this key.
    Key(Text),
    /// To the item of a list, counted from 0.
    Index(usize),
}

/// The steps from the root of a document to a value.
///
/// Written as a JSON Path: `$.transform.rules.default[0]`, and
/// `$.properties['rdf:type']` for keys that are not plain names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path of the whole document: `$`.
    pub fn root() -> Path {
        Path::default()
    }

    /// The path of a member of the object at this path.
    #[must_use]
    pub fn key(&self, key: impl Into<Text>) -> Path {
        self.step(Step::Key(key.into()))
    }

    /// The path of an item of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Path {
        self.step(Step::Index(index))
    }

    /// This path and one more step.
    #[must_use]
    pub fn step(&self, step: Step) -> Path {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Path(steps)
    }

    /// This path and all steps of another below it.
    #[must_use]
    pub fn join(&self, below: &[Step]) -> Path {
        Path(self.0.iter().chain(below).cloned().collect())
    }

    /// The path of what holds this value, and the last step; `None` at the root.
    pub fn split_last(&self) -> Option<(Path, &Step)> {
        let (last, parent) = self.0.split_last()?;
        Some((Path(parent.to_vec()), last))
    }

    /// Whether the other path is this one or leads below it.
    pub fn contains(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The form with every key in brackets, `$['source']['type']`, as the node
    /// API reports config errors.
    pub fn bracketed(&self) -> String {
        let mut text = String::from("$");
        for step in &self.0 {
            match step {
                Step::Key(key) => push_quoted(&mut text, key),
                Step::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

/// A path on the way down from a value: each step lies with whoever goes down,
/// so that going on costs nothing. Only who tells a path makes one of it.
#[derive(Clone, Copy, Debug)]
pub enum Trail<'a> {
    /// Where the way begins.
    At(&'a Path),
    /// On to the member with this key.
    Key(&'a Trail<'a>, &'a str),
    /// On to this item.
    Index(&'a Trail<'a>, usize),
}

impl<'a> Trail<'a> {
    /// On to the member of the object that is here.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Trail<'a> {
        Trail::Key(self, key)
    }

    /// On to the item of the list that is here.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Trail<'a> {
        Trail::Index(self, index)
    }

    /// The whole path.
    pub fn to_path(&self) -> Path {
        let mut below = 0;
        let mut trail = self;
        let first = loop {
            trail = match trail {
                Trail::At(path) => break *path,
                Trail::Key(above, _) | Trail::Index(above, _) => above,
            };
            below += 1;
        };
        let mut steps = Vec::with_capacity(first.len() + below);
        steps.extend_from_slice(first);
        let mut trail = self;
        loop {
            let (above, step) = match trail {
                Trail::At(_) => break,
                Trail::Key(above, key) => (above, Step::Key(Text::new(*key))),
                Trail::Index(above, index) => (above, Step::Index(*index)),
            };
            steps.push(step);
            trail = above;
        }
        steps[first.len()..].reverse();
        Path(steps)
    }
}

impl std::ops::Deref for Path {
    type Target = [Step];

    fn deref(&self) -> &[Step] {
        &self.0
    }
}

impl From<Vec<Step>> for Path {
    fn from(steps: Vec<Step>) -> Path {
        Path(steps)
    }
}

/// Whether a key may stand after a dot (RFC 9535, member-name-shorthand).
fn is_plain(key: &str) -> bool {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    key.starts_with(start) && key.chars().all(|c| start(c) || c.is_ascii_digit())
}

fn push_quoted(text: &mut String, key: &str) {
    text.push_str("['");
    for c in key.chars() {
        match c {
            '\'' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push_str("']");
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => {
                    let mut quoted = String::new();
                    push_quoted(&mut quoted, key);
                    f.write_str(&quoted)?;
                }
            }
        }
        Ok(())
    }
}

/// The text is not a path of the form [`Path`] is written in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path: `{text}` (expected something like $.transform.rules['default'][0])")]
pub struct InvalidPath {
    /// The text.
    pub text: String,
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Path, InvalidPath> {
        parse(text).ok_or_else(|| InvalidPath { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Path> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (key, tail) = after.split_at(end);
            if key.is_empty() {
                return None;
            }
            steps.push(Step::Key(Text::new(key)));
            rest = tail;
        } else {
            let after = rest.strip_prefix('[')?;
            if let Some(quote @ ('\'' | '"')) = after.chars().next() {
                let (key, tail) = parse_quoted(&after[1..], quote)?;
                steps.push(Step::Key(key));
                rest = tail.strip_prefix(']')?;
            } else {
                let (index, tail) = after.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                rest = tail;
            }
        }
    }
    Some(Path(steps))
}

/// The key up to the closing quote, and what follows that quote.
fn parse_quoted(text: &str, quote: char) -> Option<(Text, &str)> {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((Text::from(key), &text[at + 1..]));
        }
        key.push(match c {
            '\\' => match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            },
            c => c,
        });
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn plain_names_stand_after_a_dot_and_others_in_brackets() {
        let path = Path::root().key("transform").index(0).key("rules").key("rdf:type").key("it's");
        assert_eq!(path.to_string(), "$.transform[0].rules['rdf:type']['it\\'s']");
        assert_eq!(path.bracketed(), "$['transform'][0]['rules']['rdf:type']['it\\'s']");
        assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
        assert_eq!(path.bracketed().parse::<Path>().unwrap(), path);
        assert_eq!("$".parse::<Path>().unwrap(), Path::root());
    }

    #[test]
    fn text_that_is_no_path_is_refused() {
        for text in ["", "a", "$.", "$..a", "$[", "$[x]", "$['a]", "$['a'"] {
            assert!(text.parse::<Path>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_can_be_read(keys in proptest::collection::vec(".*", 0..4)) {
            let path = keys.iter().fold(Path::root(), |path, key| path.key(key.as_str()).index(key.len()));
            proptest::prop_assert_eq!(&path.to_string().parse::<Path>().unwrap(), &path);
            proptest::prop_assert_eq!(&path.bracketed().parse::<Path>().unwrap(), &path);
        }
    }
}
