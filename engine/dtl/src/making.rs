//! How rules make each property of an entity, told from their text alone: also
//! of rules that do not compile.

use crate::functions::{self, Kind, Role};
use crate::properties::{Reading, identifier, readings};
use crate::syntax::{Node, Path, Trail};

/// A transform that makes a property, or several.
#[derive(Clone, Debug, PartialEq)]
pub struct Making<'n> {
    /// What it makes.
    pub made: Made<'n>,
    /// The transform.
    pub node: &'n Node,
    /// Where it stands.
    pub path: Path,
    /// What it reads of the source and of entities that hops find, among it
    /// what decides whether it runs.
    pub reads: Vec<Reading<'n>>,
    /// The properties of the target itself that it reads.
    pub reads_own: Vec<&'n str>,
}

/// What a transform makes. Names are without their namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made<'n> {
    /// One property.
    Named(&'n str),
    /// It gives a property of the target another name: which, and to which.
    Renamed(&'n str, &'n str),
    /// Every property of the source whose name has this form, under its name.
    Copied(&'n str),
    /// Properties that only running it tells.
    Unknown,
}

impl Made<'_> {
    /// Whether this property may be among what is made.
    pub fn is(&self, property: &str) -> bool {
        match *self {
            Made::Named(name) | Made::Renamed(_, name) => name == property,
            Made::Copied(pattern) => has_form(pattern, property),
            Made::Unknown => false,
        }
    }
}

/// Whether a name has the form of a pattern in which `*` stands for any text
/// and `?` for any character.
fn has_form(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for one in pattern {
        let mut next = vec![false; name.len() + 1];
        match one {
            '*' => {
                let first = fits.iter().position(|fits| *fits).unwrap_or(next.len());
                next[first..].fill(true);
            }
            one => {
                for (at, c) in name.iter().enumerate() {
                    next[at + 1] = fits[at] && (one == '?' || one == *c);
                }
            }
        }
        fits = next;
    }
    fits[name.len()]
}

/// The transforms of the rule `default` that make properties of its target, in
/// their order.
pub fn makings<'n>(rules: &'n Node, at: &Path) -> Vec<Making<'n>> {
    let mut made = Vec::new();
    let mut all = Vec::new();
    for rule in rules.members().iter().filter(|rule| rule.key == "default") {
        make(&rule.value, &Trail::At(at).key(&rule.key), &mut Vec::new(), &mut all);
    }
    let reads = readings(rules, at);
    for (what, node, path, conditions) in all {
        let within = |inner: &Node| {
            let around = |outer: &Node| {
                outer.span.start <= inner.span.start && inner.span.end <= outer.span.end
            };
            around(node) || conditions.iter().any(|condition| around(condition))
        };
        let mut reads_own = Vec::new();
        crate::properties::reads(node, &Trail::At(&path), &mut |_, _, name| {
            let name = identifier(name);
            if !reads_own.contains(&name) {
                reads_own.push(name);
            }
        });
        let reads = reads.iter().filter(|reading| within(reading.node)).cloned().collect();
        made.push(Making { made: what, node, path, reads, reads_own });
    }
    made
}

type Found<'n> = (Made<'n>, &'n Node, Path, Vec<&'n Node>);

fn make<'n>(
    node: &'n Node,
    at: &Trail<'_>,
    conditions: &mut Vec<&'n Node>,
    to: &mut Vec<Found<'n>>,
) {
    let items = node.items();
    let Some((first, args)) = items.split_first() else { return };
    let Some(name) = first.as_str() else {
        // Transforms in a list.
        for (index, item) in items.iter().enumerate() {
            make(item, &at.index(index), conditions, to);
        }
        return;
    };
    let plain = |node: &'n Node| {
        let name = node.as_str().filter(|name| !name.contains(['.', '$']))?;
        Some(identifier(name))
    };
    let function = functions::find(Role::Transform, name);
    let made = match (function.map(|function| function.name), args) {
        (Some("add" | "add-if" | "default"), [property, ..]) => {
            plain(property).map_or(Made::Unknown, Made::Named)
        }
        (Some("rename"), [from, into, ..]) => match (plain(from), plain(into)) {
            (Some(from), Some(into)) => Made::Renamed(from, into),
            _ => Made::Unknown,
        },
        (Some("copy"), [pattern, ..]) => {
            pattern.as_str().map_or(Made::Unknown, |pattern| Made::Copied(identifier(pattern)))
        }
        (Some("comment" | "remove" | "filter" | "discard" | "create" | "create-child"), _)
        | (Some("fail!" | "trip!" | "sleep!"), _) => return,
        (Some("if" | "case" | "case-eq"), args) => {
            let before = conditions.len();
            for (index, arg) in args.iter().enumerate() {
                let kind = function.and_then(|it| it.argument(index, args.len()));
                match kind.map(|(_, kind)| kind) {
                    Some(Kind::Transforms) => make(arg, &at.index(index + 1), conditions, to),
                    _ => conditions.push(arg),
                }
            }
            conditions.truncate(before);
            return;
        }
        _ => Made::Unknown,
    };
    to.push((made, node, at.to_path(), conditions.clone()));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::syntax::Document;

    #[test]
    fn each_property_has_what_makes_it() {
        let text = r#"{"default": [
            ["copy", "a*"],
            ["add", "ns:full", ["concat", "_S.first", " ", "_T.last"]],
            ["if", ["eq", "_S.kind", 1], ["add", "x", ["hops", {"datasets": ["d D"],
                "where": ["eq", "_S.key", "D._id"], "return": "D.name"}]]],
            ["rename", "x", "y"], ["merge", "_S.rest"],
            ["comment", ["add", "no", "_S.no"]]],
            "other": [["add", "z", "_S.z"]]}"#;
        let document = Document::parse(text);
        let found = makings(document.root.as_ref().unwrap(), &Path::root());
        let told: Vec<String> = found
            .iter()
            .map(|making| {
                let reads = making
                    .reads
                    .iter()
                    .map(|it| format!("{}.{}", it.dataset.unwrap_or("_S"), it.property));
                let own = making.reads_own.iter().map(|name| format!("_T.{name}"));
                let reads: Vec<String> = reads.chain(own).collect();
                format!("{:?} {} {}", making.made, making.path, reads.join(" "))
            })
            .collect();
        assert_eq!(
            told,
            [
                r#"Copied("a*") $.default[0] "#,
                r#"Named("full") $.default[1] _S.first _T.last"#,
                r#"Named("x") $.default[2][2] _S.kind _S.key d.name"#,
                r#"Renamed("x", "y") $.default[3] "#,
                r#"Unknown $.default[4] _S.rest"#,
            ]
        );
        assert!(found[0].made.is("abc") && !found[0].made.is("b"));
    }

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (pattern, name, fits) in
            [("*", "", true), ("a?c", "abc", true), ("a?c", "ac", false), ("*b*", "abc", true)]
        {
            assert_eq!(has_form(pattern, name), fits, "{pattern} {name}");
        }
    }
}
