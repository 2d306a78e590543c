//! Functions on text (documentation page `hub/dtl/dtl-functions-strings`).

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value};

use super::args::{every, first, integer, items, spread, string, try_spread};
use super::{Body, Function, Kind, PLAIN, example, on, one, optional, some};
use crate::Fault;
use crate::compute::json_text::text;
use crate::compute::replacing::Replacements;
use crate::compute::text::{Side, justify, substring};
use crate::compute::wildcard;

/// The longest text a function makes, in bytes.
const LONGEST: usize = 64 << 20;

const AREA: &str = "strings";

const LJUST: &[super::Param] =
    &[one("WIDTH", Kind::Integer), one("FILL_CHARACTER", Kind::Value), one("VALUES", Kind::Value)];

const STRIP: &[super::Param] = &[optional("CHARACTERS", Kind::String), one("VALUES", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "concat",
        area: AREA,
        params: &[some("VALUES", Kind::Value)],
        summary: "Puts all strings among the arguments, and in lists among them, one after the \
                  other. Everything else is left out.",
        examples: &[
            example(r#"["concat", ["list", "a", "b", "c"]]"#, r#""abc""#),
            on(
                r#"{"name": "John"}"#,
                r#"["concat", "Hello ", "_S.name", "!"]"#,
                r#""Hello John!""#,
            ),
            example(
                r#"["concat", "a", ["list", "b", "c"], "d", 123, ["list", "!"]]"#,
                r#""abcd!""#,
            ),
            example(r#"["concat", 123, 3.14]"#, r#""""#),
        ],
        body: Body::Eager(|_, args| join("", args.iter().flat_map(items))),
        ..PLAIN
    },
    Function {
        name: "is-string",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a string.",
        examples: &[
            example(r#"["is-string", "foo:bar"]"#, "true"),
            example(r#"["is-string", 1]"#, "false"),
            example(r#"["is-string", ["list", "foo:bar", 12345]]"#, "true"),
            example(r#"["is-string", ["list", 1, "foo:bar"]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::String(_))))),
        ..PLAIN
    },
    Function {
        name: "join",
        area: AREA,
        params: &[one("SEPARATOR", Kind::String), one("VALUES", Kind::Value)],
        summary: "One string of all strings in VALUES with SEPARATOR between them. Everything \
                  else is left out.",
        examples: &[
            example(r#"["join", "-", ["list", "a", "b", 123, "c"]]"#, r#""a-b-c""#),
            on(r#"{"tags": ["x", "y"]}"#, r#"["join", "-", "_S.tags"]"#, r#""x-y""#),
        ],
        body: Body::Eager(|_, args| match string(&args[0]) {
            Some(separator) => join(separator, items(&args[1]).iter()),
            None => Ok(Value::Null),
        }),
        ..PLAIN
    },
    Function {
        name: "length",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "How many characters a string has; for a list, those of its strings.",
        examples: &[
            example(r#"["length", ["list", "", "a", "bb", "ccc"]]"#, "[0, 1, 2, 3]"),
            on(r#"{"name": "John"}"#, r#"["length", "_S.name"]"#, "4"),
        ],
        body: Body::Eager(|_, args| {
            Ok(spread_text(&args[0], |text| {
                Value::Int(i64::try_from(text.chars().count()).unwrap_or(i64::MAX))
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "ljust",
        area: AREA,
        params: LJUST,
        summary: "Fills strings shorter than WIDTH with FILL_CHARACTER behind their end. Null if \
                  WIDTH is no integer or FILL_CHARACTER is not one character.",
        examples: &[
            example(r#"["ljust", 10, "0", "123"]"#, r#""1230000000""#),
            example(
                r#"["ljust", 5, " ", ["list", "abc", "def", "ghijklm"]]"#,
                r#"["abc  ", "def  ", "ghijklm"]"#,
            ),
        ],
        body: Body::Eager(|_, args| justified(Side::Left, args)),
        ..PLAIN
    },
    Function {
        name: "lower",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Strings in lower case.",
        examples: &[
            example(r#"["lower", ["list", "A", "B", "C"]]"#, r#"["a", "b", "c"]"#),
            on(r#"{"name": "John"}"#, r#"["lower", "_S.name"]"#, r#""john""#),
        ],
        body: Body::Eager(|_, args| Ok(spread_text(&args[0], |text| text.to_lowercase().into()))),
        ..PLAIN
    },
    Function {
        name: "lstrip",
        area: AREA,
        params: STRIP,
        summary: "Strings without the CHARACTERS they begin with (white space if not given).",
        examples: &[
            example(r#"["lstrip", ["list", " ab ", "cd ", "ef"]]"#, r#"["ab ", "cd ", "ef"]"#),
            example(r#"["lstrip", "  abc"]"#, r#""abc""#),
            on(r#"{"name": " John "}"#, r#"["lstrip", "_S.name"]"#, r#""John ""#),
            example(r#"["lstrip", "xy", ["list", "123xyx", "xy456yx"]]"#, r#"["123xyx", "456yx"]"#),
        ],
        body: Body::Eager(|_, args| Ok(stripped(args, true, false))),
        ..PLAIN
    },
    Function {
        name: "matches",
        area: AREA,
        params: &[one("PATTERN", Kind::String), one("VALUES", Kind::Value)],
        summary: "True if every value is a string that matches PATTERN as a whole: `*` stands for \
                  any characters, `?` for one. False without values.",
        examples: &[
            example(r#"["matches", "a*p*a", ["list", "alpha", "alpaca"]]"#, "true"),
            on(
                r#"{"tags": ["ball_sport", "water_sport"]}"#,
                r#"["matches", "*_sport", "_S.tags"]"#,
                "true",
            ),
            example(r#"["matches", "*", null]"#, "false"),
            example(r#"["matches", "*", ["list"]]"#, "false"),
        ],
        body: Body::Eager(|_, args| {
            let pattern = items(&args[0]).iter().find_map(Value::as_str);
            Ok(every(&args[1], |value| match (pattern, value) {
                (Some(pattern), Value::String(text)) => wildcard::matches(pattern, text),
                _ => false,
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "replace",
        area: AREA,
        params: &[
            one("OLD_STRING", Kind::Value),
            optional("NEW_STRING", Kind::String),
            one("VALUES", Kind::Value),
        ],
        summary: "Strings with every OLD_STRING replaced by NEW_STRING, or, with a dict in their \
                  place, with each of its keys replaced by the key's value in one pass.",
        examples: &[
            example(
                r#"["replace", "http://", "https://", "http://www.example.org/"]"#,
                r#""https://www.example.org/""#,
            ),
            on(r#"{"date": "10:20:30"}"#, r#"["replace", ":", ".", "_S.date"]"#, r#""10.20.30""#),
            example(
                r#"["replace", {"Hello": "HELLO", "world": "WORLD"}, "Hello world!"]"#,
                r#""HELLO WORLD!""#,
            ),
            example(r#"["replace", ["dict", "a", "A", "b", "B"], "abc"]"#, r#""ABc""#),
            example(
                r#"["replace", "http://", "https://", "http://www.sesam.io/"]"#,
                r#""https://www.sesam.io/""#,
            ),
        ],
        body: Body::Eager(|_, args| replaced(args)),
        ..PLAIN
    },
    Function {
        name: "rjust",
        area: AREA,
        params: LJUST,
        summary: "Fills strings shorter than WIDTH with FILL_CHARACTER before their beginning. \
                  Null if WIDTH is no integer or FILL_CHARACTER is not one character.",
        examples: &[
            example(r#"["rjust", 10, "0", "123"]"#, r#""0000000123""#),
            example(
                r#"["rjust", 5, " ", ["list", "abc", "def", "ghijklm"]]"#,
                r#"["  abc", "  def", "ghijklm"]"#,
            ),
        ],
        body: Body::Eager(|_, args| justified(Side::Right, args)),
        ..PLAIN
    },
    Function {
        name: "rstrip",
        area: AREA,
        params: STRIP,
        summary: "Strings without the CHARACTERS they end with (white space if not given).",
        examples: &[
            example(r#"["rstrip", ["list", " ab ", "cd ", "ef"]]"#, r#"[" ab", "cd", "ef"]"#),
            example(r#"["rstrip", "  abc"]"#, r#""  abc""#),
            on(r#"{"name": " John "}"#, r#"["rstrip", "_S.name"]"#, r#"" John""#),
            example(r#"["rstrip", "xy", ["list", "123xyx", "xy456yx"]]"#, r#"["123", "xy456"]"#),
        ],
        body: Body::Eager(|_, args| Ok(stripped(args, false, true))),
        ..PLAIN
    },
    Function {
        name: "split",
        area: AREA,
        params: &[optional("SEPARATOR", Kind::String), one("VALUES", Kind::Value)],
        summary: "The pieces between each SEPARATOR, of all strings in one list. The empty \
                  separator splits into characters; without one, white space separates.",
        examples: &[
            example(r#"["split", "-", "a-b-c"]"#, r#"["a", "b", "c"]"#),
            example(r#"["split", "", "abc"]"#, r#"["a", "b", "c"]"#),
            example(r#"["split", "", ["list", "ab", "cd", "e"]]"#, r#"["a", "b", "c", "d", "e"]"#),
            example(
                r#"["split", "-", ["list", "a-b", "c-d", "e"]]"#,
                r#"["a", "b", "c", "d", "e"]"#,
            ),
        ],
        body: Body::Eager(|_, args| Ok(split(args))),
        ..PLAIN
    },
    Function {
        name: "string",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Values as strings. Dicts and lists inside the list become JSON, bytes are read \
                  as UTF-8, null is left out.",
        examples: &[
            example(r#"["string", 1]"#, r#""1""#),
            example(r#"["string", "hello"]"#, r#""hello""#),
            example(r#"["string", null]"#, "null"),
            example(
                r#"["string", ["list", "abc", ["list", 1, 2, 3], {"b": 2, "a": 1}, ["uri", "http://www.example.org/"], 124.4, 12345]]"#,
                r#"["abc", "[1, 2, 3]", "{\"a\": 1, \"b\": 2}", "http://www.example.org/", "124.4", "12345"]"#,
            ),
        ],
        body: Body::Eager(|_, args| Ok(spread(&args[0], |value| text(value).map(Value::String)))),
        ..PLAIN
    },
    Function {
        name: "strip",
        area: AREA,
        params: STRIP,
        summary: "Strings without the CHARACTERS they begin and end with (white space if not \
                  given).",
        examples: &[
            example(r#"["strip", ["list", " ab ", "cd ", "ef"]]"#, r#"["ab", "cd", "ef"]"#),
            example(r#"["strip", "  abc"]"#, r#""abc""#),
            on(r#"{"name": " John  "}"#, r#"["strip", "_S.name"]"#, r#""John""#),
            example(r#"["strip", "xy", ["list", "123xyx", "xy456yx"]]"#, r#"["123", "456"]"#),
        ],
        body: Body::Eager(|_, args| Ok(stripped(args, true, true))),
        ..PLAIN
    },
    Function {
        name: "substring",
        area: AREA,
        params: &[
            one("START_INDEX", Kind::Integer),
            optional("END_INDEX", Kind::Integer),
            one("VALUES", Kind::Value),
        ],
        summary: "The characters from START_INDEX up to, but without, END_INDEX. Counting begins \
                  at 0; negative indexes count from the end.",
        examples: &[
            example(r#"["substring", 2, 4, "abcdef"]"#, r#""cd""#),
            example(r#"["substring", 2, "abcdef"]"#, r#""cdef""#),
            example(r#"["substring", -3, -1, "abcdef"]"#, r#""de""#),
        ],
        body: Body::Eager(|_, args| {
            let (start, end, values) = match args {
                [start, values] => (integer(start), None, values),
                [start, end, values] => match integer(end) {
                    Some(end) => (integer(start), Some(end), values),
                    None => return Ok(Value::Null),
                },
                _ => return Ok(Value::Null),
            };
            let Some(start) = start else { return Ok(Value::Null) };
            Ok(spread_text(values, |text| substring(text, start, end).into()))
        }),
        ..PLAIN
    },
    Function {
        name: "upper",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Strings in upper case.",
        examples: &[
            example(r#"["upper", ["list", "a", "b", "c"]]"#, r#"["A", "B", "C"]"#),
            on(r#"{"name": "John"}"#, r#"["upper", "_S.name"]"#, r#""JOHN""#),
        ],
        body: Body::Eager(|_, args| Ok(spread_text(&args[0], |text| text.to_uppercase().into()))),
        ..PLAIN
    },
];

/// Applies a function to a string, or to the strings of a list.
fn spread_text(values: &Value, function: impl Fn(&Text) -> Value) -> Value {
    spread(values, |value| match value {
        Value::String(text) => Some(function(text)),
        _ => None,
    })
}

fn too_long() -> Fault {
    Fault::limit(format!("the result is longer than {} MiB", LONGEST >> 20))
}

fn join<'a>(separator: &str, values: impl Iterator<Item = &'a Value>) -> Result<Value, Fault> {
    let mut out = String::new();
    for (at, text) in values.filter_map(Value::as_str).enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
        if out.len() > LONGEST {
            return Err(too_long());
        }
    }
    Ok(Value::from(out))
}

fn justified(side: Side, args: &[Value]) -> Result<Value, Fault> {
    let [width, fill, values] = args else { return Ok(Value::Null) };
    let mut fill = string(fill).unwrap_or_default().chars();
    let (Some(width), Some(fill), None) = (integer(width), fill.next(), fill.next()) else {
        return Ok(Value::Null);
    };
    let width = usize::try_from(width).unwrap_or(0);
    if width.saturating_mul(fill.len_utf8()) > LONGEST {
        return Err(too_long());
    }
    try_spread(values, |value| match value {
        Value::String(text) => Ok(Some(justify(text, side, width, fill).into())),
        _ => Ok(None),
    })
}

fn stripped(args: &[Value], start: bool, end: bool) -> Value {
    let (characters, values) = match args {
        [characters, values] => match string(characters) {
            Some(characters) => (Some(characters), values),
            None => return Value::Null,
        },
        [values] => (None, values),
        _ => return Value::Null,
    };
    let goes = |c: char| characters.map_or(c.is_whitespace(), |characters| characters.contains(c));
    spread_text(values, |text| {
        let mut rest = text.as_str();
        if start {
            rest = rest.trim_start_matches(goes);
        }
        if end {
            rest = rest.trim_end_matches(goes);
        }
        // Most texts have nothing to strip and stay shared.
        Value::String(if rest.len() == text.len() { text.clone() } else { Text::new(rest) })
    })
}

fn split(args: &[Value]) -> Value {
    let (separator, values) = match args {
        [separator, values] => match string(separator) {
            Some(separator) => (Some(separator), values),
            None => return Value::Null,
        },
        [values] => (None, values),
        _ => return Value::Null,
    };
    if !matches!(values, Value::List(_) | Value::String(_)) {
        return Value::Null;
    }
    let mut pieces = Vec::new();
    for text in values.as_slice().iter().filter_map(Value::as_str) {
        match separator {
            None => pieces.extend(text.split_whitespace().map(Value::from)),
            Some("") => {
                pieces.extend(text.chars().map(|c| Value::from(&*c.encode_utf8(&mut [0; 4]))));
            }
            Some(separator) => pieces.extend(text.split(separator).map(Value::from)),
        }
    }
    Value::list(pieces)
}

fn replaced(args: &[Value]) -> Result<Value, Fault> {
    type Replace<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;
    let (values, replace): (_, Replace<'_>) = match args {
        [replacements, values] => {
            let Value::Dict(dict) = first(replacements) else { return Ok(Value::Null) };
            let prepared = prepared(dict).ok_or_else(|| {
                Fault::limit("there are too many keys to be replaced at the same time")
            })?;
            (values, Box::new(move |text| prepared.apply(text, LONGEST)))
        }
        [old, new, values] => {
            let (Some(old), Some(new)) = (string(old), string(new)) else { return Ok(Value::Null) };
            let replace = move |text: &str| {
                let longer = text.matches(old).count().saturating_mul(new.len());
                (longer <= LONGEST).then(|| text.replace(old, new))
            };
            (values, Box::new(replace))
        }
        _ => return Ok(Value::Null),
    };
    try_spread(values, |value| match value {
        Value::String(text) => replace(text).map(|text| Some(text.into())).ok_or_else(too_long),
        _ => Ok(None),
    })
}

/// The replacements of a dict. Those of the last dict are kept: in a program
/// it is the same constant for every entity.
fn prepared(dict: &Arc<Dict>) -> Option<Rc<Replacements>> {
    thread_local! {
        static LAST: RefCell<Vec<(Arc<Dict>, Rc<Replacements>)>> = const { RefCell::new(Vec::new()) };
    }
    const KEPT: usize = 8;
    LAST.with_borrow_mut(|last| {
        if let Some((_, prepared)) = last.iter().find(|(of, _)| Arc::ptr_eq(of, dict)) {
            return Some(prepared.clone());
        }
        let prepared = Rc::new(Replacements::new(dict)?);
        if last.len() == KEPT {
            last.remove(0);
        }
        last.push((dict.clone(), prepared.clone()));
        Some(prepared)
    })
}
