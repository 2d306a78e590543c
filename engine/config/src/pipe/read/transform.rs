//! Reading transforms.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::{Chosen, Reader, not_yet};
use crate::catalogue::Part;
use crate::check;
use crate::pipe::values::Values;
use crate::pipe::{Dtl, Transform, TransformKind, Trigger, filled};
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

/// Documentation: configuration-transforms-dtl, `trigger_on`.
fn trigger(config: &Json) -> Option<Trigger> {
    Some(Trigger {
        key: Text::new(config.get("key").and_then(Json::as_str).unwrap_or("_trigger")),
        value: config.get("value")?.clone(),
    })
}
