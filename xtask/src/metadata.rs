//! What cargo knows about the workspace, as far as the checks ask for it.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell;

/// A package of the workspace or one that it uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    /// As in its `Cargo.toml`.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// The full path of its `Cargo.toml`.
    pub(crate) manifest: String,
    /// Where it was fetched from; none for our own.
    pub(crate) source: Option<String>,
    /// The licence expression it declares.
    pub(crate) licence: Option<String>,
    /// What it asks for, of every kind: normal, build and dev.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a `[dependencies]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's own name, however it is renamed.
    pub(crate) name: String,
    /// Only with a feature.
    pub(crate) optional: bool,
    /// Only for tests and examples.
    pub(crate) dev: bool,
}

/// Our own packages.
pub(crate) fn ours() -> Result<Vec<Package>> {
    read(&["--no-deps"])
}

/// Our own packages and everything that they use, on any platform.
pub(crate) fn all() -> Result<Vec<Package>> {
    read(&["--all-features"])
}

fn read(arguments: &[&str]) -> Result<Vec<Package>> {
    let mut cargo = shell::cargo();
    cargo.args(["metadata", "--format-version", "1", "--quiet"]).args(arguments);
    parse(&shell::output(&mut cargo)?)
}

/// Reads the output of `cargo metadata`.
pub(crate) fn parse(text: &str) -> Result<Vec<Package>> {
    let root: Value = serde_json::from_str(text).context("cargo metadata printed no JSON")?;
    let packages = root["packages"].as_array().context("cargo metadata named no packages")?;
    Ok(packages.iter().map(package).collect())
}

fn package(json: &Value) -> Package {
    let text = |key: &str| json[key].as_str().map(str::to_owned);
    let dependencies = json["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    Package {
        name: text("name").unwrap_or_default(),
        version: text("version").unwrap_or_default(),
        manifest: text("manifest_path").unwrap_or_default(),
        source: text("source"),
        licence: text("license"),
        dependencies: dependencies
            .iter()
            .map(|d| Dependency {
                name: d["name"].as_str().unwrap_or_default().to_owned(),
                optional: d["optional"].as_bool().unwrap_or(false),
                dev: d["kind"] == "dev",
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn packages_are_read_from_what_cargo_prints() {
        let text = r#"{"packages": [{
            "name": "a", "version": "1.2.3", "manifest_path": "/x/a/Cargo.toml",
            "source": null, "license": "MIT",
            "dependencies": [
                {"name": "b", "kind": null, "optional": true, "rename": "bee"},
                {"name": "c", "kind": "dev", "optional": false}]}]}"#;
        let packages = parse(text).unwrap();
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].licence.as_deref(), Some("MIT"));
        assert_eq!(packages[0].source, None);
        let dependency =
            |name: &str, optional, dev| Dependency { name: name.into(), optional, dev };
        assert_eq!(
            packages[0].dependencies,
            [dependency("b", true, false), dependency("c", false, true)]
        );
    }
}
