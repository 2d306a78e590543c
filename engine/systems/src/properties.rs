//! Reading typed properties out of a component's config.

use pipewright_component::Failure;
use serde_json::Value as Json;

/// A component's config.
pub(crate) type Config = serde_json::Map<String, Json>;

/// The properties of one component and where they stand, for messages.
///
/// The config was validated before; a property of the wrong type is still an
/// error here, named by its path, and never a panic or a silent default.
#[derive(Clone, Copy)]
pub(crate) struct Properties<'a> {
    config: &'a Config,
    path: &'a str,
}

impl<'a> Properties<'a> {
    pub(crate) fn new(config: &'a Config, path: &'a str) -> Properties<'a> {
        Properties { config, path }
    }

    /// A failure about one property.
    pub(crate) fn failure(&self, name: &str, message: impl Into<String>) -> Failure {
        Failure::config(format!("{}.{name}", self.path), message)
    }

    fn wrong(&self, name: &str, wanted: &str, found: &Json) -> Failure {
        let kind = match found {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "a list",
            Json::Object(_) => "a dict",
        };
        self.failure(name, format!("must be {wanted}, not {kind}"))
    }

    /// The property, unless it is missing or null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Json> {
        self.config.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Failure> {
        self.get(name)
            .map(|value| value.as_str().ok_or_else(|| self.wrong(name, "a string", value)))
            .transpose()
    }

    pub(crate) fn required_text(&self, name: &str) -> Result<&'a str, Failure> {
        self.text(name)?.ok_or_else(|| self.failure(name, "is missing"))
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.get(name) {
            None => Ok(default),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.wrong(name, "true or false", other)),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.get(name)
            .map(|value| {
                value.as_u64().ok_or_else(|| self.wrong(name, "a whole number, 0 or more", value))
            })
            .transpose()
    }

    /// A string, or a list of strings.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let items = match value {
            Json::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        items
            .iter()
            .map(|item| item.as_str().ok_or_else(|| self.wrong(name, "a list of strings", item)))
            .collect::<Result<Vec<_>, _>>()
            .map(Some)
    }

    /// A dict of strings, such as headers.
    pub(crate) fn text_dict(&self, name: &str) -> Result<Vec<(&'a str, &'a str)>, Failure> {
        let Some(dict) = self.dict(name)? else { return Ok(Vec::new()) };
        dict.iter()
            .map(|(key, item)| match item {
                Json::String(text) => Ok((key.as_str(), text.as_str())),
                other => Err(self.wrong(&format!("{name}.{key}"), "a string", other)),
            })
            .collect()
    }

    pub(crate) fn dict(&self, name: &str) -> Result<Option<&'a Config>, Failure> {
        self.get(name)
            .map(|value| match value {
                Json::Object(dict) => Ok(dict),
                other => Err(self.wrong(name, "a dict", other)),
            })
            .transpose()
    }
}
