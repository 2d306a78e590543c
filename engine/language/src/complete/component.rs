//! Components: their keys, their types, and the values of their properties.

use pipewright_config::catalogue::{self, Description, Part, Property, Required, Role, Shape};
use pipewright_dtl::syntax::{Member, Node};

use super::{Completion, CompletionKind, Offer, plain, quoted};
use crate::describe;
use crate::site::Keys;

impl Offer<'_, '_, '_> {
    pub(super) fn keys(&mut self, keys: Keys, object: &Node, member: Option<&Member>) {
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

    pub(super) fn values(&mut self, property: &'static Property, object: &Node) {
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

    pub(super) fn types(&mut self, part: Part, object: &Node) {
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
    pub(super) fn component(&mut self, part: Part) {
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

    pub(super) fn systems(&mut self, fitting: &[String]) {
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

    pub(super) fn settings(&mut self) {
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
