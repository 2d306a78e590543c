//! A component as a form: its properties with what they are, what they mean
//! and what is written.

use pipewright_config::File;
use pipewright_config::catalogue::{self, Description, Part, Property, Required, Role, Shape};
use pipewright_dtl::syntax::{EditError, Node, Path, Step, apply};
use serde_json::{Map, Value};

use crate::Workspace;

/// A component as a form shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What it is a form of: `system`, `source` and the like.
    pub part: &'static str,
    /// Its type as it is written; empty where there is none.
    pub kind: String,
    /// The types it could have; empty for parts that have one.
    pub kinds: Vec<FormKind>,
    /// What its type is for.
    pub about: String,
    /// The page that documents its type.
    pub url: Option<String>,
    /// Its properties, those that must be there first.
    pub fields: Vec<FormField>,
}

/// A type that a component could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormKind {
    /// Its name, as `type` has it.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Whether it runs here.
    pub supported: bool,
}

/// A part of a pipe that has a form of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct FormPart {
    /// `pipe`, `source`, `transform`, `sink` or `pump`.
    pub name: &'static str,
    /// Where it is or would be.
    pub at: Path,
    /// Whether it is written.
    pub is_there: bool,
}

/// A property as a form shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FormField {
    /// Its key.
    pub name: String,
    /// Where it is or would be.
    pub at: Path,
    /// What it is for.
    pub about: String,
    /// How it is entered.
    pub control: Control,
    /// Whether it must be there.
    pub required: bool,
    /// Whether the documentation advises against it.
    pub deprecated: bool,
    /// What is written.
    pub value: Option<Value>,
    /// What it is when nothing is written.
    pub default: Option<Value>,
    /// What could be written: values, ids of systems or datasets.
    pub options: Vec<String>,
    /// Whether something else than the options may be written.
    pub free: bool,
    /// For [`Control::Group`]: what is in it.
    pub fields: Vec<FormField>,
}

/// How a property is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// A line of text.
    Text,
    /// Something that belongs into a secret.
    Secret,
    /// On or off.
    Switch,
    /// A number.
    Number,
    /// Texts, one a line.
    Texts,
    /// Names with a text each, one a line.
    Pairs,
    /// Fields of its own.
    Group,
    /// JSON.
    Json,
}

impl Workspace {
    /// The form of the component or part of one at a path of a file. `None`
    /// where there is none that has a description.
    pub fn form(&self, path: &str, at: &Path) -> Option<Form> {
        let file = self.file(path)?;
        let node = file.document.at(at)?;
        let part = part_at(file, at)?;
        let kind = node.get("type").and_then(Node::as_str).unwrap_or_default();
        let types = catalogue::of(part);
        let description = match types {
            [one] => Some(one),
            _ => catalogue::find(part, kind),
        };
        let kinds = match types {
            [_] => Vec::new(),
            types => types.iter().filter(|each| !each.deprecated).map(FormKind::of).collect(),
        };
        let writer = Writer { workspace: self, file };
        let mut fields = description
            .map(|description| writer.fields(&description.properties, Some(node), at))
            .unwrap_or_default();
        fields.sort_by_key(|field| (!field.required, field.deprecated));
        Some(Form {
            part: part.name(),
            kind: kind.to_owned(),
            kinds,
            about: description.map(|it| it.about.clone()).unwrap_or_default(),
            url: description.map(Description::url),
            fields,
        })
    }

    /// The types that a part of the config could have.
    pub fn kinds(part: Part) -> Vec<FormKind> {
        catalogue::of(part).iter().filter(|each| !each.deprecated).map(FormKind::of).collect()
    }

    /// Where the component with this id stands in its file.
    pub fn component_at(&self, id: &str) -> Option<Path> {
        self.project.place_of(id).map(|(_, at)| at.clone())
    }

    /// The parts of the pipe at a path that have forms, itself first. A sink
    /// and a pump that are not written have a place, too.
    pub fn parts(&self, path: &str, at: &Path) -> Vec<FormPart> {
        let Some(node) = self.file(path).and_then(|file| file.document.at(at)) else {
            return Vec::new();
        };
        let mut parts = vec![FormPart { name: Part::Pipe.name(), at: at.clone(), is_there: true }];
        for part in [Part::Source, Part::Transform, Part::Sink, Part::Pump] {
            let name = part.name();
            let place = at.key(name);
            match node.get(name) {
                Some(list) if list.is_array() => {
                    parts.extend((0..list.items().len()).map(|index| FormPart {
                        name,
                        at: place.index(index),
                        is_there: true,
                    }))
                }
                None if part == Part::Transform => {}
                written => parts.push(FormPart { name, at: place, is_there: written.is_some() }),
            }
        }
        parts
    }

