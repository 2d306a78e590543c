//! Comparing what a pipe produces with what its test expects.
//!
//! The rules are those of the official client: properties that start with `_`
//! do not count except `_id` and a `_deleted` of `true`; blacklisted ones do
//! not count; deleted entities that are not expected do not count (unless
//! `ignore_deletes` is false); whole floats are integers; entities go by id.

use std::collections::BTreeMap;
use std::fmt;

use pipewright_entity::{Dict, Text, Value};

/// What counts in a comparison.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Dotted paths of properties that do not count; `*` and `?` are
    /// wildcards, `[].` stands for the items of a list.
    pub blacklist: Vec<String>,
    /// Whether deleted entities that are not expected are left out.
    pub ignore_deletes: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { blacklist: Vec::new(), ignore_deletes: true }
    }
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// An expected entity is not there.
    Missing {
        /// Its id.
        id: String,
        /// What was expected.
        expected: Value,
    },
    /// An entity is there that is not expected.
    Unexpected {
        /// Its id.
        id: String,
        /// What is there.
        actual: Value,
    },
    /// A property differs.
    Property {
        /// The entity.
        id: String,
        /// Dotted path of the property.
        path: String,
        /// `None` when it is not expected at all.
        expected: Option<Value>,
        /// `None` when it is not there.
        actual: Option<Value>,
    },
    /// A line of text differs (CSV, XML).
    Line {
        /// Counted from 1.
        line: usize,
        /// `None` past the end.
        expected: Option<String>,
        /// `None` past the end.
        actual: Option<String>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn side(
            f: &mut fmt::Formatter<'_>,
            sign: char,
            value: Option<&dyn fmt::Display>,
        ) -> fmt::Result {
            match value {
                Some(value) => write!(f, "\n    {sign} {value}"),
                None => Ok(()),
            }
        }
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_transit);
        match self {
            Difference::Missing { id, expected } => {
                write!(f, "  {id}: missing")?;
                side(f, '-', Some(&expected.to_transit()))
            }
            Difference::Unexpected { id, actual } => {
                write!(f, "  {id}: not expected")?;
                side(f, '+', Some(&actual.to_transit()))
            }
            Difference::Property { id, path, expected, actual } => {
                write!(f, "  {id}: {path}")?;
                side(f, '-', json(expected).as_ref().map(|text| text as &dyn fmt::Display))?;
                side(f, '+', json(actual).as_ref().map(|text| text as &dyn fmt::Display))
            }
            Difference::Line { line, expected, actual } => {
                write!(f, "  line {line}")?;
                side(f, '-', expected.as_ref().map(|text| text as &dyn fmt::Display))?;
                side(f, '+', actual.as_ref().map(|text| text as &dyn fmt::Display))
            }
        }
    }
}

/// What is not as expected, in the order of ids.
pub fn compare(expected: &[Value], actual: &[Value], rules: &Rules) -> Vec<Difference> {
    let patterns: Vec<String> =
        rules.blacklist.iter().map(|pattern| pattern.replace("[].", ".*.")).collect();
    let group = |values: &[Value]| {
        let mut by_id: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for value in values {
            let value = counted(value, &mut String::new(), &patterns);
            let id = value.as_dict().and_then(|dict| dict.get("_id"));
            let id =
                id.map_or(String::new(), |id| id.as_str().map_or(id.to_transit(), str::to_owned));
            by_id.entry(id).or_default().push(value);
        }
        by_id.values_mut().for_each(|values| values.sort_by(Value::compare));
        by_id
    };
    let (expected, mut actual) = (group(expected), group(actual));
    if rules.ignore_deletes {
        let deleted = |value: &Value| {
            value.as_dict().is_some_and(|dict| dict.get("_deleted") == Some(&Value::Bool(true)))
        };
        actual.retain(|id, values| {
            if !expected.contains_key(id) {
                values.retain(|value| !deleted(value));
            }
            !values.is_empty()
        });
    }
    let none = Vec::new();
    let ids: std::collections::BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let mut differences = Vec::new();
    for id in ids {
        let wanted = expected.get(id).unwrap_or(&none);
        let found = actual.get(id).unwrap_or(&none);
        for index in 0..wanted.len().max(found.len()) {
            match (wanted.get(index), found.get(index)) {
                (Some(expected), Some(actual)) => {
                    differ(id, String::new(), Some(expected), Some(actual), &mut differences);
                }
                (Some(expected), None) => differences
                    .push(Difference::Missing { id: id.clone(), expected: expected.clone() }),
                (None, Some(actual)) => differences
                    .push(Difference::Unexpected { id: id.clone(), actual: actual.clone() }),
                (None, None) => {}
            }
        }
    }
    differences
}

