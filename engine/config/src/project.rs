//! A project: its files, and the components in them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use pipewright_dtl::syntax::{Document, Node, NodeKind, Path, Severity};
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::metadata::{self, Metadata};
use crate::pipe::{self, Pipe};
use crate::problem::{Findings, Problem, code, did_you_mean};
use crate::resolve::{Item, name_of};
use crate::spec::{self, Spec};
use crate::system::{self, System};
use crate::variables::Variables;

/// What a file of a project is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Pipes: `pipes/**/*.conf.json`.
    Pipe,
    /// Systems: `systems/**/*.conf.json`.
    System,
    /// `node-metadata.conf.json`.
    Metadata,
    /// Any other `*.conf.json` at the top: a list of components.
    Config,
    /// Variables: `*-env.json` at the top.
    Env,
    /// A test: `expected/**/*.test.json`.
    Spec,
    /// What a test expects: any other file in `expected/`.
    Expected,
    /// Entities to push to a pipe before a test: `testdata/**/*.json`.
    TestData,
    /// Anything else. It is not read.
    Other,
}

impl FileKind {
    /// What a file is for, by its path relative to the project folder (with
    /// `/`).
    pub fn of(path: &str) -> FileKind {
        let config = path.ends_with(".conf.json");
        match path.split_once('/') {
            None if path == "node-metadata.conf.json" => FileKind::Metadata,
            None if config => FileKind::Config,
            None if path.ends_with("-env.json") => FileKind::Env,
            Some(("pipes", _)) if config => FileKind::Pipe,
            Some(("systems", _)) if config => FileKind::System,
            Some(("expected", _)) if path.ends_with(".test.json") => FileKind::Spec,
            Some(("expected", _)) => FileKind::Expected,
            Some(("testdata", _)) if path.ends_with(".json") => FileKind::TestData,
            _ => FileKind::Other,
        }
    }

    /// Whether a project reads files of this kind. Of the others it only knows
    /// that they are there.
    pub fn is_read(self) -> bool {
        !matches!(self, FileKind::Expected | FileKind::TestData | FileKind::Other)
    }
}

/// A file of a project that is read.
#[derive(Debug, PartialEq)]
pub struct File {
    /// Its path relative to the project folder, with `/`.
    pub path: Text,
    /// What it is for.
    pub kind: FileKind,
    /// Its text and tree.
    pub document: Arc<Document>,
}

/// A file as it is handed to a project.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path relative to the project folder, with `/`.
    pub path: String,
    /// Its text, or why it could not be read.
    pub text: Result<Arc<str>, String>,
}

impl SourceFile {
    /// A file with a text.
    pub fn new(path: impl Into<String>, text: impl Into<Arc<str>>) -> SourceFile {
        SourceFile { path: path.into(), text: Ok(text.into()) }
    }
}

/// What became of a file.
#[derive(Clone, Debug)]
enum Entry {
    Read(Arc<File>),
    /// It is there, but its text does not matter.
    Seen,
    Unreadable(String),
}

/// The config of a node: pipes, systems, metadata, variables and tests, with
/// the files they are written in.
///
/// Cheap to clone in part: files, pipes and systems are shared.
#[derive(Clone, Debug)]
pub struct Project {
    entries: BTreeMap<String, Entry>,
    wanted_profile: Option<String>,
    profile: Option<String>,
    variables: Arc<Variables>,
    metadata: Arc<Metadata>,
    pipes: BTreeMap<Text, Arc<Pipe>>,
    systems: BTreeMap<Text, Arc<System>>,
    specs: Vec<Arc<Spec>>,
    problems: Vec<Problem>,
}

/// The profile that is used when none is asked for.
const DEFAULT_PROFILE: &str = "test";

impl Project {
    /// Reads a project from the texts of its files. Never fails: what is wrong
    /// is among [`Project::problems`]. Without a `profile`, `test-env.json` is
    /// used if it is there.
    pub fn load(files: impl IntoIterator<Item = SourceFile>, profile: Option<&str>) -> Project {
        let mut project = Project {
            entries: BTreeMap::new(),
            wanted_profile: profile.map(str::to_owned),
            profile: None,
            variables: Arc::default(),
            metadata: Arc::default(),
            pipes: BTreeMap::new(),
            systems: BTreeMap::new(),
            specs: Vec::new(),
            problems: Vec::new(),
        };
        for file in files {
            project.put(file);
        }
        project.assemble();
        project
    }

