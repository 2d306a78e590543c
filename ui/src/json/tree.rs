//! JSON as it was written.

use std::fmt;

use pipewright_protocol::studio::Json;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value. Numbers keep their text, objects their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// As written, however long.
    Number(String),
    /// Also everything transit encodes: times, decimals, identifiers.
    String(String),
    /// `[…]`
    List(Vec<Tree>),
    /// `{…}`
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// Reads JSON text.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let text = text.trim_ascii();
        match text.as_bytes().first() {
            Some(b'{') => {
                serde_json::from_str::<Members>(text).map(|members| Tree::Object(members.0))
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
                items
                    .iter()
                    .map(|item| Tree::parse(item.get()))
                    .collect::<Result<_, _>>()
                    .map(Tree::List)
            }
            Some(b'"') => serde_json::from_str(text).map(Tree::String),
            Some(b'-' | b'0'..=b'9') => {
                // Checked, then kept as it stands.
                serde_json::from_str::<Box<RawValue>>(text)
                    .map(|raw| Tree::Number(raw.get().to_owned()))
            }
            _ => serde_json::from_str::<Option<bool>>(text)
                .map(|value| value.map_or(Tree::Null, Tree::Bool)),
        }
    }

    /// What the node sent. That is valid JSON; anything else is shown as it came.
    pub fn of(json: &Json) -> Self {
        Tree::parse(json.text()).unwrap_or_else(|_| Tree::String(json.text().to_owned()))
    }

    /// The value of a property, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        let Tree::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Tree::String(text) => Some(text),
            _ => None,
        }
    }

    /// An entity without what only says when and where it was stored.
    pub fn content(&self) -> Tree {
        const STORED: [&str; 5] = ["_deleted", "_updated", "_previous", "_ts", "_hash"];
        let Tree::Object(members) = self else { return self.clone() };
        let keeps = |(name, value): &&(String, Tree)| {
            !STORED.contains(&name.as_str()) || (name == "_deleted" && *value == Tree::Bool(true))
        };
        Tree::Object(members.iter().filter(keeps).cloned().collect())
    }

    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[(String, Tree)] {
        match self {
            Tree::Object(members) => members,
            _ => &[],
        }
    }
}

/// As compact JSON.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Null => f.write_str("null"),
            Tree::Bool(value) => write!(f, "{value}"),
            Tree::Number(text) => f.write_str(text),
            Tree::String(text) => f.write_str(&quoted(text)),
            Tree::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Tree::Object(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{}: {value}", if index == 0 { "" } else { ", " }, quoted(key))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A string as JSON writes it.
pub(super) fn quoted(text: &str) -> String {
    // Strings always serialize.
    serde_json::to_string(text).unwrap_or_default()
}

struct Members(Vec<(String, Tree)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    members.push((key, Tree::parse(value.get()).map_err(de::Error::custom)?));
                }
                Ok(Members(members))
            }

            // Only so that the visitor is complete for formats without maps.
            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Members, A::Error> {
                Err(de::Error::custom("an array where an object belongs"))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let text = r#"{"z": 1.0, "a": 123456789012345678901234567890, "l": [null, true, "~t2020-01-01", {"x": -1e9}], "": "é\n"}"#;
        let tree = Tree::parse(text).unwrap();
        assert_eq!(tree.to_string(), text);
        assert_eq!(tree.get("a"), Some(&Tree::Number("123456789012345678901234567890".into())));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "nul", "1 2", "{\"a\":}", "[1,]", "tru"] {
            assert!(Tree::parse(text).is_err(), "{text}");
        }
    }
}