    /// Whether the JSON of a file is broken, so that nothing can be changed in
    /// it but by hand.
    pub fn is_broken(&self, path: &str) -> bool {
        self.file(path).is_some_and(|file| file.document.is_broken())
    }

    /// The value at a path of a file, if it is there.
    pub fn value_at(&self, path: &str, at: &Path) -> Option<Value> {
        let document = &self.file(path)?.document;
        Some(document.at(at)?.to_json(document))
    }

    /// What a file's text becomes when the value at a path is this one, or is
    /// gone. Everything else stays as it is written. The error is for people.
    pub fn with_value(
        &self,
        path: &str,
        at: &Path,
        value: Option<&Value>,
    ) -> Result<String, String> {
        let file = self.file(path).ok_or("There is no such file.")?;
        let document = &file.document;
        let edits = match value {
            Some(value) => document.update(at, value),
            None if document.at(at).is_none() => Ok(Vec::new()),
            None => document.remove(at),
        };
        let text = edits.and_then(|edits| apply(&document.text, &edits));
        text.map(|(text, _)| text).map_err(|error: EditError| error.to_string())
    }
}

impl FormKind {
    fn of(description: &Description) -> FormKind {
        FormKind {
            name: description.name.clone(),
            about: description.about.clone(),
            supported: description.is_supported(),
        }
    }
}

/// What a part of the config is, by where it stands.
fn part_at(file: &File, at: &Path) -> Option<Part> {
    let node = file.document.at(at)?;
    let mut steps = at.iter();
    let last = match steps.next_back() {
        // One of several transforms.
        Some(Step::Index(_)) if at.len() > 1 => steps.next_back(),
        last => last,
    };
    match last {
        Some(Step::Key(key)) => match key.as_str() {
            "source" => Some(Part::Source),
            "transform" => Some(Part::Transform),
            "sink" => Some(Part::Sink),
            "pump" => Some(Part::Pump),
            _ => None,
        },
        _ => match node.get("type").and_then(Node::as_str)? {
            "pipe" => Some(Part::Pipe),
            "metadata" => Some(Part::Metadata),
            kind if kind.starts_with("system:") => Some(Part::System),
            _ => None,
        },
    }
}

struct Writer<'a> {
    workspace: &'a Workspace,
    file: &'a File,
}

impl Writer<'_> {
    fn fields(&self, properties: &[Property], node: Option<&Node>, at: &Path) -> Vec<FormField> {
        let shown = properties.iter().filter(|property| {
            // Parts that are components have forms of their own.
            property.role != Some(Role::Component)
                // Another name is more than a change of this text.
                && property.name != "_id"
                && (!property.deprecated || self.written(property, node).is_some())
        });
        shown.map(|property| self.field(property, node, at)).collect()
    }

    /// The member that a property is written as; old configs have dashes.
    fn written<'n>(&self, property: &Property, node: Option<&'n Node>) -> Option<&'n Node> {
        let node = node?;
        node.get(&property.name).or_else(|| node.get(&property.name.replace('_', "-")))
    }

    fn field(&self, property: &Property, node: Option<&Node>, at: &Path) -> FormField {
        let member = self.written(property, node);
        let key = match node {
            Some(node) if node.get(&property.name).is_none() && member.is_some() => {
                property.name.replace('_', "-")
            }
            _ => property.name.clone(),
        };
        let at = at.key(key);
        let control = control(property, member);
        let fields = match control {
            Control::Group => self.fields(&property.properties, member, &at),
            _ => Vec::new(),
        };
        let given = |other: &str| node.is_some_and(|node| node.get(other).is_some());
        let (options, free) = self.options(property);
        FormField {
            name: property.name.clone(),
            about: property.about.clone().unwrap_or_default(),
            control,
            required: match &property.required {
                Required::No => false,
                Required::Yes => true,
                Required::If(other) => given(other),
                Required::Unless(other) => !given(other),
            },
            deprecated: property.deprecated,
            value: member.map(|member| member.to_json(&self.file.document)),
            default: property.default_in(&self.workspace.project.metadata().config).cloned(),
            options,
            free,
            fields,
            at,
        }
    }

    fn options(&self, property: &Property) -> (Vec<String>, bool) {
        let project = &self.workspace.project;
        match property.role {
            Some(Role::System) => {
                let fits = |kind: &str| {
                    property.systems.is_empty() || property.systems.iter().any(|each| each == kind)
                };
                let systems = project.systems().filter(|system| fits(&system.kind));
                (systems.map(|system| system.id.to_string()).collect(), true)
            }
            Some(Role::Dataset | Role::DatasetsWithAlias) => {
                (self.workspace.datasets().keys().map(|&id| id.to_owned()).collect(), true)
            }
            _ => {
                let texts = property.values.iter().filter_map(Value::as_str);
                (texts.map(str::to_owned).collect(), false)
            }
        }
    }
}

