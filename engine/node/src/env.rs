//! The variables of the profile, in their file.
//!
//! What a call does not name stays as it is written: order, layout, and the
//! spelling of numbers.

use pipewright_config::Project;
use pipewright_dtl::syntax::{Document, Path, TextEdit as Piece, apply};
use pipewright_protocol::studio::{Edits, FileEdit};

use crate::api::Failed;
use crate::upload::change;
use crate::{Claims, Node};

/// Variables as they are sent: a JSON object, each name once.
fn variables(text: &str) -> Result<Document, Failed> {
    let sent = Document::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
    match sent.root.as_ref().is_some_and(|root| root.is_object()) && !sent.is_broken() {
        true => Ok(sent),
        false => Err(Failed::bad_request("the variables are a JSON object")),
    }
}

impl Node {
    /// The project as it is on disk now, and the file that holds its variables.
    fn env_file(&self) -> Result<(Project, String), Failed> {
        self.reload("changed on disk").map_err(|error| Failed::internal(error.to_string()))?;
        let project = self.config();
        let path = format!("{}-env.json", project.profile().unwrap_or("test"));
        Ok((project, path))
    }

    /// Makes the variables of the profile be these.
    pub(crate) fn replace_env(&self, text: &str, by: &Claims) -> Result<(), Failed> {
        match self.env_edit(text)? {
            Some(edit) => {
                self.edit(&Edits { label: "Set variables".into(), files: vec![edit] }, by)?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What it takes to make the variables of the profile be these.
    pub(crate) fn env_edit(&self, text: &str) -> Result<Option<FileEdit>, Failed> {
        let (project, path) = self.env_file()?;
        let new = variables(text)?;
        let Some(root) = new.root.as_ref() else { return Ok(None) };
        let known = project.file(&path).map(|file| file.document.clone());
        let flat = |document: &Document| {
            document.root.as_ref().map(|root| root.to_json_text(document, false))
        };
        let same = match &known {
            Some(known) => flat(known) == flat(&new),
            // Without a file there are none.
            None => root.members().is_empty(),
        };
        if same {
            return Ok(None);
        }
        let text = Some(format!("{}\n", root.to_json_text(&new, true)));
        let known = known.map(|known| known.text.clone());
        Ok(change(known.as_deref(), text).map(|change| FileEdit { path, change }))
    }

    /// Sets the variables that are sent; the others stay as they are written.
    pub(crate) fn set_env(&self, text: &str, by: &Claims) -> Result<(), Failed> {
        let sent = variables(text)?;
        let (project, path) = self.env_file()?;
        let Some(file) = project.file(&path).filter(|file| file.document.root.is_some()) else {
            return self.replace_env(text, by);
        };
        let mut document = Document::parse(file.document.text.clone());
        for member in sent.root.iter().flat_map(|root| root.members()) {
            let spelled = member.value.to_json_text(&sent, false);
            let place = Path::root().key(member.key.clone());
            let edits = match document.at(&place) {
                Some(known) if known.to_json_text(&document, false) == spelled => continue,
                Some(known) => vec![Piece { span: known.span.clone(), replacement: spelled }],
                None => {
                    // A value that stands nowhere else marks where it goes.
                    let mark = uuid::Uuid::new_v4().to_string();
                    let edits = document.set(&place, &mark.as_str().into()).map_err(broken)?;
                    let mark = format!("\"{mark}\"");
                    let spell = |edit: Piece| Piece {
                        replacement: edit.replacement.replace(&mark, &spelled),
                        ..edit
                    };
                    edits.into_iter().map(spell).collect()
                }
            };
            let (text, _) = apply(&document.text, &edits).map_err(broken)?;
            document = Document::parse(text);
        }
        self.save_env(path, &file.document.text, document.text.to_string(), by)
    }

    /// Removes a variable; the others stay as they are written.
    pub(crate) fn unset_env(&self, name: &str, by: &Claims) -> Result<(), Failed> {
        let (project, path) = self.env_file()?;
        let place = Path::root().key(name);
        let file = project.file(&path).filter(|file| file.document.at(&place).is_some());
        let Some(file) = file else {
            return Err(Failed::not_found(format!("there is no variable {name:?}")));
        };
        let edits = file.document.remove(&place).map_err(broken)?;
        let (text, _) = apply(&file.document.text, &edits).map_err(broken)?;
        self.save_env(path, &file.document.text, text, by)
    }

    fn save_env(
        &self,
        path: String,
        before: &str,
        after: String,
        by: &Claims,
    ) -> Result<(), Failed> {
        if before == after {
            return Ok(());
        }
        let Some(change) = change(Some(before), Some(after)) else { return Ok(()) };
        let files = vec![FileEdit { path, change }];
        self.edit(&Edits { label: "Set variables".into(), files }, by)?;
        Ok(())
    }
}

fn broken(error: pipewright_dtl::syntax::EditError) -> Failed {
    Failed::bad_request(format!("the file of the variables cannot be changed: {error}"))
}