    /// The project after some files have changed. Files that did not change
    /// are not read again.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = Change>) -> Project {
        let mut project = self.clone();
        for change in changes {
            match change {
                Change::Put(file) => project.put(file),
                Change::Remove(path) => {
                    project.entries.remove(&path);
                }
            }
        }
        project.assemble();
        project
    }

    /// The project with another profile, or with the default one.
    #[must_use]
    pub fn with_profile(&self, profile: Option<&str>) -> Project {
        let mut project = self.clone();
        project.wanted_profile = profile.map(str::to_owned);
        project.assemble();
        project
    }

    fn put(&mut self, file: SourceFile) {
        let kind = FileKind::of(&file.path);
        let entry = match file.text {
            _ if !kind.is_read() => Entry::Seen,
            Err(why) => Entry::Unreadable(why),
            Ok(text) => {
                if let Some(Entry::Read(known)) = self.entries.get(&file.path)
                    && known.document.text == text
                {
                    return;
                }
                Entry::Read(Arc::new(File {
                    path: Text::new(&file.path),
                    kind,
                    document: Arc::new(Document::parse(text)),
                }))
            }
        };
        self.entries.insert(file.path, entry);
    }

    /// The files that were read, by path.
    pub fn files(&self) -> impl Iterator<Item = &Arc<File>> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::Read(file) => Some(file),
            _ => None,
        })
    }

    /// A file that was read.
    pub fn file(&self, path: &str) -> Option<&Arc<File>> {
        match self.entries.get(path)? {
            Entry::Read(file) => Some(file),
            _ => None,
        }
    }

    /// The paths of all files, those that are not read included.
    pub fn paths(&self) -> impl Iterator<Item = (&str, FileKind)> {
        self.entries.keys().map(|path| (path.as_str(), FileKind::of(path)))
    }

    /// The pipes by id.
    pub fn pipes(&self) -> impl Iterator<Item = &Arc<Pipe>> {
        self.pipes.values()
    }

    /// A pipe.
    pub fn pipe(&self, id: &str) -> Option<&Arc<Pipe>> {
        self.pipes.get(id)
    }

    /// The systems by id.
    pub fn systems(&self) -> impl Iterator<Item = &Arc<System>> {
        self.systems.values()
    }

    /// A system.
    pub fn system(&self, id: &str) -> Option<&Arc<System>> {
        self.systems.get(id)
    }

    /// What holds for the whole node.
    pub fn metadata(&self) -> &Arc<Metadata> {
        &self.metadata
    }

    /// The variables of the profile.
    pub fn variables(&self) -> &Arc<Variables> {
        &self.variables
    }

    /// The profile in use: `test` for `test-env.json`. `None` when the project
    /// has none and none was asked for.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// The profiles there are.
    pub fn profiles(&self) -> Vec<&str> {
        self.entries.keys().filter_map(|path| profile_of(path)).collect()
    }

    /// The tests, by their files.
    pub fn specs(&self) -> &[Arc<Spec>] {
        &self.specs
    }

    /// Files with entities to push before a test: pipe id and path.
    pub fn test_data(&self) -> impl Iterator<Item = (&str, &str)> {
        self.paths().filter(|(_, kind)| *kind == FileKind::TestData).map(|(path, _)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            (name.strip_suffix(".json").unwrap_or(name), path)
        })
    }

    /// What was wrong when the files were read: JSON, structure, variables.
    /// [`crate::validate()`] adds what needs the whole project or DTL.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Reads all components anew from the trees of the files.
    fn assemble(&mut self) {
        let mut problems = Vec::new();
        self.read_texts(&mut problems);
        self.read_profile(&mut problems);

        let mut components = Vec::new();
        for file in self.files() {
            if matches!(
                file.kind,
                FileKind::Pipe | FileKind::System | FileKind::Metadata | FileKind::Config
            ) {
                collect(file, &mut components, &mut problems);
            }
        }
        self.metadata = Arc::default();
        self.pipes.clear();
        self.systems.clear();
        // Metadata first: the defaults of everything else hang on it.
        let (metadata, others): (Vec<_>, Vec<_>) =
            components.into_iter().partition(|component| component.kind == Kind::Metadata);
        let mut first = true;
        for component in metadata {
            if std::mem::take(&mut first) {
                let variables = self.variables.clone();
                let mut findings = component.findings(None, &mut problems);
                let item = Item::resolve(&component.node, &variables, &mut findings);
                self.metadata = Arc::new(metadata::read(&item, &mut findings));
            } else {
                component.findings(None, &mut problems).error(
                    code::ID_DUPLICATE,
                    first_byte(&component.node),
                    "the project has node metadata already".into(),
                );
            }
        }
        let mut taken: HashMap<Text, Text> = HashMap::new();
        for component in others {
            let Some(id) = component.id(&mut problems) else { continue };
            if let Some(other) = taken.get(&id) {
                let span = component.node.get("_id").map_or(0..0, |node| node.span.clone());
                component.findings(Some(id.clone()), &mut problems).report(
                    code::ID_DUPLICATE,
                    Severity::Error,
                    span,
                    format!("`{id}` is taken: {other} has it"),
                    Some("give one of them another `_id`".into()),
                );
                continue;
            }
            taken.insert(id.clone(), component.file.path.clone());
            self.read_component(id, &component, &mut problems);
        }
        self.specs = self
            .files()
            .filter(|file| file.kind == FileKind::Spec)
            .map(|file| Arc::new(spec::read(file, &mut problems)))
            .collect();
        problems.sort_by(|a, b| {
            let key = |problem: &Problem| (problem.file.clone(), problem.diagnostic.span.start);
            key(a).cmp(&key(b))
        });
        self.problems = problems;
    }

    fn read_component(&mut self, id: Text, component: &Component, problems: &mut Vec<Problem>) {
        let variables = self.variables.clone();
        let metadata = self.metadata.clone();
        let first = problems.len();
        let mut findings = component.findings(Some(id.clone()), problems);
        let item = Item::resolve(&component.node, &variables, &mut findings);
        match component.kind {
            Kind::System => {
                let system = system::read(id.clone(), &item, &metadata.config, &mut findings);
                if system.obstacle.is_some() {
                    soften(&mut problems[first..], &system.origin.span);
                }
                self.systems.insert(id, Arc::new(system));
            }
            _ => {
                let mut reader = pipe::Reader {
                    variables: &variables,
                    metadata: &metadata.config,
                    findings: &mut findings,
                };
                let pipe = pipe::read(id.clone(), &item, &mut reader);
                for obstacle in pipe.obstacles() {
                    soften(&mut problems[first..], &obstacle.origin.span);
                }
                self.pipes.insert(id, Arc::new(pipe));
            }
        }
    }

    /// Reports files that cannot be read and broken JSON.
    fn read_texts(&self, problems: &mut Vec<Problem>) {
        for (path, entry) in &self.entries {
            match entry {
                Entry::Read(file) => {
                    let mut findings =
                        Findings { file, component: None, most: Severity::Error, problems };
                    for problem in &file.document.problems {
                        findings.add(problem.clone());
                    }
                }
                Entry::Unreadable(why) => {
                    let file = Arc::new(File {
                        path: Text::new(path),
                        kind: FileKind::of(path),
                        document: Arc::new(Document::parse("")),
                    });
                    about(&file, problems).error(
                        code::FILE_UNREADABLE,
                        0..0,
                        format!("the file cannot be read: {why}"),
                    );
                }
                Entry::Seen if looks_like_config(path) => {
                    let file = Arc::new(File {
                        path: Text::new(path),
                        kind: FileKind::Other,
                        document: Arc::new(Document::parse("")),
                    });
                    about(&file, problems).report(
                        code::FILE_IGNORED,
                        Severity::Info,
                        0..0,
                        "the file is not read: config files end in .conf.json".into(),
                        Some("rename it if it is config".into()),
                    );
                }
                Entry::Seen => {}
            }
        }
    }

    fn read_profile(&mut self, problems: &mut Vec<Problem>) {
        let wanted = self.wanted_profile.as_deref().unwrap_or(DEFAULT_PROFILE);
        let path = format!("{wanted}-env.json");
        self.variables = Arc::default();
        self.profile = None;
        let Some(file) = self.file(&path).cloned() else {
            if self.wanted_profile.is_some() {
                let suggestion = did_you_mean(wanted, self.profiles())
                    .unwrap_or_else(|| format!("there are: {}", self.profiles().join(", ")));
                let file = Arc::new(File {
                    path: Text::new(&path),
                    kind: FileKind::Env,
                    document: Arc::new(Document::parse("")),
                });
                about(&file, problems).report(
                    code::PROFILE_MISSING,
                    Severity::Error,
                    0..0,
                    format!("there is no profile `{wanted}`"),
                    Some(suggestion),
                );
            }
            return;
        };
        self.profile = Some(wanted.to_owned());
        let document = &file.document;
        match document.root.as_ref() {
            Some(root) if root.is_object() => {
                if let Json::Object(values) = root.to_json(document) {
                    self.variables = Arc::new(Variables::from_file(values, file.path.clone()));
                }
            }
            Some(root) if !root.is_missing() => about(&file, problems).error(
                code::NOT_AN_OBJECT,
                root.span.clone(),
                format!("a profile is an object of variables, this is {}", name_of(root)),
            ),
            _ => {}
        }
        if self.variables.file().is_none() {
            self.variables = Arc::new(Variables::from_file(Map::new(), file.path.clone()));
        }
    }
}

