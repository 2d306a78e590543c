//! Files of the project and others.

use std::io;
use std::path::{Path, PathBuf};

/// Where a path leads, and whether that is inside the project folder. A path
/// that is not there yet is an error unless it `may_be_new`.
///
/// Links are followed before the question is answered, so that neither `..`
/// nor a link leads out unseen.
pub(crate) fn place(
    folder: Option<&Path>,
    path: &Path,
    may_be_new: bool,
) -> io::Result<(PathBuf, bool)> {
    let full = match folder {
        Some(folder) => folder.join(path),
        None if path.is_relative() => {
            return Err(io::Error::other("is relative to the project folder, but none is open"));
        }
        None => path.to_owned(),
    };
    let full = match full.canonicalize() {
        Err(error) if may_be_new && error.kind() == io::ErrorKind::NotFound => {
            match (full.parent(), full.file_name()) {
                (Some(parent), Some(name)) => parent.canonicalize()?.join(name),
                _ => return Err(error),
            }
        }
        done => done?,
    };
    let inside = match folder {
        Some(folder) => full.starts_with(folder.canonicalize()?),
        None => false,
    };
    Ok((full, inside))
}

/// What went wrong with a file, in words that name it.
pub(crate) fn said(shown: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {shown}"),
        io::ErrorKind::PermissionDenied => format!("{shown} may not be read"),
        io::ErrorKind::Other => format!("{shown} {error}"),
        _ => format!("{shown}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_leads_out_of_the_folder_is_outside() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("project");
        std::fs::create_dir_all(project.join("data")).unwrap();
        std::fs::write(project.join("data/a.csv"), "").unwrap();
        std::fs::write(root.path().join("b.csv"), "").unwrap();
        let inside = |path: &str| place(Some(&project), Path::new(path), false).unwrap().1;
        assert!(inside("data/a.csv"));
        assert!(inside("data/../data/a.csv"));
        assert!(!inside("../b.csv"));
        assert!(!inside(root.path().join("b.csv").to_str().unwrap()));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.path().join("b.csv"), project.join("link.csv"))
                .unwrap();
            assert!(!inside("link.csv"));
        }
        assert!(place(Some(&project), Path::new("none.csv"), false).is_err());
        let new = |path: &str| place(Some(&project), Path::new(path), true).unwrap().1;
        assert!(new("none.csv"));
        assert!(!new("../none.csv"));
    }
}
