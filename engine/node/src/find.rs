//! Looking for entities in a dataset by what is in them.

use pipewright_config::Project;
use pipewright_config::flow::Graph;
use pipewright_dtl::syntax::{Document, Path};
use pipewright_dtl::{Index, Options};
use pipewright_entity::{Entity, Value, Version};
use pipewright_protocol::studio::Found;
use pipewright_store::{Candidates, Query, Reader, Select};
use serde_json::{Value as Json, json};

use crate::api::Failed;
use crate::{Node, wire};

/// How many versions are looked at for one answer: what takes well under a
/// second, so that who asks can show how far it has come, or stop.
const LOOKED_AT: u64 = 20_000;
/// How many of those that the index of full text names are read at once.
const NAMED: usize = 256;

/// One thing that is looked for.
#[derive(Debug)]
enum Wanted {
    /// A DTL expression that is true for the entity, which is `_S`.
    Expression(Index),
    /// Words in any value.
    Words(Query),
    /// A text, in small letters, in the values of a property.
    Holds(String, String),
    /// Something without a word in it, which nothing has.
    Nothing,
}

impl Wanted {
    /// Reads what a person has typed: a DTL expression, a property with what it
    /// is compared to (`age > 30`, `name = Ann`), or else words.
    fn read(typed: &str, dataset: &str, options: &Options) -> Result<Wanted, Failed> {
        let typed = typed.trim();
        if typed.starts_with('[') {
            Wanted::expression(typed.to_owned(), dataset, options)
        } else if let Some(expression) = comparison(typed) {
            Wanted::expression(expression.to_string(), dataset, options)
        } else {
            Ok(Query::parse(typed).map_or(Wanted::Nothing, Wanted::Words))
        }
    }

    /// Reads what was typed for one property: a text that is in it, or a sign
    /// with what it is compared to.
    fn of_property(
        name: &str,
        typed: &str,
        dataset: &str,
        options: &Options,
    ) -> Result<Wanted, Failed> {
        let typed = typed.trim();
        match sign(typed).and_then(|(sign, text)| compared(name, sign, text)) {
            Some(expression) => Wanted::expression(expression.to_string(), dataset, options),
            None => Ok(Wanted::Holds(name.to_owned(), typed.to_lowercase())),
        }
    }

    fn expression(text: String, dataset: &str, options: &Options) -> Result<Wanted, Failed> {
        let document = Document::parse(text);
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
            Wanted::Words(query) => query.fits(entity),
            Wanted::Holds(name, text) => match name.as_str() {
                "_id" => entity.id().to_lowercase().contains(text),
                name => entity.get(name).is_some_and(|value| holds(value, text)),
            },
            Wanted::Nothing => false,
        }
    }
}

/// The sign that a comparison begins with, as the DTL function, and what
/// follows it.
fn sign(typed: &str) -> Option<(&'static str, &str)> {
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
    let (sign, function) = SIGNS.iter().find(|(sign, _)| typed.starts_with(sign))?;
    Some((function, typed[sign.len()..].trim()))
}

/// `property = value` and the like as DTL; `None` when it is none of these.
fn comparison(typed: &str) -> Option<Json> {
    let at = typed.find(['!', '=', '<', '>'])?;
    let name = typed[..at].trim();
    let (function, text) = sign(&typed[at..])?;
    // A property is one word, or a path of such. Addresses with a query and
    // coded bytes have such signs, too, and are texts.
    let is_word = |c: char| c.is_alphanumeric() || "_-:.$'".contains(c);
    if name.is_empty() || !name.chars().all(is_word) {
        return None;
    }
    compared(name, function, text)
}

