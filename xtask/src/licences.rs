//! The licences of everything that is shipped with the product.
//!
//! Not `cargo deny`: it has to be built from source where it is not installed,
//! which takes longer than most other stages together, and what we ask of it
//! is this page.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

use crate::{metadata, shell};

/// Licences that ask for no more than naming the authors, and the MPL, which
/// asks for changes of its own files. All go together with ours.
const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

/// The one place that crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Where npm packages are locked.
const NPM_LOCKS: [&str; 1] = ["ui/monaco/package-lock.json"];

/// Checks the licence and the origin of every package that is used.
pub(crate) fn check() -> Result<()> {
    let mut problems = Vec::new();
    let packages = metadata::all()?;
    for package in packages.iter().filter(|package| package.source.is_some()) {
        let name = format!("{} {}", package.name, package.version);
        if package.source.as_deref() != Some(REGISTRY) {
            let source = package.source.as_deref().unwrap_or_default();
            problems.push(format!("{name} comes from {source}, not from the registry"));
        }
        problems.extend(complaint(&name, package.licence.as_deref()));
    }
    let mut count = packages.len();
    for lock in NPM_LOCKS {
        let text = fs::read_to_string(shell::root().join(lock))
            .with_context(|| format!("cannot read {lock}"))?;
        for (name, licence) in npm(&text).with_context(|| format!("cannot read {lock}"))? {
            problems.extend(complaint(&name, licence.as_deref()));
            count += 1;
        }
    }
    if problems.is_empty() {
        println!("licences: {count} packages, all permissive");
        return Ok(());
    }
    for problem in &problems {
        println!("licences: {problem}");
    }
    bail!("{} package(s) that may not be used", problems.len())
}

/// Everything that is used, with the licence of each, a line for each.
pub(crate) fn list() -> Result<String> {
    let mut used = BTreeMap::new();
    for package in metadata::all()?.into_iter().filter(|package| package.source.is_some()) {
        used.insert(format!("{} {}", package.name, package.version), package.licence);
    }
    for lock in NPM_LOCKS {
        used.extend(npm(&fs::read_to_string(shell::root().join(lock))?)?);
    }
    let line = |(name, licence): (String, Option<String>)| {
        format!("{name}: {}\n", licence.unwrap_or_default())
    };
    Ok(used.into_iter().map(line).collect())
}

/// Name and licence of every package in a `package-lock.json`.
fn npm(lock: &str) -> Result<BTreeMap<String, Option<String>>> {
    let root: Value = serde_json::from_str(lock)?;
    let packages = root["packages"].as_object().context("no packages in it")?;
    let used = packages.iter().filter(|(place, _)| !place.is_empty());
    Ok(used
        .map(|(place, package)| {
            let name = place.rsplit("node_modules/").next().unwrap_or(place);
            (format!("npm {name}"), package["license"].as_str().map(str::to_owned))
        })
        .collect())
}

/// Why a package with such a licence may not be used, if so.
fn complaint(name: &str, licence: Option<&str>) -> Option<String> {
    let Some(licence) = licence else {
        return Some(format!("{name} does not say what licence it has"));
    };
    // Lax: old packages write `MIT/Apache-2.0`.
    let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
        return Some(format!("{name} has a licence nobody can read: {licence}"));
    };
    (!expression.evaluate(is_allowed)).then(|| {
        format!("{name} is licensed {licence}, which is not among those in xtask/src/licences.rs")
    })
}

fn is_allowed(requirement: &LicenseReq) -> bool {
    requirement.license.id().is_some_and(|id| ALLOWED.contains(&id.name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_choice_is_fine_if_one_side_is() {
        for fine in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "MIT OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "(MPL-2.0 OR Apache-2.0)",
        ] {
            assert_eq!(complaint("a 1.0.0", Some(fine)), None, "{fine}");
        }
    }

    #[test]
    fn what_is_not_listed_is_refused() {
        for bad in [Some("GPL-3.0-only"), Some("MIT AND AGPL-3.0"), Some("see file"), None] {
            assert!(complaint("a 1.0.0", bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn every_allowed_licence_is_one_that_exists() {
        for name in ALLOWED {
            assert!(spdx::license_id(name).is_some(), "{name}");
        }
    }

    #[test]
    fn npm_packages_are_read_without_the_project_itself() {
        let lock = r#"{"packages": {"": {"license": "X"},
            "node_modules/a": {"license": "MIT"},
            "node_modules/a/node_modules/@b/c": {}}}"#;
        let packages: Vec<_> = npm(lock).unwrap().into_iter().collect();
        assert_eq!(packages, [("npm @b/c".into(), None), ("npm a".into(), Some("MIT".into()))]);
    }
}
