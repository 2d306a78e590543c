//! What is wrong with a project, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use pipewright_dtl::syntax::{Diagnostic, Path, Position, Severity};
use pipewright_entity::Text;

use crate::File;

/// A finding in one file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the project folder, with `/`.
    pub file: Text,
    /// The pipe or system it concerns, where there is one.
    pub component: Option<Text>,
    /// Line and column where the finding begins.
    pub position: Position,
    /// The finding. Its path and span count in the file.
    pub diagnostic: Diagnostic,
}

impl Problem {
    /// Whether what it concerns cannot run.
    pub fn is_error(&self) -> bool {
        self.diagnostic.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    /// `pipes/a.conf.json:3:5: error at $.source: no such type (…)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.position.line, self.position.column, self.diagnostic
        )
    }
}

/// Where in the files of a project something stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The file.
    pub file: Arc<File>,
    /// The path in the file.
    pub at: Path,
    /// The bytes of the file.
    pub span: Range<usize>,
}

impl Origin {
    /// Line and column where it begins.
    pub fn position(&self) -> Position {
        self.file.document.position(self.span.start)
    }
}

/// Findings about one component as they are collected.
pub(crate) struct Findings<'a> {
    pub(crate) file: &'a Arc<File>,
    pub(crate) component: Option<Text>,
    /// Findings weigh at most this much.
    pub(crate) most: Severity,
    pub(crate) problems: &'a mut Vec<Problem>,
}

impl Findings<'_> {
    pub(crate) fn add(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.severity = diagnostic.severity.min(self.most);
        self.problems.push(Problem {
            file: self.file.path.clone(),
            component: self.component.clone(),
            position: self.file.document.position(diagnostic.span.start),
            diagnostic,
        });
    }

    /// The path of what begins at a span. Nodes do not carry their paths, but
    /// where one begins says which it is.
    pub(crate) fn path(&self, span: &Range<usize>) -> Path {
        self.file.document.path_at(span.start)
    }

    pub(crate) fn error(&mut self, code: &'static str, span: Range<usize>, message: String) {
        self.report(code, Severity::Error, span, message, None);
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: String,
        hint: Option<Hint>,
    ) {
        self.report(code, Severity::Warning, span, message, hint);
    }

    pub(crate) fn report(
        &mut self,
        code: &'static str,
        severity: Severity,
        span: Range<usize>,
        message: String,
        hint: Option<Hint>,
    ) {
        let path = self.path(&span);
        let found = Diagnostic { severity, ..Diagnostic::error(code, path, span, message) };
        self.add(with_hint(found, &self.file.document.text, hint));
    }

    /// The same place with findings that weigh at most so much.
    pub(crate) fn at_most(&mut self, most: Severity) -> Findings<'_> {
        Findings {
            file: self.file,
            component: self.component.clone(),
            most: self.most.min(most),
            problems: self.problems,
        }
    }
}

/// Codes of what can be wrong with a project, on top of those of the JSON
/// itself ([`pipewright_dtl::syntax::code`]) and of DTL.
pub mod code {
    /// A file cannot be read, or not as text.
    pub const FILE_UNREADABLE: &str = "config-file-unreadable";
    /// A file lies where config lies but is not read as such.
    pub const FILE_IGNORED: &str = "config-file-ignored";
    /// A component is not an object.
    pub const NOT_AN_OBJECT: &str = "config-not-an-object";
    /// A component has no usable `_id`.
    pub const ID_INVALID: &str = "config-id-invalid";
    /// Two components have the same `_id`.
    pub const ID_DUPLICATE: &str = "config-id-duplicate";
    /// A `type` that no component has.
    pub const TYPE_UNKNOWN: &str = "config-type-unknown";
    /// A `type` is missing.
    pub const TYPE_MISSING: &str = "config-type-missing";
    /// Documented, but it does not run here yet.
    pub const NOT_SUPPORTED: &str = "config-not-supported";
    /// It runs, and nobody has tried it where it was made.
    pub const UNTESTED: &str = "config-untested";
    /// A property that the component does not have.
    pub const PROPERTY_UNKNOWN: &str = "config-property-unknown";
    /// A property that must be there is not.
    pub const PROPERTY_MISSING: &str = "config-property-missing";
    /// A value of the wrong shape, or not among the allowed ones.
    pub const VALUE_INVALID: &str = "config-value-invalid";
    /// The documentation advises against it.
    pub const DEPRECATED: &str = "config-deprecated";
    /// A variable that the profile does not have.
    pub const VARIABLE_MISSING: &str = "config-variable-missing";
    /// The profile that was asked for is not there.
    pub const PROFILE_MISSING: &str = "config-profile-missing";
    /// A condition that names no alternative.
    pub const ALTERNATIVE_MISSING: &str = "config-alternative-missing";
    /// A system that is not there.
    pub const SYSTEM_MISSING: &str = "config-system-missing";
    /// A system of a type that does not fit.
    pub const SYSTEM_MISMATCH: &str = "config-system-mismatch";
    /// A dataset that no pipe writes.
    pub const DATASET_MISSING: &str = "config-dataset-missing";
    /// A dataset that another pipe writes too.
    pub const DATASET_SHARED: &str = "config-dataset-shared";
    /// A property is read that nothing writes.
    pub const PROPERTY_UNWRITTEN: &str = "config-property-unwritten";
    /// Pipes that read each other's output in a circle.
    pub const CYCLE: &str = "config-cycle";
    /// Two properties that do not go together.
    pub const CONFLICT: &str = "config-conflict";
    /// A test that names a pipe that is not there.
    pub const SPEC_PIPE_MISSING: &str = "config-spec-pipe-missing";
    /// A test without the file it compares with.
    pub const SPEC_FILE_MISSING: &str = "config-spec-file-missing";
}

