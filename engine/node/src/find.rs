//! Looking for entities in a dataset by what is in them.

use pipewright_config::Project;
use pipewright_config::flow::Graph;
use pipewright_dtl::syntax::{Document, Path};
use pipewright_dtl::{Index, Options};
use pipewright_entity::{Entity, Value};
use pipewright_protocol::studio::Found;
use pipewright_store::Select;
use serde_json::{Value as Json, json};

use crate::api::Failed;
use crate::{Node, wire};

/// How many versions are looked at for one answer: what takes well under a
/// second, so that who asks can show how far it has come, or stop.
const LOOKED_AT: u64 = 20_000;

/// What is looked for.
#[derive(Debug)]
enum Wanted {
    /// A DTL expression that is true for the entity, which is `_S`.
    Expression(Index),
    /// A text, in small letters, in any value.
    Text(String),
}

impl Wanted {
    /// Reads what a person has typed: a DTL expression, a property with what it
    /// is compared to (`age > 30`, `name = Ann`), or else a text.
    fn read(typed: &str, dataset: &str, options: &Options) -> Result<Wanted, Failed> {
        let typed = typed.trim();
        let expression = if typed.starts_with('[') {
            typed.to_owned()
        } else if let Some(expression) = comparison(typed) {
            expression.to_string()
        } else {
            return Ok(Wanted::Text(typed.to_lowercase()));
        };
        let document = Document::parse(expression);
        let wrong = |why: &dyn std::fmt::Display| Failed::bad_request(format!("filter: {why}"));
        if let Some(problem) = document.problems.first() {
            return Err(wrong(&problem.message));
        }
        let Some(root) = &document.root else { return Err(wrong(&"there is nothing to look for")) };
        match Index::compile(&document, root, &Path::root(), "_S", dataset, options) {
            Ok(index) => Ok(Wanted::Expression(index)),
            Err(found) => Err(match found.first() {
                Some(found) => wrong(found),
                None => wrong(&"this is no expression"),
            }),
        }
    }

    fn fits(&self, entity: &Entity) -> bool {
        match self {
            Wanted::Expression(index) => index.value(entity) == Value::Bool(true),
            Wanted::Text(text) => {
                entity.dict().iter().any(|(_, value)| holds(value, text))
                    || entity.id().to_lowercase().contains(text)
            }
        }
    }
}

/// `property = value` and the like as DTL; `None` when it is none of these.
fn comparison(typed: &str) -> Option<Json> {
    // The longer ones first.
    const SIGNS: [(&str, &str); 7] = [
        ("!=", "not"),
        (">=", "gte"),
        ("<=", "lte"),
        ("==", "in"),
        ("=", "in"),
        (">", "gt"),
        ("<", "lt"),
    ];
    let at = typed.find(['!', '=', '<', '>'])?;
    let (name, rest) = (typed[..at].trim(), &typed[at..]);
    let (sign, function) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign))?;
    let text = rest[sign.len()..].trim();
    // A property is one word, or a path of such. Addresses with a query and
    // coded bytes have such signs, too, and are texts.
    let is_word = |c: char| c.is_alphanumeric() || "_-:.$'".contains(c);
    if name.is_empty() || text.is_empty() || !name.chars().all(is_word) {
        return None;
    }
    let path = format!("_S.{name}");
    let value: Json = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    let value = if value.is_array() || value.is_object() { text.into() } else { value };
    if matches!(*function, "in" | "not") {
        // A number may be kept as a text, and a property has several values.
        let mut either = json!(["or", ["in", value, path], ["in", text, path]]);
        if value.is_null() {
            either = json!(["is-null", path]);
        }
        return Some(if *function == "in" { either } else { json!(["not", either]) });
    }
    Some(json!([function, path, value]))
}

