//! DTL: rules, functions, variables and the properties behind them, hops.

use pipewright_dtl::HOPS_KEYS;
use pipewright_dtl::functions::{self, Function, Kind, Many};
use pipewright_dtl::names::VARIABLES;
use pipewright_dtl::syntax::{Member, Node};
use pipewright_entity::Text;

use super::{CompletionKind, Offer, has_colon, plain, quoted};
use crate::describe;

impl Offer<'_, '_, '_> {
    pub(super) fn hops_keys(&mut self, object: &Node, member: Option<&Member>) {
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

    pub(super) fn rule_keys(&mut self, rules: &Node, member: Option<&Member>) {
        let mut names = called_rules(rules);
        names.insert(0, "default".into());
        for name in names {
            if rules.member(&name).is_some_and(|it| Some(it) != member) {
                continue;
            }
            self.key(&name, "rule", "", "[\n  $1\n]", rules, member);
        }
    }

    pub(super) fn functions(&mut self, role: functions::Role, call: Option<&Node>) {
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

    pub(super) fn argument(
        &mut self,
        function: &'static Function,
        call: &Node,
        index: usize,
        kind: Kind,
    ) {
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

    pub(super) fn expression(&mut self) {
        self.paths();
        if !self.site.quoted() {
            self.functions(functions::Role::Expression, None);
        }
    }

    /// Variables, and the properties behind them.
    pub(super) fn paths(&mut self) {
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
    pub(super) fn properties(&self, datasets: &[Text]) -> Vec<(Text, String)> {
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
    pub(super) fn namespaced(&self) -> bool {
        let id = self.site.component.and_then(|node| node.get("_id")).and_then(Node::as_str);
        let pipe = id.and_then(|id| self.workspace.project.pipe(id));
        pipe.is_some_and(|pipe| pipe.namespaces.enabled)
    }

    /// Names of properties by themselves.
    pub(super) fn names(&mut self) {
        for (name, detail) in self.properties(&self.site.scope.source.clone()) {
            self.string(CompletionKind::Property, &name, &detail, "");
        }
    }

    pub(super) fn rules(&mut self) {
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

    pub(super) fn aliases(&mut self) {
        for (alias, dataset) in self.site.scope.aliases.iter().rev() {
            let detail = format!("an entity of {dataset}");
            self.string(CompletionKind::Variable, alias, &detail, "");
        }
    }

    pub(super) fn hops_aliases(&mut self, object: &Node, member: Option<&Member>) {
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

    /// Datasets with an alias.
    pub(super) fn hops_datasets(&mut self) {
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
