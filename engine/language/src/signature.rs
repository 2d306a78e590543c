//! The call around the cursor and which of its arguments is being written.

use pipewright_dtl::functions::{Kind, Many};

use crate::describe;
use crate::site::Site;

/// A call as it is written, with the argument at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `["first", VALUES]`
    pub label: String,
    /// What the function does, in Markdown.
    pub about: String,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Which of them the cursor is at; past the last one when there are too
    /// many arguments.
    pub active: usize,
}

/// A parameter of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Where it begins and ends in the label, in UTF-16 code units.
    pub label: (usize, usize),
    /// What it takes.
    pub about: String,
}

pub(crate) fn signature(site: &Site<'_>) -> Option<Signature> {
    let (function, call, index) = site.scope.calls.last()?;
    let count = call.items().len().saturating_sub(1).max(index + 1);
    let mut label = format!("[\"{}\"", function.name);
    let mut parameters = Vec::new();
    for param in function.params {
        label.push_str(", ");
        let start = label.encode_utf16().count();
        label.push_str(param.name);
        label.push_str(match param.many {
            Many::One => "",
            Many::Optional => "?",
            Many::Any | Many::Some => "...",
        });
        let about = format!("{}{}", kind(param.kind), many(param.many));
        parameters.push(Parameter { label: (start, label.encode_utf16().count()), about });
    }
    label.push(']');
    let active = match function.param(*index, count) {
        Some(active) => function.params.iter().position(|param| param == active),
        None => None,
    };
    let mut about = function.summary.to_owned();
    if let Some(example) = function.examples.first() {
        about.push_str("\n\n");
        about.push_str(&describe::examples(std::slice::from_ref(example)));
    }
    let active = active.unwrap_or(parameters.len());
    Some(Signature { label, about, parameters, active })
}

/// What a parameter takes, in words.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Value => "any expression",
        Kind::Boolean => "an expression whose truth counts",
        Kind::Integer => "a whole number, or an expression that gives one",
        Kind::String => "a string, or an expression that gives one",
        Kind::Wildcard => "a pattern of property names, or a list of them",
        Kind::Function => "an expression on each item, which is `_`",
        Kind::Transforms => "a transform or a list of them",
        Kind::Rule => "the name of a rule",
        Kind::Hops => "a specification of hops",
        Kind::Literal => "anything, taken as it is written",
    }
}

/// How often a parameter is given, in words; nothing for once.
fn many(many: Many) -> &'static str {
    match many {
        Many::One => "",
        Many::Optional => ", may be left out",
        Many::Any => ", any number of times",
        Many::Some => ", one or more times",
    }
}
