//! What may stand at a place.

use std::collections::HashSet;
use std::ops::Range as Span;

use pipewright_config::catalogue::{self, Description, Part, Property, Required, Role, Shape};
use pipewright_dtl::HOPS_KEYS;
use pipewright_dtl::functions::{self, Function, Kind, Many};
use pipewright_dtl::names::VARIABLES;
use pipewright_dtl::syntax::{Member, Node};
use pipewright_entity::Text;

use crate::site::{Keys, Site, Slot};
use crate::{Range, Workspace, describe};

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// What the chosen item replaces: what is written here so far.
    pub range: Range,
    /// The items, the likeliest first.
    pub items: Vec<Completion>,
}

/// One thing that may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it is called.
    pub label: String,
    /// What sort of thing it is.
    pub kind: CompletionKind,
    /// What comes beside the label: a signature, a type.
    pub detail: String,
    /// Markdown.
    pub about: String,
    /// What is written, as a snippet: `${1:NAME}` are places to fill in.
    pub snippet: String,
    /// What is compared with what is written so far.
    pub filter: String,
    /// Whether there is something better.
    pub deprecated: bool,
    /// Whether something more may follow right away, such as the property
    /// behind a variable.
    pub goes_on: bool,
}

/// A sort of thing that may stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    /// A key of an object.
    Key,
    /// A value out of a few.
    Value,
    /// A type of component.
    Type,
    /// A function.
    Function,
    /// A transform.
    Transform,
    /// A variable of DTL, or an alias.
    Variable,
    /// A property of entities.
    Property,
    /// A rule.
    Rule,
    /// A dataset.
    Dataset,
    /// A system.
    System,
    /// A variable of the node.
    Setting,
}

pub(crate) fn completions(workspace: &Workspace, site: &Site<'_>) -> Option<Completions> {
    let mut offer =
        Offer { workspace, site, items: Vec::new(), labels: HashSet::new(), range: replaced(site) };
    if let Some(start) = open_variable(site) {
        offer.range = start..site.offset;
        offer.settings();
    } else {
        offer.slot();
    }
    if offer.items.is_empty() {
        return None;
    }
    Some(Completions { range: Range::of(site.document, offer.range), items: offer.items })
}

/// What is replaced: the string or word around the cursor. Of a string that
/// is not closed, only what stands before the cursor is sure to be meant.
fn replaced(site: &Site<'_>) -> Span<usize> {
    let text = site.text();
    let closed = !site.quoted() || (text.len() > 1 && text.ends_with('"'));
    if closed { site.token.clone() } else { site.token.start..site.offset }
}

/// Where the name begins, inside a `$ENV(` that is not closed before the
/// cursor.
fn open_variable(site: &Site<'_>) -> Option<usize> {
    let before = site.document.text.get(site.token.start..site.offset)?;
    let start = before.rfind("$ENV(")? + 5;
    (!before[start..].contains(')')).then_some(site.token.start + start)
}

struct Offer<'w, 's, 'a> {
    workspace: &'w Workspace,
    site: &'s Site<'a>,
    items: Vec<Completion>,
    /// What is among the items: of two that are called the same, the first is
    /// kept.
    labels: HashSet<String>,
    range: Span<usize>,
}

