//! `$ENV(name)` and `$SECRET(name)`.
//!
//! A string that is nothing but `$ENV(name)` becomes the value of the
//! variable, of whatever type it is; inside a longer string it becomes text.
//! Secrets are only marked: they are put in by the system that needs them, at
//! the moment it does, and never become part of config.
//!
//! Documentation: environment-variables, secrets.

use pipewright_dtl::syntax::{Document, Node, NodeKind};
use pipewright_entity::{Text, Value};
use serde_json::{Map, Value as Json};

/// The variables of a profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    values: Map<String, Json>,
    /// The file they come from, for messages.
    file: Option<Text>,
}

/// A text with its variables put in.
#[derive(Clone, Debug, PartialEq)]
pub struct Expanded {
    /// What it became. Variables that are missing stay as they are written.
    pub value: Json,
    /// The variables that are missing.
    pub missing: Vec<Text>,
}

impl Variables {
    /// Variables by name, without a file.
    pub fn new(values: Map<String, Json>) -> Variables {
        Variables { values, file: None }
    }

    pub(crate) fn from_file(values: Map<String, Json>, file: Text) -> Variables {
        Variables { values, file: Some(file) }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.values.get(name)
    }

    /// All of them.
    pub fn values(&self) -> &Map<String, Json> {
        &self.values
    }

    /// The file they come from.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Puts variables into a text.
    pub fn expand(&self, text: &str) -> Expanded {
        let mut missing = Vec::new();
        if let Some(name) = whole(text, "$ENV(") {
            let value = self.values.get(name).cloned();
            if value.is_none() {
                missing.push(Text::new(name));
            }
            return Expanded { value: value.unwrap_or_else(|| text.into()), missing };
        }
        let mut new = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next(rest, "$ENV(") {
            new.push_str(before);
            match self.values.get(name) {
                Some(Json::String(value)) => new.push_str(value),
                Some(value) => new.push_str(&value.to_string()),
                None => {
                    missing.push(Text::new(name));
                    new.push_str(&rest[before.len()..rest.len() - after.len()]);
                }
            }
            rest = after;
        }
        new.push_str(rest);
        Expanded { value: new.into(), missing }
    }

    /// A node as plain JSON, with variables put into its strings.
    pub fn json_of(&self, document: &Document, node: &Node) -> Json {
        match &node.kind {
            NodeKind::String(text) if text.contains("$ENV(") => self.expand(text).value,
            NodeKind::Array(items) => {
                items.iter().map(|item| self.json_of(document, item)).collect()
            }
            NodeKind::Object(members) => members
                .iter()
                .map(|member| (member.key.to_string(), self.json_of(document, &member.value)))
                .collect::<Map<_, _>>()
                .into(),
            _ => node.to_json(document),
        }
    }

    /// A node as data (transit), with variables put into its strings.
    pub fn value_of(&self, document: &Document, node: &Node) -> Value {
        match &node.kind {
            NodeKind::String(text) if text.contains("$ENV(") => {
                Value::from_json(&self.expand(text).value)
            }
            NodeKind::Array(items) => {
                Value::list(items.iter().map(|item| self.value_of(document, item)))
            }
            NodeKind::Object(members) => Value::dict(
                members
                    .iter()
                    .map(|member| (member.key.clone(), self.value_of(document, &member.value)))
                    .collect(),
            ),
            _ => node.to_value(document),
        }
    }
}

/// The names of the secrets that a text names.
pub fn secrets_in(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next(rest, "$SECRET(") {
        names.push(name);
        rest = after;
    }
    names
}

/// Puts secrets into a text, asking for each by name. `Err` names the first
/// one that is not there.
pub fn with_secrets(
    text: &str,
    mut secret: impl FnMut(&str) -> Option<String>,
) -> Result<String, String> {
    let mut new = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = next(rest, "$SECRET(") {
        new.push_str(before);
        new.push_str(&secret(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    new.push_str(rest);
    Ok(new)
}

/// The name in a text that is nothing but `$ENV(name)`.
fn whole<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    let name = text.strip_prefix(open)?.strip_suffix(')')?;
    (!name.contains(')')).then_some(name)
}

/// What stands before the next `$ENV(name)`, its name, and what stands after.
fn next<'a>(text: &'a str, open: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let start = text.find(open)?;
    let (name, after) = text[start + open.len()..].split_once(')')?;
    Some((&text[..start], name, after))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        let Json::Object(values) = json!({"host": "h", "port": 80, "on": true, "list": [1]}) else {
            unreachable!()
        };
        Variables::new(values)
    }

    #[test]
    fn a_whole_string_takes_the_type_of_the_variable() {
        assert_eq!(variables().expand("$ENV(port)").value, json!(80));
        assert_eq!(variables().expand("$ENV(on)").value, json!(true));
        assert_eq!(variables().expand("$ENV(list)").value, json!([1]));
    }

    #[test]
    fn inside_a_string_it_is_text() {
        let expanded = variables().expand("http://$ENV(host):$ENV(port)/$SECRET(x)");
        assert_eq!(expanded.value, json!("http://h:80/$SECRET(x)"));
        assert!(expanded.missing.is_empty());
    }

    #[test]
    fn what_is_missing_is_named_and_stays() {
        let expanded = variables().expand("$ENV(no)/$ENV(host)");
        assert_eq!(expanded.value, json!("$ENV(no)/h"));
        assert_eq!(expanded.missing, ["no"]);
        assert_eq!(variables().expand("$ENV(no)").value, json!("$ENV(no)"));
        assert_eq!(variables().expand("$ENV(open").value, json!("$ENV(open"));
    }

    #[test]
    fn secrets_are_put_in_on_demand() {
        assert_eq!(secrets_in("$SECRET(a):$SECRET(b)@"), ["a", "b"]);
        let known = |name: &str| (name == "a").then(|| "1".to_owned());
        assert_eq!(with_secrets("x$SECRET(a)y", known).unwrap(), "x1y");
        assert_eq!(with_secrets("$SECRET(a)$SECRET(b)", known).unwrap_err(), "b");
    }
}