/// Whether a text is in a value, or in any below it.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::Null => false,
        Value::String(value) => value.to_lowercase().contains(text),
        Value::List(items) => items.iter().any(|item| holds(item, text)),
        Value::Dict(members) => members.iter().any(|(_, value)| holds(value, text)),
        // As it is shown: without quotes and the mark of its type.
        other => {
            let transit = other.to_transit().to_string();
            let shown = transit.trim_matches('"');
            let shown = shown.strip_prefix('~').and_then(|typed| typed.get(1..)).unwrap_or(shown);
            shown.to_lowercase().contains(text)
        }
    }
}

/// What an expression over a dataset is compiled with: the namespaces of the
/// pipe that writes it.
fn options(project: &Project, flow: &Graph, dataset: &str) -> Options {
    match flow.writers_of(dataset) {
        [writer] => project.pipe(writer).map(|pipe| pipe.dtl_options(true)),
        _ => None,
    }
    .unwrap_or_else(|| Options::new(""))
}

/// The entities of a dataset after `since` that are what was typed, at most
/// `limit` of them, and where to go on.
pub(crate) fn find(
    node: &Node,
    dataset: &str,
    typed: &str,
    since: Option<u64>,
    limit: usize,
    select: Select,
) -> Result<Found, Failed> {
    let loaded = node.loaded();
    let wanted = Wanted::read(typed, dataset, &options(&loaded.project, &loaded.flow, dataset))?;
    let reader = node.store().reader()?;
    let mut found = Found::default();
    for version in reader.changes(dataset, since, Some(LOOKED_AT), select)? {
        let version = version?;
        found.looked_at += 1;
        found.next = Some(version.updated);
        if wanted.fits(&version.entity) {
            found.entities.push(wire::json(&version.with_metadata())?);
            if found.entities.len() >= limit {
                return Ok(found);
            }
        }
    }
    if found.looked_at < LOOKED_AT {
        found.next = None;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ann() -> Entity {
        let json = r#"{"_id": "crm:1", "crm:name": "Ann Ås", "crm:age": 41, "crm:no": "0042",
            "crm:mail": ["a@x.example", "b@x.example"], "crm:since": "~t2020-03-01T00:00:00Z",
            "crm:page": "https://x.example/?id=7", "crm:code": "YQ=="}"#;
        Entity::from_value(Value::from_transit(json.as_bytes()).unwrap()).unwrap()
    }

    fn fits(typed: &str) -> bool {
        let mut options = Options::new("crm");
        options.namespaces.enabled = true;
        options.namespaces.property = "crm".into();
        Wanted::read(typed, "crm", &options).unwrap().fits(&ann())
    }

    #[test]
    fn a_text_is_looked_for_in_every_value() {
        for typed in ["ann", "åS", "b@x", "41", "2020-03", "crm:1", "x.example/?id=7", "YQ=="] {
            assert!(fits(typed), "{typed}");
        }
        assert!(!fits("bob") && !fits("name") && !fits("~t"));
    }

    #[test]
    fn a_property_is_compared() {
        for typed in [
            "name = Ann Ås",
            "age=41",
            "age == 41",
            "age > 40",
            "age<=41",
            "no = 0042",
            "mail = b@x.example",
            "age != 7",
            "nothing = null",
            "crm:age >= 41",
            "name = \"Ann Ås\"",
            "since < ~t2021-01-01T00:00:00Z",
        ] {
            assert!(fits(typed), "{typed}");
        }
        for typed in ["name = Ann", "age > 41", "mail != b@x.example", "no = 42", "name = null"] {
            assert!(!fits(typed), "{typed}");
        }
    }

    #[test]
    fn an_expression_is_evaluated() {
        assert!(fits(r#"["and", ["gt", "_S.age", 40], ["matches", "Ann*", "_S.name"]]"#));
        assert!(!fits(r#"["eq", "_S.age", 40]"#) && !fits(r#"["upper", "_S.name"]"#));
        let wrong = Wanted::read(r#"["uper", "_S.age"]"#, "crm", &Options::new("")).unwrap_err();
        let wrong = wrong.message();
        assert!(wrong.contains("upper"), "{wrong}");
        assert!(Wanted::read("[\"eq\", ", "crm", &Options::new("")).is_err());
    }
}