/// Text as part of a snippet, where `$`, `}` and `\` have a meaning.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Offer<'_, '_, '_> {
    fn slot(&mut self) {
        match self.site.slot.clone() {
            Slot::Unknown => {}
            Slot::Key { keys, object, member } => self.keys(keys, object, member),
            Slot::Value { property, object } => self.values(property, object),
            Slot::Type { part, object } => self.types(part, object),
            Slot::Component { part } => self.component(part),
            Slot::RuleKey { rules, member } => self.rule_keys(rules, member),
            Slot::Function { role, call } => self.functions(role, Some(call)),
            Slot::Transform => self.functions(functions::Role::Transform, None),
            Slot::Expression => self.expression(),
            Slot::Argument { function, call, index, kind } => {
                self.argument(function, call, index, kind)
            }
            Slot::HopsDataset => self.hops_datasets(),
            Slot::HopsReturn => {
                self.aliases();
                self.expression();
            }
            Slot::HopsAlias { object, member } => {
                for (alias, dataset) in self.site.scope.aliases.clone() {
                    if object.get(&alias).is_none() {
                        let value = if has_colon(self.site, member) {
                            quoted(&alias)
                        } else {
                            format!("{}: [\"eq\", \"_S.$1\", $2]", quoted(&alias))
                        };
                        self.add(CompletionKind::Variable, &alias, &dataset, "", value);
                    }
                }
            }
        }
    }

    fn push(&mut self, item: Completion) {
        if self.labels.insert(item.label.clone()) {
            self.items.push(item);
        }
    }

    /// Adds an item. The label is what it is found by.
    fn add(
        &mut self,
        kind: CompletionKind,
        label: &str,
        detail: &str,
        about: &str,
        snippet: String,
    ) {
        // What is in quotes is compared with its quotes.
        let filter = if self.site.quoted() { quoted(label) } else { label.to_owned() };
        self.push(Completion {
            label: label.to_owned(),
            kind,
            detail: detail.to_owned(),
            about: about.to_owned(),
            snippet,
            filter,
            deprecated: false,
            goes_on: false,
        });
    }

    /// Adds a string.
    fn string(&mut self, kind: CompletionKind, text: &str, detail: &str, about: &str) {
        self.add(kind, text, detail, about, plain(&quoted(text)));
    }

    fn keys(&mut self, keys: Keys, object: &Node, member: Option<&Member>) {
        let (part, properties): (_, &'static [Property]) = match keys {
            Keys::Component(part, description) => (Some(part), &description.properties),
            Keys::Untyped(part) => (Some(part), &[]),
            Keys::Inside(property) => (None, &property.properties),
            Keys::Hops => return self.hops_keys(object, member),
        };
        let taken = |name: &str| object.member(name).is_some_and(|it| Some(it) != member);
        if part.is_some() && !taken("type") && !matches!(part, Some(Part::Pump)) {
            let about = "What kind of component it is.";
            let value = match part {
                Some(Part::Pipe) => "\"pipe\"".to_owned(),
                Some(Part::Metadata) => "\"metadata\"".to_owned(),
                _ => "\"$1\"".to_owned(),
            };
            self.key("type", "required", about, &value, object, member);
            if let Some(last) = self.items.last_mut() {
                last.goes_on = value.contains('$');
            }
        }
        // What must be there comes first, what is advised against last.
        let rank = |property: &Property| {
            (property.deprecated, !matches!(property.required, Required::Yes))
        };
        let mut sorted: Vec<&'static Property> =
            properties.iter().filter(|property| !taken(&property.name)).collect();
        sorted.sort_by_key(|property| rank(property));
        for property in sorted {
            let mut detail = property.shape_names();
            if matches!(property.required, Required::Yes) {
                detail.push_str(", required");
            }
            let value = blank(property);
            let about = describe::property(property);
            self.key(&property.name, &detail, &about, &value, object, member);
            if let Some(last) = self.items.last_mut() {
                last.deprecated = property.deprecated;
                last.goes_on = value == "\"$1\"" && property.role.is_some();
            }
        }
    }

    fn hops_keys(&mut self, object: &Node, member: Option<&Member>) {
        for (name, about) in HOPS_KEYS {
            if object.member(name).is_some_and(|it| Some(it) != member) {
                continue;
            }
            let value = match name {
                "datasets" => "[\"$1\"]",
                "where" => "[[\"eq\", $1, $2]]",
                "subsets" | "prefilters" => "{$1}",
                "max_depth" => "${1:10}",
                "return" => "\"$1\"",
                _ => "${1|true,false|}",
            };
            self.key(name, "", about, value, object, member);
        }
    }

    /// Adds a key, with a value to fill in unless it has one.
    fn key(
        &mut self,
        name: &str,
        detail: &str,
        about: &str,
        value: &str,
        object: &Node,
        member: Option<&Member>,
    ) {
        let mut snippet = plain(&quoted(name));
        if !has_colon(self.site, member) {
            snippet.push_str(": ");
            snippet.push_str(value);
            let follows = object.members().iter().any(|it| it.key_span.start > self.range.end);
            let rest = self.site.document.text.get(self.range.end..).unwrap_or_default();
            if follows && rest.trim_start().starts_with('"') {
                snippet.push(',');
            }
        }
        self.add(CompletionKind::Key, name, detail, about, snippet);
    }

    fn values(&mut self, property: &'static Property, object: &Node) {
        for value in &property.values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let mark = if property.default.as_ref() == Some(value) { "default" } else { "" };
            self.add(CompletionKind::Value, &text, mark, "", plain(&value.to_string()));
        }
        if property.shapes.contains(&Shape::Boolean) && !self.site.quoted() {
            for value in [true, false] {
                let mark = if property.default == Some(value.into()) { "default" } else { "" };
                self.add(CompletionKind::Value, &value.to_string(), mark, "", value.to_string());
            }
        }
        match property.role {
            Some(Role::System) => self.systems(&property.systems),
            Some(Role::Dataset | Role::DatasetWritten | Role::Completeness) => {
                self.datasets(object)
            }
            Some(Role::DatasetsWithAlias) => self.hops_datasets(),
            _ => {}
        }
        if let Some(default) = &property.default
            && self.items.is_empty()
            && !self.site.quoted()
        {
            let text = default.to_string();
            self.add(CompletionKind::Value, &text, "default", "", plain(&text));
        }
    }

    fn types(&mut self, part: Part, object: &Node) {
        let mut all: Vec<&'static Description> = catalogue::of(part).iter().collect();
        all.sort_by_key(|it| (!it.is_supported(), it.deprecated, !fits(it, object)));
        for description in all {
            let detail = if description.is_supported() { "" } else { "does not run here yet" };
            let about = describe::component(description);
            self.string(CompletionKind::Type, &description.name, detail, &about);
            if let Some(last) = self.items.last_mut() {
                last.deprecated = description.deprecated;
            }
        }
    }

    /// A component as a whole, with what it must have.
    fn component(&mut self, part: Part) {
        if self.site.quoted() {
            return;
        }
        for description in catalogue::of(part).iter().filter(|it| it.is_supported()) {
            let mut places = 0;
            let mut members = Vec::new();
            if !matches!(part, Part::Pump | Part::Pipe | Part::Metadata) {
                members.push(format!("\"type\": {}", plain(&quoted(&description.name))));
            }
            let needed =
                description.properties.iter().filter(|it| matches!(it.required, Required::Yes));
            for property in needed {
                places += 1;
                let value = blank(property).replace("$1", &format!("${places}"));
                members.push(format!("{}: {value}", plain(&quoted(&property.name))));
            }
            if part == Part::Pump {
                members.push("$1".into());
            }
            let snippet = format!("{{{}}}", members.join(", "));
            let about = describe::component(description);
            self.add(CompletionKind::Type, &description.name, part.name(), &about, snippet);
        }
    }

    fn rule_keys(&mut self, rules: &Node, member: Option<&Member>) {
        let mut names = called_rules(rules);
        names.insert(0, "default".into());
        for name in names {
            if rules.member(&name).is_some_and(|it| Some(it) != member) {
                continue;
            }
            self.key(&name, "rule", "", "[\n  $1\n]", rules, member);
        }
    }

    fn functions(&mut self, role: functions::Role, call: Option<&Node>) {
        // Inside the first item of a call that has more, only the name is
        // replaced; an empty call is filled in with its arguments.
        let arguments = call.is_none_or(|call| call.items().len() <= 1);
        let kind = match role {
            functions::Role::Expression => CompletionKind::Function,
            functions::Role::Transform => CompletionKind::Transform,
        };
        let bare = call.is_none();
        if bare && self.site.quoted() {
            return;
        }
        let mut all: Vec<&'static Function> =
            functions::all().filter(|function| function.role() == role).collect();
        all.sort_by_key(|function| (function.deprecated.is_some(), function.name));
        for function in all {
            for name in std::iter::once(&function.name).chain(function.also) {
                let mut snippet = plain(&quoted(name));
                if arguments {
                    snippet.push_str(&parameters(function));
                }
                if bare {
                    snippet = format!("[{snippet}]");
                }
                let about = describe::function(function);
                self.add(kind, name, &function.signature(), &about, snippet);
                if let Some(last) = self.items.last_mut() {
                    last.deprecated = function.deprecated.is_some();
                }
            }
        }
    }

    fn argument(&mut self, function: &'static Function, call: &Node, index: usize, kind: Kind) {
        let count = call.items().len().saturating_sub(1).max(index + 1);
        let name = function.argument(index, count).map_or("", |(name, _)| name);
        match kind {
            Kind::Literal => {}
            Kind::Rule => self.rules(),
            Kind::Transforms => self.functions(functions::Role::Transform, None),
            Kind::Hops => {
                if !self.site.quoted() {
                    let snippet = "{\"datasets\": [\"$1\"], \"where\": [[\"eq\", $2, $3]]}";
                    self.add(CompletionKind::Value, "datasets …", "hops", "", snippet.into());
                }
            }
            Kind::Wildcard => {
                self.names();
                self.string(CompletionKind::Value, "*", "all properties", "");
            }
            Kind::String if name.ends_with("DATASET_ID") => self.datasets(call),
            Kind::String if name.contains("PROPERTY") => self.names(),
            _ => self.expression(),
        }
    }

    fn expression(&mut self) {
        self.paths();
        if !self.site.quoted() {
            self.functions(functions::Role::Expression, None);
        }
    }

    /// Variables, and the properties behind them.
    fn paths(&mut self) {
        let scope = &self.site.scope;
        let mut heads: Vec<(String, String, Vec<Text>)> = Vec::new();
        for (alias, dataset) in scope.aliases.iter().rev() {
            let detail = format!("an entity of {dataset}");
            heads.push((alias.to_string(), detail, vec![dataset.clone()]));
        }
        for (name, about) in VARIABLES {
            // Expressions by themselves know the entity only.
            if scope.rules.is_none() && name != "_S" && !(name == "_" && scope.item) {
                continue;
            }
            if name == "_" && !scope.item {
                continue;
            }
            let datasets = if name == "_S" { scope.source.clone() } else { Vec::new() };
            heads.push((name.to_owned(), about.to_owned(), datasets));
        }
        let written = self.site.before().to_owned();
        let behind = written.split_once('.').map(|(head, _)| head.to_owned());
        for (name, about, datasets) in heads {
            let properties = match behind.as_deref() {
                Some(head) if head != name => continue,
                // Behind a variable its properties; else those of the source
                // and of aliases beside the variables.
                _ => self.properties(&datasets),
            };
            if behind.is_none() {
                self.string(CompletionKind::Variable, &format!("{name}."), &about, "");
                if let Some(last) = self.items.last_mut() {
                    last.goes_on = true;
                    last.snippet = format!("\"{}.$0\"", plain(&name));
                }
            }
            for (property, detail) in properties {
                let path = format!("{name}.{}", in_path(&property));
                self.string(CompletionKind::Property, &path, &detail, "");
            }
        }
    }

    /// The properties of the entities of some datasets, as DTL names them,
    /// with what they are called in full.
    fn properties(&self, datasets: &[Text]) -> Vec<(Text, String)> {
        let mut found: Vec<(Text, String)> = Vec::new();
        for dataset in datasets {
            for full in self.workspace.seen.get(dataset).into_iter().flatten() {
                // A name with a namespace is found without it, too.
                let short = full.rsplit(':').next().unwrap_or(full);
                let name = if self.namespaced() { Text::new(short) } else { full.clone() };
                if !found.iter().any(|(known, _)| *known == name) {
                    found.push((name, format!("{full} of {dataset}")));
                }
            }
        }
        found
    }

    /// Whether names carry namespaces in this pipe.
    fn namespaced(&self) -> bool {
        let id = self.site.component.and_then(|node| node.get("_id")).and_then(Node::as_str);
        let pipe = id.and_then(|id| self.workspace.project.pipe(id));
        pipe.is_some_and(|pipe| pipe.namespaces.enabled)
    }

    /// Names of properties by themselves.
    fn names(&mut self) {
        for (name, detail) in self.properties(&self.site.scope.source.clone()) {
            self.string(CompletionKind::Property, &name, &detail, "");
        }
    }

    fn rules(&mut self) {
        let Some(rules) = self.site.scope.rules else { return };
        for member in rules.members() {
            if member.key != "default" {
                let detail = if Some(&member.key) == self.site.scope.rule.as_ref() {
                    "this rule"
                } else {
                    "rule"
                };
                self.string(CompletionKind::Rule, &member.key, detail, "");
            }
        }
    }

    fn aliases(&mut self) {
        for (alias, dataset) in self.site.scope.aliases.iter().rev() {
            let detail = format!("an entity of {dataset}");
            self.string(CompletionKind::Variable, alias, &detail, "");
        }
    }

    fn datasets(&mut self, object: &Node) {
        // What is there already need not be named again.
        let there: Vec<&str> = ["dataset", "datasets"]
            .iter()
            .filter_map(|key| object.get(key))
            .flat_map(|node| std::iter::once(node).chain(node.items()))
            .filter(|node| {
                !(node.span.start <= self.site.offset && self.site.offset <= node.span.end)
            })
            .filter_map(Node::as_str)
            .collect();
        let all = self.workspace.datasets();
        for (dataset, pipe) in all.into_iter().filter(|(dataset, _)| !there.contains(dataset)) {
            let detail = if pipe == dataset { String::new() } else { format!("written by {pipe}") };
            self.string(CompletionKind::Dataset, dataset, &detail, "");
        }
    }

    /// Datasets with an alias.
    fn hops_datasets(&mut self) {
        let taken: Vec<&str> =
            self.site.scope.aliases.iter().map(|(alias, _)| alias.as_str()).collect();
        let mut offered = Vec::new();
        for dataset in self.workspace.datasets().keys() {
            offered.push(((*dataset).to_owned(), alias_for(dataset, &taken)));
        }
        for (dataset, alias) in offered {
            let snippet = format!("\"{} ${{1:{}}}\"", plain(&dataset), plain(&alias));
            self.add(CompletionKind::Dataset, &dataset, "", "", snippet);
        }
    }

    fn systems(&mut self, fitting: &[String]) {
        let mut all: Vec<(bool, String, String)> = Vec::new();
        for system in self.workspace.project.systems() {
            let kind = catalogue::find(Part::System, &system.kind);
            let fits = fitting.is_empty() || kind.is_some_and(|kind| fitting.contains(&kind.name));
            all.push((!fits, system.id.to_string(), system.kind.to_string()));
        }
        all.sort();
        for (misfit, id, kind) in all {
            let detail = if misfit { format!("{kind}, does not fit") } else { kind };
            self.string(CompletionKind::System, &id, &detail, "");
        }
    }

    fn settings(&mut self) {
        let variables = self.workspace.project.variables().clone();
        let rest = self.site.document.text.get(self.site.offset..).unwrap_or_default();
        let close = if rest.starts_with(')') { "" } else { ")" };
        for (name, value) in variables.values() {
            self.push(Completion {
                label: name.clone(),
                kind: CompletionKind::Setting,
                detail: value.to_string(),
                about: String::new(),
                snippet: format!("{}{close}", plain(name)),
                filter: name.clone(),
                deprecated: false,
                goes_on: false,
            });
        }
    }
}

