//! The language service as a module of its own for a page: the code that the
//! studio carries for the editor, and nothing else. Its size is what the
//! service weighs, and a page that asks it shows how long a question takes.
//!
//! Questions are those of [`Workspace`]; answers are JSON texts.

use pipewright_language::{Change, Finding, Position, Range, Symbol, Workspace};
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

/// The files of a project and what can be asked about them.
#[wasm_bindgen]
#[derive(Default)]
pub struct Language {
    workspace: Workspace,
}

#[wasm_bindgen]
impl Language {
    /// No files yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Language {
        Language::default()
    }

    /// A file has this text now.
    pub fn put(&mut self, path: &str, text: &str) {
        self.workspace.put(path, text);
    }

    /// A file is gone.
    pub fn remove(&mut self, path: &str) {
        self.workspace.remove(path);
    }

    /// The entities of a dataset have these properties.
    pub fn saw(&mut self, dataset: &str, properties: Vec<String>) {
        self.workspace.saw(dataset, properties.iter().map(String::as_str));
    }

    /// What is wrong with a file: a list.
    pub fn findings(&self, path: &str) -> String {
        list(self.workspace.findings(path).iter().map(finding))
    }

    /// What may stand at a place: a list of labels with what would be written.
    pub fn completions(&self, path: &str, line: usize, column: usize) -> String {
        let offered = self.workspace.completions(path, Position { line, column });
        let items = offered.map(|offered| offered.items).unwrap_or_default();
        list(items.iter().map(|item| {
            json!({ "label": item.label, "detail": item.detail, "about": item.about, "snippet": item.snippet })
        }))
    }

    /// What stands at a place: Markdown, or `null`.
    pub fn hover(&self, path: &str, line: usize, column: usize) -> String {
        let hover = self.workspace.hover(path, Position { line, column });
        json!(hover.map(|hover| hover.text)).to_string()
    }

    /// The call around a place: its signature, or `null`.
    pub fn signature(&self, path: &str, line: usize, column: usize) -> String {
        let signature = self.workspace.signature(path, Position { line, column });
        json!(signature.map(|call| json!({ "label": call.label, "active": call.active })))
            .to_string()
    }

    /// Where what is named at a place is written: path and range, or `null`.
    pub fn definition(&self, path: &str, line: usize, column: usize) -> String {
        let place = self.workspace.definition(path, Position { line, column });
        json!(place.map(|it| json!({ "path": it.path, "range": range(it.range) }))).to_string()
    }

    /// The changes that give what is named at a place another name, or why it
    /// cannot have it.
    pub fn rename(&self, path: &str, line: usize, column: usize, new: &str) -> String {
        match self.workspace.rename(path, Position { line, column }, new) {
            Ok(changes) => list(changes.iter().map(change)),
            Err(why) => json!({ "refused": why }).to_string(),
        }
    }

    /// The change that brings a file into the one layout, or `null`.
    pub fn format(&self, path: &str) -> String {
        json!(self.workspace.format(path).as_ref().map(change)).to_string()
    }

    /// The components of a file with their parts and rules: a list.
    pub fn symbols(&self, path: &str) -> String {
        list(self.workspace.symbols(path).iter().map(symbol))
    }

    /// What can be done about what is wrong at a place: a list.
    pub fn actions(&self, path: &str, line: usize, column: usize) -> String {
        let at = Position { line, column };
        let actions = self.workspace.actions(path, Range { start: at, end: at });
        list(actions.iter().map(|action| {
            let changes: Vec<Value> = action.changes.iter().map(change).collect();
            json!({ "title": action.title, "changes": changes })
        }))
    }
}

fn list(items: impl Iterator<Item = Value>) -> String {
    Value::from_iter(items).to_string()
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code, "path": finding.path, "message": finding.message,
        "suggestion": finding.suggestion, "range": range(finding.range),
    })
}

fn change(change: &Change) -> Value {
    json!({ "range": range(change.range), "text": change.text })
}

fn symbol(symbol: &Symbol) -> Value {
    let children: Vec<Value> = symbol.children.iter().map(self::symbol).collect();
    json!({ "name": symbol.name, "range": range(symbol.range), "children": children })
}

/// Lines and columns of the start and the end.
fn range(range: Range) -> Value {
    json!([range.start.line, range.start.column, range.end.line, range.end.column])
}
