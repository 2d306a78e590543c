//! Tests in the form of the official client: `expected/*.test.json`.

use std::sync::Arc;

use pipewright_dtl::syntax::Severity;
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::problem::{Findings, Origin, Problem, code, did_you_mean};
use crate::resolve::{Form, Item};
use crate::{File, Variables};

/// A test: what a pipe gives, compared with a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its name; that of its file without `.test.json` when not given.
    pub id: Text,
    /// What it is about, for people.
    pub description: Option<String>,
    /// Whether the test is skipped.
    pub ignore: bool,
    /// Whether deleted entities are left out of the comparison.
    pub ignore_deletes: bool,
    /// The pipe to test; the name of the file when not given.
    pub pipe: Text,
    /// The file that holds what is expected, relative to the project folder;
    /// the name of the test with `.json` when not given.
    pub file: Text,
    /// Where to take what the pipe gives from.
    pub endpoint: Endpoint,
    /// At which point of the pipe to look.
    pub stage: Stage,
    /// Properties to leave out, as dotted paths; `*` stands for any name.
    pub blacklist: Vec<Text>,
    /// Parameters for a published endpoint.
    pub parameters: Map<String, Json>,
    /// The properties to order entities by before comparing.
    pub sort_by: Vec<Text>,
    /// The entities that are sent through the pipe, in place of all that its
    /// source has: a pinned sample. The official client does not know this key,
    /// and looks for tests in `expected` itself only, not in the folders there.
    pub sample: Option<Vec<Json>>,
    /// What is wrong with the file itself, if anything: such a test fails, since
    /// what it means to compare is not known.
    pub broken: Option<String>,
    /// Where it is written.
    pub origin: Origin,
}

/// Where to take what a pipe gives from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The entities of the pipe.
    Entities,
    /// What is published in a form: `csv`, `xml` and the like.
    Published(Text),
}

/// A point of a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// As the source gives it.
    Source,
    /// Before the first transform, namespaces added.
    BeforeTransform,
    /// After the last transform.
    AfterTransform,
    /// As the sink gets it.
    #[default]
    Sink,
}

const KEYS: [&str; 13] = [
    "_id",
    "type",
    "description",
    "ignore",
    "ignore_deletes",
    "pipe",
    "file",
    "endpoint",
    "stage",
    "blacklist",
    "parameters",
    "fields_to_sort_by",
    "sample",
];

/// Reads a test. Keys that are missing have their documented defaults.
pub(crate) fn read(file: &Arc<File>, problems: &mut Vec<Problem>) -> Spec {
    let before = problems.len();
    let mut findings = Findings { file, component: None, most: Severity::Error, problems };
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let name = name.strip_suffix(".test.json").unwrap_or(name);
    let root = file.document.root.as_ref();
    let item = match root {
        Some(root) => Item::resolve(root, &Variables::default(), &mut findings),
        None => Item { span: 0..0, form: Form::Null },
    };
    if !matches!(item.form, Form::Object(_) | Form::Null | Form::Unknown(_)) {
        findings.error(
            code::NOT_AN_OBJECT,
            item.span.clone(),
            format!("a test is an object, this is {}", item.name()),
        );
    }
    for entry in item.entries() {
        if !KEYS.contains(&entry.key.as_str()) && !entry.key.starts_with("comment") {
            findings.warning(
                code::PROPERTY_UNKNOWN,
                entry.key_span.clone(),
                format!("a test has no property `{}`", entry.key),
                did_you_mean(&entry.key, KEYS),
            );
        }
    }
    let mut wrong = |item: &Item, key: &str, right: &str| {
        if !matches!(item.form, Form::Unknown(_)) {
            findings.error(
                code::VALUE_INVALID,
                item.span.clone(),
                format!("`{key}` is {right}, this is {}", item.name()),
            );
        }
    };
    let mut text = |key: &str| {
        let item = item.get(key)?;
        match &item.form {
            Form::String(text) => Some(text.clone()),
            _ => {
                wrong(item, key, "a string");
                None
            }
        }
    };
    let id = text("_id");
    let pipe = text("pipe");
    let expected = text("file");
    let endpoint = text("endpoint");
    let stage = text("stage");
    let mut truth = |key: &str, default: bool| match item.get(key) {
        None => default,
        Some(Item { form: Form::Bool(value), .. }) => *value,
        Some(item) => {
            wrong(item, key, "true or false");
            default
        }
    };
    let ignore = truth("ignore", false);
    let ignore_deletes = truth("ignore_deletes", true);
    let mut texts = |key: &str| match item.get(key) {
        None => Vec::new(),
        Some(Item { form: Form::String(one), .. }) => vec![one.clone()],
        Some(item) => {
            let found: Vec<Text> =
                item.items().iter().filter_map(|item| item.as_str().map(Text::new)).collect();
            if found.len() != item.items().len() || !matches!(item.form, Form::List(_)) {
                wrong(item, key, "a list of strings");
            }
            found
        }
    };
    let blacklist = texts("blacklist");
    let sort_by = texts("fields_to_sort_by");
    let parameters = match item.get("parameters") {
        None => Map::new(),
        Some(item) => match item.to_json() {
            Json::Object(parameters) => parameters,
            _ => {
                wrong(item, "parameters", "an object");
                Map::new()
            }
        },
    };
    let sample = item.get("sample").map(|item| {
        let entities = match item.to_json() {
            Json::Array(entities) => entities,
            entity => vec![entity],
        };
        let fits = |entity: &Json| entity.get("_id").is_some_and(Json::is_string);
        if !entities.iter().all(fits) {
            wrong(item, "sample", "an entity with a string as its `_id`, or a list of such");
        }
        entities.into_iter().filter(fits).collect()
    });
    let stage = match (stage.as_deref(), item.get("stage")) {
        (Some("source"), _) => Stage::Source,
        // Tests and the service API spell these in two ways.
        (Some("before-transform" | "before-transforms"), _) => Stage::BeforeTransform,
        (Some("after-transform" | "after-transforms"), _) => Stage::AfterTransform,
        (None | Some("sink"), _) | (_, None) => Stage::Sink,
        (Some(other), Some(item)) => {
            let known = ["source", "before-transform", "after-transform", "sink"];
            findings.report(
                code::VALUE_INVALID,
                Severity::Error,
                item.span.clone(),
                format!("there is no stage `{other}`"),
                Some(did_you_mean(other, known).unwrap_or_else(|| known.join(", ").into())),
            );
            Stage::Sink
        }
    };
    let expected = expected.unwrap_or_else(|| Text::from(format!("{name}.json")));
    let found = problems[before..].iter().map(|problem| &problem.diagnostic);
    let mut found = file.document.problems.iter().chain(found);
    let broken = found.find(|it| it.severity == Severity::Error).map(ToString::to_string);
    Spec {
        id: id.unwrap_or_else(|| Text::new(name)),
        description: item.get("description").and_then(Item::as_str).map(str::to_owned),
        ignore,
        ignore_deletes,
        pipe: pipe.unwrap_or_else(|| Text::new(name)),
        file: Text::from(format!("{folder}/{expected}")),
        // Excel files hold the same entities as JSON ones.
        endpoint: match endpoint.as_deref() {
            None | Some("json" | "excel") => Endpoint::Entities,
            Some(form) => Endpoint::Published(Text::new(form)),
        },
        stage,
        blacklist,
        parameters,
        sort_by,
        sample,
        broken,
        origin: Origin {
            file: file.clone(),
            at: pipewright_dtl::syntax::Path::root(),
            span: root.map_or(0..0, |root| root.span.clone()),
        },
    }
}