/// Whether the object has what a type needs.
fn fits(description: &Description, object: &Node) -> bool {
    let mut others = object.members().iter().filter(|member| member.key != "type");
    others.all(|member| description.property(&member.key).is_some())
}

/// Whether a colon follows the key.
fn has_colon(site: &Site<'_>, member: Option<&Member>) -> bool {
    let end = match member {
        Some(member) => member.key_span.end,
        None => site.token.end,
    };
    let rest = site.document.text.get(end..).unwrap_or_default();
    member.is_some() && rest.trim_start().starts_with(':')
}

/// A value of a property to fill in, as a snippet.
fn blank(property: &Property) -> String {
    if !property.values.is_empty() {
        let values: Vec<String> = property
            .values
            .iter()
            .map(|value| plain(&value.to_string()).replace(',', "\\,").replace('|', "\\|"))
            .collect();
        return format!("${{1|{}|}}", values.join(","));
    }
    match property.role {
        Some(Role::Rules) => return "{\n  \"default\": [\n    $1\n  ]\n}".into(),
        Some(Role::Expression | Role::Expressions | Role::Entities) => return "[$1]".into(),
        _ => {}
    }
    match property.shapes.first() {
        Some(Shape::String) => "\"$1\"".into(),
        Some(Shape::Boolean) => match &property.default {
            // Who writes it down wants the other one.
            Some(serde_json::Value::Bool(true)) => "${1|false,true|}".into(),
            _ => "${1|true,false|}".into(),
        },
        Some(Shape::Integer | Shape::Number) => match &property.default {
            Some(default) => format!("${{1:{default}}}"),
            None => "${1:1}".into(),
        },
        Some(Shape::Object | Shape::StringsByKey) => "{$1}".into(),
        Some(Shape::Strings) => "[\"$1\"]".into(),
        Some(Shape::List) => "[$1]".into(),
        None => "$1".into(),
    }
}

