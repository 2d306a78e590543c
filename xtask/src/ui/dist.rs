//! `dist/`: exactly the files that a browser or the desktop shell is given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

/// Files of `ui/` that are served as they are.
const AS_THEY_ARE: [&str; 3] = ["index.html", "style", "assets"];

/// Puts the built folders and the fixed files into `dist/`, removes what no
/// longer belongs there and returns how many files there are.
pub(super) fn lay_out(built: &[PathBuf]) -> Result<usize> {
    let mut files = BTreeMap::new();
    for folder in built {
        collect(folder, Path::new(""), &mut files)?;
    }
    for name in AS_THEY_ARE {
        let path = shell::root().join("ui").join(name);
        if path.exists() {
            collect(&path, Path::new(name), &mut files)?;
        }
    }
    let dist = shell::root().join("dist");
    sync(&files, &dist).with_context(|| format!("cannot write {}", dist.display()))?;
    Ok(files.len())
}

/// Adds the files at or below `path`, by their place in `dist/`.
fn collect(path: &Path, place: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.insert(place.to_path_buf(), path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let entry = entry?;
        collect(&entry.path(), &place.join(entry.file_name()), files)?;
    }
    Ok(())
}

/// Makes `folder` hold exactly `files`. What is the same already is left
/// alone: a new time stamp would make the desktop shell embed it all again.
fn sync(files: &BTreeMap<PathBuf, PathBuf>, folder: &Path) -> Result<()> {
    let mut there = BTreeMap::new();
    if folder.exists() {
        collect(folder, Path::new(""), &mut there)?;
    }
    for (place, path) in there {
        if !files.contains_key(&place) {
            fs::remove_file(path)?;
        }
    }
    for (place, source) in files {
        let content = fs::read(source)?;
        let target = folder.join(place);
        if fs::read(&target).is_ok_and(|old| old == content) {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(target, content)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_folder_ends_up_with_exactly_the_files() {
        let temp = tempfile::tempdir().unwrap();
        let (source, dist) = (temp.path().join("source"), temp.path().join("dist"));
        fs::create_dir_all(source.join("style")).unwrap();
        fs::write(source.join("style/a.css"), "new").unwrap();
        fs::write(source.join("same.js"), "same").unwrap();
        fs::create_dir_all(&dist).unwrap();
        fs::write(dist.join("gone.js"), "old").unwrap();
        fs::write(dist.join("same.js"), "same").unwrap();
        let before = fs::metadata(dist.join("same.js")).unwrap().modified().unwrap();

        let mut files = BTreeMap::new();
        collect(&source, Path::new(""), &mut files).unwrap();
        sync(&files, &dist).unwrap();

        assert_eq!(fs::read_to_string(dist.join("style/a.css")).unwrap(), "new");
        assert!(!dist.join("gone.js").exists());
        let after = fs::metadata(dist.join("same.js")).unwrap().modified().unwrap();
        assert_eq!(before, after);
    }
}
