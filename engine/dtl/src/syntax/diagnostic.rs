//! Findings about a text.

use std::fmt;
use std::ops::Range;

use super::{Path, TextEdit};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Runs, but probably not as meant.
    Warning,
    /// Does not run.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One finding in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable name of the rule that was broken; what software matches on.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// The value it is about.
    pub path: Path,
    /// The bytes of the text it is about.
    pub span: Range<usize>,
    /// For people.
    pub message: String,
    /// What to do about it, where that is known.
    pub suggestion: Option<String>,
    /// A change of the text that does it, where there is one that is surely
    /// meant.
    pub fix: Option<Box<Fix>>,
}

/// A change of the text that mends what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, for people.
    pub title: String,
    /// The change.
    pub edits: Vec<TextEdit>,
}

impl Diagnostic {
    /// A finding that stops the text from being used.
    pub fn error(
        code: &'static str,
        path: Path,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            path,
            span,
            message: message.into(),
            suggestion: None,
            fix: None,
        }
    }

    /// A finding that does not stop the text from being used.
    pub fn warning(
        code: &'static str,
        path: Path,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, path, span, message) }
    }

    /// Something worth knowing.
    pub fn info(
        code: &'static str,
        path: Path,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic { severity: Severity::Info, ..Diagnostic::error(code, path, span, message) }
    }

    /// The same finding with what to do about it.
    pub fn suggest(self, suggestion: impl Into<String>) -> Diagnostic {
        Diagnostic { suggestion: Some(suggestion.into()), ..self }
    }

    /// The same finding with a change that mends it.
    pub fn fix(self, title: impl Into<String>, edits: Vec<TextEdit>) -> Diagnostic {
        Diagnostic { fix: Some(Box::new(Fix { title: title.into(), edits })), ..self }
    }

    /// The same finding with a change that puts one word in the place of
    /// another, where it stands in the span.
    pub fn instead(self, text: &str, wrong: &str, right: &str) -> Diagnostic {
        let Some(found) = text.get(self.span.clone()).and_then(|text| text.find(wrong)) else {
            return self;
        };
        let start = self.span.start + found;
        let json = serde_json::Value::from(right).to_string();
        let edit = TextEdit {
            span: start..start + wrong.len(),
            replacement: json[1..json.len() - 1].to_owned(),
        };
        self.fix(format!("Replace by {right:?}"), vec![edit])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.severity, self.path, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " ({suggestion})"),
            None => Ok(()),
        }
    }
}

/// Codes of what can be wrong with the JSON itself.
pub mod code {
    /// A value should stand here.
    pub const VALUE_MISSING: &str = "json-value-missing";
    /// Text that belongs to no value.
    pub const UNEXPECTED: &str = "json-unexpected";
    /// No comma between two values.
    pub const COMMA_MISSING: &str = "json-comma-missing";
    /// A comma before the closing bracket, which strict JSON forbids.
    pub const COMMA_TRAILING: &str = "json-comma-trailing";
    /// No colon between a key and its value.
    pub const COLON_MISSING: &str = "json-colon-missing";
    /// A value in an object without a key.
    pub const KEY_MISSING: &str = "json-key-missing";
    /// A key written twice in one object.
    pub const KEY_DUPLICATE: &str = "json-key-duplicate";
    /// Text in the wrong quotes, or in none.
    pub const QUOTES: &str = "json-quotes";
    /// A list, an object, a string or a comment is not closed.
    pub const UNCLOSED: &str = "json-unclosed";
    /// An opening bracket is missing.
    pub const BRACKET_MISSING: &str = "json-bracket-missing";
    /// A backslash sequence that JSON does not know.
    pub const ESCAPE: &str = "json-escape";
    /// A control character inside a string.
    pub const CONTROL_CHARACTER: &str = "json-control-character";
    /// Not a number of JSON's grammar.
    pub const NUMBER: &str = "json-number";
    /// Nested deeper than can be handled.
    pub const TOO_DEEP: &str = "json-too-deep";
}