/// A change of one file.
#[derive(Clone, Debug)]
pub enum Change {
    /// The file has this text now.
    Put(SourceFile),
    /// The file at this path is gone.
    Remove(String),
}

/// The name of the profile that a path holds.
fn profile_of(path: &str) -> Option<&str> {
    path.strip_suffix("-env.json").filter(|name| !name.contains('/') && !name.is_empty())
}

/// Whether a file that is not read lies where config lies.
fn looks_like_config(path: &str) -> bool {
    (path.starts_with("pipes/") || path.starts_with("systems/")) && path.ends_with(".json")
}

fn about<'a>(file: &'a Arc<File>, problems: &'a mut Vec<Problem>) -> Findings<'a> {
    Findings { file, component: None, most: Severity::Error, problems }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pipe,
    System,
    Metadata,
}

/// A component before it is read.
struct Component {
    file: Arc<File>,
    node: Node,
    kind: Kind,
}

impl Component {
    fn findings<'a>(
        &'a self,
        component: Option<Text>,
        problems: &'a mut Vec<Problem>,
    ) -> Findings<'a> {
        Findings { file: &self.file, component, most: Severity::Error, problems }
    }

    fn id(&self, problems: &mut Vec<Problem>) -> Option<Text> {
        let mut findings = self.findings(None, problems);
        let Some(node) = self.node.get("_id") else {
            findings.error(
                code::ID_INVALID,
                first_byte(&self.node),
                "the component has no `_id`".into(),
            );
            return None;
        };
        match &node.kind {
            NodeKind::Missing => None,
            NodeKind::String(id) if id.is_empty() => {
                findings.error(code::ID_INVALID, node.span.clone(), "`_id` is empty".into());
                None
            }
            NodeKind::String(id) => {
                if id.contains('/') {
                    findings.component = Some(id.clone());
                    findings.error(
                        code::ID_INVALID,
                        node.span.clone(),
                        "an `_id` may not contain `/`".into(),
                    );
                }
                Some(id.clone())
            }
            _ => {
                findings.error(
                    code::ID_INVALID,
                    node.span.clone(),
                    format!("`_id` is a string, this is {}", name_of(node)),
                );
                None
            }
        }
    }
}

