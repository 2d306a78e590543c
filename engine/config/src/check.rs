//! The structure of a component against its description.

use pipewright_dtl::syntax::{NodeKind, Severity};
use pipewright_entity::Text;

use crate::catalogue::{self, Description, Part, Property, Required, Role, Shape};
use crate::cron::Cron;
use crate::problem::{Findings, code, did_you_mean};
use crate::resolve::{Entry, Form, Item, condition_text};

/// Keys that any object of the config may have.
fn is_always_known(key: &str) -> bool {
    // Notes that people leave beside things, and what this or another node
    // has added when the config was fetched from it.
    key.starts_with("comment") || key.starts_with('$') || key == "$schema"
}

/// Checks a source, transform or sink; of a conditional one, all alternatives.
pub(crate) fn component(item: &Item, part: Part, findings: &mut Findings<'_>) {
    let Some(description) = description(item, part, findings) else { return };
    properties(item, description, findings);
    if description.name == "conditional" {
        let Some(alternatives) = item.get("alternatives") else { return };
        let used = item.get("condition").and_then(condition_text);
        for Entry { key, value, .. } in alternatives.entries() {
            // What is wrong in an alternative that is not used does not stop
            // the pipe.
            let most = match &used {
                Some(used) if *used == *key => Severity::Error,
                _ => Severity::Warning,
            };
            component(value, part, &mut findings.at_most(most));
        }
        if let (Some(used), Some(condition)) = (&used, item.get("condition"))
            && alternatives.is_object()
            && alternatives.entries().iter().all(|entry| *entry.key != **used)
        {
            let known: Vec<&str> =
                alternatives.entries().iter().map(|entry| entry.key.as_str()).collect();
            let suggestion = did_you_mean(used, known.iter().copied())
                .unwrap_or_else(|| format!("there are: {}", known.join(", ")).into());
            findings.report(
                code::ALTERNATIVE_MISSING,
                Severity::Error,
                condition.span.clone(),
                format!("there is no alternative `{used}`"),
                Some(suggestion),
            );
        }
    }
    if description.name == "chained" {
        for transform in item.get("transforms").map(Item::items).unwrap_or_default() {
            component(transform, part, findings);
        }
    }
}

/// Whether a component is an object; what else it is gets reported.
pub(crate) fn is_object(item: &Item, part: Part, findings: &mut Findings<'_>) -> bool {
    if !matches!(item.form, Form::Object(_) | Form::Unknown(_)) {
        findings.error(
            code::NOT_AN_OBJECT,
            item.span.clone(),
            format!("a {} is an object, this is {}", part.name(), item.name()),
        );
    }
    item.is_object()
}

/// The description of a component by its `type`, or what is wrong with that.
/// A sink without a type writes a dataset.
pub(crate) fn description(
    item: &Item,
    part: Part,
    findings: &mut Findings<'_>,
) -> Option<&'static Description> {
    if !is_object(item, part, findings) {
        return None;
    }
    let Some(kind) = item.get("type") else {
        if part == Part::Sink {
            return catalogue::find(part, "dataset");
        }
        findings.error(
            code::TYPE_MISSING,
            start_of(item),
            format!("this {} has no `type`", part.name()),
        );
        return None;
    };
    if matches!(kind.form, Form::Unknown(_)) {
        return None;
    }
    let Some(name) = kind.as_str() else {
        findings.error(
            code::VALUE_INVALID,
            kind.span.clone(),
            format!("`type` is a string, this is {}", kind.name()),
        );
        return None;
    };
    let found = catalogue::find(part, name);
    if found.is_none() {
        let known = catalogue::of(part).iter().map(|description| description.name.as_str());
        let suggestion = did_you_mean(name, known);
        findings.report(
            code::TYPE_UNKNOWN,
            Severity::Error,
            kind.span.clone(),
            format!("there is no {} of type `{name}`", part.name()),
            suggestion,
        );
    }
    found
}

