//! What is known about every kind of component: one description each.
//!
//! Validation, effective config, completion, the forms of the studio and the
//! reference pages all read these descriptions. They are kept as data in
//! `catalogue/*.json`; the facts are those of the public documentation, each
//! description names its page.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The place in the config that a component takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A pipe.
    Pipe,
    /// The pump of a pipe.
    Pump,
    /// The source of a pipe.
    Source,
    /// A transform of a pipe.
    Transform,
    /// The sink of a pipe.
    Sink,
    /// A system.
    System,
    /// The metadata of the node.
    Metadata,
}

impl Part {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Pipe => "pipe",
            Part::Pump => "pump",
            Part::Source => "source",
            Part::Transform => "transform",
            Part::Sink => "sink",
            Part::System => "system",
            Part::Metadata => "metadata",
        }
    }
}

/// Whether a kind of component runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// It runs.
    Supported,
    /// It is documented and its config is read, but it does not run yet.
    Known,
}

/// One kind of component.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    /// Its `type`.
    #[serde(rename = "type")]
    pub name: String,
    /// Other names for the same type.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is for, in one sentence.
    pub about: String,
    /// The documentation page that describes it, as a path in the public
    /// documentation's source; see [`Description::url`].
    pub doc: String,
    /// Whether it runs here.
    pub support: Support,
    /// What one should know before relying on it.
    #[serde(default)]
    pub remark: Option<String>,
    /// Whether the documentation advises against it.
    #[serde(default)]
    pub deprecated: bool,
    /// Whether it may have properties that are not listed.
    #[serde(default)]
    pub open: bool,
    /// Sources: whether namespaces are added when the pipe does not say.
    #[serde(default)]
    pub add_namespaces: bool,
    /// Sinks: whether namespaces are removed when the pipe does not say.
    #[serde(default)]
    pub remove_namespaces: bool,
    /// Sources: continuation properties that cannot be changed, by name.
    #[serde(default)]
    pub fixed: serde_json::Map<String, Value>,
    /// Its properties, those of all components of the same part first.
    pub properties: Vec<Property>,
}

/// One property of a component.
#[derive(Clone, Debug, Deserialize)]
pub struct Property {
    /// Its key.
    pub name: String,
    /// The shapes of JSON it may have; any when empty.
    #[serde(rename = "type", deserialize_with = "shapes")]
    pub shapes: Vec<Shape>,
    /// Whether it must be there.
    #[serde(default)]
    pub required: Required,
    /// What it is when it is not there, unless it `inherits`.
    #[serde(default, deserialize_with = "present")]
    pub default: Option<Value>,
    /// Where in the node metadata the default comes from, as dotted keys.
    #[serde(default)]
    pub inherits: Option<String>,
    /// The only values it may have.
    #[serde(default)]
    pub values: Vec<Value>,
    /// The smallest number it may be.
    #[serde(default)]
    pub min: Option<i64>,
    /// What the value means, beyond its shape.
    #[serde(default)]
    pub role: Option<Role>,
    /// For the role [`Role::System`]: the types of system that fit.
    #[serde(default)]
    pub systems: Vec<String>,
    /// What it is for, in our words.
    #[serde(default)]
    pub about: Option<String>,
    /// Whether the documentation advises against it.
    #[serde(default)]
    pub deprecated: bool,
    /// Why it does nothing here, where it is documented and does not.
    #[serde(default)]
    pub idle: Option<String>,
    /// Values that are documented and do not work here.
    #[serde(default)]
    pub idle_values: Vec<Value>,
    /// Whether the documentation says that it may change or go.
    #[serde(default)]
    pub experimental: bool,
    /// For objects: whether keys that are not listed are free.
    #[serde(default)]
    pub open: bool,
    /// For objects: what is in them; free when empty.
    #[serde(default)]
    pub properties: Vec<Property>,
}

/// A shape of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// An object.
    Object,
    /// A list of anything.
    List,
    /// A list of strings.
    Strings,
    /// An object whose values are strings.
    StringsByKey,
}

