//! Folder in, problems out: each file in `tests/problems` holds the files of a
//! small project and what [`validate`] says about it. Lines that begin with
//! `== ` name the file that follows; the last part is `== problems`.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use pipewright_config::{Project, SourceFile, validate};

fn parts(text: &str) -> Vec<(&str, &str)> {
    text.split("\n== ")
        .filter_map(|part| part.trim_start_matches("== ").split_once('\n'))
        .filter(|(name, _)| !name.starts_with('#'))
        .collect()
}

#[test]
fn problems_are_found_where_they_are() {
    let mut failed = String::new();
    let mut cases: Vec<_> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
    cases.sort();
    assert!(!cases.is_empty());
    for case in cases {
        let text = fs::read_to_string(&case).unwrap();
        let mut files = parts(&text);
        let (last, expected) = files.pop().unwrap();
        assert_eq!(last, "problems", "{}", case.display());
        let files = files.into_iter().map(|(path, text)| SourceFile::new(path, text));
        let project = Project::load(files, None);
        let found: Vec<String> = validate(&project).iter().map(ToString::to_string).collect();
        let found = found.join("\n");
        if found.trim() != expected.trim() {
            write!(failed, "\n{}:\n{found}\n", case.display()).unwrap();
        }
    }
    assert!(failed.is_empty(), "these give other problems than expected:\n{failed}");
}
