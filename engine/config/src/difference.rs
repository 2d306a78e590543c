//! Where the configs of two nodes differ: component by component, variable by
//! variable.
//!
//! A [`Config`] is what a node hands out at `/api/config`, `/api/env` and
//! `/api/secrets`; how it is laid out says nothing. What both had when one was
//! last copied to the other is their [`Base`]: with it a [`Difference`] tells
//! who changed something, without it only that the two are not the same.

use std::collections::{BTreeMap, BTreeSet};

use pipewright_dtl::syntax::{Document, Node};
use serde::{Deserialize, Serialize};

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// The metadata of the node.
    Metadata,
    /// A system.
    System,
    /// A pipe.
    Pipe,
    /// A variable of the environment.
    Variable,
    /// A secret, of which nothing but the name is known.
    Secret,
}

/// Names a component, variable or secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartId {
    /// What it is.
    pub kind: PartKind,
    /// Its `_id` or name.
    pub name: String,
}

/// A config that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {0} of the node cannot be read")]
pub struct Unreadable(&'static str);

/// All of a node's config, without its layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config(BTreeMap<PartId, Part>);

#[derive(Clone, Debug, PartialEq)]
struct Part {
    /// On one line, every number as it is written.
    flat: String,
    /// For reading, a member a line.
    text: String,
}

impl Part {
    fn of(node: &Node, document: &Document) -> Part {
        Part { flat: node.to_json_text(document, false), text: node.to_json_text(document, true) }
    }

    fn hash(&self) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(self.flat.as_bytes()))
    }
}

/// What two configs had in common when one was last copied to the other: a
/// hash of each component and variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base(Vec<(PartKind, String, String)>);

/// Who changed something since the two were the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Changed {
    /// It was changed here only.
    Here,
    /// It was changed there only.
    There,
    /// It was changed on both sides, each in its own way.
    Both,
    /// It is not known what they had in common.
    Unknown,
}

/// One thing that is not the same here and there.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What it is.
    pub id: PartId,
    /// Its text here; `None` where it is not.
    pub here: Option<String>,
    /// Its text there.
    pub there: Option<String>,
    /// Who changed it.
    pub changed: Changed,
}

impl Config {
    /// Puts together what a node answers: a JSON array of components, a JSON
    /// object of variables, the names of secrets.
    pub fn read(
        components: &str,
        variables: &str,
        secrets: &[String],
    ) -> Result<Config, Unreadable> {
        let document = |text: &str, what| {
            let document = Document::parse(text);
            match document.root.is_some() && !document.is_broken() {
                true => Ok(document),
                false => Err(Unreadable(what)),
            }
        };
        let mut all = BTreeMap::new();
        let components = document(components, "config")?;
        for node in components.root.iter().flat_map(|root| root.items()) {
            let text = |name| node.get(name).and_then(Node::as_str);
            let kind = match text("type") {
                Some("metadata") => PartKind::Metadata,
                Some(kind) if kind.starts_with("system:") => PartKind::System,
                _ => PartKind::Pipe,
            };
            // There is one, whatever it is called.
            let name = if kind == PartKind::Metadata { "node" } else { text("_id").unwrap_or("") };
            all.insert(PartId { kind, name: name.to_owned() }, Part::of(node, &components));
        }
        let variables = document(variables, "variables")?;
        for member in variables.root.iter().flat_map(|root| root.members()) {
            let id = PartId { kind: PartKind::Variable, name: member.key.to_string() };
            all.insert(id, Part::of(&member.value, &variables));
        }
        for name in secrets {
            let id = PartId { kind: PartKind::Secret, name: name.clone() };
            let text = "a value is set, and never shown".to_owned();
            all.insert(id, Part { flat: String::new(), text });
        }
        Ok(Config(all))
    }

    /// Everything that is not the same here and there, by what it is and its
    /// name.
    pub fn differences(&self, there: &Config, base: &Base) -> Vec<Difference> {
        let ids: BTreeSet<&PartId> = self.0.keys().chain(there.0.keys()).collect();
        let base = base.by_id();
        let differs = |id: &PartId| {
            let (here, there) = (self.0.get(id), there.0.get(id));
            if here.map(|part| &part.flat) == there.map(|part| &part.flat) {
                return None;
            }
            let text = |part: Option<&Part>| part.map(|part| part.text.clone());
            Some(Difference {
                id: id.clone(),
                here: text(here),
                there: text(there),
                changed: changed(here, there, base.as_ref().map(|base| base.get(id))),
            })
        };
        ids.into_iter().filter_map(differs).collect()
    }

    /// The components as a JSON array, with those that are chosen as another
    /// config has them.
    pub fn with_components(&self, other: &Config, chosen: &BTreeSet<PartId>) -> String {
        let ids: BTreeSet<&PartId> = self.0.keys().chain(other.0.keys()).collect();
        let texts = ids.into_iter().filter(|id| id.is_component()).filter_map(|id| {
            let from = if chosen.contains(id) { other } else { self };
            from.0.get(id).map(|part| part.flat.as_str())
        });
        format!("[{}]", texts.collect::<Vec<_>>().join(","))
    }