/// The arguments of a call to fill in, as a snippet; those that may be left
/// out are.
fn parameters(function: &Function) -> String {
    let mut text = String::new();
    let needed = function.params.iter().filter(|it| matches!(it.many, Many::One | Many::Some));
    for (at, param) in (1..).zip(needed) {
        let name = plain(&param.name.to_lowercase());
        text.push_str(&match param.kind {
            Kind::String | Kind::Wildcard | Kind::Rule => format!(", \"${{{at}:{name}}}\""),
            Kind::Hops => format!(
                ", {{\"datasets\": [\"${{{at}:dataset alias}}\"], \"where\": [[\"eq\", \"_S.$8\", \"$9\"]]}}"
            ),
            _ => format!(", ${{{at}:{name}}}"),
        });
    }
    text
}

/// A name as a step of a path: with dots, it is quoted.
fn in_path(name: &str) -> String {
    if name.contains('.') { format!("'{}'", name.replace('\'', "''")) } else { name.to_owned() }
}

/// A short alias for a dataset: the first letters of its words.
fn alias_for(dataset: &str, taken: &[&str]) -> String {
    let words = dataset.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let short: String = words.filter_map(|word| word.chars().next()).collect();
    let short = if short.is_empty() { "d".to_owned() } else { short.to_lowercase() };
    let free = |alias: &String| !taken.contains(&alias.as_str());
    if free(&short) {
        return short;
    }
    let numbered = (2..).map(|number| format!("{short}{number}")).find(free);
    numbered.unwrap_or(short)
}

/// The rules that are applied somewhere.
fn called_rules(rules: &Node) -> Vec<String> {
    let mut names = Vec::new();
    let mut nodes = vec![rules];
    while let Some(node) = nodes.pop() {
        nodes.extend(node.members().iter().map(|member| &member.value));
        nodes.extend(node.items());
        if let [function, name, ..] = node.items()
            && matches!(function.as_str(), Some("apply" | "apply-hops"))
            && let Some(name) = name.as_str()
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}
