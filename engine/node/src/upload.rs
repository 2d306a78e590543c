//! Config as data: components as the service API reads and posts them, kept in
//! the files of the project folder.
//!
//! A component that is posted as it stands keeps its file byte for byte. One
//! that differs gets the posted text; one that is left out is removed, and
//! with a pipe go its dataset and its state, with a system its secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use pipewright_config::{self as config, FileKind, Origin, Project, SourceFile};
use pipewright_dtl::syntax::{Document, Node as Tree, NodeKind, Path, apply};
use pipewright_entity::Text;
use pipewright_protocol::service::{ComponentErrors, ConfigError};
use pipewright_protocol::studio::{Change, Edits, FileEdit, TextEdit};
use pipewright_store::names;
use serde_json::{Value, json};

use crate::api::Failed;
use crate::folder::text_hash;
use crate::{Claims, Node};

/// The group of components that do not name one.
pub(crate) const DEFAULT_GROUP: &str = "default";

/// The largest config taken out of an archive, in bytes.
const LARGEST: u64 = 256 << 20;

/// Which components a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those of one config group. What is posted becomes part of it.
    Group(String),
    /// All of them.
    All,
    /// The one with this id.
    One(String),
    /// The node metadata.
    Metadata,
    /// None: what is posted must be new.
    Nothing,
}

/// A component as it stands in a file of the project.
pub(crate) struct Held<'p> {
    pub(crate) id: Text,
    kind: Kind,
    origin: &'p Origin,
}

/// A component as it is posted.
pub(crate) struct Posted {
    id: Text,
    kind: Kind,
    document: Arc<Document>,
    node: Tree,
    /// Where it lay in an archive.
    path: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    System,
    Metadata,
}

impl Kind {
    fn of(node: &Tree, path: Option<&str>) -> Kind {
        match (node.get("type").and_then(Tree::as_str), path.map(FileKind::of)) {
            (Some("metadata"), _) => Kind::Metadata,
            (Some(kind), _) if kind.starts_with("system:") => Kind::System,
            (Some(_), _) => Kind::Pipe,
            (None, Some(FileKind::System)) => Kind::System,
            (None, Some(FileKind::Metadata)) => Kind::Metadata,
            (None, _) => Kind::Pipe,
        }
    }

    /// The usual path of such a component.
    fn path(self, id: &str) -> String {
        // Ids hold characters that names of files cannot hold everywhere.
        let odd = |c: char| c.is_control() || r#"/\:*?"<>|"#.contains(c);
        let mut name: String = id.chars().map(|c| if odd(c) { '_' } else { c }).collect();
        if name.starts_with('.') {
            name.replace_range(..1, "_");
        }
        match self {
            Kind::Pipe => format!("pipes/{name}.conf.json"),
            Kind::System => format!("systems/{name}.conf.json"),
            Kind::Metadata => "node-metadata.conf.json".into(),
        }
    }

    /// Where it lies in an archive.
    fn member(self, id: &str) -> String {
        match self {
            Kind::Pipe => format!("pipes/{id}.conf.json"),
            Kind::System => format!("systems/{id}.conf.json"),
            Kind::Metadata => "node-metadata.conf.json".into(),
        }
    }
}

fn group_of(node: &Tree) -> &str {
    node.get("metadata")
        .and_then(|metadata| metadata.get("$config-group"))
        .and_then(Tree::as_str)
        .filter(|group| !group.is_empty())
        .unwrap_or(DEFAULT_GROUP)
}

impl Held<'_> {
    fn node(&self) -> Option<&Tree> {
        self.origin.file.document.at(&self.origin.at)
    }

    /// Its config with every number as it is written.
    pub(crate) fn text(&self) -> String {
        let document = &self.origin.file.document;
        self.node().map_or_else(|| "null".into(), |node| node.to_json_text(document, false))
    }

    fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Nothing => false,
            Scope::One(id) => self.kind != Kind::Metadata && self.id == *id,
            Scope::Metadata => self.kind == Kind::Metadata,
            Scope::Group(group) if self.kind == Kind::Metadata => group == DEFAULT_GROUP,
            Scope::Group(group) => self.node().is_some_and(|node| group_of(node) == group),
        }
    }
}

