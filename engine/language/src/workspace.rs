//! The files of a project as the editor has them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use pipewright_config::{Change as FileChange, File, Project, SourceFile, flow, validate_file};
use pipewright_dtl::syntax::Position;
use pipewright_entity::Text;

use crate::site::Site;
use crate::{
    Action, Change, Completions, Finding, Hover, Location, Range, Signature, Symbol, action,
    complete, describe, format, name, signature,
};

/// The files of a project as a person has them now, saved or not, and what is
/// known of its data.
#[derive(Clone)]
pub struct Workspace {
    pub(crate) project: Project,
    /// The names of properties seen in data, by dataset.
    pub(crate) seen: BTreeMap<Text, Vec<Text>>,
    /// The file that was last asked about since something changed, with what
    /// is wrong with it: the same is asked to list it, to mark it and to mend
    /// it.
    found: OnceLock<(String, Vec<Finding>)>,
}

impl Default for Workspace {
    fn default() -> Workspace {
        Workspace::new([], None)
    }
}

impl Workspace {
    /// The files by path, relative to the project folder and with `/`, with
    /// their texts. The variables are those of the `profile`, or of `test`.
    pub fn new<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        profile: Option<&str>,
    ) -> Workspace {
        let files = files.into_iter().map(|(path, text)| SourceFile::new(path, text));
        let project = Project::load(files, profile);
        Workspace { project, seen: BTreeMap::new(), found: OnceLock::new() }
    }

    /// The files or their variables are others now.
    fn become_project(&mut self, project: Project) {
        self.project = project;
        self.found = OnceLock::new();
    }

    /// A file has this text now. A file that has it already costs nothing.
    pub fn put(&mut self, path: &str, text: &str) {
        let same = self.project.file(path).is_some_and(|file| &*file.document.text == text);
        if !same {
            let file = SourceFile::new(path, text);
            self.become_project(self.project.with([FileChange::Put(file)]));
        }
    }

    /// Several files have these texts now. Those of which it matters only that
    /// they are there need no text.
    pub fn put_all(&mut self, files: impl IntoIterator<Item = (String, String)>) {
        let files = files.into_iter().map(|(path, text)| SourceFile::new(path, text));
        self.become_project(self.project.with(files.map(FileChange::Put)));
    }

    /// A file is gone.
    pub fn remove(&mut self, path: &str) {
        self.become_project(self.project.with([FileChange::Remove(path.to_owned())]));
    }

    /// The node uses the variables of another profile.
    pub fn set_profile(&mut self, profile: Option<&str>) {
        self.become_project(self.project.with_profile(profile));
    }

    /// The properties that the entities of a dataset have, as seen in its data.
    pub fn saw<'a>(&mut self, dataset: &str, properties: impl IntoIterator<Item = &'a str>) {
        let mut names: Vec<Text> = properties.into_iter().map(Text::new).collect();
        names.sort();
        names.dedup();
        self.seen.insert(Text::new(dataset), names);
    }

    /// All that is wrong with a file, in the order of its text. Nothing for a
    /// file that is not config.
    pub fn findings(&self, path: &str) -> Vec<Finding> {
        let (of, found) = self.found.get_or_init(|| (path.to_owned(), self.find(path)));
        if of == path { found.clone() } else { self.find(path) }
    }

    fn find(&self, path: &str) -> Vec<Finding> {
        let Some(file) = self.file(path) else { return Vec::new() };
        let problems = validate_file(&self.project, path);
        problems.iter().map(|problem| Finding::of(&file.document, problem)).collect()
    }

    /// What may stand at a place; `None` where nothing can be said.
    pub fn completions(&self, path: &str, at: Position) -> Option<Completions> {
        let file = self.file(path)?;
        let offset = file.document.offset(at);
        complete::completions(self, &Site::at(file, offset))
    }

    /// What stands at a place.
    pub fn hover(&self, path: &str, at: Position) -> Option<Hover> {
        let file = self.file(path)?;
        let offset = file.document.offset(at);
        describe::hover(self, &Site::on(file, offset))
    }

    /// The call around a place.
    pub fn signature(&self, path: &str, at: Position) -> Option<Signature> {
        let file = self.file(path)?;
        signature::signature(&Site::at(file, file.document.offset(at)))
    }

    /// Where the rule, dataset, system, alias or variable that is named at a
    /// place is written.
    pub fn definition(&self, path: &str, at: Position) -> Option<Location> {
        let file = self.file(path)?;
        name::definition(self, file, &Site::on(file, file.document.offset(at)))
    }

    /// The name at a place that can be changed everywhere, and where it
    /// stands.
    pub fn renamable(&self, path: &str, at: Position) -> Option<(Range, String)> {
        let file = self.file(path)?;
        let (span, name) = name::renamable(&Site::on(file, file.document.offset(at)))?;
        Some((Range::of(&file.document, span), name))
    }

    /// Changes the name at a place, here and wherever it is used. All are in
    /// the same file. The error is for people.
    pub fn rename(&self, path: &str, at: Position, new: &str) -> Result<Vec<Change>, String> {
        let file = self.file(path).ok_or("There is no such file.")?;
        name::rename(&Site::on(file, file.document.offset(at)), new)
    }

    /// Brings a text into the one layout; nothing to do when it has it, or
    /// when its JSON is broken.
    pub fn format(&self, path: &str) -> Option<Change> {
        let file = self.file(path)?;
        action::difference(&file.document, &format::format(&file.document)?)
    }

    /// The components of a file with their parts and rules.
    pub fn symbols(&self, path: &str) -> Vec<Symbol> {
        self.file(path).map(|file| name::symbols(&file.document)).unwrap_or_default()
    }

    /// What can be done about what is wrong in a part of a file.
    pub fn actions(&self, path: &str, range: Range) -> Vec<Action> {
        let Some(file) = self.file(path) else { return Vec::new() };
        action::actions(&file.document, &self.findings(path), range)
    }

    /// Bytes of a file as lines and columns.
    pub fn range(&self, path: &str, bytes: std::ops::Range<usize>) -> Option<Range> {
        Some(Range::of(&self.file(path)?.document, bytes))
    }

    /// A line and column of a file as a byte.
    pub fn offset(&self, path: &str, at: Position) -> Option<usize> {
        Some(self.file(path)?.document.offset(at))
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.file(path).map(|file| &*file.document.text)
    }

    /// The datasets whose properties can be named in a file: what its pipes
    /// read and what their rules look up.
    pub fn datasets_read(&self, path: &str) -> Vec<String> {
        let pipes = self.project.pipes().filter(|pipe| pipe.origin.file.path == path);
        let mut datasets: Vec<String> = Vec::new();
        for pipe in pipes {
            datasets.extend(pipe.source_datasets().iter().map(|dataset| dataset.to_string()));
            for (_, dtl) in pipe.dtl() {
                let hops = flow::hops(&dtl.rules.node);
                datasets.extend(hops.into_iter().map(|hop| hop.dataset.to_string()));
            }
        }
        datasets.sort();
        datasets.dedup();
        datasets
    }

    pub(crate) fn file(&self, path: &str) -> Option<&Arc<File>> {
        self.project.file(path)
    }

    /// The datasets there are, by name, with the pipe that writes each.
    pub(crate) fn datasets(&self) -> BTreeMap<&str, &str> {
        let mut datasets = BTreeMap::new();
        for pipe in self.project.pipes() {
            let written = [pipe.sink_dataset(), pipe.pump.dead_letter_dataset.as_ref()];
            for dataset in written.into_iter().flatten() {
                datasets.entry(dataset.as_str()).or_insert(pipe.id.as_str());
            }
        }
        datasets
    }
}
