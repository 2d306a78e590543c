//! A project: its files, and the components in them.

mod component;
mod file;
#[cfg(not(target_arch = "wasm32"))]
mod folder;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use pipewright_dtl::syntax::{Document, Path, Severity};
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::metadata::{self, Metadata};
use crate::pipe::{self, Compiled, Pipe};
use crate::problem::{Findings, Origin, Problem, code, did_you_mean};
use crate::resolve::{Item, name_of};
use crate::spec::{self, Spec};
use crate::system::{self, System};
use crate::variables::Variables;

use component::{Component, Kind, collect, first_byte};
pub use file::{Change, File, FileKind, SourceFile};
#[cfg(not(target_arch = "wasm32"))]
pub use folder::{OpenError, read as read_folder};

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
    /// What was found when a component was read, by its id.
    found: HashMap<Text, Arc<[Problem]>>,
}

/// What was made of the files before some of them changed.
struct Before {
    variables: Arc<Variables>,
    metadata: Arc<Metadata>,
    pipes: BTreeMap<Text, Arc<Pipe>>,
    systems: BTreeMap<Text, Arc<System>>,
    found: HashMap<Text, Arc<[Problem]>>,
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
            found: HashMap::new(),
        };
        for file in files {
            project.put(file);
        }
        project.assemble();
        project
    }

    /// The project after some files have changed. Files that did not change
    /// are not read again, and neither are their components, unless the profile
    /// or the metadata is another.
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

    /// The path of the root of a component in its file, for edits.
    pub fn place_of(&self, id: &str) -> Option<(&Arc<File>, &Path)> {
        let origin = match (self.pipe(id), self.system(id)) {
            (Some(pipe), _) => &pipe.origin,
            (None, Some(system)) => &system.origin,
            (None, None) => return None,
        };
        Some((&origin.file, &origin.at))
    }

    /// Reads the components from the trees of the files.
    fn assemble(&mut self) {
        let mut problems = Vec::new();
        let before = Before {
            variables: std::mem::take(&mut self.variables),
            metadata: std::mem::take(&mut self.metadata),
            pipes: std::mem::take(&mut self.pipes),
            systems: std::mem::take(&mut self.systems),
            found: std::mem::take(&mut self.found),
        };
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
        let same =
            *self.variables == *before.variables && self.metadata.config == before.metadata.config;
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
            if !(same && self.keep_component(&id, &component, &before)) {
                let known = before.pipes.get(&id).filter(|_| same);
                self.read_component(id.clone(), &component, known.map(|pipe| &pipe.compiled));
            }
            problems.extend(self.found[&id].iter().cloned());
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

    /// Takes over a component that is written where it was, in a file that is
    /// what it was. Whether there is one.
    fn keep_component(&mut self, id: &Text, component: &Component, before: &Before) -> bool {
        let is_same = |origin: &Origin| {
            Arc::ptr_eq(&origin.file, &component.file) && origin.span == component.node.span
        };
        let Some(found) = before.found.get(id) else { return false };
        match component.kind {
            Kind::System => {
                let Some(known) = before.systems.get(id).filter(|known| is_same(&known.origin))
                else {
                    return false;
                };
                self.systems.insert(id.clone(), known.clone());
            }
            _ => {
                let Some(known) = before.pipes.get(id).filter(|known| is_same(&known.origin))
                else {
                    return false;
                };
                self.pipes.insert(id.clone(), known.clone());
            }
        }
        self.found.insert(id.clone(), found.clone());
        true
    }

    /// Reads a component; `known` is what was found in an earlier text of it.
    fn read_component(&mut self, id: Text, component: &Component, known: Option<&Compiled>) {
        let variables = self.variables.clone();
        let metadata = self.metadata.clone();
        let mut problems = Vec::new();
        let mut findings = component.findings(Some(id.clone()), &mut problems);
        let item = Item::resolve(&component.node, &variables, &mut findings);
        match component.kind {
            Kind::System => {
                let system = system::read(id.clone(), &item, &metadata.config, &mut findings);
                if system.obstacle.is_some() {
                    soften(&mut problems, &system.origin.span);
                }
                self.systems.insert(id.clone(), Arc::new(system));
            }
            _ => {
                let mut reader = pipe::Reader {
                    variables: &variables,
                    metadata: &metadata.config,
                    findings: &mut findings,
                };
                let mut pipe = pipe::read(id.clone(), &item, &mut reader);
                pipe.compiled = known.map(Compiled::next).unwrap_or_default();
                for obstacle in pipe.obstacles() {
                    soften(&mut problems, &obstacle.origin.span);
                }
                self.pipes.insert(id.clone(), Arc::new(pipe));
            }
        }
        self.found.insert(id, problems.into());
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
                    .unwrap_or_else(|| format!("there are: {}", self.profiles().join(", ")).into());
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
