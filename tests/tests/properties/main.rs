//! Every property that is documented is in the catalogue as documented, and
//! every property in the catalogue is honoured or says that it is not: none is
//! read and does nothing.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use pipewright_config::catalogue::{self, Description, Part, Property, Required};
use serde_json::Value as Json;

const PARTS: [Part; 7] = [
    Part::Pipe,
    Part::Pump,
    Part::Source,
    Part::Transform,
    Part::Sink,
    Part::System,
    Part::Metadata,
];

/// What the documentation says of each property: whether it must be there, and
/// its default.
const DOCUMENTED: &str = include_str!("documented.json");

/// Where the catalogue knows better, and why.
const ON_PURPOSE: [(&str, &str, &str); 14] = [
    // True stands for "no limit" there.
    ("pump", "notification_granularity", "a number, or nothing"),
    ("source", "supports_signalling", "follows the node's own setting when not given"),
    ("source", "table", "a query may stand in for it"),
    ("sink", "dataset", "the pipe's id when not given"),
    ("sink", "indexes", "always_index_ids counts when not given"),
    ("sink", "suppress_filtered", "follows the source when not given"),
    ("sink", "body_template", "a property of the entity may hold it"),
    ("sink", "subject_template", "a property of the entity may hold it"),
    ("sink", "recipients", "a property of the entity may hold them"),
    ("system", "smtp_password", "only beside smtp_username"),
    ("system", "url_pattern", "base_url may stand in for it"),
    ("system", "use_ssl", "LDAP does not run here"),
    ("system", "<any url system property>", "those are compared with the URL system"),
    ("sink", "table", "no other way to say it"),
];

/// For people, or for what lies above single components.
const FOR_PEOPLE: [&str; 6] = ["_id", "name", "description", "comment", "permissions", "metadata"];

/// Where properties are read: part, type (`*` for all of the part), files and
/// folders below `engine/`.
const HOMES: &[(Part, &str, &[&str])] = &[
    (Part::Pipe, "*", &["config/src/pipe", "config/src/project", "pump/src", "node/src"]),
    (Part::Pump, "*", &["config/src/pipe/read/pump.rs"]),
    (Part::Metadata, "*", &["config/src", "pump/src", "node/src"]),
    (Part::Source, "*", &["config/src/pipe/read/source.rs", "config/src/pipe/read/mod.rs"]),
    (Part::Source, "binary", &["systems/src/json"]),
    (Part::Source, "csv", &["systems/src/csv"]),
    (Part::Source, "http_endpoint", &["node/src/receive.rs", "pump/src/plan", TRACE]),
    (Part::Source, "json", &["systems/src/json"]),
    (Part::Source, "rest", &["systems/src/rest", TRACE]),
    (Part::Source, "sql", &["systems/src/sql"]),
    (Part::Transform, "*", &["config/src/pipe/read", "pump/src/plan"]),
    (Part::Transform, "http", &["systems/src/json/transform.rs"]),
    (Part::Transform, "json_schema", &["pump/src/steps"]),
    (Part::Transform, "rdf", &["pump/src/steps"]),
    (Part::Transform, "rest", &["systems/src/rest", TRACE]),
    (Part::Transform, "template", &["pump/src/steps"]),
    (Part::Transform, "xml", &["pump/src/steps"]),
    (Part::Transform, "properties_to_curies", &["pump/src/steps"]),
    (Part::Transform, "uris_to_curies", &["pump/src/steps"]),
    (Part::Transform, "lower_keys", &["pump/src/steps"]),
    (Part::Transform, "upper_keys", &["pump/src/steps"]),
    (Part::Transform, "undirected_graph", &["pump/src/steps"]),
    (Part::Sink, "*", &["config/src/pipe/read", "pump/src/plan"]),
    (Part::Sink, "csv_endpoint", &["node/src/api/publishers.rs", "systems/src/csv"]),
    (Part::Sink, "excel", &["node/src/api/publishers.rs", "systems/src/excel"]),
    (Part::Sink, "http_endpoint", &["node/src/api/publishers.rs"]),
    (Part::Sink, "json", &["systems/src/json"]),
    (Part::Sink, "mail", &["systems/src/mail"]),
    (Part::Sink, "rest", &["systems/src/rest", TRACE]),
    (Part::Sink, "sql", &["systems/src/sql"]),
    (Part::Sink, "xml_endpoint", &["node/src/api/publishers.rs", "pump/src/steps/xml.rs"]),
    (Part::System, "*", &["config/src/system.rs", "pump/src/plan/retry_strategy.rs"]),
    (Part::System, "system:microservice", &["systems/src/processes.rs", "systems/src/url"]),
    (Part::System, "system:url", &["systems/src/url"]),
    (Part::System, "system:rest", &["systems/src/url", "systems/src/rest"]),
    (Part::System, "system:smtp", &["systems/src/mail"]),
    (Part::System, "system:mysql", &["systems/src/sql"]),
    (Part::System, "system:postgresql", &["systems/src/sql"]),
    (Part::System, "system:sqlite", &["systems/src/sql"]),
    (Part::System, "system:sqlserver", &["systems/src/sql"]),
    (Part::System, "system:mssql", &["systems/src/sql"]),
];