/// A variable that is missing in something that does not run anyway stops
/// nothing.
fn soften(problems: &mut [Problem], span: &Range<usize>) {
    for problem in problems {
        let inside =
            span.start <= problem.diagnostic.span.start && problem.diagnostic.span.end <= span.end;
        if inside && problem.diagnostic.code == code::VARIABLE_MISSING {
            problem.diagnostic.severity = problem.diagnostic.severity.min(Severity::Warning);
        }
    }
}

/// What to point at when something is missing in an object.
fn first_byte(node: &Node) -> Range<usize> {
    node.span.start..node.span.end.min(node.span.start + 1)
}

/// Finds the components in a file: one object, or a list of them.
fn collect(file: &Arc<File>, all: &mut Vec<Component>, problems: &mut Vec<Problem>) {
    let Some(root) = &file.document.root else { return };
    let nodes = match &root.kind {
        NodeKind::Array(items) => items.to_vec(),
        _ => vec![root.clone()],
    };
    for node in nodes {
        match &node.kind {
            NodeKind::Object(_) => {}
            NodeKind::Missing => continue,
            _ => {
                about(file, problems).error(
                    code::NOT_AN_OBJECT,
                    node.span.clone(),
                    format!("a component is an object, this is {}", name_of(&node)),
                );
                continue;
            }
        }
        let kind = match (node.get("type").and_then(Node::as_str), file.kind) {
            (Some("pipe"), _) => Kind::Pipe,
            (Some("metadata"), _) => Kind::Metadata,
            (Some(kind), _) if kind.starts_with("system:") => Kind::System,
            (_, FileKind::System) => Kind::System,
            (_, FileKind::Metadata) => Kind::Metadata,
            (kind, _) => {
                check_pipe_type(file, &node, kind, problems);
                Kind::Pipe
            }
        };
        all.push(Component { file: file.clone(), node, kind });
    }
}