/// A property compared with what was typed, as DTL.
fn compared(name: &str, function: &str, text: &str) -> Option<Json> {
    if text.is_empty() {
        return None;
    }
    let path = format!("_S.{name}");
    let value: Json = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    let value = if value.is_array() || value.is_object() { text.into() } else { value };
    if matches!(function, "in" | "not") {
        // A number may be kept as a text, and a property has several values.
        let mut either = json!(["or", ["in", value, path], ["in", text, path]]);
        if value.is_null() {
            either = json!(["is-null", path]);
        }
        return Some(if function == "in" { either } else { json!(["not", either]) });
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

/// What is asked of the entities of a dataset: all of it must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Words, a property with what it is compared to, or a DTL expression.
    pub(crate) typed: Option<String>,
    /// What was typed for single properties.
    pub(crate) properties: Vec<(String, String)>,
    /// Which versions.
    pub(crate) select: Select,
}

/// A search through a dataset, in steps.
pub(crate) struct Search {
    dataset: String,
    wanted: Vec<Wanted>,
    select: Select,
}

impl Search {
    /// Reads what is asked.
    pub(crate) fn new(node: &Node, dataset: &str, asked: Asked) -> Result<Search, Failed> {
        let loaded = node.loaded();
        let options = options(&loaded.project, &loaded.flow, dataset);
        let mut wanted = Vec::new();
        if let Some(typed) = asked.typed.filter(|typed| !typed.trim().is_empty()) {
            wanted.push(Wanted::read(&typed, dataset, &options)?);
        }
        for (name, typed) in asked.properties.iter().filter(|(_, typed)| !typed.trim().is_empty()) {
            wanted.push(Wanted::of_property(name, typed, dataset, &options)?);
        }
        if node.store().reader()?.dataset(dataset)?.is_none() {
            return Err(Failed::not_found(format!("there is no dataset {dataset:?}")));
        }
        Ok(Search { dataset: dataset.to_owned(), wanted, select: asked.select })
    }

    /// What the index of full text can say, and how far it is.
    fn candidates(&self, reader: &Reader) -> Result<Option<(Candidates, u64)>, Failed> {
        // It knows what is current, nothing else.
        if self.select.history || self.select.deleted {
            return Ok(None);
        }
        let Some(full_text) = reader.full_text(&self.dataset)?.filter(|text| text.built > 0) else {
            return Ok(None);
        };
        for wanted in &self.wanted {
            if let Wanted::Words(query) = wanted
                && let Some(candidates) = reader.candidates(query)?
            {
                return Ok(Some((candidates, full_text.built)));
            }
        }
        Ok(None)
    }

    fn fits(&self, version: &Version) -> bool {
        self.wanted.iter().all(|wanted| wanted.fits(&version.entity))
    }

    /// Takes versions after `since` that are what is asked, at most `limit` of
    /// them; looks at a part of the log only and says where to go on.
    pub(crate) fn step(
        &self,
        reader: &Reader,
        since: Option<u64>,
        limit: usize,
        mut take: impl FnMut(Version) -> Result<(), Failed>,
    ) -> Result<Step, Failed> {
        let mut step = Step { looked_at: 0, next: None, by_index: false };
        if self.wanted.iter().any(|wanted| matches!(wanted, Wanted::Nothing)) {
            return Ok(step);
        }
        let mut found = 0;
        let mut from = since;
        if let Some((candidates, built)) = self.candidates(reader)? {
            step.by_index = true;
            loop {
                let places = from.map_or(0, |since| since + 1)..built;
                let named = reader.candidates_in(&self.dataset, &candidates, places, NAMED)?;
                let is_last = named.len() < NAMED;
                for version in named {
                    step.looked_at += 1;
                    step.next = Some(version.updated);
                    from = Some(version.updated);
                    if self.fits(&version) {
                        take(version)?;
                        found += 1;
                        if found >= limit {
                            return Ok(step);
                        }
                    }
                }
                if step.looked_at >= LOOKED_AT {
                    return Ok(step);
                }
                if is_last {
                    break;
                }
            }
            // What the index does not have yet.
            from = from.max(built.checked_sub(1));
        }
        let left = LOOKED_AT - step.looked_at.min(LOOKED_AT);
        let mut scanned = 0;
        for version in reader.changes(&self.dataset, from, Some(left), self.select.clone())? {
            let version = version?;
            step.looked_at += 1;
            scanned += 1;
            step.next = Some(version.updated);
            if self.fits(&version) {
                take(version)?;
                found += 1;
                if found >= limit {
                    return Ok(step);
                }
            }
        }
        if scanned < left {
            step.next = None;
        }
        Ok(step)
    }
}

/// How far a search has come.
pub(crate) struct Step {
    /// How many versions were looked at.
    pub(crate) looked_at: u64,
    /// Where to go on; none when all was looked at.
    pub(crate) next: Option<u64>,
    /// Whether the index of full text said which.
    pub(crate) by_index: bool,
}

/// The entities of a dataset after `since` that are what is asked, at most
/// `limit` of them, and where to go on.
pub(crate) fn find(
    node: &Node,
    dataset: &str,
    asked: Asked,
    since: Option<u64>,
    limit: usize,
) -> Result<Found, Failed> {
    let search = Search::new(node, dataset, asked)?;
    let mut entities = Vec::new();
    let step = search.step(&node.store().reader()?, since, limit, |version| {
        entities.push(wire::json(&version.with_metadata())?);
        Ok(())
    })?;
    let Step { looked_at, next, by_index } = step;
    Ok(Found { entities, looked_at, next, by_index })
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
    fn a_column_is_filtered_by_a_text_in_it_or_compared() {
        let fits = |name: &str, typed: &str| {
            Wanted::of_property(name, typed, "crm", &Options::new("crm")).unwrap().fits(&ann())
        };
        assert!(fits("crm:name", "nn å") && fits("crm:mail", "B@X") && fits("_id", "crm:"));
        assert!(fits("crm:age", "> 40") && fits("crm:no", "= 0042") && fits("crm:none", "=null"));
        assert!(!fits("crm:name", "bob") && !fits("crm:age", "> 41") && !fits("crm:none", "x"));
        // A sign with nothing behind it is a text.
        assert!(fits("crm:page", "=") && !fits("crm:name", "="));
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
