//! Entities as XML (`configuration-sinks-xml`, `configuration-transforms-xml`).
//!
//! A property written `<name>` is an element, and every dict has exactly one;
//! its other properties are the attributes of that element.

use std::sync::Arc;

use pipewright_entity::{Dict, Entity, Text, Value};
use serde_json::{Map, Value as Json};

use super::{Settings, Step, is_reserved};
use crate::rdf::plain;

/// How an XML endpoint, or the XML transform, writes its entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    wrapper: Option<Text>,
    root_attributes: Vec<(Text, Text)>,
    declaration: bool,
    skip_deleted: bool,
    mark: bool,
}

impl Format {
    /// The format that the config of an `xml_endpoint` sink describes. `Err`
    /// says for people what is wrong with it.
    pub fn from_config(config: &Map<String, Json>) -> Result<Format, String> {
        Format::read(&Settings(config))
    }

    fn read(settings: &Settings<'_>) -> Result<Format, String> {
        let wrapper = settings.text("wrapper").map(Text::new);
        if let Some(wrapper) = &wrapper {
            check_name(wrapper)?;
        }
        let mut root_attributes = Vec::new();
        for (name, value) in
            settings.get("root-attributes").and_then(Json::as_object).into_iter().flatten()
        {
            check_name(name)?;
            let value = match value {
                Json::Null => continue,
                Json::String(text) => Text::new(text),
                other => Text::from(other.to_string()),
            };
            root_attributes.push((Text::new(name), value));
        }
        Ok(Format {
            wrapper,
            root_attributes,
            declaration: settings.is_true("include-xml-decl"),
            skip_deleted: settings.get("skip-deleted-entities") != Some(&Json::Bool(false)),
            mark: settings.is_true("byte_order_mark"),
        })
    }

    /// A document of entities. `Err` names the entity that cannot be written
    /// and says for people why.
    pub fn render(&self, entities: &[Entity]) -> Result<String, String> {
        let mut out = String::new();
        if self.mark {
            out.push('\u{feff}');
        }
        self.declare(&mut out);
        if let Some(wrapper) = &self.wrapper {
            open(&mut out, wrapper, &self.root_attributes);
            out.push('>');
        }
        for entity in entities {
            if !(self.skip_deleted && entity.is_deleted()) {
                self.entity(entity.dict(), &mut out)
                    .map_err(|why| format!("entity \"{}\": {why}", entity.id()))?;
            }
        }
        if let Some(wrapper) = &self.wrapper {
            close(&mut out, wrapper);
        }
        Ok(out)
    }

    fn declare(&self, out: &mut String) {
        if self.declaration {
            out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>");
        }
    }

    fn entity(&self, dict: &Dict, out: &mut String) -> Result<(), String> {
        match self.wrapper {
            Some(_) => element(dict, &[], out),
            None => element(dict, &self.root_attributes, out),
        }
    }
}

/// The element that a dict describes.
fn element(dict: &Dict, more: &[(Text, Text)], out: &mut String) -> Result<(), String> {
    let mut tags = dict.iter().filter_map(|(name, value)| Some((tag(name)?, value)));
    let (Some((name, content)), None) = (tags.next(), tags.next()) else {
        return Err(
            "it must have exactly one property that is an element, such as \"<name>\"".into()
        );
    };
    check_name(name)?;
    let mut attributes = more.to_vec();
    for (name, value) in dict.iter().filter(|(name, _)| tag(name).is_none() && !is_reserved(name)) {
        if matches!(value, Value::Null | Value::Dict(_) | Value::List(_) | Value::Tuple(_)) {
            continue;
        }
        check_name(name)?;
        // An attribute is written once; what the entity says goes first.
        attributes.retain(|(known, _)| known != name);
        attributes.push((name.clone(), Text::from(literal(value))));
    }
    open(out, name, &attributes);
    let start = out.len();
    out.push('>');
    match content {
        Value::Null => {}
        Value::Dict(child) => element(child, &[], out)?,
        Value::List(items) => {
            for item in items.iter() {
                if let Value::Dict(child) = item {
                    element(child, &[], out)?;
                }
            }
        }
        other => escape(&literal(other), out),
    }
    if out.len() == start + 1 {
        out.truncate(start);
        out.push_str("/>");
    } else {
        close(out, name);
    }
    Ok(())
}

fn tag(name: &str) -> Option<&str> {
    name.strip_prefix('<')?.strip_suffix('>')
}

fn open(out: &mut String, name: &str, attributes: &[(Text, Text)]) {
    out.push('<');
    out.push_str(name);
    for (name, value) in attributes {
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape(value, out);
        out.push('"');
    }
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// The text of a value that is no dict and no list.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) | Value::Uri(text) | Value::Ni(text) => text.to_string(),
        other => plain(other),
    }
}

/// Appends a text as it stands in an element or an attribute.
pub fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Kept from being read as spaces in attributes.
            '\n' | '\r' | '\t' => out.push_str(&format!("&#{};", u32::from(character))),
            // XML has no way to write them.
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
}

/// Whether a name can stand for an element or an attribute (a QName).
fn check_name(name: &str) -> Result<(), String> {
    let part = |part: &str| {
        let mut characters = part.chars();
        characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
            && characters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{b7}'))
    };
    let fine = match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    };
    fine.then_some(()).ok_or_else(|| format!("\"{name}\" is no name for an element or attribute"))
}

/// The XML transform.
pub(super) struct XmlStep {
    format: Format,
    property: Text,
}

impl XmlStep {
    pub(super) fn new(settings: &Settings<'_>) -> Result<XmlStep, String> {
        let format = Format { wrapper: None, mark: false, ..Format::read(settings)? };
        Ok(XmlStep { format, property: settings.required("xml-property")? })
    }
}

impl Step for XmlStep {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        if self.format.skip_deleted && entity.get("_deleted") == Some(&Value::Bool(true)) {
            to.push(entity.clone());
            return Ok(());
        }
        let mut text = String::new();
        self.format.declare(&mut text);
        self.format.entity(entity, &mut text)?;
        let mut with = Dict::clone(entity);
        with.insert(self.property.clone(), Value::from(text));
        to.push(Arc::new(with));
        Ok(())
    }
}