/// Checks the properties of a component against a description.
pub(crate) fn properties(
    item: &Item,
    description: &'static Description,
    findings: &mut Findings<'_>,
) {
    // Of what does not run here anyway, nothing can be more than a warning.
    let most = if description.is_supported() { Severity::Error } else { Severity::Warning };
    let mut findings = findings.at_most(most);
    let owner = Owner {
        name: &description.name,
        properties: &description.properties,
        open: description.open,
        typed: true,
    };
    if description.deprecated
        && let Some(kind) = item.get("type")
    {
        findings.warning(
            code::DEPRECATED,
            kind.span.clone(),
            format!("the documentation advises against `{}`", description.name),
            None,
        );
    }
    if let (Some(remark), Some(kind)) = (&description.remark, item.get("type")) {
        let message = format!("`{}`: {remark}", description.name);
        findings.report(code::UNTESTED, Severity::Info, kind.span.clone(), message, None);
    }
    members(item, &owner, &mut findings);
}

/// What a set of properties belongs to.
struct Owner<'a> {
    name: &'a str,
    properties: &'a [Property],
    open: bool,
    /// Whether `type` and `_id` are read elsewhere.
    typed: bool,
}

fn members(item: &Item, owner: &Owner<'_>, findings: &mut Findings<'_>) {
    for entry in item.entries() {
        if owner.typed && matches!(entry.key.as_str(), "type" | "_id") {
            continue;
        }
        match catalogue::property(owner.properties, &entry.key) {
            Some(property) => value(entry, property, findings),
            None => unknown(entry, owner, findings),
        }
    }
    for property in owner.properties {
        if owner.typed && property.name == "_id" {
            continue;
        }
        let there = |name: &str| {
            let known = catalogue::property(owner.properties, name);
            item.entries().iter().any(|entry| {
                !matches!(entry.value.form, Form::Null)
                    && match known {
                        Some(known) => catalogue::property(owner.properties, &entry.key)
                            .is_some_and(|found| found.name == known.name),
                        None => entry.key == name,
                    }
            })
        };
        let (needed, why) = match &property.required {
            Required::No => (false, String::new()),
            Required::Yes => (true, String::new()),
            Required::If(other) => (there(other), format!(" beside `{other}`")),
            Required::Unless(other) => (!there(other), format!(" (or `{other}`)")),
        };
        if needed && !there(&property.name) {
            findings.error(
                code::PROPERTY_MISSING,
                start_of(item),
                format!("`{}` needs `{}`{why}", owner.name, property.name),
            );
        }
    }
}

fn unknown(entry: &Entry, owner: &Owner<'_>, findings: &mut Findings<'_>) {
    if is_always_known(&entry.key) {
        return;
    }
    let names = owner.properties.iter().map(|property| property.name.as_str());
    let close = did_you_mean(&entry.key, names);
    // Where other keys are free, only what looks like a slip is worth a word.
    if owner.open && close.is_none() {
        return;
    }
    findings.warning(
        code::PROPERTY_UNKNOWN,
        entry.key_span.clone(),
        format!("`{}` has no property `{}`", owner.name, entry.key),
        close,
    );
}

fn value(entry: &Entry, property: &Property, findings: &mut Findings<'_>) {
    let item = &entry.value;
    if property.deprecated {
        findings.warning(
            code::DEPRECATED,
            entry.key_span.clone(),
            format!("the documentation advises against `{}`", property.name),
            property.about.as_deref().and_then(|about| about.strip_prefix("Deprecated: ")).map(
                |about| about.split(". ").next().unwrap_or(about).trim_end_matches('.').into(),
            ),
        );
    }
    // Checked against its own description.
    if property.role == Some(Role::Component) {
        return;
    }
    if !shape_fits(property, item) {
        findings.error(
            code::VALUE_INVALID,
            item.span.clone(),
            format!("`{}` is {}, this is {}", property.name, property.shape_names(), item.name()),
        );
        return;
    }
    if let Some(allowed) = not_allowed(property, item) {
        let found = item.to_json().to_string();
        let suggestion = item.as_str().and_then(|text| {
            did_you_mean(text, property.values.iter().filter_map(|value| value.as_str()))
        });
        findings.report(
            code::VALUE_INVALID,
            Severity::Error,
            item.span.clone(),
            format!("`{}` is {allowed}, not {found}", property.name),
            suggestion,
        );
        return;
    }
    if let Some(why) = &property.idle {
        let message = format!("`{}` does nothing here: {why}", property.name);
        let span = entry.key_span.clone();
        findings.report(code::NOT_SUPPORTED, Severity::Info, span, message, None);
    }
    let found = item.to_json();
    if property.idle_values.contains(&found) {
        let message = format!("`{}`: {found} does not work here", property.name);
        findings.warning(code::NOT_SUPPORTED, item.span.clone(), message, None);
    }
    if property.role == Some(Role::Cron)
        && let Form::String(text) = &item.form
        && let Err(wrong) = text.parse::<Cron>()
    {
        findings.error(code::VALUE_INVALID, item.span.clone(), wrong.to_string());
    }
    if let (Some(min), Form::Number(number)) = (property.min, &item.form)
        && number.as_f64().is_some_and(|number| number < min as f64)
    {
        findings.error(
            code::VALUE_INVALID,
            item.span.clone(),
            format!("`{}` is at least {min}", property.name),
        );
    }
    if !property.properties.is_empty() && item.is_object() {
        let owner = Owner {
            name: &property.name,
            properties: &property.properties,
            open: property.open,
            typed: false,
        };
        members(item, &owner, findings);
    }
}

