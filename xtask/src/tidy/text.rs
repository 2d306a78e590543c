//! The text of tracked files: nothing half-done in the code, and no path that
//! exists on one machine only.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::shell;

/// What is never left in code, joined here so that this file may name it.
const LEFTOVERS: [(&str, &str); 4] = [
    (concat!("to", "do!("), "write it"),
    (concat!("un", "implemented!("), "write it, or return an error that says what is missing"),
    (concat!("db", "g!("), "take it out, or trace what is worth knowing"),
    (concat!("#[ig", "nore"), "mend the test, or take it out"),
];

/// Folders that are on every machine and say nothing about this one.
const COMMON: [&str; 9] =
    ["/", "/home", "/Users", "/mnt", "/opt", "/srv", "/tmp", "/var", "/var/tmp"];

pub(super) fn check() -> Result<Vec<String>> {
    let root = shell::root();
    let machine = machine_paths(&root, std::env::var("HOME").ok().as_deref());
    let listed = shell::output(shell::program("git").args(["ls-files", "-z"]))?;
    let mut problems = Vec::new();
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        // Deleted and not yet committed, or not text: nothing to read.
        let Ok(text) = fs::read_to_string(root.join(name)) else { continue };
        problems.extend(look(name, &text, &machine));
    }
    Ok(problems)
}

/// Paths that only make sense here: the repository with the folders around it
/// and the home folder.
fn machine_paths(root: &Path, home: Option<&str>) -> Vec<String> {
    let mut folders: Vec<String> = root
        .ancestors()
        .map(|folder| folder.to_string_lossy().into_owned())
        .chain(home.map(str::to_owned))
        .filter(|folder| !COMMON.contains(&folder.as_str()))
        .map(|folder| format!("{}/", folder.trim_end_matches('/')))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// What is wrong with one file.
fn look(name: &str, text: &str, machine: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut found = |what: &str, hint: &str| {
            problems.push(format!("{name}:{number}: {what}: {hint}"));
        };
        if name.ends_with(".rs") {
            for (leftover, hint) in LEFTOVERS {
                if line.contains(leftover) {
                    found(leftover, hint);
                }
            }
        }
        for path in machine {
            if starts_a_path(line, path) {
                found(path, "a path of this machine means nothing on another");
            }
        }
    }
    problems
}

/// Whether the path stands in the line as a path of its own, not as the tail
/// of a longer one or of an address.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-/~}>*".contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_in_code_only() {
        let line = format!("    {}\"later\")", LEFTOVERS[0].0);
        assert_eq!(
            look("a.rs", &format!("fn a() {{\n{line}\n}}"), &[]),
            [format!("a.rs:2: {}: write it", LEFTOVERS[0].0)]
        );
        assert_eq!(look("a.md", &line, &[]), [""; 0]);
    }

    #[test]
    fn paths_of_the_machine_are_found_where_they_start() {
        let machine = machine_paths(Path::new("/srv/anna/studio"), Some("/home/anna"));
        assert_eq!(machine, ["/home/anna/", "/srv/anna/", "/srv/anna/studio/"]);
        for bad in ["see /home/anna/notes", "\"/srv/anna/x\"", "/srv/anna/studio/ui"] {
            assert!(!look("a.md", bad, &machine).is_empty(), "{bad}");
        }
        for good in ["https://host.example/srv/anna/x", "a/home/anna/b", "/home/berit/notes"] {
            assert!(look("a.md", good, &machine).is_empty(), "{good}");
        }
    }

    #[test]
    fn a_folder_that_is_everywhere_is_no_path_of_this_machine() {
        assert_eq!(machine_paths(Path::new("/tmp/studio"), None), ["/tmp/studio/"]);
    }
}
