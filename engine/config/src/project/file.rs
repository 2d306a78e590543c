//! The files of a project.

use std::sync::Arc;

use pipewright_dtl::syntax::Document;
use pipewright_entity::Text;

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

/// A change of one file.
#[derive(Clone, Debug)]
pub enum Change {
    /// The file has this text now.
    Put(SourceFile),
    /// The file at this path is gone.
    Remove(String),
}
