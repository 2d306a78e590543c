//! A case as its line gives it.

use std::path::Path;

use pipewright_dtl::syntax::{Document, Node};
use pipewright_entity::{Dict, Entity, Text, Value};

use super::compare::Comparison;
use super::{Verdict, pipe, program};

/// One case: what is given and what must come out.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the case is called.
    pub id: String,
    /// Whether the documentation leaves open what the case says.
    pub ambiguous: bool,
    pub(super) kind: Kind,
    document: Document,
    root: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `expr` is an expression; its value is compared.
    Expression,
    /// `expr` is a transform or a list of them; the target is compared.
    Transform,
    /// A whole pipe; what its sink stores or serves is compared.
    Pipe,
}

/// A line that cannot be read as a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotACase {
    /// The case's id, as far as it has one.
    pub id: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// What must come out.
const EXPECTATIONS: [&str; 7] = [
    "expect",
    "expect_datasets",
    "expect_emitted",
    "expect_error",
    "expect_none",
    "expect_outcome",
    "expect_type",
];

impl Case {
    /// Reads one line.
    pub fn read(line: &str) -> Result<Case, NotACase> {
        let document = Document::parse(line);
        let root = document.root.clone();
        let id = root.as_ref().and_then(|root| root.get("id")?.as_str()).map(str::to_owned);
        let refuse = |why: String| NotACase { id: id.clone(), why };
        if let Some(problem) = document.problems.first() {
            return Err(refuse(problem.message.clone()));
        }
        let Some(root) = root.filter(Node::is_object) else {
            return Err(refuse("a case is a JSON object".to_owned()));
        };
        // An expectation that is not looked at would let the case pass.
        let unknown = root.members().iter().map(|member| member.key.as_str());
        let mut unknown = unknown.filter(|key| key.starts_with("expect"));
        if let Some(key) = unknown.find(|key| !EXPECTATIONS.contains(key)) {
            return Err(refuse(format!("there is no expectation {key:?}")));
        }
        if !EXPECTATIONS.iter().any(|key| root.get(key).is_some()) {
            return Err(refuse("it expects nothing".to_owned()));
        }
        let kind = match root.get("kind").and_then(Node::as_str) {
            Some("expr") => Kind::Expression,
            Some("transform") => Kind::Transform,
            Some("pipe") => Kind::Pipe,
            other => return Err(refuse(format!("there is no kind {other:?} of case"))),
        };
        let Some(id) = id else {
            return Err(NotACase { id: None, why: "it has no \"id\"".to_owned() });
        };
        let ambiguous = root.get("ambiguous").and_then(Node::as_bool) == Some(true);
        Ok(Case { id, ambiguous, kind, document, root })
    }

    /// Tries the case.
    pub(super) fn verdict(&self, folder: &Path) -> Verdict {
        let result = match self.kind {
            Kind::Expression | Kind::Transform => program::check(self, folder),
            Kind::Pipe => pipe::check(self, folder),
        };
        match result {
            Ok(()) => Verdict::Passed,
            Err(Stop::Failed(why)) => Verdict::Failed(why),
            Err(Stop::Skipped(why)) => Verdict::Skipped(why),
        }
    }

    /// A field, if the case has it.
    pub(super) fn node(&self, field: &str) -> Option<&Node> {
        self.root.get(field)
    }

    /// A field of `config`, if the case has it.
    pub(super) fn config(&self, field: &str) -> Option<&Node> {
        self.node("config")?.get(field)
    }

    /// The JSON text of a node.
    pub(super) fn text(&self, node: &Node) -> &str {
        self.document.text_of(node)
    }

    /// A node as data, transit marks read.
    pub(super) fn data(&self, node: &Node) -> Result<Value, Stop> {
        let value = Value::from_transit(self.text(node).as_bytes());
        value.map_err(|error| Stop::Failed(error.to_string()))
    }

    /// A field as data.
    pub(super) fn value(&self, field: &str) -> Result<Option<Value>, Stop> {
        self.node(field).map(|node| self.data(node)).transpose()
    }

    /// A field that must be an object, as data.
    pub(super) fn dict(&self, field: &str) -> Result<Option<Dict>, Stop> {
        match self.value(field)? {
            None => Ok(None),
            Some(Value::Dict(dict)) => Ok(Some((*dict).clone())),
            Some(other) => {
                Err(Stop::Failed(format!("{field:?} must be an object, not {}", other.type_name())))
            }
        }
    }

    /// The entities that the datasets hold beforehand, in the order in which
    /// they were written.
    pub(super) fn datasets(&self) -> Result<Vec<(Text, Vec<Entity>)>, Stop> {
        let members = self.node("datasets").map_or(&[][..], Node::members);
        let dataset = |(name, node): (&Text, &Node)| {
            let entities = node.items().iter().map(|item| {
                let entity = Entity::from_value(self.data(item)?);
                entity.map_err(|error| Stop::Failed(format!("in the dataset {name:?}: {error}")))
            });
            Ok((name.clone(), entities.collect::<Result<_, Stop>>()?))
        };
        members.iter().map(|member| dataset((&member.key, &member.value))).collect()
    }

    /// Whether a field is `true`.
    pub(super) fn is_true(&self, field: &str) -> bool {
        self.node(field).and_then(Node::as_bool) == Some(true)
    }

    /// How values are compared.
    pub(super) fn comparison(&self) -> Result<Comparison, Stop> {
        let ignored = self.node("ignore").map_or(&[][..], Node::items).iter();
        let ignored = ignored.filter_map(|node| node.as_text().cloned()).collect();
        let tolerance = match self.node("tol") {
            Some(node) => self.text(node).parse().ok(),
            None => None,
        };
        let mode = self.node("compare").and_then(Node::as_str).unwrap_or("exact");
        Comparison::new(mode, ignored, tolerance).map_err(Stop::Failed)
    }
}

/// Why a case did not pass.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(String),
    Skipped(String),
}

impl From<String> for Stop {
    fn from(why: String) -> Stop {
        Stop::Failed(why)
    }
}
