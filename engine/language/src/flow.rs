//! Changing the flow as a picture shows it: what a pipe reads, what stands
//! between two pipes, several components at once.

use pipewright_config::Origin;
use pipewright_config::catalogue::{self, Part, Role};
use pipewright_dtl::syntax::{Document, Node, Path, TextEdit, apply};
use serde_json::{Map, Value, json};

use crate::component::{broken, none};
use crate::{FileChange, Workspace};

/// A dataset that the source of a pipe reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The dataset.
    pub dataset: String,
    /// What it is called in rules and equalities, where it has a name of its
    /// own there.
    pub alias: Option<String>,
}

impl Workspace {
    /// The datasets that the source of a pipe reads, as they are written.
    pub fn readings(&self, pipe: &str) -> Vec<Reading> {
        let Some((_, _, node)) = self.place(pipe) else { return Vec::new() };
        let Some(source) = node.get("source") else { return Vec::new() };
        let one = source.get("dataset").into_iter();
        let several = source.get("datasets").map_or(&[][..], Node::items);
        let names = one.chain(several).filter_map(Node::as_str);
        names
            .filter_map(|text| {
                let mut words = text.split_whitespace();
                let dataset = words.next()?.to_owned();
                Some(Reading { dataset, alias: words.next().map(str::to_owned) })
            })
            .collect()
    }

    /// Whether the source of a pipe is one that reads several datasets.
    pub fn reads_several(&self, pipe: &str) -> bool {
        self.place(pipe)
            .and_then(|(_, _, node)| node.get("source")?.get("datasets"))
            .is_some_and(Node::is_array)
    }

    /// Makes a pipe read another dataset instead of one it reads. In a merge
    /// the name stays that rules and equalities know it by. The error is for
    /// people.
    pub fn read_instead(
        &self,
        pipe: &str,
        old: &str,
        new: &str,
    ) -> Result<Vec<FileChange>, String> {
        let (path, at, node) = self.place(pipe).ok_or_else(|| none(pipe))?;
        let document = self.document(&path)?;
        let source = at.key("source");
        let written = node.get("source");
        if written.and_then(|it| it.get("dataset")).and_then(Node::as_str) == Some(old) {
            return self.set(&path, document, &source.key("dataset"), &new.into());
        }
        let items = written.and_then(|it| it.get("datasets")).map_or(&[][..], Node::items);
        for (index, item) in items.iter().enumerate() {
            let Some(text) = item.as_str() else { continue };
            let mut words = text.split_whitespace();
            if words.next() != Some(old) {
                continue;
            }
            let alias = words.next().unwrap_or(old);
            let place = source.key("datasets").index(index);
            return self.set(&path, document, &place, &format!("{new} {alias}").into());
        }
        Err(format!("{pipe} does not read {old}."))
    }

    /// Makes a dataset the source of a pipe, whatever its source was. A source
    /// that merges or reads several datasets reads this one, too. The error is
    /// for people.
    pub fn read_also(&self, pipe: &str, dataset: &str) -> Result<Vec<FileChange>, String> {
        let (path, at, node) = self.place(pipe).ok_or_else(|| none(pipe))?;
        let document = self.document(&path)?;
        let source = at.key("source");
        let written = node.get("source");
        let several = written.and_then(|it| it.get("datasets")).filter(|it| it.is_array());
        if let Some(list) = several {
            let taken: Vec<String> = self
                .readings(pipe)
                .into_iter()
                .map(|reading| reading.alias.unwrap_or(reading.dataset))
                .collect();
            // With names of their own where the others have them, too.
            let named = list.items().iter().any(|item| {
                item.as_str().is_some_and(|text| text.split_whitespace().nth(1).is_some())
            });
            let free = (1..).map(|n| format!("d{n}")).find(|name| !taken.contains(name));
            let text = match free.filter(|_| named) {
                Some(alias) => format!("{dataset} {alias}"),
                None => dataset.to_owned(),
            };
            let edits = document.append(&source.key("datasets"), &text.into());
            return self.made(&path, edits.map_err(broken(&path))?);
        }
        let value = json!({ "type": "dataset", "dataset": dataset });
        self.set(&path, document, &source, &value)
    }

