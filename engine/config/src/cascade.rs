//! One mistake, one finding: what follows from broken JSON is not told again
//! as something else.

use std::ops::Range;

use pipewright_dtl::code as dtl;
use pipewright_dtl::syntax::{Diagnostic, Document, Path, code as json};

use crate::problem::code;

/// Findings that count what is in a list or object, or tell what one is for.
/// Where brackets, commas or quotes are wrong, none of that is sure.
const SHAPE: [&str; 18] = [
    code::CONFLICT,
    code::DATASET_MISSING,
    code::ID_INVALID,
    code::NOT_AN_OBJECT,
    code::PROPERTY_MISSING,
    code::PROPERTY_UNKNOWN,
    code::SYSTEM_MISSING,
    code::TYPE_MISSING,
    code::TYPE_UNKNOWN,
    code::VALUE_INVALID,
    dtl::ARGUMENT,
    dtl::ARITY,
    dtl::HOPS,
    dtl::NOT_A_CALL,
    dtl::UNJOINED,
    dtl::UNKNOWN_FUNCTION,
    dtl::UNSET,
    dtl::WRONG_ROLE,
];

/// Findings about names that may be written where the text is broken.
const ELSEWHERE: [&str; 3] = [dtl::NO_DEFAULT, dtl::UNKNOWN_RULE, dtl::UNUSED_RULE];

/// What is broken in a text, and which findings follow from it.
pub(crate) struct Broken {
    /// Where brackets are wrong: the values around them.
    torn: Vec<Path>,
    /// Parts of lines that lack a quote.
    unquoted: Vec<Range<usize>>,
    /// Lists and objects that end with a comma.
    trailing: Vec<Path>,
    /// Whether something is missing, so that what is named may be in there.
    lacks: bool,
}

impl Broken {
    pub(crate) fn of(document: &Document) -> Broken {
        let (mut torn, mut unquoted, mut trailing) = (Vec::new(), Vec::new(), Vec::new());
        for problem in &document.problems {
            match problem.code {
                json::COMMA_TRAILING => trailing.push(problem.path.clone()),
                // A bracket is one byte.
                json::UNCLOSED if problem.span.len() > 1 => {
                    let text = &document.text;
                    let start = text[..problem.span.start].rfind('\n').map_or(0, |at| at + 1);
                    let end = text[problem.span.start..].find('\n');
                    unquoted.push(start..end.map_or(text.len(), |end| problem.span.start + end));
                    torn.push(Path::root());
                }
                json::UNCLOSED
                | json::UNEXPECTED
                | json::KEY_MISSING
                | json::BRACKET_MISSING
                | json::TOO_DEEP => torn.push(problem.path.clone()),
                _ => {}
            }
        }
        Broken { torn, unquoted, trailing, lacks: document.is_broken() }
    }

    /// Whether a finding is the same mistake as the broken JSON.
    pub(crate) fn explains(&self, found: &Diagnostic) -> bool {
        if found.code.starts_with("json-") {
            return false;
        }
        if self.unquoted.iter().any(|line| line.contains(&found.span.start)) {
            return true;
        }
        if self.lacks && ELSEWHERE.contains(&found.code) {
            return true;
        }
        // Members may have come into the wrong object from anywhere.
        if found.code == code::PROPERTY_UNKNOWN && found.fix.is_none() && !self.torn.is_empty() {
            return true;
        }
        let near = |torn: &Path| torn.contains(&found.path) || found.path.contains(torn);
        // A word that is close to a known one was misspelt, whatever else.
        let sure = found.fix.is_some() && found.code != code::PROPERTY_UNKNOWN;
        !sure && SHAPE.contains(&found.code) && self.torn.iter().any(near)
    }

    /// Whether a trailing comma is where an argument is still to be written,
    /// which is told already.
    pub(crate) fn is_waiting(&self, comma: &Diagnostic, found: &[Diagnostic]) -> bool {
        comma.code == json::COMMA_TRAILING
            && self.trailing.contains(&comma.path)
            && found.iter().any(|other| {
                matches!(other.code, dtl::ARITY | code::PROPERTY_MISSING)
                    && other.path == comma.path
            })
    }
}