/// The components of a project that a call is about: metadata, systems, pipes.
pub(crate) fn held<'p>(project: &'p Project, scope: &Scope) -> Vec<Held<'p>> {
    let metadata = project.metadata().origin.as_ref().map(|origin| {
        let node = origin.file.document.at(&origin.at);
        let id = node.and_then(|node| node.get("_id")).and_then(Tree::as_text).cloned();
        Held { id: id.unwrap_or_else(|| "node".into()), kind: Kind::Metadata, origin }
    });
    let systems = project.systems().map(|system| Held {
        id: system.id.clone(),
        kind: Kind::System,
        origin: &system.origin,
    });
    let pipes = project.pipes().map(|pipe| Held {
        id: pipe.id.clone(),
        kind: Kind::Pipe,
        origin: &pipe.origin,
    });
    let all = metadata.into_iter().chain(systems).chain(pipes);
    all.filter(|held| held.is_in(scope)).collect()
}

/// Components as a JSON array.
pub(crate) fn to_json(held: &[Held<'_>]) -> String {
    let texts: Vec<String> = held.iter().map(Held::text).collect();
    format!("[{}]", texts.join(","))
}

/// Components as a zip archive, one file each.
pub(crate) fn to_zip(held: &[Held<'_>]) -> Result<Vec<u8>, Failed> {
    let failed = |error: &dyn std::fmt::Display| Failed::internal(format!("zip: {error}"));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    let mut names = BTreeSet::new();
    for component in held {
        let document = &component.origin.file.document;
        let Some(node) = component.node() else { continue };
        let name = component.kind.member(&component.id);
        if !names.insert(name.clone()) {
            continue;
        }
        zip.start_file(name, options).map_err(|error| failed(&error))?;
        let text = node.to_json_text(document, true);
        zip.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    }
    let done = zip.finish().map_err(|error| failed(&error))?;
    Ok(done.into_inner())
}

/// Reads posted components: a JSON array of them, or a single one.
pub(crate) fn from_json(text: &str) -> Result<Vec<Posted>, Failed> {
    let mut posted = Vec::new();
    read_into(&mut posted, text, None)?;
    Ok(posted)
}

/// Reads the components in a zip archive: its `*.conf.json`.
pub(crate) fn from_zip(bytes: &[u8]) -> Result<Vec<Posted>, Failed> {
    let broken = |error: &dyn std::fmt::Display| {
        Failed::bad_request(format!("the zip archive cannot be read: {error}"))
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut left = LARGEST;
    let mut posted = Vec::new();
    for place in 0..archive.len() {
        let file = archive.by_index(place).map_err(|error| broken(&error))?;
        let name = file.name().to_owned();
        if file.is_dir() || !name.ends_with(".conf.json") {
            continue;
        }
        let mut text = String::new();
        let read = file.take(left + 1).read_to_string(&mut text);
        let read = read.map_err(|error| broken(&format!("{name}: {error}")))? as u64;
        left = left.checked_sub(read).ok_or_else(|| broken(&"it holds too much"))?;
        read_into(&mut posted, &text, Some(&name))?;
    }
    Ok(posted)
}

fn read_into(to: &mut Vec<Posted>, text: &str, path: Option<&str>) -> Result<(), Failed> {
    let named = path.unwrap_or("the body");
    let document = Document::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
    if document.root.is_none() || document.is_broken() {
        let why = document.problems.first().map_or("it is empty", |problem| &problem.message);
        let config = json!({ "_id": named });
        let message = format!("{named} is not JSON: {why}");
        return Err(Failed::invalid_config(vec![report(config, vec![error_at("$", &message)])]));
    }
    let document = Arc::new(document);
    let nodes = match document.root.as_ref().map(|root| &root.kind) {
        Some(NodeKind::Array(items)) => items.to_vec(),
        _ => document.root.iter().cloned().collect(),
    };
    for node in nodes {
        let kind = Kind::of(&node, path);
        let id = node.get("_id").and_then(Tree::as_text).filter(|id| !id.is_empty()).cloned();
        let id = match kind {
            Kind::Metadata => Some(id.unwrap_or_else(|| "node".into())),
            _ => id,
        };
        let Some(id) = id.filter(|_| node.is_object()) else {
            let config = node.to_json(&document);
            let config = if config.is_object() { config } else { json!({ "_id": named }) };
            let message = "a component is an object with an \"_id\"";
            return Err(Failed::invalid_config(vec![report(config, vec![error_at("$", message)])]));
        };
        to.push(Posted {
            id,
            kind,
            document: document.clone(),
            node,
            path: path.map(str::to_owned),
        });
    }
    Ok(())
}

impl Posted {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is a pipe.
    pub(crate) fn is_pipe(&self) -> bool {
        self.kind == Kind::Pipe
    }

    /// Whether it is a system.
    pub(crate) fn is_system(&self) -> bool {
        self.kind == Kind::System
    }

    /// Whether it is node metadata.
    pub(crate) fn is_metadata(&self) -> bool {
        self.kind == Kind::Metadata
    }

    /// The same under another id, as the address of the call has it.
    pub(crate) fn called(self, id: &str) -> Result<Posted, Failed> {
        if self.id == *id {
            return Ok(self);
        }
        Err(Failed::bad_request(format!(
            "the address says {id:?} and the config says {:?}: they must be the same",
            self.id.as_str()
        )))
    }

    fn flat(&self) -> String {
        self.node.to_json_text(&self.document, false)
    }

    /// The text to keep: as it was posted where it has a file or lines of its
    /// own, and else with a line per member.
    fn text(&self) -> String {
        let alone = self.document.root.as_ref().is_some_and(|root| root.span == self.node.span);
        if alone && self.document.text.contains('\n') {
            return self.document.text.to_string();
        }
        format!("{}\n", self.node.to_json_text(&self.document, true))
    }

    /// Puts it into a config group.
    fn into_group(self, group: &str) -> Result<Posted, Failed> {
        if self.kind == Kind::Metadata || group_of(&self.node) == group {
            return Ok(self);
        }
        let document = Document::parse(self.text());
        let path = Path::root().key("metadata").key("$config-group");
        let edits = match group {
            DEFAULT_GROUP => document.remove(&path),
            _ => document.set(&path, &group.into()),
        };
        let text = edits.and_then(|edits| apply(&document.text, &edits));
        let (text, _) = text.map_err(|error| {
            let message =
                format!("{:?} cannot become part of the config group {group:?}: {error}", self.id);
            Failed::bad_request(message)
        })?;
        let document = Arc::new(Document::parse(text));
        match document.root.clone() {
            Some(node) => Ok(Posted { document, node, ..self }),
            None => Ok(self),
        }
    }
}

/// One component in the report on an upload.
fn report(config: Value, errors: Vec<ConfigError>) -> ComponentErrors {
    ComponentErrors { posted_config: config, config_errors: errors }
}

fn error_at(elements: &str, message: &str) -> ConfigError {
    ConfigError { elements: elements.into(), level: "error".into(), msg: message.into() }
}

/// What an upload comes to: the texts of files, `None` for those that go away.
type Texts = BTreeMap<String, Option<String>>;

/// Works out which files change.
fn plan(project: &Project, scope: &Scope, posted: &[Posted]) -> Texts {
    let mut texts = Texts::new();
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    let mut homes: BTreeMap<&str, String> = BTreeMap::new();
    // Items of lists in files, by file, that go away.
    let mut items: BTreeMap<&str, Vec<&Origin>> = BTreeMap::new();
    for old in held(project, scope) {
        let new = posted.iter().find(|new| new.id == old.id && new.kind == old.kind);
        if let Some(new) = new
            && new.flat() == old.text()
        {
            kept.insert(&new.id);
            continue;
        }
        let path = old.origin.file.path.as_str();
        if old.origin.at != Path::root() {
            items.entry(path).or_default().push(old.origin);
        } else if let Some(new) = new {
            homes.insert(&new.id, path.to_owned());
        } else {
            texts.insert(path.to_owned(), None);
        }
    }
    for (path, mut origins) in items {
        // From the end, so that the places of the others stay.
        origins.sort_by_key(|origin| std::cmp::Reverse(origin.span.start));
        let mut document = Document::parse(origins[0].file.document.text.clone());
        for origin in origins {
            let edits = document.remove(&origin.at);
            if let Ok((text, _)) = edits.and_then(|edits| apply(&document.text, &edits)) {
                document = Document::parse(text);
            }
        }
        let is_empty = document.root.as_ref().is_some_and(|root| root.items().is_empty());
        texts.insert(path.to_owned(), (!is_empty).then(|| document.text.to_string()));
    }
    for new in posted.iter().filter(|new| !kept.contains(new.id.as_str())) {
        let path = homes.remove(new.id.as_str()).unwrap_or_else(|| {
            let free = |path: &String| match texts.get(path) {
                Some(text) => text.is_none(),
                None => !project.paths().any(|(known, _)| known.eq_ignore_ascii_case(path)),
            };
            let ours = |path: &&String| FileKind::of(path).is_read() && path.contains('/');
            let given = new.path.as_ref().filter(ours).cloned().filter(free);
            given.unwrap_or_else(|| {
                let usual = new.kind.path(&new.id);
                let stem = usual.trim_end_matches(".conf.json").to_owned();
                let more = (2..).map(|number| format!("{stem}-{number}.conf.json"));
                std::iter::once(usual).chain(more).find(free).unwrap_or_default()
            })
        });
        texts.insert(path, Some(new.text()));
    }
    texts
}

impl Node {
    /// Makes the posted components be those of a scope, all of them or, unless
    /// it is forced, none. Gives the report on them: what is wrong with each,
    /// warnings included.
    pub(crate) fn replace_config(
        &self,
        scope: &Scope,
        posted: Vec<Posted>,
        force: bool,
        label: &str,
        by: &Claims,
    ) -> Result<Vec<ComponentErrors>, Failed> {
        self.reload("changed on disk").map_err(|error| Failed::internal(error.to_string()))?;
        let posted: Vec<Posted> = match scope {
            Scope::Group(group) => {
                posted.into_iter().map(|new| new.into_group(group)).collect::<Result<_, _>>()?
            }
            _ => posted,
        };
        let before = self.loaded();
        let (posted, mut reports) = without_taken(&before.project, scope, posted);
        if !reports.is_empty() && !force {
            return Err(Failed::invalid_config(reports));
        }
        let texts = plan(&before.project, scope, &posted);
        let changes = texts.iter().map(|(path, text)| match text {
            Some(text) => config::Change::Put(SourceFile::new(path.clone(), text.as_str())),
            None => config::Change::Remove(path.clone()),
        });
        let candidate = before.project.with(changes);
        check_losses(&before.project, &candidate)?;
        let (found, errors) = findings(&candidate, &posted);
        reports.extend(found);
        if errors && !force {
            return Err(Failed::invalid_config(reports));
        }
        if texts.is_empty() {
            return Ok(reports);
        }
        let edits = texts.into_iter().filter_map(|(path, text)| {
            let known = before.project.file(&path).map(|file| file.document.text.clone());
            Some(FileEdit { path, change: change(known.as_deref(), text)? })
        });
        self.edit(&Edits { label: label.to_owned(), files: edits.collect() }, by)?;
        self.forget_pipes(&before.project)?;
        let now = self.config();
        for system in before.project.systems().filter(|known| now.system(&known.id).is_none()) {
            if !self.secrets().names(Some(&system.id)).is_empty() {
                self.secrets().replace(Some(&system.id), &BTreeMap::new())?;
            }
        }
        Ok(reports)
    }

    /// Drops what pipes that are gone have left: state, execution log, and the
    /// dataset, unless another pipe writes it.
    fn forget_pipes(&self, before: &Project) -> Result<(), Failed> {
        let now = self.config();
        let gone: Vec<_> = before.pipes().filter(|pipe| now.pipe(&pipe.id).is_none()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = gone.iter().map(|pipe| pipe.id.to_string()).collect();
        self.conductor.stop_and_wait(&ids);
        let written: BTreeSet<Text> =
            now.pipes().filter_map(|pipe| pipe.sink_dataset().cloned()).collect();
        let mut batch = self.store().batch(self.now());
        let reader = self.store().reader()?;
        for pipe in gone {
            batch.drop_pipe(&pipe.id);
            let own = pipe.sink_dataset().filter(|dataset| !written.contains(*dataset));
            let mut datasets = vec![names::execution_log(&pipe.id)];
            datasets.extend(own.map(|dataset| names::uncommitted(dataset)));
            datasets.extend(own.cloned());
            for dataset in datasets {
                if reader.dataset(&dataset)?.is_some() {
                    self.store().drop_dataset(&dataset)?;
                }
            }
        }
        self.store().commit(batch)?;
        self.plan_runs()?;
        self.publish();
        Ok(())
    }
}

/// Leaves out what cannot be taken in beside the components that stay: ids
/// that others have, or that are posted twice.
fn without_taken(
    project: &Project,
    scope: &Scope,
    posted: Vec<Posted>,
) -> (Vec<Posted>, Vec<ComponentErrors>) {
    let leaving: BTreeSet<Text> = held(project, scope).into_iter().map(|held| held.id).collect();
    let mut seen = BTreeSet::new();
    let mut reports = Vec::new();
    let mut taken = Vec::new();
    for new in posted {
        let component = new.kind != Kind::Metadata;
        let is_known = project.pipe(&new.id).is_some() || project.system(&new.id).is_some();
        let why = if component && is_known && !leaving.contains(&new.id) {
            Some("a component of another config group has this \"_id\"")
        } else if !seen.insert((component, new.id.clone())) {
            Some("the upload holds this \"_id\" more than once")
        } else {
            None
        };
        match why {
            None => taken.push(new),
            Some(why) => reports
                .push(report(new.node.to_json(&new.document), vec![error_at("$['_id']", why)])),
        }
    }
    (taken, reports)
}

/// What is wrong with posted components, and whether anything is an error.
fn findings(candidate: &Project, posted: &[Posted]) -> (Vec<ComponentErrors>, bool) {
    let mut errors = false;
    let mut reports = Vec::new();
    let problems = config::validate(candidate);
    let metadata = candidate.metadata().origin.as_ref().map(|origin| &origin.file.path);
    for new in posted {
        let concerns = |problem: &&config::Problem| match new.kind {
            Kind::Metadata => metadata == Some(&problem.file) && problem.component.is_none(),
            _ => problem.component.as_ref() == Some(&new.id),
        };
        let found: Vec<ConfigError> = problems
            .iter()
            .filter(concerns)
            .map(|problem| {
                errors |= problem.is_error();
                crate::wire::config_error(problem)
            })
            .collect();
        if !found.is_empty() {
            reports.push(report(new.node.to_json(&new.document), found));
        }
    }
    (reports, errors)
}

/// Refuses config that would take away more than ten components and more than
/// a tenth of them, where the node asks for that
/// (`global_defaults.use_config_circuit_breaker`).
fn check_losses(before: &Project, after: &Project) -> Result<(), Failed> {
    if !before.metadata().use_config_circuit_breaker() {
        return Ok(());
    }
    let pipes = before.pipes().filter(|pipe| after.pipe(&pipe.id).is_none()).count();
    let systems = before.systems().filter(|system| after.system(&system.id).is_none()).count();
    let (lost, all) = (pipes + systems, before.pipes().count() + before.systems().count());
    if lost <= 10 || lost * 10 <= all {
        return Ok(());
    }
    Err(Failed::bad_request(format!(
        "this would delete {lost} of {all} components; if that is meant, set \
         global_defaults.use_config_circuit_breaker to false in the node's metadata first"
    )))
}

/// The change that leads from one text of a file to another.
pub(crate) fn change(before: Option<&str>, after: Option<String>) -> Option<Change> {
    Some(match (before, after) {
        (None, None) => return None,
        (None, Some(text)) => Change::Create { text },
        (Some(before), None) => Change::Delete { base: text_hash(before) },
        (Some(before), Some(text)) => Change::Edit {
            base: text_hash(before),
            edits: vec![TextEdit { start: 0, end: before.len(), text }],
        },
    })
}