const TRACE: &str = "component/src/trace.rs";

fn engine() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../engine"))
}

/// The code of a file or folder, without comments and tests.
fn code(place: &str) -> String {
    fn read(path: &Path, to: &mut String) {
        if path.is_dir() {
            let mut inner: Vec<_> =
                std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            inner.sort();
            inner.iter().for_each(|path| read(path, to));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(path).unwrap();
            let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
            let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.for_each(|line| {
                to.push_str(line);
                to.push('\n');
            });
        }
    }
    let mut text = String::new();
    let path = engine().join(place);
    // Some homes are only there once their component is.
    let beside = path.with_extension("rs");
    [path, beside].iter().filter(|path| path.exists()).for_each(|path| read(path, &mut text));
    text
}

fn find<'a>(properties: &'a [Property], dotted: &str) -> Option<&'a Property> {
    let (name, rest) = dotted.split_once('.').map_or((dotted, None), |(a, b)| (a, Some(b)));
    let same = |property: &&Property| property.name.replace('-', "_") == name.replace('-', "_");
    let found = properties.iter().find(same)?;
    rest.map_or(Some(found), |rest| find(&found.properties, rest))
}

#[test]
fn the_catalogue_says_what_is_documented() {
    let documented: Json = serde_json::from_str(DOCUMENTED).unwrap();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for part in PARTS {
        for (kind, properties) in documented[part.name()].as_object().unwrap() {
            let Some(description) = catalogue::find(part, kind) else {
                wrong.push(format!("{} {kind} is missing", part.name()));
                continue;
            };
            for (name, said) in properties.as_object().unwrap() {
                count += 1;
                if ON_PURPOSE.iter().any(|(of, known, _)| *of == part.name() && known == name) {
                    continue;
                }
                let place = format!("{} {kind}: {name}", part.name());
                let Some(property) = find(&description.properties, name) else {
                    wrong.push(format!("{place} is missing"));
                    continue;
                };
                if said["required"] == true && property.required != Required::Yes {
                    wrong.push(format!("{place} must be there"));
                }
                let default = said.get("default");
                if default.is_some() && property.default.as_ref() != default {
                    wrong.push(format!("{place} is {default:?} when not given"));
                }
            }
        }
    }
    assert!(count > 500, "{count}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The properties that nothing reads, with those inside them.
fn unread(
    (part, description): (Part, &Description),
    properties: &[Property],
    (code, inherited): (&str, &[String]),
    above: &str,
    to: &mut Vec<String>,
) {
    for property in properties {
        let path = format!("{above}{}", property.name);
        if property.idle.is_some() || FOR_PEOPLE.contains(&property.name.as_str()) {
            continue;
        }
        let name = &property.name;
        let spellings = [name.clone(), name.replace('_', "-"), name.replace('-', "_")];
        // `x` may stand in the entity, in the property that `x_property` names.
        let named = name.strip_suffix("_property").is_some_and(|base| {
            code.contains("\"{name}_property\"") && code.contains(&format!("\"{base}\""))
        });
        let is_read = named
            || spellings.iter().any(|name| code.contains(&format!("\"{name}\"")))
            // Read by the path of a metadata value, or filled in from there.
            || code.contains(&format!("\"{path}\""))
            || inherited.contains(&path)
            // A group whose members are read as one, such as `$.trace`.
            || !property.properties.is_empty();
        if !is_read {
            to.push(format!("{} {}: {path}", part.name(), description.name));
        }
        let below = format!("{path}.");
        unread((part, description), &property.properties, (code, inherited), &below, to);
    }
}

fn inherited(properties: &[Property], to: &mut Vec<String>) {
    for property in properties {
        to.extend(property.inherits.clone());
        inherited(&property.properties, to);
    }
}

#[test]
fn every_property_is_honoured_or_says_that_it_is_not() {
    let mut from_metadata = Vec::new();
    for part in PARTS {
        catalogue::of(part).iter().for_each(|it| inherited(&it.properties, &mut from_metadata));
    }
    // What is inherited as a whole is inherited in its parts.
    let trace = catalogue::find(Part::Source, "rest").unwrap();
    let trace = &find(&trace.properties, "trace").unwrap().properties;
    from_metadata.extend(trace.iter().map(|it| format!("global_defaults.trace.{}", it.name)));
    let (mut missing, mut homeless) = (Vec::new(), Vec::new());
    for part in PARTS {
        for description in catalogue::of(part).iter().filter(|it| it.is_supported()) {
            let homes: Vec<&str> = HOMES
                .iter()
                .filter(|(of, kind, _)| *of == part && (*kind == "*" || *kind == description.name))
                .flat_map(|(_, _, files)| files.iter().copied())
                .collect();
            let text: String = homes.iter().map(|home| code(home)).collect();
            if text.is_empty() {
                homeless.push(format!("{} {}", part.name(), description.name));
            }
            let read = (text.as_str(), from_metadata.as_slice());
            unread((part, description), &description.properties, read, "", &mut missing);
        }
    }
    assert!(homeless.is_empty(), "{homeless:#?}");
    assert!(missing.is_empty(), "nothing reads these: {missing:#?}");
}

/// What config is read into must be looked at by somebody: a field that is
/// filled and never read does nothing.
#[test]
fn what_is_read_from_config_is_used() {
    let users: String = ["pump/src", "node/src", "language/src", "cli/src", "config/src/flow.rs"]
        .map(code)
        .concat();
    let mut unused = Vec::new();
    for file in ["mod", "source", "sink", "transform", "pump"] {
        let text = code(&format!("config/src/pipe/{file}.rs"));
        for line in text.lines() {
            let Some(field) = line.strip_prefix("    pub ").and_then(|rest| rest.split_once(": "))
            else {
                continue;
            };
            let (name, _) = field;
            let used = users.match_indices(name).any(|(at, _)| {
                let bytes = users.as_bytes();
                let before = at.checked_sub(1).map(|at| bytes[at]);
                let after = bytes.get(at + name.len()).copied();
                let joins = |byte: Option<u8>| {
                    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                };
                // A field by its own name, not a variable of the same.
                before == Some(b'.') && !joins(after)
            });
            if !used && !UNUSED.contains(&name) {
                unused.push(format!("{file}.rs: {name}"));
            }
        }
    }
    assert!(unused.is_empty(), "nobody looks at these: {unused:#?}");
}

/// Fields whose property is idle, and those of which the component outside the
/// config reads the property itself.
const UNUSED: [&str; 14] = [
    "durable",
    "infer_entity_types",
    "warning_bytes",
    "error_bytes",
    "for_hops",
    "index_ids",
    "suppress_filtered",
    "max_entity_bytes",
    "initial_since",
    "supports_since",
    "is_since_comparable",
    "is_chronological",
    "side_effects",
    "enable_background_rescan",
];
