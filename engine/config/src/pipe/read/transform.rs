//! Reading transforms.

use std::sync::Arc;

use pipewright_dtl::syntax::Document;
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::template::{self, Given, Missing};
use super::{Chosen, Reader, not_yet};
use crate::catalogue::{self, Part};
use crate::check;
use crate::pipe::values::Values;
use crate::pipe::{Dtl, Fragment, Transform, TransformKind, Trigger, filled};
use crate::problem::code;
use crate::resolve::{Form, Item};

impl Reader<'_, '_> {
    /// Reads a transform, a list of them, or a chain.
    pub(super) fn transforms(&mut self, item: &Item, all: &mut Vec<Transform>) {
        if let Form::List(items) = &item.form {
            for item in items {
                self.transforms(item, all);
            }
            return;
        }
        // The prototypes of the documentation have `"transform": {}`.
        if item.is_object() && item.entries().is_empty() {
            return;
        }
        check::component(item, Part::Transform, self.findings);
        self.transform(item, all);
    }

    fn transform(&mut self, item: &Item, all: &mut Vec<Transform>) {
        let (item, description) = match self.choose(item, Part::Transform) {
            Chosen::Known(item, description) => (item, description),
            Chosen::Broken { origin, kind, why } => {
                all.push(Transform {
                    kind: TransformKind::Other { kind, why },
                    system: None,
                    side_effects: false,
                    config: Map::new(),
                    origin: self.origin(&origin),
                });
                return;
            }
        };
        if description.name == "chained" {
            for item in item.get("transforms").map(Item::items).unwrap_or_default() {
                self.transform(item, all);
            }
            return;
        }
        if description.name == "template" {
            self.template(item, all);
            return;
        }
        let config = filled(Some(item), &description.properties, self.metadata);
        let values = Values::new(&config, &description.properties);
        let other = |why: String| TransformKind::Other { kind: Text::new(&description.name), why };
        let kind = match description.name.as_str() {
            _ if !description.is_supported() => other(not_yet(Part::Transform, &description.name)),
            "emit_children" => TransformKind::EmitChildren,
            "dtl" => match item
                .get("rules")
                .filter(|item| item.name() == "an object")
                .and_then(|item| self.fragment(&item.span))
            {
                Some(rules) => TransformKind::Dtl(Dtl {
                    rules,
                    id_required: values.bool("id_required"),
                    trigger: config.get("trigger_on").and_then(trigger),
                }),
                None => other("the transform has no rules".into()),
            },
            name @ ("http" | "rest") => TransformKind::Outside {
                kind: Text::new(name),
                trigger: config.get("trigger_on").and_then(trigger),
            },
            name => TransformKind::Plain {
                kind: Text::new(name),
                trigger: config.get("trigger_on").and_then(trigger),
            },
        };
        all.push(Transform {
            kind,
            system: values.given_text("system").map(Text::new),
            side_effects: values.bool("side_effects"),
            origin: self.origin(&item.span),
            config,
        });
    }
}

impl Reader<'_, '_> {
    /// The steps that a template stands for, each where the template is
    /// written.
    fn template(&mut self, item: &Item, all: &mut Vec<Transform>) {
        let other = |why: String| TransformKind::Other { kind: "template".into(), why };
        let broken = |kind, origin| Transform {
            kind,
            system: None,
            side_effects: false,
            config: Map::new(),
            origin,
        };
        let origin = self.origin(&item.span);
        let Some(name) = item.get("template").and_then(Item::as_str) else {
            let why = "a template that the config brings along does not run here";
            self.findings.warning(
                code::NOT_SUPPORTED,
                item.span.clone(),
                why.to_owned(),
                Some("write its transforms in its place".into()),
            );
            all.push(broken(other(why.to_owned()), origin));
            return;
        };
        let mut properties = match item.get("properties").map(Item::to_json) {
            Some(Json::Object(properties)) => properties,
            _ => Map::new(),
        };
        // Rules are kept as they are written.
        if let Some(rules) = item.get("properties").and_then(|item| item.get("rules"))
            && let Some(rules) = self.fragment(&rules.span)
        {
            properties.insert("rules".into(), rules.to_json());
        }
        let steps = match template::expand(name, &Given(&properties)) {
            Some(Ok(steps)) => steps,
            Some(Err(Missing(property))) => {
                let why = format!("the template `{name}` needs the property `{property}`");
                let at = item.get("properties").map_or(&item.span, |item| &item.span).clone();
                self.findings.warning(code::PROPERTY_MISSING, at, why.clone(), None);
                all.push(broken(other(why), origin));
                return;
            }
            None => {
                all.push(broken(other(format!("there is no template `{name}`")), origin));
                return;
            }
        };
        for step in steps {
            self.step(&step, item, all);
        }
    }

    /// A transform that is not written in the file itself, in place of `item`.
    fn step(&mut self, step: &Json, item: &Item, all: &mut Vec<Transform>) {
        let made = Item::of_json(step, &item.span);
        let Some(Json::Object(rules)) = step.get("rules") else {
            self.transform(&made, all);
            return;
        };
        let document = Arc::new(Document::parse(Json::Object(rules.clone()).to_string()));
        let Some(node) = document.root.clone() else { return };
        let origin = self.origin(&item.span);
        let at = origin.at.clone();
        let rules = Fragment { document, node, at, variables: self.variables.clone() };
        let Some(description) = catalogue::find(Part::Transform, "dtl") else { return };
        let mut config = filled(Some(&made), &description.properties, self.metadata);
        config.insert("rules".into(), Json::Null);
        let values = Values::new(&config, &description.properties);
        all.push(Transform {
            kind: TransformKind::Dtl(Dtl {
                rules,
                id_required: values.bool("id_required"),
                trigger: config.get("trigger_on").and_then(trigger),
            }),
            system: None,
            side_effects: false,
            origin,
            config,
        });
    }
}

/// Documentation: configuration-transforms-dtl, `trigger_on`.
fn trigger(config: &Json) -> Option<Trigger> {
    Some(Trigger {
        key: Text::new(config.get("key").and_then(Json::as_str).unwrap_or("_trigger")),
        value: config.get("value")?.clone(),
    })
}
