//! New projects.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pipewright_protocol::shell::Template;

/// The files of a template, by their paths.
type Files = &'static [(&'static str, &'static [u8])];

const EMPTY: Files = &[(
    "node-metadata.conf.json",
    b"{\n  \"_id\": \"node\",\n  \"type\": \"metadata\",\n  \"namespaced_identifiers\": true\n}\n",
)];

const CSV: Files = &[
    (
        "node-metadata.conf.json",
        b"{\n  \"_id\": \"node\",\n  \"type\": \"metadata\"\n}\n",
    ),
    (
        "systems/files.conf.json",
        b"{\n  \"_id\": \"files\",\n  \"type\": \"system:url\",\n  \"description\": \"The folder data of this project.\",\n  \"url_pattern\": \"file:data/%s\"\n}\n",
    ),
    (
        "pipes/people.conf.json",
        b"{\n  \"_id\": \"people\",\n  \"type\": \"pipe\",\n  \"source\": {\n    \"type\": \"csv\",\n    \"system\": \"files\",\n    \"url\": \"people.csv\",\n    \"primary_key\": \"id\"\n  },\n  \"transform\": {\n    \"type\": \"dtl\",\n    \"rules\": {\n      \"default\": [\n        [\"copy\", \"*\"],\n        [\"add\", \"name\", [\"concat\", \"_S.first_name\", \" \", \"_S.last_name\"]]\n      ]\n    }\n  }\n}\n",
    ),
    (
        "data/people.csv",
        b"id,first_name,last_name,email\n1,Runa,Lykke,runa.lykke@example.org\n2,Odd,Varde,odd.varde@example.org\n3,Tiril,Elvestad,tiril@example.org\n",
    ),
];

const EXAMPLE: Files = include!(concat!(env!("OUT_DIR"), "/example.rs"));

/// Why there is no new project.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is something already.
    #[error("{0} is not empty. A new project begins in a folder of its own.")]
    NotEmpty(PathBuf),
    /// It cannot be written.
    #[error("{path}: {cause}")]
    Io {
        /// What cannot be written.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Makes a new project in a folder, which must be empty or not there yet.
///
/// # Errors
/// There is something in the folder, or it cannot be written. What was begun is
/// taken away again.
pub fn create(template: Template, folder: &Path) -> Result<(), TemplateError> {
    let failed = |path: &Path, cause| TemplateError::Io { path: path.to_path_buf(), cause };
    let was_there = match fs::read_dir(folder) {
        Ok(entries) => {
            if entries.count() > 0 {
                return Err(TemplateError::NotEmpty(folder.to_path_buf()));
            }
            true
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
        Err(cause) => return Err(failed(folder, cause)),
    };
    let files = match template {
        Template::Empty => EMPTY,
        Template::Csv => CSV,
        Template::CrmErp => EXAMPLE,
    };
    let write = |path: &Path, bytes: &[u8]| -> io::Result<()> {
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(path, bytes)
    };
    for (name, bytes) in files {
        let path = folder.join(name);
        if let Err(cause) = write(&path, bytes) {
            // The first error counts; what was there before is not ours.
            if !was_there {
                let _ = fs::remove_dir_all(folder);
            }
            return Err(failed(&path, cause));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pipewright_config::{Project, validate};

    use super::*;

    #[test]
    fn every_template_is_a_sound_project() {
        let home = tempfile::tempdir().unwrap();
        for (template, pipes) in [(Template::Empty, 0), (Template::Csv, 1), (Template::CrmErp, 20)]
        {
            let folder = home.path().join(format!("{template:?}"));
            create(template, &folder).unwrap();
            let project = Project::open(&folder, None).unwrap();
            let errors: Vec<_> =
                validate(&project).into_iter().filter(|problem| problem.is_error()).collect();
            assert!(errors.is_empty(), "{template:?}: {errors:?}");
            assert!(project.pipes().count() >= pipes, "{template:?}");
            assert!(matches!(create(template, &folder), Err(TemplateError::NotEmpty(_))));
        }
        let example = home.path().join("CrmErp");
        assert!(example.join("data/crm/companies.csv").is_file());
        assert!(!example.join(".pipewright").exists());
    }
}
