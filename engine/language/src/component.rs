//! Changing pipes and systems as a whole: another name with every reference
//! following, a copy, taking one away.

use std::ops::Range as Span;

use pipewright_config::FileKind;
use pipewright_dtl::syntax::{Document, Node, Path, TextEdit, apply};
use serde_json::Value;

use crate::name::definition;
use crate::site::Site;
use crate::{Location, Workspace};

/// What happens to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It is there with this text.
    Create {
        /// Relative to the project folder.
        path: String,
        /// The whole text.
        text: String,
    },
    /// Parts of it become something else.
    Edit {
        /// Relative to the project folder.
        path: String,
        /// In the order of the text.
        edits: Vec<TextEdit>,
    },
    /// It is gone.
    Delete {
        /// Relative to the project folder.
        path: String,
    },
}

impl FileChange {
    /// The file.
    pub fn path(&self) -> &str {
        match self {
            FileChange::Create { path, .. }
            | FileChange::Edit { path, .. }
            | FileChange::Delete { path } => path,
        }
    }
}

/// A place where a pipe, its dataset or a system is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The component that names it.
    pub component: Option<String>,
    /// The file.
    pub path: String,
    /// The bytes of the name there.
    pub span: Span<usize>,
}

impl Workspace {
    /// Where the dataset that a pipe writes, or a system, is named, its own
    /// config included.
    pub fn uses(&self, id: &str) -> Vec<Use> {
        let Some(written) = self.written(id) else { return Vec::new() };
        let dataset = self.project.pipe(id).and_then(|pipe| pipe.sink_dataset());
        let name = dataset.map_or(id, |dataset| dataset.as_str());
        let mut uses = Vec::new();
        let holds_pipes =
            |kind: FileKind| matches!(kind, FileKind::Pipe | FileKind::System | FileKind::Config);
        for file in self.project.files().filter(|file| holds_pipes(file.kind)) {
            let mut found = Vec::new();
            if let Some(root) = &file.document.root {
                named(root, name, &mut found);
            }
            for node in found {
                let site = Site::on(file, node.span.start + 1);
                if definition(self, file, &site).as_ref() != Some(&written) {
                    continue;
                }
                let component = site.component.and_then(|node| node.get("_id")?.as_str());
                let start = node.span.start + 1;
                uses.push(Use {
                    component: component.map(str::to_owned),
                    path: file.path.to_string(),
                    span: start..start + name.len(),
                });
            }
        }
        uses
    }

    /// Gives a pipe or system another name: in its own config, wherever it or
    /// its dataset is named, in the tests of the pipe, and in the name of its
    /// file where that was its own. The error is for people.
    pub fn rename_component(&self, id: &str, new: &str) -> Result<Vec<FileChange>, String> {
        let (file, at) = self.project.place_of(id).ok_or_else(|| none(id))?;
        let path = file.path.to_string();
        let mut edits: Vec<(String, TextEdit)> = Vec::new();
        let own = file.document.set(&at.key("_id"), &Value::from(new)).map_err(broken(&path))?;
        edits.extend(own.into_iter().map(|edit| (path.clone(), edit)));
        // A dataset of another name than the pipe keeps it.
        let dataset = self.project.pipe(id).and_then(|pipe| pipe.sink_dataset());
        if dataset.is_none_or(|dataset| *dataset == id) {
            edits.extend(self.uses(id).into_iter().map(|each| {
                (each.path, TextEdit { span: each.span, replacement: new.to_owned() })
            }));
        }
        for spec in self.project.specs().iter().filter(|spec| spec.pipe == id) {
            let file = &spec.origin.file;
            let pipe = file
                .document
                .set(&Path::root().key("pipe"), &Value::from(new))
                .map_err(broken(&file.path))?;
            edits.extend(pipe.into_iter().map(|edit| (file.path.to_string(), edit)));
        }
        edits.sort_by(|a, b| (&a.0, a.1.span.start).cmp(&(&b.0, b.1.span.start)));
        edits.dedup();
        let mut changes: Vec<FileChange> = Vec::new();
        for (path, edit) in edits {
            match changes.last_mut() {
                Some(FileChange::Edit { path: last, edits }) if *last == path => edits.push(edit),
                _ => changes.push(FileChange::Edit { path, edits: vec![edit] }),
            }
        }
        let moved = renamed(&path, id, new);
        if let Some(moved) = moved
            && let Some(index) = changes.iter().position(|change| change.path() == path)
            && let FileChange::Edit { edits, .. } = &changes[index]
        {
            if self.file(&moved).is_some() {
                return Err(format!("There is a file {moved} already."));
            }
            let (text, _) = apply(&file.document.text, edits).map_err(|error| error.to_string())?;
            changes[index] = FileChange::Delete { path };
            changes.push(FileChange::Create { path: moved, text });
        }
        Ok(changes)
    }