/// What to do about a finding.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    /// For people.
    pub(crate) words: String,
    /// The word that is wrong and the one that was meant.
    pub(crate) instead: Option<(String, String)>,
}

impl From<String> for Hint {
    fn from(words: String) -> Hint {
        Hint { words, instead: None }
    }
}

impl From<&str> for Hint {
    fn from(words: &str) -> Hint {
        words.to_owned().into()
    }
}

impl Hint {
    /// `did you mean …?`
    fn meant(wrong: &str, right: &str) -> Hint {
        Hint {
            words: format!("did you mean `{right}`?"),
            instead: Some((wrong.to_owned(), right.to_owned())),
        }
    }
}

/// A finding with what to do about it. `text` is the one the finding's span
/// counts in.
pub(crate) fn with_hint(found: Diagnostic, text: &str, hint: Option<Hint>) -> Diagnostic {
    let Some(hint) = hint else { return found };
    let found = found.suggest(hint.words);
    match hint.instead {
        Some((wrong, right)) => found.instead(text, &wrong, &right),
        None => found,
    }
}

/// `did you mean …?` for a word that is close to one of the known ones.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<Hint> {
    Vocabulary::new(known).did_you_mean(word)
}

/// Known words, made ready to be compared with many others.
pub(crate) struct Vocabulary<'a> {
    /// Each as it is, as it is compared, and its letters.
    words: Vec<(&'a str, String, Letters)>,
}

/// To how many words the distance is worked out.
const MOST_LIKELY: usize = 20;

/// How often each letter is there; letters share places.
type Letters = [u8; 32];

impl<'a> Vocabulary<'a> {
    pub(crate) fn new(words: impl IntoIterator<Item = &'a str>) -> Vocabulary<'a> {
        let prepared = words.into_iter().map(|word| {
            let folded = fold(word);
            let letters = letters(&folded);
            (word, folded, letters)
        });
        Vocabulary { words: prepared.collect() }
    }

    /// The word closest to one, if it is close: a few letters put in, taken
    /// out, replaced or swapped with their neighbour.
    pub(crate) fn closest(&self, word: &str) -> Option<&'a str> {
        let folded = fold(word);
        let own = letters(&folded);
        let allowed = match word.chars().count() {
            0..=2 => 1,
            3..=7 => 2,
            _ => 3,
        };
        // Every step changes the count of two letters at most. That leaves few
        // words to work the distance out for, and of those only the likeliest.
        let mut likely: Vec<_> = self
            .words
            .iter()
            .filter_map(|(known, other, letters)| {
                let apart: u32 =
                    own.iter().zip(letters).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
                (apart <= 2 * allowed && *known != word).then_some((apart, *known, other))
            })
            .collect();
        likely.sort_by_key(|(apart, known, _)| (*apart, *known));
        let close = likely.into_iter().take(MOST_LIKELY).filter_map(|(_, known, other)| {
            let distance = strsim::osa_distance(&folded, other);
            (distance <= allowed as usize && distance < known.chars().count())
                .then_some((distance, known))
        });
        close.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
    }

    /// `did you mean …?` for a word that is close to one of these.
    pub(crate) fn did_you_mean(&self, word: &str) -> Option<Hint> {
        self.closest(word).map(|known| Hint::meant(word, known))
    }
}

/// Case and the kind of dash do not count.
fn fold(text: &str) -> String {
    text.to_lowercase().replace('-', "_")
}

fn letters(text: &str) -> Letters {
    let mut counts = [0; 32];
    for c in text.chars() {
        let count: &mut u8 = &mut counts[c as usize % 32];
        *count = count.saturating_add(1);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        Vocabulary::new(known).closest(word)
    }

    #[test]
    fn close_words_are_offered() {
        let known = ["dataset", "datasets", "system", "url"];
        assert_eq!(closest("datset", known), Some("dataset"));
        assert_eq!(closest("sytsem", known), Some("system"));
        assert_eq!(closest("URL", known), Some("url"));
        assert_eq!(closest("banana", known), None);
        assert_eq!(closest("x", known), None);
        assert_eq!(
            closest("Set-Initial-Ofset", ["set_initial_offset"]),
            Some("set_initial_offset")
        );
    }
}
