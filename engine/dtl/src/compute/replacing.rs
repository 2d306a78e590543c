//! Replacing several texts by others in one pass.

use aho_corasick::{AhoCorasick, MatchKind};
use pipewright_entity::{Dict, Text, Value};

/// Texts and what stands for them, ready to be applied.
#[derive(Debug)]
pub(crate) struct Replacements {
    find: AhoCorasick,
    with: Vec<Text>,
}

impl Replacements {
    /// The keys of `dict` replaced by their values. Of two keys that begin at
    /// the same place the longer one counts; what was put in is not looked at
    /// again. Pairs whose value is no string, and the empty key, are left out.
    /// None if the keys are too many to be searched for together.
    pub(crate) fn new(dict: &Dict) -> Option<Self> {
        let pairs = dict.iter().filter_map(|(key, value)| match value {
            Value::String(with) if !key.is_empty() => Some((key.as_bytes(), with.clone())),
            _ => None,
        });
        let (find, with): (Vec<_>, Vec<_>) = pairs.unzip();
        let find =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(find).ok()?;
        Some(Self { find, with })
    }

    /// `text` with the replacements made; none if it would become longer than
    /// `longest` bytes.
    pub(crate) fn apply(&self, text: &str, longest: usize) -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in self.find.find_iter(text) {
            out.push_str(&text[done..found.start()]);
            out.push_str(&self.with[found.pattern()]);
            done = found.end();
            if out.len() > longest {
                return None;
            }
        }
        out.push_str(&text[done..]);
        (out.len() <= longest).then_some(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn replaced(dict: &str, text: &str) -> Option<String> {
        let dict = Value::from_transit(dict.as_bytes()).unwrap();
        Replacements::new(dict.as_dict().unwrap()).unwrap().apply(text, 100)
    }

    #[test]
    fn one_pass() {
        assert_eq!(replaced(r#"{"a": "b", "b": "a"}"#, "ab").unwrap(), "ba");
        assert_eq!(replaced(r#"{"a": "1", "ab": "2"}"#, "aab").unwrap(), "12");
        assert_eq!(replaced(r#"{"å": "aa", "": "x", "z": 1}"#, "blåz").unwrap(), "blaaz");
        assert_eq!(replaced("{}", "abc").unwrap(), "abc");
    }

    #[test]
    fn growth_is_bounded() {
        let dict = format!(r#"{{"a": "{}"}}"#, "b".repeat(20));
        assert_eq!(replaced(&dict, "aaaaa").unwrap().len(), 100);
        assert_eq!(replaced(&dict, "aaaaaa"), None);
    }
}