    /// Puts a transform in front of, or behind, the others of a pipe. The error
    /// is for people.
    pub fn add_transform(
        &self,
        pipe: &str,
        transform: &Value,
        in_front: bool,
    ) -> Result<Vec<FileChange>, String> {
        let (path, at, node) = self.place(pipe).ok_or_else(|| none(pipe))?;
        let document = self.document(&path)?;
        let place = at.key("transform");
        let edits = match node.get("transform") {
            Some(list) if list.is_array() => {
                let index = if in_front { 0 } else { list.items().len() };
                document.insert(&place.index(index), transform).map_err(broken(&path))?
            }
            // The one there is stays as it is written, inside a list.
            Some(one) if one.is_object() => {
                let own = document.text_of(one);
                let new = print(transform, indent(&document.text, one.span.start));
                let (first, second) = if in_front { (&*new, own) } else { (own, &*new) };
                vec![TextEdit {
                    span: one.span.clone(),
                    replacement: format!("[{first}, {second}]"),
                }]
            }
            _ => document.set(&place, transform).map_err(broken(&path))?,
        };
        self.made(&path, edits)
    }

    /// Puts a new pipe between a pipe and a dataset it reads: the new one reads
    /// the dataset, and the pipe reads what the new one writes. The error is for
    /// people.
    pub fn insert_pipe(
        &self,
        new: &str,
        transform: Option<&Value>,
        dataset: &str,
        reader: &str,
    ) -> Result<Vec<FileChange>, String> {
        let mut changes = self.read_instead(reader, dataset, new)?;
        let mut config = Map::new();
        config.insert("_id".into(), new.into());
        config.insert("type".into(), "pipe".into());
        config.insert("source".into(), json!({ "type": "dataset", "dataset": dataset }));
        let copy = || json!({ "type": "dtl", "rules": { "default": [["copy", "*"]] } });
        config.insert("transform".into(), transform.cloned().unwrap_or_else(copy));
        let path = format!("pipes/{new}.conf.json");
        if self.file(&path).is_some() {
            return Err(format!("There is a file {path} already."));
        }
        let text = format!("{}\n", print(&Value::Object(config), ""));
        changes.insert(0, FileChange::Create { path, text });
        Ok(changes)
    }

    /// The ids of systems that a source, sink or transform of a type can use;
    /// `None` for a type that uses none.
    pub fn systems_for(&self, part: Part, kind: &str) -> Option<Vec<String>> {
        let properties = &catalogue::find(part, kind)?.properties;
        let uses = properties.iter().find(|property| property.role == Some(Role::System))?;
        let fits =
            |kind: &str| uses.systems.is_empty() || uses.systems.iter().any(|each| each == kind);
        let systems = self.project.systems().filter(|system| fits(&system.kind));
        Some(systems.map(|system| system.id.to_string()).collect())
    }

    /// The pipes and systems in whose config a text stands, whatever its case:
    /// a function, a dataset, a value.
    pub fn mentioning(&self, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let pipes = self.project.pipes().map(|pipe| (&pipe.id, &pipe.origin));
        let systems = self.project.systems().map(|system| (&system.id, &system.origin));
        let has = |origin: &Origin| {
            let own = origin.file.document.text.get(origin.span.clone()).unwrap_or_default();
            own.to_lowercase().contains(&text)
        };
        let found = pipes.chain(systems).filter(|(_, origin)| has(origin));
        found.map(|(id, _)| id.to_string()).collect()
    }