impl Shape {
    /// The words for it.
    pub fn name(self) -> &'static str {
        match self {
            Shape::String => "a string",
            Shape::Boolean => "true or false",
            Shape::Integer => "a whole number",
            Shape::Number => "a number",
            Shape::Object => "an object",
            Shape::List => "a list",
            Shape::Strings => "a list of strings",
            Shape::StringsByKey => "an object of strings",
        }
    }
}

/// Whether a property must be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Required {
    /// It may be left out.
    #[default]
    No,
    /// It must be there.
    Yes,
    /// It must be there when another property is.
    If(String),
    /// It must be there when another property is not.
    Unless(String),
}

impl From<String> for Required {
    fn from(text: String) -> Required {
        match text.split_once(':') {
            Some(("if", other)) => Required::If(other.to_owned()),
            Some(("unless", other)) => Required::Unless(other.to_owned()),
            _ => Required::Yes,
        }
    }
}

/// What the value of a property means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A component, or a list of them, with a description of its own.
    Component,
    /// Id or ids of datasets that are read.
    Dataset,
    /// Ids of datasets with an alias each: `"crm-person cp"`.
    DatasetsWithAlias,
    /// Id of a dataset that is written.
    DatasetWritten,
    /// Id of a system.
    System,
    /// An address, relative to that of the system.
    Url,
    /// DTL rules by name.
    Rules,
    /// One DTL expression.
    Expression,
    /// A list of DTL expressions, or of lists of them.
    Expressions,
    /// `true`, ids of datasets, or an object with a DTL expression.
    Completeness,
    /// Entities written out.
    Entities,
    /// A cron expression.
    Cron,
    /// Something that belongs into a secret.
    Secret,
}

impl Role {
    /// Whether the value is data or DTL, kept as it is written: no part of it
    /// is config.
    pub fn is_opaque(self) -> bool {
        matches!(self, Role::Rules | Role::Entities)
    }
}

#[derive(Deserialize)]
struct Sheet {
    common: Vec<Property>,
    types: Vec<Description>,
}

static SHEETS: LazyLock<[(Part, Vec<Description>); 7]> = LazyLock::new(|| {
    [
        (Part::Pipe, read(include_str!("../catalogue/pipe.json"))),
        (Part::Pump, read(include_str!("../catalogue/pump.json"))),
        (Part::Source, read(include_str!("../catalogue/source.json"))),
        (Part::Transform, read(include_str!("../catalogue/transform.json"))),
        (Part::Sink, read(include_str!("../catalogue/sink.json"))),
        (Part::System, read(include_str!("../catalogue/system.json"))),
        (Part::Metadata, read(include_str!("../catalogue/metadata.json"))),
    ]
});

fn read(text: &str) -> Vec<Description> {
    // The text is part of the program and a test reads all of it.
    #[allow(clippy::expect_used)]
    let sheet: Sheet = serde_json::from_str(text).expect("the catalogue is well formed");
    let mut types = sheet.types;
    for description in &mut types {
        let own: Vec<&str> = description.properties.iter().map(|p| p.name.as_str()).collect();
        let mut all: Vec<Property> = sheet
            .common
            .iter()
            .filter(|property| !own.contains(&property.name.as_str()))
            .cloned()
            .collect();
        all.append(&mut description.properties);
        description.properties = all;
    }
    types
}

/// All kinds of one part, in the order of their names.
pub fn of(part: Part) -> &'static [Description] {
    SHEETS.iter().find(|(each, _)| *each == part).map_or(&[], |(_, types)| types)
}

/// The description of a type. Pipes, pumps and metadata have one type each,
/// named like the part.
pub fn find(part: Part, name: &str) -> Option<&'static Description> {
    of(part).iter().find(|description| {
        description.name == name || description.aliases.iter().any(|alias| alias == name)
    })
}

/// The one description of a part without types: pipe, pump, metadata.
pub(crate) fn single(part: Part) -> &'static Description {
    // Each of these sheets has its one type; a test reads all of them.
    &of(part)[0]
}

impl Description {
    /// The address of the documentation page.
    pub fn url(&self) -> String {
        let page = self.doc.strip_suffix(".rst").unwrap_or(&self.doc);
        format!("https://docs.sesam.io/{page}.html")
    }