/// What is not as expected in a text, line by line. How lines end counts only
/// for the official client's byte comparison and not here.
pub fn compare_text(expected: &str, actual: &str) -> Vec<Difference> {
    let (mut wanted, mut found) = (expected.trim_end().lines(), actual.trim_end().lines());
    let mut differences = Vec::new();
    for line in 1.. {
        match (wanted.next(), found.next()) {
            (None, None) => break,
            (a, b) if a == b => {}
            (expected, actual) => differences.push(Difference::Line {
                line,
                expected: expected.map(str::to_owned),
                actual: actual.map(str::to_owned),
            }),
        }
    }
    differences
}

/// The part of a value that counts.
fn counted(value: &Value, path: &mut String, patterns: &[String]) -> Value {
    match value {
        Value::Dict(dict) => {
            let mut kept = Dict::default();
            for (name, value) in dict.iter() {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                let blacklisted = patterns.iter().any(|pattern| matches(pattern, path));
                let reserved = name.starts_with('_')
                    && name != "_id"
                    && !(name == "_deleted" && *value == Value::Bool(true));
                if !blacklisted && !reserved {
                    kept.insert(name.clone(), counted(value, path, patterns));
                }
                path.truncate(length);
            }
            Value::dict(kept)
        }
        Value::List(items) => Value::list(items.iter().map(|item| counted(item, path, patterns))),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            Value::Int(*number as i64)
        }
        other => other.clone(),
    }
}

fn differ(
    id: &str,
    path: String,
    expected: Option<&Value>,
    actual: Option<&Value>,
    to: &mut Vec<Difference>,
) {
    if expected == actual {
        return;
    }
    if let (Some(Value::Dict(wanted)), Some(Value::Dict(found))) = (expected, actual) {
        let names: std::collections::BTreeSet<&Text> = wanted.keys().chain(found.keys()).collect();
        for name in names {
            let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
            differ(id, path, wanted.get(name), found.get(name), to);
        }
        return;
    }
    to.push(Difference::Property {
        id: id.to_owned(),
        path,
        expected: expected.cloned(),
        actual: actual.cloned(),
    });
}

/// Whether a whole path matches a pattern with `*` (any run) and `?` (any one).
/// A backslash before a dot of the pattern is dropped.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.replace("\\.", ".");
    let (pattern, path): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), path.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < path.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == path[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn values(text: &str) -> Vec<Value> {
        Value::from_transit(text.as_bytes()).unwrap().as_list().unwrap().to_vec()
    }

    fn check(expected: &str, actual: &str, rules: &Rules) -> Vec<String> {
        compare(&values(expected), &values(actual), rules)
            .iter()
            .map(Difference::to_string)
            .collect()
    }

    #[test]
    fn what_does_not_count() {
        let actual = r#"[{"_id":"b","n":1.0,"_updated":7,"_deleted":false,"now":"x",
            "in":{"_x":1,"y":[{"now":2,"z":3}]}}, {"_id":"gone","_deleted":true}]"#;
        let expected = r#"[{"_id":"b","n":1,"in":{"y":[{"z":3}]}}]"#;
        let blacklist = vec!["now".to_owned(), "in.y.now".to_owned()];
        let rules = Rules { blacklist, ..Rules::default() };
        assert_eq!(check(expected, actual, &rules), [""; 0]);
        let strict = Rules { ignore_deletes: false, ..rules };
        assert_eq!(check(expected, actual, &strict).len(), 1);
    }

    #[test]
    fn differences_name_the_property() {
        let found = check(
            r#"[{"_id":"1","a":{"b":1,"c":2}},{"_id":"2"}]"#,
            r#"[{"_id":"1","a":{"b":5}},{"_id":"3"}]"#,
            &Rules::default(),
        );
        assert_eq!(
            found,
            [
                "  1: a.b\n    - 1\n    + 5",
                "  1: a.c\n    - 2",
                "  2: missing\n    - {\"_id\":\"2\"}",
                "  3: not expected\n    + {\"_id\":\"3\"}",
            ]
        );
    }

    #[test]
    fn patterns() {
        for (pattern, path, hit) in [
            ("foo", "foo", true),
            ("foo", "foo.bar", false),
            ("foos.*.bar", "foos.A.bar", true),
            ("a\\.b", "a.b", true),
            ("x:*", "x:anything.at.all", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern, path), hit, "{pattern} {path}");
        }
    }

    #[test]
    fn texts_go_by_line() {
        assert_eq!(compare_text("a\r\nb\r\n", "a\nb"), []);
        assert_eq!(compare_text("a\nb", "a\nc\nd").len(), 2);
    }
}