/// How a property is entered, unless what is written needs something else: a
/// number may be written as `$ENV(…)`, and what has the wrong shape must not
/// get lost.
fn control(property: &Property, written: Option<&Node>) -> Control {
    let usual = usual(property);
    let Some(written) = written else { return usual };
    let text = written.as_str();
    let fits = match usual {
        Control::Text | Control::Secret => {
            text.is_some() || !written.is_object() && !written.is_array()
        }
        Control::Switch => written.as_bool().is_some(),
        Control::Number => matches!(written.type_name(), "number"),
        Control::Texts => {
            text.is_some() || written.is_array() && written.items().iter().all(is_text)
        }
        Control::Pairs => {
            written.is_object() && written.members().iter().all(|member| is_text(&member.value))
        }
        Control::Group => written.is_object(),
        Control::Json => true,
    };
    match text {
        _ if fits => usual,
        Some(text) if text.contains("$ENV(") || text.contains("$SECRET(") => Control::Text,
        _ => Control::Json,
    }
}

fn is_text(node: &Node) -> bool {
    node.as_str().is_some()
}

fn usual(property: &Property) -> Control {
    if property.role.is_some_and(Role::is_opaque) {
        return Control::Json;
    }
    if property.role == Some(Role::Secret) {
        return Control::Secret;
    }
    match property.shapes.as_slice() {
        [Shape::Boolean] => Control::Switch,
        [Shape::Integer | Shape::Number] => Control::Number,
        [Shape::Strings] | [Shape::String, Shape::Strings] | [Shape::Strings, Shape::String] => {
            Control::Texts
        }
        [Shape::StringsByKey] => Control::Pairs,
        [Shape::Object] if !property.properties.is_empty() => Control::Group,
        [Shape::String, ..] | [Shape::Integer, Shape::String] => Control::Text,
        _ => Control::Json,
    }
}