    /// Takes several components away; files that hold nothing else go with
    /// them. The error is for people.
    pub fn remove_components(&self, ids: &[String]) -> Result<Vec<FileChange>, String> {
        let mut files: Vec<(String, Vec<Path>)> = Vec::new();
        for id in ids {
            let (file, at) = self.project.place_of(id).ok_or_else(|| none(id))?;
            let path = file.path.to_string();
            match files.iter_mut().find(|(known, _)| *known == path) {
                Some((_, places)) => places.push(at.clone()),
                None => files.push((path, vec![at.clone()])),
            }
        }
        let mut changes = Vec::new();
        for (path, mut places) in files {
            let document = self.document(&path)?;
            let held = document.root.as_ref().map_or(0, |root| root.items().len());
            if places.iter().any(|at| at.is_empty()) || places.len() >= held {
                changes.push(FileChange::Delete { path });
                continue;
            }
            // From the last on, so that the places of the others stay true.
            places.sort();
            let mut text = document.text.to_string();
            for at in places.iter().rev() {
                let document = Document::parse(text.as_str());
                let edits = document.remove(at).map_err(broken(&path))?;
                text = apply(&text, &edits).map_err(broken(&path))?.0;
            }
            changes.extend(between(&path, &document.text, &text));
        }
        Ok(changes)
    }

    /// Copies several components under other names. What they read of each
    /// other, the copies read of each other. The error is for people.
    pub fn copy_components(&self, names: &[(String, String)]) -> Result<Vec<FileChange>, String> {
        let mut copies = Vec::new();
        for (id, new) in names {
            copies.extend(self.copy_component(id, new)?);
        }
        let with = self.after(&copies);
        // The uses of all originals within the copies, by file.
        let mut edits: Vec<(String, TextEdit)> = Vec::new();
        for (id, new) in names {
            let inside = with.uses(id).into_iter().filter(|each| {
                let copy = |change: &FileChange| change.path() == each.path;
                copies.iter().any(copy)
            });
            edits.extend(
                inside.map(|each| {
                    (each.path, TextEdit { span: each.span, replacement: new.clone() })
                }),
            );
        }
        for copy in &mut copies {
            let FileChange::Create { path, text } = copy else { continue };
            let own = edits.iter().filter(|(of, _)| of == path).map(|(_, edit)| edit.clone());
            let mut own: Vec<TextEdit> = own.collect();
            own.sort_by_key(|edit| edit.span.start);
            own.dedup();
            *text = apply(text, &own).map_err(broken(path))?.0;
        }
        Ok(copies)
    }

    /// The texts of components, as one that can be carried elsewhere.
    pub fn text_of(&self, ids: &[String]) -> String {
        let texts = ids.iter().filter_map(|id| {
            let (file, at) = self.project.place_of(id)?;
            Some(file.document.text_of(file.document.at(at)?))
        });
        match texts.collect::<Vec<_>>().as_slice() {
            [one] => format!("{one}\n"),
            several => format!("[{}]\n", several.join(",\n")),
        }
    }

    /// Makes components of such a text, each in a file of its own. One whose
    /// name is taken gets another, which those that come with it follow. The
    /// names are those they have now. The error is for people.
    pub fn bring(
        &self,
        text: &str,
        taken: impl Fn(&str) -> bool,
    ) -> Result<(Vec<String>, Vec<FileChange>), String> {
        let document = Document::parse(text);
        let root = document.root.as_ref().filter(|_| !document.is_broken());
        let components = match root {
            Some(list) if list.is_array() => list.items(),
            Some(one) if one.is_object() => std::slice::from_ref(one),
            _ => return Err("This is no config.".into()),
        };
        // As a project of their own, in which they can be renamed like any.
        let mut files = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for component in components {
            let id = component.get("_id").and_then(Node::as_str);
            let kind = component.get("type").and_then(Node::as_str);
            let (Some(id), Some(kind)) = (id, kind) else {
                return Err("This is no config: a pipe or system has an _id and a type.".into());
            };
            let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
            if !id.chars().all(plain) || id.starts_with('.') || id.is_empty() {
                return Err(format!("{id:?} is no name for a file."));
            }
            let folder = if kind == "pipe" { "pipes" } else { "systems" };
            if names.iter().any(|name| name == id) {
                return Err(format!("{id} is there twice."));
            }
            let text = format!("{}\n", document.text_of(component));
            files.push((format!("{folder}/{id}.conf.json"), text));
            names.push(id.to_owned());
        }
        let borrowed = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        let mut brought = Workspace::new(borrowed, None);
        for index in 0..names.len() {
            let id = names[index].clone();
            let used = |name: &str| taken(name) || names.iter().any(|each| each == name);
            if !taken(&id) {
                continue;
            }
            let free = (1..).map(|n| match n {
                1 => format!("{id}-copy"),
                n => format!("{id}-copy-{n}"),
            });
            let new = free.into_iter().find(|name| !used(name)).unwrap_or_default();
            brought = brought.after(&brought.rename_component(&id, &new)?);
            names[index] = new;
        }
        let mut changes = Vec::new();
        for file in brought.project.files() {
            let (path, text) = (file.path.to_string(), file.document.text.to_string());
            if self.file(&path).is_some() {
                return Err(format!("There is a file {path} already."));
            }
            changes.push(FileChange::Create { path, text });
        }
        Ok((names, changes))
    }