    /// A copy of a pipe or system under another name, in a file of its own. A
    /// pipe's copy writes a dataset of its own. The error is for people.
    pub fn copy_component(&self, id: &str, new: &str) -> Result<Vec<FileChange>, String> {
        let (file, at) = self.project.place_of(id).ok_or_else(|| none(id))?;
        let node = file.document.at(at).ok_or_else(|| none(id))?;
        let text = format!("{}\n", file.document.text_of(node));
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match folder {
            "" => format!("{new}.conf.json"),
            folder => format!("{folder}/{new}.conf.json"),
        };
        if self.file(&path).is_some() {
            return Err(format!("There is a file {path} already."));
        }
        let mut document = Document::parse(text);
        let mut set = |at: Path| -> Result<(), String> {
            let edits = document.set(&at, &Value::from(new)).map_err(broken(&path))?;
            let (text, _) = apply(&document.text, &edits).map_err(|error| error.to_string())?;
            document = Document::parse(text);
            Ok(())
        };
        set(Path::root().key("_id"))?;
        if node.get("sink").and_then(|sink| sink.get("dataset")).is_some() {
            set(Path::root().key("sink").key("dataset"))?;
        }
        Ok(vec![FileChange::Create { path, text: document.text.to_string() }])
    }

    /// The texts before and after a change; nothing before a file is made, and
    /// nothing after it is gone.
    pub fn texts_of(&self, change: &FileChange) -> (String, String) {
        let before = |path: &str| self.text(path).unwrap_or_default().to_owned();
        match change {
            FileChange::Create { text, .. } => (String::new(), text.clone()),
            FileChange::Delete { path } => (before(path), String::new()),
            FileChange::Edit { path, edits } => {
                let text = before(path);
                // Edits that do not fit were not made from this text.
                let after = apply(&text, edits).map_or_else(|_| text.clone(), |(after, _)| after);
                (text, after)
            }
        }
    }

    /// The project as it would be after some changes.
    pub fn after(&self, changes: &[FileChange]) -> Workspace {
        let mut after = self.clone();
        for change in changes {
            if let FileChange::Delete { path } = change {
                after.remove(path);
            } else {
                after.put(change.path(), &self.texts_of(change).1);
            }
        }
        after
    }

    /// Where a pipe or system is written.
    fn written(&self, id: &str) -> Option<Location> {
        let (file, at) = self.project.place_of(id)?;
        let id = file.document.at(&at.key("_id"))?;
        Some(Location {
            path: file.path.to_string(),
            range: crate::Range::of(&file.document, id.span.clone()),
        })
    }
}

pub(crate) fn none(id: &str) -> String {
    format!("There is no pipe or system {id}.")
}

pub(crate) fn broken<E: std::fmt::Display>(path: &str) -> impl Fn(E) -> String {
    let path = path.to_owned();
    move |error| format!("{path}: {error}")
}

/// The path with the new name, where the file was called as what is in it.
fn renamed(path: &str, id: &str, new: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    (name.strip_suffix(".conf.json")? == id).then(|| match folder {
        "" => format!("{new}.conf.json"),
        folder => format!("{folder}/{new}.conf.json"),
    })
}