/// A component that is read as a pipe although it does not say that it is one.
fn check_pipe_type(file: &Arc<File>, node: &Node, kind: Option<&str>, problems: &mut Vec<Problem>) {
    let id = node.get("_id").and_then(Node::as_text).cloned();
    let mut findings = Findings { component: id, ..about(file, problems) };
    match (kind, node.get("type")) {
        (Some(kind), Some(at)) => findings.error(
            code::TYPE_UNKNOWN,
            at.span.clone(),
            format!(
                "there is no component of type `{kind}`: a pipe is \"pipe\", a system \"system:…\""
            ),
        ),
        (None, Some(at)) if !at.is_missing() => findings.error(
            code::VALUE_INVALID,
            at.span.clone(),
            format!("`type` is a string, this is {}", name_of(at)),
        ),
        (None, None) => findings.warning(
            code::TYPE_MISSING,
            first_byte(node),
            "the component has no `type`; it is read as a pipe".into(),
            Some("add \"type\": \"pipe\"".into()),
        ),
        _ => {}
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod folder {
    use std::fs;
    use std::path::{Path as FilePath, PathBuf};

    use super::{FileKind, Project, SourceFile};

    /// The folder cannot be read.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot read {}: {error}", path.display())]
    pub struct OpenError {
        /// The folder.
        pub path: PathBuf,
        /// Why.
        #[source]
        pub error: std::io::Error,
    }

    impl Project {
        /// Reads a project folder. Nothing is written; hidden folders, such as
        /// `.pipewright`, are left alone.
        pub fn open(folder: &FilePath, profile: Option<&str>) -> Result<Project, OpenError> {
            Ok(Project::load(read(folder)?, profile))
        }
    }

    /// The files of a project folder. Only those that matter have their text.
    pub fn read(folder: &FilePath) -> Result<Vec<SourceFile>, OpenError> {
        let mut files = Vec::new();
        walk(folder, "", &mut files)
            .map_err(|error| OpenError { path: folder.to_owned(), error })?;
        Ok(files)
    }

    /// Folders that hold parts of a project.
    const FOLDERS: [&str; 4] = ["pipes", "systems", "expected", "testdata"];

    fn walk(folder: &FilePath, below: &str, files: &mut Vec<SourceFile>) -> std::io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let path = format!("{below}{name}");
            // Follows links, so that a folder may be put together from others;
            // a link that leads nowhere is as good as no file.
            let Ok(about) = fs::metadata(entry.path()) else { continue };
            if about.is_dir() {
                let known = !below.is_empty() || FOLDERS.contains(&name);
                // Links may lead in a circle.
                if known && path.matches('/').count() < 32 {
                    let inside = walk(&entry.path(), &format!("{path}/"), files);
                    if let Err(error) = inside {
                        files.push(SourceFile { path, text: Err(error.to_string()) });
                    }
                }
            } else if FileKind::of(&path).is_read() {
                let text = match fs::read(entry.path()) {
                    Ok(bytes) => String::from_utf8(bytes)
                        .map(Into::into)
                        .map_err(|_| "it is not UTF-8 text".to_owned()),
                    Err(error) => Err(error.to_string()),
                };
                files.push(SourceFile { path, text });
            } else {
                files.push(SourceFile { path, text: Ok("".into()) });
            }
        }
        Ok(())
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use folder::{OpenError, read as read_folder};

impl Project {
    /// The path of the root of a component in its file, for edits.
    pub fn place_of(&self, id: &str) -> Option<(&Arc<File>, &Path)> {
        let origin = match (self.pipe(id), self.system(id)) {
            (Some(pipe), _) => &pipe.origin,
            (None, Some(system)) => &system.origin,
            (None, None) => return None,
        };
        Some((&origin.file, &origin.at))
    }
}
