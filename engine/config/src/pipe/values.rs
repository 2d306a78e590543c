//! Reading effective config.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::catalogue::Property;

/// The values of a component. A value of the wrong shape has been reported;
/// here its default stands in for it.
pub(super) struct Values<'a> {
    config: Option<&'a Map<String, Json>>,
    properties: &'a [Property],
}

impl<'a> Values<'a> {
    pub(super) fn new(config: &'a Map<String, Json>, properties: &'a [Property]) -> Values<'a> {
        Values { config: Some(config), properties }
    }

    /// The values of an object in it.
    pub(super) fn below(&self, name: &str) -> Values<'a> {
        let properties = self.properties.iter().find(|property| property.name == name);
        Values {
            config: self.get(name).and_then(Json::as_object),
            properties: properties.map_or(&[], |property| &property.properties),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.config?.get(name).filter(|value| !value.is_null())
    }

    fn default(&self, name: &str) -> Option<&'a Json> {
        self.properties.iter().find(|property| property.name == name)?.default.as_ref()
    }

    fn or_default<T>(&self, name: &str, read: impl Fn(&'a Json) -> Option<T>) -> Option<T> {
        self.get(name).and_then(&read).or_else(|| self.default(name).and_then(&read))
    }

    pub(super) fn given_bool(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Json::as_bool)
    }

    pub(super) fn bool(&self, name: &str) -> bool {
        self.or_default(name, Json::as_bool).unwrap_or(false)
    }

    pub(super) fn given_text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Json::as_str)
    }

    pub(super) fn text(&self, name: &str) -> &'a str {
        self.or_default(name, Json::as_str).unwrap_or("")
    }

    pub(super) fn given_texts(&self, name: &str) -> Option<Vec<Text>> {
        let items = self.get(name)?.as_array()?;
        Some(items.iter().filter_map(Json::as_str).map(Text::new).collect())
    }

    pub(super) fn texts(&self, name: &str) -> Vec<Text> {
        self.given_texts(name).unwrap_or_default()
    }

    pub(super) fn given_number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Json::as_f64)
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.or_default(name, Json::as_f64).unwrap_or(0.0)
    }

    pub(super) fn given_whole(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(whole)
    }

    pub(super) fn whole(&self, name: &str) -> u64 {
        self.or_default(name, whole).unwrap_or(0)
    }

    /// A number that is at least one.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        self.given_whole(name).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0)
    }
}

/// A whole number that is not negative; `10.0` is one, and so are digits in a
/// string (the documentation types some sizes as strings).
fn whole(value: &Json) -> Option<u64> {
    match value {
        Json::String(text) => text.trim().parse().ok(),
        value => value.as_u64().or_else(|| {
            let number = value.as_f64()?;
            let fits = number >= 0.0 && number.fract() == 0.0 && number < 9.0e15;
            fits.then_some(number as u64)
        }),
    }
}