    /// Whether it runs here.
    pub fn is_supported(&self) -> bool {
        self.support == Support::Supported
    }

    /// The property a key stands for. Old configs write some names with dashes
    /// where they have underscores, so the two count as the same.
    pub fn property(&self, key: &str) -> Option<&Property> {
        property(&self.properties, key)
    }
}

impl Property {
    /// The property of this object that a key stands for.
    pub fn property(&self, key: &str) -> Option<&Property> {
        property(&self.properties, key)
    }

    /// What holds when the property is not written: what it inherits from the
    /// effective node metadata, or else what the documentation says.
    pub fn default_in<'a>(&'a self, metadata: &'a Map<String, Value>) -> Option<&'a Value> {
        let inherited = self.inherits.as_deref().and_then(|path| {
            let mut keys = path.split('.');
            let first = metadata.get(keys.next()?)?;
            keys.try_fold(first, |value, key| value.get(key)).filter(|value| !value.is_null())
        });
        inherited.or(self.default.as_ref())
    }

    /// The shapes in words: `a string or a list of strings`.
    pub fn shape_names(&self) -> String {
        self.shapes.iter().map(|shape| shape.name()).collect::<Vec<_>>().join(" or ")
    }
}

pub(crate) fn property<'a>(properties: &'a [Property], key: &str) -> Option<&'a Property> {
    properties.iter().find(|property| property.name == key).or_else(|| {
        let same = |a: u8, b: u8| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_'));
        properties.iter().find(|property| {
            property.name.len() == key.len()
                && property.name.bytes().zip(key.bytes()).all(|(a, b)| same(a, b))
        })
    })
}

fn shapes<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Shape>, D::Error> {
    let text = String::deserialize(from)?;
    text.split('|')
        .filter(|name| *name != "any")
        .map(|name| Shape::deserialize(serde::de::value::StrDeserializer::new(name)))
        .collect()
}

/// A default of `null` is the same as none.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok((!value.is_null()).then_some(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;

    const PARTS: [Part; 7] = [
        Part::Pipe,
        Part::Pump,
        Part::Source,
        Part::Transform,
        Part::Sink,
        Part::System,
        Part::Metadata,
    ];

    fn check(of: &str, properties: &[Property]) {
        let mut seen = HashSet::new();
        for property in properties {
            assert!(seen.insert(&property.name), "{of}: {} twice", property.name);
            if let Some(default) = &property.default {
                assert!(
                    crate::check::fits(property, default),
                    "{of}: {} has a default that does not fit",
                    property.name
                );
                assert!(property.values.is_empty() || property.values.contains(default));
            }
            check(of, &property.properties);
        }
    }

    #[test]
    fn descriptions_are_sound() {
        for part in PARTS {
            let mut seen = HashSet::new();
            for description in of(part) {
                assert!(seen.insert(&description.name));
                assert!(description.doc.ends_with(".rst") && description.about.ends_with('.'));
                check(&description.name, &description.properties);
            }
        }
        assert_eq!(of(Part::Source).len(), 19);
        assert_eq!(of(Part::Transform).len(), 15);
        assert_eq!(of(Part::Sink).len(), 17);
        assert_eq!(of(Part::System).len(), 16);
    }

    #[test]
    fn what_runs_is_explained() {
        for part in PARTS {
            for description in of(part).iter().filter(|description| description.is_supported()) {
                for property in &description.properties {
                    assert!(property.about.is_some(), "{} {}", description.name, property.name);
                }
            }
        }
    }

    #[test]
    fn names_with_dashes_are_found() {
        let sink = find(Part::Sink, "dataset").unwrap();
        assert_eq!(sink.property("set-initial-offset").unwrap().name, "set_initial_offset");
        assert!(find(Part::System, "system:mssql-azure-dw").is_some());
        let csv = find(Part::Sink, "csv_endpoint").unwrap();
        assert_eq!(csv.property("skip_deleted_entities").unwrap().name, "skip-deleted-entities");
        assert!(csv.property("skip").is_none());
        assert!(csv.url().starts_with("https://docs.sesam.io/hub/documentation/"));
    }
}