    /// The variables as a JSON object, with those that are chosen as another
    /// config has them.
    pub fn with_variables(&self, other: &Config, chosen: &BTreeSet<PartId>) -> String {
        let ids: BTreeSet<&PartId> = self.0.keys().chain(other.0.keys()).collect();
        let wanted = ids.into_iter().filter(|id| id.kind == PartKind::Variable);
        let members = wanted.filter_map(|id| {
            let from = if chosen.contains(id) { other } else { self };
            let part = from.0.get(id)?;
            Some(format!("{}:{}", serde_json::Value::from(id.name.as_str()), part.flat))
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

impl PartId {
    /// Whether it is a component: metadata, a system or a pipe.
    pub fn is_component(&self) -> bool {
        !matches!(self.kind, PartKind::Variable | PartKind::Secret)
    }
}

/// `base` is `None` where nothing is known, and else the hash both had, if both
/// had it.
fn changed(here: Option<&Part>, there: Option<&Part>, base: Option<Option<&&str>>) -> Changed {
    let Some(base) = base else { return Changed::Unknown };
    let is_base = |part: Option<&Part>| part.map(Part::hash).as_deref() == base.copied();
    match (is_base(here), is_base(there)) {
        (true, _) => Changed::There,
        (false, true) => Changed::Here,
        (false, false) => Changed::Both,
    }
}

impl Base {
    /// Whether nothing is known yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn by_id(&self) -> Option<BTreeMap<PartId, &str>> {
        (!self.is_empty()).then(|| {
            let entries = self.0.iter().map(|(kind, name, hash)| {
                (PartId { kind: *kind, name: name.clone() }, hash.as_str())
            });
            entries.collect()
        })
    }

    /// What two configs have in common now: what is the same on both sides, and
    /// what they had in common before of all else.
    pub fn after(&self, here: &Config, there: &Config) -> Base {
        let mut all: BTreeMap<PartId, String> = BTreeMap::new();
        for (id, hash) in self.by_id().into_iter().flatten() {
            // What is gone on both sides need not be remembered.
            if here.0.contains_key(&id) || there.0.contains_key(&id) {
                all.insert(id, hash.to_owned());
            }
        }
        for (id, part) in &here.0 {
            if there.0.get(id).is_some_and(|other| other.flat == part.flat) {
                all.insert(id.clone(), part.hash());
            }
        }
        Base(all.into_iter().map(|(id, hash)| (id.kind, id.name, hash)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config(pipes: &[(&str, &str)], variables: &str) -> Config {
        let pipes: Vec<String> = pipes
            .iter()
            .map(|(id, n)| format!(r#"{{"_id": "{id}", "type": "pipe", "n": {n}}}"#))
            .collect();
        Config::read(&format!("[{}]", pipes.join(", ")), variables, &[]).unwrap()
    }

    fn told(here: &Config, there: &Config, base: &Base) -> Vec<(String, Changed)> {
        let all = here.differences(there, base);
        all.into_iter().map(|each| (each.id.name, each.changed)).collect()
    }

    #[test]
    fn layout_is_no_difference_and_spelling_is() {
        let here = config(&[("a", "1"), ("b", "1.0")], r#"{"x": 1}"#);
        let there = Config::read(
            "[{\"_id\":\"a\",\n\"type\":\"pipe\",\"n\":1},{\"_id\":\"b\",\"type\":\"pipe\",\"n\":1}]",
            "{ \"x\" : 1 }",
            &[],
        );
        let told = told(&here, &there.unwrap(), &Base::default());
        assert_eq!(told, [("b".to_owned(), Changed::Unknown)]);
        assert!(Config::read("[{", "{}", &[]).is_err());
    }

    #[test]
    fn with_a_base_it_is_known_who_changed_what() {
        let old = config(&[("a", "1"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1")], "{}");
        let base = Base::default().after(&old, &old);
        let here = config(&[("a", "2"), ("b", "1"), ("c", "2"), ("e", "1"), ("new", "1")], "{}");
        let there = config(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "1")], "{}");
        let expected = [
            ("a", Changed::Here),
            ("b", Changed::There),
            ("c", Changed::Both),
            ("d", Changed::Here),
            ("e", Changed::There),
            ("new", Changed::Here),
        ];
        let expected = expected.map(|(id, changed)| (id.to_owned(), changed));
        assert_eq!(told(&here, &there, &base), expected);
        // One is copied: of that nothing differs, of the others it stays known.
        let chosen = BTreeSet::from([PartId { kind: PartKind::Pipe, name: "a".into() }]);
        let there = Config::read(&there.with_components(&here, &chosen), "{}", &[]).unwrap();
        let base = base.after(&here, &there);
        assert_eq!(told(&here, &there, &base), expected[1..]);
    }

    #[test]
    fn only_what_is_chosen_is_taken_over() {
        let here = config(&[("a", "1"), ("gone", "1")], r#"{"x": 1.0, "y": 2}"#);
        let there = config(&[("a", "2"), ("b", "1e3")], r#"{"x": 2}"#);
        let pick = |kind, name: &str| PartId { kind, name: name.into() };
        let chosen = BTreeSet::from([
            pick(PartKind::Pipe, "b"),
            pick(PartKind::Pipe, "gone"),
            pick(PartKind::Variable, "y"),
        ]);
        let components = here.with_components(&there, &chosen);
        assert_eq!(
            components,
            r#"[{"_id":"a","type":"pipe","n":1},{"_id":"b","type":"pipe","n":1e3}]"#
        );
        assert_eq!(here.with_variables(&there, &chosen), r#"{"x":1.0}"#);
    }

    #[test]
    fn of_secrets_only_the_name_is_compared() {
        let with = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Config::read("[]", "{}", &names).unwrap()
        };
        let (here, there) = (with(&["a", "b"]), with(&["a"]));
        assert_eq!(told(&here, &there, &Base::default()), [("b".to_owned(), Changed::Unknown)]);
        assert_eq!(here.with_components(&there, &BTreeSet::new()), "[]");
    }
}