/// The texts whose first word is a name, written without escapes.
fn named<'a>(node: &'a Node, name: &str, found: &mut Vec<&'a Node>) {
    if node.as_str().is_some_and(|text| text.split_whitespace().next() == Some(name)) {
        found.push(node);
    }
    node.members().iter().for_each(|member| named(&member.value, name, found));
    node.items().iter().for_each(|item| named(item, name, found));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn workspace() -> Workspace {
        let files = [
            (
                "pipes/person.conf.json",
                r#"{"_id": "person", "type": "pipe", "source": {"type": "sql", "system": "crm", "table": "person"}}"#,
            ),
            (
                "pipes/order.conf.json",
                r#"{"_id": "order", "type": "pipe", "source": {"type": "dataset", "dataset": "person"},
  "transform": {"type": "dtl", "rules": {"default": [
    ["add", "person", "person"],
    ["add", "who", ["hops", {"datasets": ["person person"], "where": ["eq", "_S.id", "person.id"]}]],
    ["add", "one", ["lookup-entity", "person", "x"]]]}}}"#,
            ),
            (
                "pipes/all.conf.json",
                r#"[{"_id": "all", "type": "pipe", "source": {"type": "merge", "datasets": ["person p", "order o"], "equality": [], "version": 2}},
  {"_id": "more", "type": "pipe", "source": {"type": "dataset", "dataset": "all"}, "sink": {"type": "dataset", "dataset": "others"}}]"#,
            ),
            (
                "systems/crm.conf.json",
                r#"{"_id": "crm", "type": "system:sqlite", "database": "crm.db"}"#,
            ),
            ("expected/person.test.json", r#"{"type": "test", "pipe": "person"}"#),
        ];
        Workspace::new(files, None)
    }

    fn text(workspace: &Workspace, path: &str) -> String {
        workspace.text(path).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_renamed_pipe_is_followed_by_all_that_name_it() {
        let before = workspace();
        let changes = before.rename_component("person", "human").unwrap();
        let after = before.after(&changes);
        assert!(after.text("pipes/person.conf.json").is_none());
        let own = text(&after, "pipes/human.conf.json");
        // The table is the database's own.
        assert!(own.contains(r#""_id": "human""#) && own.contains(r#""table": "person""#), "{own}");
        let order = text(&after, "pipes/order.conf.json");
        assert!(order.contains(r#""dataset": "human""#), "{order}");
        assert!(order.contains(r#"["human person"]"#) && order.contains("person.id"), "{order}");
        assert!(order.contains(r#"["add", "person", "person"]"#), "{order}");
        assert!(text(&after, "pipes/all.conf.json").contains(r#"["human p", "order o"]"#));
        assert!(text(&after, "expected/person.test.json").contains(r#""pipe": "human""#));
        for path in ["pipes/human.conf.json", "pipes/order.conf.json", "pipes/all.conf.json"] {
            let (was, is) =
                (before.findings(&path.replace("human", "person")), after.findings(path));
            let codes =
                |found: &[crate::Finding]| found.iter().map(|it| it.code).collect::<Vec<_>>();
            assert_eq!(codes(&is), codes(&was), "{path}");
        }
        // And back again.
        let back = after.after(&after.rename_component("human", "person").unwrap());
        assert_eq!(text(&back, "pipes/order.conf.json"), text(&before, "pipes/order.conf.json"));
    }

    #[test]
    fn a_dataset_of_another_name_stays() {
        let before = workspace();
        let changes = before.rename_component("more", "less").unwrap();
        let [FileChange::Edit { path, edits }] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!((path.as_str(), edits.len()), ("pipes/all.conf.json", 1));
    }

    #[test]
    fn a_system_is_renamed_with_the_pipes_that_use_it() {
        let before = workspace();
        let after = before.after(&before.rename_component("crm", "sales").unwrap());
        assert!(text(&after, "pipes/person.conf.json").contains(r#""system": "sales""#));
        assert!(after.text("systems/sales.conf.json").is_some());
    }

    #[test]
    fn what_uses_a_dataset_is_told() {
        let uses = workspace().uses("person");
        let mut by: Vec<_> = uses.iter().filter_map(|each| each.component.as_deref()).collect();
        by.dedup();
        assert_eq!(by, ["all", "order"]);
    }

    #[test]
    fn a_copy_has_a_name_and_a_dataset_of_its_own() {
        let before = workspace();
        let changes = before.copy_component("more", "copy").unwrap();
        let [FileChange::Create { path, text }] = changes.as_slice() else { panic!("{changes:?}") };
        assert_eq!(path, "pipes/copy.conf.json");
        assert!(
            text.contains(r#""_id": "copy""#) && text.contains(r#""dataset": "copy"}"#),
            "{text}"
        );
        assert!(before.copy_component("person", "order").is_err(), "the file is there");
        assert!(before.copy_component("nobody", "x").is_err());
    }

    #[test]
    fn a_file_goes_with_the_last_that_is_in_it() {
        let before = workspace();
        let gone = |id: &str| before.remove_components(&[id.to_owned()]).unwrap();
        let gone_person = gone("person");
        assert_eq!(gone_person, [FileChange::Delete { path: "pipes/person.conf.json".into() }]);
        let after = before.after(&gone("more"));
        assert!(text(&after, "pipes/all.conf.json").contains("\"all\""));
        assert!(!text(&after, "pipes/all.conf.json").contains("more"));
    }
}