/// Whether a value has one of the shapes of a property. What is not known, and
/// what a secret will replace, fits.
pub(crate) fn shape_fits(property: &Property, item: &Item) -> bool {
    if property.shapes.is_empty() || matches!(item.form, Form::Null | Form::Unknown(_)) {
        return true;
    }
    if let Form::String(text) = &item.form
        && text.contains("$SECRET(")
    {
        return true;
    }
    let is_text = |item: &Item| matches!(item.form, Form::String(_) | Form::Unknown(_));
    property.shapes.iter().any(|shape| match (shape, &item.form) {
        (Shape::String, Form::String(_))
        | (Shape::Boolean, Form::Bool(_))
        | (Shape::Number, Form::Number(_))
        | (Shape::Object, Form::Object(_))
        | (Shape::List, Form::List(_)) => true,
        (Shape::Integer, Form::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        (Shape::Strings, Form::List(items)) => items.iter().all(is_text),
        (Shape::StringsByKey, Form::Object(entries)) => {
            entries.iter().all(|entry| is_text(&entry.value))
        }
        (Shape::Object, Form::Opaque(node)) => matches!(node.kind, NodeKind::Object(_)),
        (Shape::List, Form::Opaque(node)) => matches!(node.kind, NodeKind::Array(_)),
        _ => false,
    })
}

/// The allowed values in words, if this is not one of them.
fn not_allowed(property: &Property, item: &Item) -> Option<String> {
    if property.values.is_empty() || !matches!(item.form, Form::String(_) | Form::Number(_)) {
        return None;
    }
    if item.as_str().is_some_and(|text| text.contains("$SECRET(")) {
        return None;
    }
    let found = item.to_json();
    let same = |value: &serde_json::Value| {
        *value == found || (value.is_number() && value.as_f64() == found.as_f64())
    };
    if property.values.iter().any(same) {
        return None;
    }
    let known: Vec<String> = property.values.iter().map(ToString::to_string).collect();
    Some(format!("one of {}", known.join(", ")))
}

/// Whether plain JSON fits a property.
#[cfg(test)]
pub(crate) fn fits(property: &Property, value: &serde_json::Value) -> bool {
    let item = Item::of_json(value, &(0..0));
    shape_fits(property, &item) && not_allowed(property, &item).is_none()
}

/// The first bytes of an object: what to point at when something is missing in
/// it.
pub(crate) fn start_of(item: &Item) -> std::ops::Range<usize> {
    item.span.start..item.span.end.min(item.span.start + 1)
}

/// The strings of a property with a role, with where they are written: one
/// string, or a list of them.
pub(crate) fn strings_with_role<'a>(
    item: &'a Item,
    properties: &'a [Property],
    role: Role,
) -> impl Iterator<Item = (&'a Text, &'a Item, &'a Property)> {
    item.entries()
        .iter()
        .filter_map(move |entry| {
            let property = catalogue::property(properties, &entry.key)?;
            (property.role == Some(role)).then_some((&entry.value, property))
        })
        .flat_map(|(value, property)| {
            let one = matches!(value.form, Form::String(_)).then_some(value);
            one.into_iter().chain(value.items()).filter_map(move |item| match &item.form {
                Form::String(text) => Some((text, item, property)),
                _ => None,
            })
        })
}