    fn place(&self, id: &str) -> Option<(String, Path, &Node)> {
        let (file, at) = self.project.place_of(id)?;
        Some((file.path.to_string(), at.clone(), file.document.at(at)?))
    }

    fn document(&self, path: &str) -> Result<&Document, String> {
        let file = self.file(path).ok_or_else(|| format!("There is no {path}."))?;
        Ok(&file.document)
    }

    fn set(
        &self,
        path: &str,
        document: &Document,
        at: &Path,
        value: &Value,
    ) -> Result<Vec<FileChange>, String> {
        self.made(path, document.set(at, value).map_err(broken(path))?)
    }

    fn made(&self, path: &str, edits: Vec<TextEdit>) -> Result<Vec<FileChange>, String> {
        if edits.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![FileChange::Edit { path: path.to_owned(), edits }])
    }
}

/// A value as it is written on lines of its own, in a line that begins so.
fn print(value: &Value, indent: &str) -> String {
    // Values of JSON always have a text.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.replace('\n', &format!("\n{indent}"))
}

/// How the line of a byte begins.
fn indent(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start().len()]
}

/// The one edit that makes a text another.
fn between(path: &str, old: &str, new: &str) -> Option<FileChange> {
    let edit = crate::action::edit_between(old, new)?;
    Some(FileChange::Edit { path: path.to_owned(), edits: vec![edit] })
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
                "{\n  \"_id\": \"order\",\n  \"type\": \"pipe\",\n  \"source\": {\"type\": \"dataset\", \"dataset\": \"person\"},\n  // mine\n  \"transform\": {\"type\": \"dtl\", \"rules\": {\"default\": [[\"copy\", \"*\"]]}}\n}\n",
            ),
            (
                "pipes/all.conf.json",
                r#"[{"_id": "all", "type": "pipe", "source": {"type": "merge", "datasets": ["person p", "order"], "equality": [["eq", "p.id", "order.id"]], "version": 2}},
  {"_id": "more", "type": "pipe", "source": {"type": "dataset", "dataset": "all"}},
  {"_id": "last", "type": "pipe", "source": {"type": "dataset", "dataset": "more"}}]"#,
            ),
            (
                "systems/crm.conf.json",
                r#"{"_id": "crm", "type": "system:sqlite", "database": "crm.db"}"#,
            ),
        ];
        Workspace::new(files, None)
    }

    fn source(workspace: &Workspace, id: &str) -> Value {
        let (path, _, node) = workspace.place(id).unwrap();
        node.get("source").unwrap().to_json(workspace.document(&path).unwrap())
    }

    #[test]
    fn another_source_keeps_the_names_that_rules_use() {
        let before = workspace();
        let after = before.after(&before.read_instead("order", "person", "more").unwrap());
        assert_eq!(source(&after, "order")["dataset"], "more");
        let after = before.after(&before.read_instead("all", "person", "last").unwrap());
        assert_eq!(source(&after, "all")["datasets"], json!(["last p", "order"]));
        let after = before.after(&before.read_instead("all", "order", "last").unwrap());
        assert_eq!(source(&after, "all")["datasets"], json!(["person p", "last order"]));
        assert_eq!(after.readings("all")[1].alias.as_deref(), Some("order"));
        assert!(before.read_instead("order", "nobody", "x").is_err());
    }

    #[test]
    fn a_merge_reads_one_more_and_any_other_source_becomes_the_dataset() {
        let before = workspace();
        let after = before.after(&before.read_also("all", "more").unwrap());
        assert_eq!(source(&after, "all")["datasets"], json!(["person p", "order", "more d1"]));
        let after = before.after(&before.read_also("person", "more").unwrap());
        assert_eq!(source(&after, "person"), json!({"type": "dataset", "dataset": "more"}));
    }

    #[test]
    fn a_transform_goes_in_front_of_what_is_written() {
        let before = workspace();
        let http = json!({"type": "http", "system": "crm"});
        let after = before.after(&before.add_transform("order", &http, true).unwrap());
        let text = after.text("pipes/order.conf.json").unwrap();
        assert!(text.contains("// mine") && !after.is_broken("pipes/order.conf.json"), "{text}");
        let kinds = |workspace: &Workspace, id: &str| {
            let (_, _, node) = workspace.place(id).unwrap();
            let list = node.get("transform").unwrap();
            let list = if list.is_array() { list.items() } else { std::slice::from_ref(list) };
            list.iter()
                .map(|it| it.get("type").unwrap().as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(&after, "order"), ["http", "dtl"]);
        let after = after.after(&after.add_transform("order", &http, false).unwrap());
        assert_eq!(kinds(&after, "order"), ["http", "dtl", "http"]);
        let after = before.after(&before.add_transform("more", &http, true).unwrap());
        assert_eq!(kinds(&after, "more"), ["http"]);
    }

    #[test]
    fn a_pipe_goes_between_two() {
        let before = workspace();
        let changes = before.insert_pipe("between", None, "person", "order").unwrap();
        let after = before.after(&changes);
        assert_eq!(source(&after, "order")["dataset"], "between");
        assert_eq!(source(&after, "between")["dataset"], "person");
        assert!(before.insert_pipe("order", None, "person", "order").is_err(), "a file is there");
    }

    #[test]
    fn several_go_at_once() {
        let before = workspace();
        let gone = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
            before.remove_components(&ids).unwrap()
        };
        let after = before.after(&gone(&["more", "person", "all"]));
        assert!(after.text("pipes/person.conf.json").is_none());
        let left = after.text("pipes/all.conf.json").unwrap();
        assert!(left.contains("last") && !left.contains("\"_id\": \"more\""), "{left}");
        assert!(!after.is_broken("pipes/all.conf.json"));
        let all = gone(&["all", "more", "last"]);
        assert_eq!(all, [FileChange::Delete { path: "pipes/all.conf.json".into() }]);
    }

    #[test]
    fn copies_read_each_other() {
        let before = workspace();
        let names = [("person", "person-2"), ("order", "order-2")];
        let names = names.map(|(a, b)| (a.to_owned(), b.to_owned()));
        let after = before.after(&before.copy_components(&names).unwrap());
        assert_eq!(source(&after, "order-2")["dataset"], "person-2");
        assert_eq!(source(&after, "order")["dataset"], "person");
        assert_eq!(source(&after, "person-2")["table"], "person");
    }

    #[test]
    fn what_is_carried_over_finds_free_names() {
        let here = workspace();
        let text = here.text_of(&["person".into(), "order".into()]);
        let taken = |name: &str| here.component_at(name).is_some();
        let (names, changes) = here.bring(&text, taken).unwrap();
        assert_eq!(names, ["person-copy", "order-copy"]);
        let after = here.after(&changes);
        assert_eq!(source(&after, "order-copy")["dataset"], "person-copy");
        assert_eq!(here.text_of(&["crm".into()]).matches("_id").count(), 1);
        for bad in ["", "1", "[{}]", r#"{"_id": "../x", "type": "pipe"}"#] {
            assert!(here.bring(bad, taken).is_err(), "{bad}");
        }
    }
}