/// The config of a new component of a type, with what must be there: empty
/// texts, first choices, and names of secrets.
pub fn blank(part: Part, kind: &str, id: &str) -> Map<String, Value> {
    let mut config = Map::new();
    config.insert("_id".into(), id.into());
    config.insert("type".into(), kind.into());
    let properties = catalogue::find(part, kind).map(|it| it.properties.as_slice());
    for property in properties.unwrap_or_default() {
        let is_set = config.contains_key(&property.name);
        if is_set || property.required != Required::Yes || property.default.is_some() {
            continue;
        }
        let value = match (property.role, property.values.first(), usual(property)) {
            (Some(Role::Secret), ..) => format!("$SECRET({})", property.name).into(),
            (_, Some(first), _) => first.clone(),
            (_, _, Control::Switch) => false.into(),
            (_, _, Control::Number) => 0.into(),
            (_, _, Control::Texts) => Value::Array(Vec::new()),
            (_, _, Control::Pairs | Control::Group) => Value::Object(Map::new()),
            _ => "".into(),
        };
        config.insert(property.name.clone(), value);
    }
    config
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DATABASE: &str = r#"{
  // who is who
  "_id": "erp", "type": "system:postgresql",
  "username": "reader", "password": "$SECRET(password)",
  "host": "$ENV(host)", "port": "$ENV(port)", "database": 5
}"#;

    fn workspace(path: &str, text: &str) -> Workspace {
        Workspace::new(
            [
                (path, text),
                (
                    "systems/web.conf.json",
                    r#"{"_id":"web","type":"system:url","url_pattern":"http://localhost/%s"}"#,
                ),
            ],
            None,
        )
    }

    fn field<'a>(form: &'a Form, name: &str) -> &'a FormField {
        form.fields.iter().find(|field| field.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    #[test]
    fn a_system_is_shown_with_what_is_written_and_what_is_not() {
        let workspace = workspace("systems/erp.conf.json", DATABASE);
        let at = workspace.component_at("erp").unwrap();
        let form = workspace.form("systems/erp.conf.json", &at).unwrap();
        assert_eq!((form.part, form.kind.as_str()), ("system", "system:postgresql"));
        assert!(form.kinds.iter().any(|kind| kind.name == "system:rest" && kind.supported));
        let host = field(&form, "host");
        assert_eq!((host.control, host.required), (Control::Text, true));
        assert_eq!(host.value, Some("$ENV(host)".into()));
        assert_eq!(field(&form, "password").control, Control::Secret);
        // A number that a variable gives is text; a number where text belongs too.
        assert_eq!(field(&form, "port").control, Control::Text);
        assert_eq!(field(&form, "port").default, Some(5432.into()));
        assert_eq!(field(&form, "database").control, Control::Text);
        let sslmode = field(&form, "sslmode");
        assert_eq!((&sslmode.value, sslmode.free), (&None, false));
        assert_eq!(sslmode.options, ["disable", "allow", "prefer", "require"]);
        assert!(form.fields.iter().position(|f| !f.required) > Some(3), "required ones come first");
    }

    #[test]
    fn a_pipe_has_a_form_for_each_of_its_parts() {
        let text = r#"{"_id":"p","type":"pipe","source":{"type":"csv","system":"web","primary_key":"id"},
            "transform":[{"type":"dtl","rules":{"default":[]}}],"sink":{"type":"dataset"},"pump":{"cron_expression":"0 * * * ?"}}"#;
        let workspace = workspace("pipes/p.conf.json", text);
        let form = |at: &Path| workspace.form("pipes/p.conf.json", at);
        let root = Path::root();
        assert_eq!(form(&root).unwrap().part, "pipe");
        let source = form(&root.key("source")).unwrap();
        assert_eq!(source.kind, "csv");
        assert_eq!(field(&source, "system").options, ["web"]);
        assert_eq!(field(&source, "primary_key").control, Control::Texts);
        assert_eq!(field(&source, "has_header").control, Control::Switch);
        assert_eq!(form(&root.key("transform").index(0)).unwrap().part, "transform");
        assert_eq!(form(&root.key("sink")).unwrap().part, "sink");
        assert_eq!(form(&root.key("pump")).unwrap().part, "pump");
        assert_eq!(form(&root.key("description")), None);
        let parts: Vec<_> = workspace.parts("pipes/p.conf.json", &root);
        let parts: Vec<_> = parts.iter().map(|it| format!("{} {}", it.name, it.at)).collect();
        assert_eq!(
            parts,
            ["pipe $", "source $.source", "transform $.transform[0]", "sink $.sink", "pump $.pump"]
        );
    }

    #[test]
    fn a_change_leaves_the_rest_of_the_text_alone() {
        let workspace = workspace("systems/erp.conf.json", DATABASE);
        let with = |name: &str, value: Option<Value>| {
            let at = Path::root().key(name);
            workspace.with_value("systems/erp.conf.json", &at, value.as_ref()).unwrap()
        };
        assert_eq!(with("port", Some(5433.into())), DATABASE.replace("\"$ENV(port)\"", "5433"));
        assert_eq!(with("port", None), DATABASE.replace(" \"port\": \"$ENV(port)\",", ""));
        assert_eq!(with("pool_size", None), DATABASE);
        let more = with("pool_size", Some(3.into()));
        assert!(more.contains("// who is who") && more.contains("\"pool_size\": 3"), "{more}");
    }

    #[test]
    fn a_broken_text_is_not_changed() {
        let workspace =
            workspace("systems/erp.conf.json", r#"{"_id": "erp", "type": "system:url" "#);
        let at = Path::root().key("name");
        let refused = workspace.with_value("systems/erp.conf.json", &at, Some(&"x".into()));
        assert!(refused.is_err_and(|why| why.contains("mend the text first")));
    }

    #[test]
    fn every_type_has_a_form_and_a_beginning() {
        for part in [Part::System, Part::Source, Part::Sink, Part::Transform] {
            for kind in catalogue::of(part) {
                let config = Value::Object(blank(part, &kind.name, "new"));
                assert_eq!(
                    (&config["_id"], &config["type"]),
                    (&"new".into(), &kind.name.as_str().into())
                );
                let (path, text, at) = match part {
                    Part::System => ("systems/new.conf.json", config, Path::root()),
                    part => {
                        let text =
                            serde_json::json!({"_id": "p", "type": "pipe", part.name(): config});
                        ("pipes/p.conf.json", text, Path::root().key(part.name()))
                    }
                };
                let workspace = workspace(path, &text.to_string());
                let form = workspace.form(path, &at).unwrap_or_else(|| panic!("{}", kind.name));
                for needed in form.fields.iter().filter(|field| field.required) {
                    let given = needed.value.is_some() || needed.default.is_some();
                    assert!(
                        given
                            || needed.control == Control::Json
                            || !matches!(kind_of(needed, kind), Some(Required::Yes)),
                        "{} needs {}",
                        kind.name,
                        needed.name
                    );
                }
            }
        }
    }

    fn kind_of<'a>(field: &FormField, kind: &'a Description) -> Option<&'a Required> {
        kind.property(&field.name).map(|property| &property.required)
    }
}
