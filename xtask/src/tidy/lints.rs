//! Every crate has the workspace's lints, and those forbid unsafe code.

use std::fs;

use anyhow::{Context, Result};

use crate::metadata::Package;
use crate::shell;

pub(super) fn check(packages: &[Package]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let root = fs::read_to_string(shell::root().join("Cargo.toml")).context("no Cargo.toml")?;
    if !has_line(&root, "workspace.lints.rust", "unsafe_code=\"forbid\"") {
        problems
            .push("Cargo.toml: [workspace.lints.rust] must say unsafe_code = \"forbid\"".into());
    }
    for package in packages {
        let manifest = fs::read_to_string(&package.manifest)
            .with_context(|| format!("cannot read {}", package.manifest))?;
        if !has_line(&manifest, "lints", "workspace=true") {
            problems.push(format!(
                "{}: its Cargo.toml must say [lints] workspace = true",
                package.name
            ));
        }
    }
    Ok(problems)
}

/// Whether a table of a manifest has a line, spaces aside. Enough for the two
/// lines looked for; a manifest that says it another way can be rewritten.
fn has_line(manifest: &str, table: &str, wanted: &str) -> bool {
    let mut inside = false;
    for line in manifest.lines() {
        let line: String = line.split('#').next().unwrap_or(line).split_whitespace().collect();
        if line.starts_with('[') {
            inside = line == format!("[{table}]");
        } else if inside && line == wanted {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_line;

    #[test]
    fn a_line_counts_in_its_own_table_only() {
        let manifest = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true # all\n\n[other]\n";
        assert!(has_line(manifest, "lints", "workspace=true"));
        assert!(!has_line(manifest, "package", "workspace=true"));
        assert!(!has_line("[package]\nworkspace = true\n[lints]\n", "lints", "workspace=true"));
        assert!(!has_line("[lints]\n# workspace = true\n", "lints", "workspace=true"));
    }
}
