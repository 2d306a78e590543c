//! What `template` transforms stand for: chains of DTL and REST transforms
//! (documentation: configuration-transforms-template, and the share and collect
//! patterns of data-synchronization).
//!
//! The names of properties that go from step to step are those of the
//! documentation where it has some (`$source`, `$operation`, `$generated_id`,
//! `$based_on`); `$template` marks what a step of a collect chain is for.

use serde_json::{Map, Value as Json, json};

/// A step of a chain, as it would be written in the config.
pub(super) type Step = Json;

/// The properties of a template.
pub(super) struct Given<'a>(pub(super) &'a Map<String, Json>);

/// A property that the template cannot do without, or what is wrong with it.
pub(super) struct Missing(pub(super) String);

/// The chain that a template stands for; `None` when there is none of this
/// name.
pub(super) fn expand(name: &str, given: &Given<'_>) -> Option<Result<Vec<Step>, Missing>> {
    Some(match name {
        "transform-collect-rest" => collect(given),
        "transform-defaults-rest" => defaults(given),
        "transform-share-rest" => share(given),
        _ => return None,
    })
}

impl<'a> Given<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).and_then(Json::as_str)
    }

    fn or(&self, key: &str, default: &'a str) -> &'a str {
        self.text(key).unwrap_or(default)
    }

    fn needed(&self, key: &str) -> Result<&'a str, Missing> {
        self.text(key).ok_or_else(|| Missing(key.to_owned()))
    }

    fn flag(&self, key: &str) -> bool {
        self.0.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    fn keys(&self, key: &str) -> Option<Vec<&'a str>> {
        let keys: Vec<&str> = match self.0.get(key)? {
            Json::String(one) => vec![one.as_str()],
            Json::Array(all) => all.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        (!keys.is_empty()).then_some(keys)
    }

    /// Named rules that the config brings along.
    fn rules(&self, key: &str) -> Map<String, Json> {
        self.0.get(key).and_then(Json::as_object).cloned().unwrap_or_default()
    }

    /// A call of an operation for the entities that are marked for it.
    fn call(&self, operation: &str, call: &Call<'_>) -> Result<Step, Missing> {
        let mut step = json!({
            "type": "rest",
            "system": self.needed("rest_system")?,
            "operation": operation,
            "allowed_status_codes": call.allowed,
            "replace_entity": false,
            "response_property": "response_body",
            "response_status_property": "response_status",
            "side_effects": call.changes,
            "trigger_on": {"key": call.key, "value": call.value},
        });
        if let Some(properties) = self.0.get(call.properties) {
            step["properties"] = properties.clone();
        }
        Ok(step)
    }
}

/// How an operation is called.
struct Call<'a> {
    /// Whether it changes something outside.
    changes: bool,
    allowed: &'a str,
    /// The property that marks entities, and how.
    key: &'a str,
    value: &'a str,
    /// The property of the template with those for the operation.
    properties: &'a str,
}

fn dtl(rules: Json) -> Step {
    json!({"type": "dtl", "rules": rules})
}

/// Rules for the entities that are marked for an operation.
fn dtl_for(key: &str, value: &str, rules: Json) -> Step {
    json!({"type": "dtl", "rules": rules, "trigger_on": {"key": key, "value": value}})
}

/// Our rules beside those of the config; ours win.
fn beside(mut rules: Map<String, Json>, ours: Json) -> Json {
    if let Json::Object(ours) = ours {
        rules.extend(ours);
    }
    rules.into()
}

fn is_deleted() -> Json {
    json!(["eq", "_S._deleted", true])
}

/// Whether a call was answered with what counts as done.
fn succeeded(status: &str) -> Json {
    json!(["and", ["gte", status, 200], ["lt", status, 300]])
}

/// Whether all of some properties are there.
fn all_there(keys: &[&str], of: &str) -> Json {
    let each = keys.iter().map(|key| json!(["is-not-null", at(of, key)]));
    let mut all = vec![json!("and")];
    all.extend(each);
    if let [_, only] = all.as_slice() { only.clone() } else { all.into() }
}

/// The key of an entity: one value, or several by their names.
fn key_of(keys: &[&str], of: &str) -> Json {
    match keys {
        [one] => at(of, one).into(),
        several => {
            let mut dict = vec![json!("dict")];
            for key in several {
                dict.extend([json!(key), at(of, key).into()]);
            }
            dict.into()
        }
    }
}

/// A property as a path: `_S.` and `id` give `_S.id`.
fn at(of: &str, key: &str) -> String {
    format!("{}.{key}", of.trim_end_matches('.'))
}

const TEMPLATE: &str = "$template";

/// `transform-collect-rest`.
fn collect(given: &Given<'_>) -> Result<Vec<Step>, Missing> {
    let keys = given.keys("primary_key").ok_or_else(|| Missing("primary_key".into()))?;
    let mut steps = Vec::new();
    let lookup = |mark: &'static str, properties, allowed| Call {
        changes: false,
        allowed,
        key: TEMPLATE,
        value: mark,
        properties,
    };
    if let Some(operation) = given.text("operation_lookup_delete") {
        steps.push(dtl(json!({"default": [
            ["copy", "*"],
            ["if", is_deleted(), ["add", TEMPLATE, "verify-delete"]],
        ]})));
        let call = lookup("verify-delete", "operation_lookup_delete_properties", "200-299,404,410");
        steps.push(given.call(operation, &call)?);
        steps.push(dtl_for(
            TEMPLATE,
            "verify-delete",
            json!({"default": [
                ["copy", "*", ["list", "response_body", "response_status", TEMPLATE]],
                ["if", succeeded("_S.response_status"), ["add", "_deleted", false]],
            ]}),
        ));
    } else if let Some(operation) = given.text("operation_lookup") {
        steps.push(dtl(json!({"default": [
            ["copy", "*"],
            ["if", ["not", is_deleted()], ["add", TEMPLATE, "lookup"]],
        ]})));
        let call = lookup("lookup", "operation_lookup_properties", "200-299");
        steps.push(given.call(operation, &call)?);
        let mut rules =
            vec![json!(["merge", ["first", "_S.response_body"]]), json!(["copy", "_id"])];
        if let Some(property) = given.text("original_property") {
            rules.push(json!(["add", property, ["apply", "template-original", "_S."]]));
        }
        steps.push(dtl_for(
            TEMPLATE,
            "lookup",
            json!({
                "default": rules,
                "template-original": [
                    ["copy", "*", ["list", "response_body", "response_status", TEMPLATE]],
                ],
            }),
        ));
    }
    if let Some(share) = given.text("share_dataset") {
        let mut wheres = Vec::new();
        match keys.as_slice() {
            [one] => wheres.push(json!(["eq", at("_S.", one), "st.$generated_id"])),
            several => wheres.extend(
                several
                    .iter()
                    .map(|key| json!(["eq", at("_S.", key), at("st.$generated_id", key)])),
            ),
        }
        steps.push(dtl(json!({"default": [
            ["copy", "*"],
            ["add", "_template_origin", ["first", ["hops", {
                "datasets": [format!("{share} st")],
                "where": wheres,
                "return": "st.$origin",
                "track-dependencies": false,
            }]]],
            ["if", ["is-not-null", "_T._template_origin"],
                ["add", "$origin", "_T._template_origin"]],
            ["remove", "_template_origin"],
        ]})));
    }
    Ok(steps)
}

/// `transform-defaults-rest`.
fn defaults(given: &Given<'_>) -> Result<Vec<Step>, Missing> {
    let Some(operation) = given.text("operation") else { return Ok(Vec::new()) };
    let call = Call {
        changes: false,
        allowed: "200-299",
        key: TEMPLATE,
        value: "defaults",
        properties: "operation_properties",
    };
    Ok(vec![
        dtl(json!({"default": [
            ["copy", "*"],
            ["if", ["not", is_deleted()], ["add", TEMPLATE, "defaults"]],
        ]})),
        given.call(operation, &call)?,
        dtl_for(
            TEMPLATE,
            "defaults",
            json!({"default": [
                ["merge", ["first", "_S.response_body"]],
                ["copy", "*", ["list", "response_body", "response_status", TEMPLATE]],
            ]}),
        ),
    ])
}

const OPERATION: &str = "$operation";

/// `transform-share-rest`: looks at the system, decides what is to be done
/// there, does it, and keeps what came of it.
fn share(given: &Given<'_>) -> Result<Vec<Step>, Missing> {
    let shape = Share {
        given,
        keys: given.keys("primary_key").ok_or_else(|| Missing("primary_key".into()))?,
        inserted: given.keys("primary_key_insert"),
        dataset: given.needed("share_dataset")?,
        payload: given.or("payload_property", "payload"),
    };
    let mut steps = vec![shape.decide()];
    steps.push(shape.call("lookup", false)?);
    if given.rules("rewrite_rules_lookup").contains_key("rewrite_lookup") {
        let rules = given.rules("rewrite_rules_lookup");
        steps.push(dtl_for(
            OPERATION,
            "lookup",
            beside(
                rules,
                json!({"default": [
                    ["copy", "*", "response_body"],
                    ["add", "response_body",
                        ["apply", "rewrite_lookup", ["first", "_S.response_body"]]],
                ]}),
            ),
        ));
    }
    steps.push(shape.compare());
    steps.extend([shape.pay("update"), shape.pay("insert")]);
    for operation in ["update", "insert", "delete"] {
        steps.push(shape.call(operation, true)?);
    }
    steps.push(shape.conclude());
    Ok(steps)
}

struct Share<'a> {
    given: &'a Given<'a>,
    keys: Vec<&'a str>,
    inserted: Option<Vec<&'a str>>,
    dataset: &'a str,
    payload: &'a str,
}

impl Share<'_> {
    fn is_natural(&self) -> bool {
        self.given.flag("is_natural_key")
    }

    fn call(&self, operation: &str, changes: bool) -> Result<Step, Missing> {
        let name = self.given.or(&format!("operation_{operation}"), "").to_owned();
        let name = if name.is_empty() { operation } else { &name };
        let allowed = format!("{operation}_allowed_status_codes");
        let call = Call {
            changes,
            allowed: self.given.or(&allowed, "100-599"),
            key: OPERATION,
            value: operation,
            properties: &format!("operation_{operation}_properties"),
        };
        self.given.call(name, &call)
    }

    /// What is to be done, as far as the entity itself and what was done before
    /// tell.
    fn decide(&self) -> Step {
        let replaced = json!(["and", ["eq", "_S.$replaced", true], is_deleted()]);
        // An insert whose answer had no key must not be made again either.
        let inserted = json!(["filter",
            ["or", ["is-not-null", "_.$generated_id"], ["eq", "_.$error", "error-generated-id"]],
            ["hops", {
                "datasets": [format!("{} st", self.dataset)],
                "where": [["eq", "_S.$ids", ["ni", "st._id"]]],
                "track-dependencies": false,
            }],
        ]);
        let without_key = json!([
            "if",
            is_deleted(),
            [["add", OPERATION, "discard-delete-non-existent"]],
            [
                "if",
                ["is-not-empty", inserted],
                [["add", OPERATION, "discard-already-inserted"]],
                [["add", OPERATION, "insert"]],
            ],
        ]);
        let with_key = json!([
            "if",
            is_deleted(),
            [["add", OPERATION, "delete"]],
            [["add", OPERATION, "lookup"]],
        ]);
        let mut copied = vec![json!("list")];
        copied.extend(self.keys.iter().map(|key| json!(key)));
        dtl(json!({"default": [
            ["copy", copied],
            ["copy", ["list", "$origin", "$replaced"]],
            ["add", "$source", "_S."],
            ["if", replaced,
                [["add", OPERATION, "discard-replaced"]],
                ["if", all_there(&self.keys, "_S."), [with_key], [without_key]],
            ],
        ]}))
    }

    /// What is to be done, now that it is known how things are in the system:
    /// what was changed there since it was read is not overwritten, and what is
    /// as it should be is left alone.
    fn compare(&self) -> Step {
        let rules = self.given.rules("rules");
        let rewritten = |own: &str| {
            let rule = [own, "lookup_rewrite"].into_iter().find(|name| rules.contains_key(*name));
            match rule {
                Some(rule) => json!(["apply", rule, "_T._body"]),
                None => json!("_T._body"),
            }
        };
        let values = |of: &str| {
            json!([
                "dict",
                ["map", ["list", "_.", ["path", ["split", ".", "_."], of]], "_T._keys",]
            ])
        };
        let absent = match self.is_natural() {
            true => json!([
                "if",
                ["in", "_S.response_status", ["list", 404, 410]],
                ["add", OPERATION, "insert"]
            ]),
            false => json!(["comment", "It stays a lookup that did not succeed."]),
        };
        dtl_for(
            OPERATION,
            "lookup",
            beside(
                rules.clone(),
                json!({
                    "default": [
                        ["copy", "*", ["list", "response_body", "response_status"]],
                        ["add", "$trace_lookup", ["dict",
                            "response_status", "_S.response_status",
                            "response_body", "_S.response_body"]],
                        ["if", succeeded("_S.response_status"), [
                            ["add", "_body", ["first", "_S.response_body"]],
                            ["add", "_plain", ["apply", "template-plain", "_S.$source"]],
                            ["add", "_keys", ["if",
                                ["is-not-empty", "_S.$source.$based_on_properties"],
                                "_S.$source.$based_on_properties",
                                ["keys", "_T._plain"]]],
                            ["add", "_found", rewritten("lookup_rewrite_based_on")],
                            ["add", "$template_base", rewritten("lookup_rewrite_update")],
                            ["add", "_known", "_S.$source.$based_on"],
                            ["add", "$based_on_lookup", values("_T._found")],
                            ["add", "$based_on_source", values("_T._known")],
                            ["add", "$based_on_update", values("_T._plain")],
                            ["add", "$result", ["case",
                                ["and",
                                    ["neq", "_T.$based_on_lookup", "_T.$based_on_source"],
                                    ["neq", "_S.$source.$unsafe_skip_optimistic_locking", true]],
                                "modified-in-system",
                                ["eq", "_T.$based_on_lookup", "_T.$based_on_update"],
                                "entity-not-changed",
                                "needs-update"]],
                            ["add", OPERATION, ["if", ["eq", "_T.$result", "needs-update"],
                                "update",
                                ["concat", "discard-", "_T.$result"]]],
                            ["remove", ["list", "_body", "_plain", "_keys", "_found", "_known"]],
                        ], [
                            ["add", "response_status", "_S.response_status"],
                            ["add", "response_body", "_S.response_body"],
                            absent,
                        ]],
                    ],
                    "template-plain": [["copy", "*", ["list", "_*", "$*"]]],
                }),
            ),
        )
    }

    /// What is to be sent.
    fn pay(&self, operation: &str) -> Step {
        let rules = self.given.rules("rewrite_rules_payload");
        let own = format!("rewrite_{operation}_payload");
        let mut payload = match rules.contains_key(&own) {
            true => json!(["path", "$payload", ["apply", own, "_S."]]),
            false => json!([
                "if",
                ["is-not-null", "_S.$source.$payload"],
                "_S.$source.$payload",
                ["apply", "template-plain", "_S.$source"]
            ]),
        };
        if operation == "update" && self.given.flag("client_side_patching") {
            payload = json!([
                "apply",
                "template-patch",
                ["dict", "a", "_S.$template_base", "b", payload]
            ]);
            const AFTER: &str = "rewrite_update_payload_after_patch";
            if rules.contains_key(AFTER) {
                payload =
                    json!(["path", "$payload", ["apply", AFTER, ["dict", "_payload", payload]]]);
            }
        }
        let both = ["_S.a", "_S.b"].map(|of| json!(["path", ["list", "_."], of]));
        dtl_for(
            OPERATION,
            operation,
            beside(
                rules,
                json!({
                    "default": [["copy", "*", "$template_base"], ["add", self.payload, payload]],
                    "template-plain": [["copy", "*", ["list", "_*", "$*"]]],
                    "template-patch": [
                        ["merge", "_S.a"],
                        ["merge", ["dict", ["map",
                            ["list", "_.", ["if", ["and", ["is-dict", both[0]], ["is-dict", both[1]]],
                                ["apply", "template-patch", ["dict", "a", both[0], "b", both[1]]],
                                both[1]]],
                            ["keys", "_S.b"],
                        ]]],
                    ],
                }),
            ),
        )
    }

    /// What came of it.
    fn conclude(&self) -> Step {
        let rules = self.given.rules("rewrite_rules_mutation");
        let mut answer = json!("_S.response_body");
        for operation in ["update", "insert", "delete"] {
            let own = format!("rewrite_{operation}");
            if rules.contains_key(&own) {
                answer = json!([
                    "if",
                    ["eq", "_S.$operation", operation],
                    ["apply", own, ["first", "_S.response_body"]],
                    answer
                ]);
            }
        }
        let keys = self.inserted.as_ref().unwrap_or(&self.keys);
        let generated = match self.is_natural() {
            true => key_of(&self.keys, "_S.$source"),
            false => key_of(keys, "_T._answer"),
        };
        let of = if self.is_natural() { "_S.$source" } else { "_T._answer" };
        let is_key_there = all_there(if self.is_natural() { &self.keys } else { keys }, of);
        let is = |operation: &str| json!(["eq", "_S.$operation", operation]);
        let mut kept = vec![json!("list")];
        kept.extend(self.keys.iter().map(|key| json!(key)));
        kept.extend([json!(self.payload)]);
        dtl(beside(
            rules,
            json!({
                "default": [
                    ["copy", kept],
                    ["copy", ["list", "$source", "$origin", "$replaced", "$result", "$trace_*"]],
                    ["copy", ["list", OPERATION, "response_status"]],
                    ["add", "response_body", answer],
                    ["if", ["is-null", "_T.response_body"], ["remove", "response_body"]],
                    ["if", ["in", "_S.$operation", ["list", "lookup", "update", "insert", "delete"]],
                        ["if", ["not", ["or",
                                succeeded("_S.response_status"),
                                ["and", is("delete"),
                                    ["in", "_S.response_status", ["list", 404, 410]]]]],
                            ["add", "$error", ["concat", "error-", "_S.$operation"]]]],
                    ["if", ["and", is("insert"), ["is-null", "_T.$error"]], [
                        ["add", "_answer", ["first", "_T.response_body"]],
                        ["if", is_key_there,
                            ["add", "$generated_id", generated],
                            ["add", "$error", "error-generated-id"]],
                        ["remove", "_answer"],
                    ]],
                    ["comment", "What an entity that was inserted is called in the system stays known."],
                    ["add", "_previous", ["first", ["hops", {
                        "datasets": [format!("{} st", self.dataset)],
                        "where": [["eq", "_S._id", "st._id"]],
                        "track-dependencies": false,
                    }]]],
                    ["if", ["and",
                            ["is-null", "_T.$generated_id"],
                            ["is-not-null", "_T._previous.$generated_id"]],
                        ["add", "$generated_id", "_T._previous.$generated_id"]],
                    ["if", ["and",
                            ["eq", "_S.$operation", "discard-already-inserted"],
                            ["is-not-null", "_T._previous.$error"]],
                        ["add", "$error", "_T._previous.$error"]],
                    ["if", ["eq", "_S.$operation", "discard-replaced"], [
                        ["if", ["is-not-null", "_T._previous.$origin"],
                            ["add", "$origin", "_T._previous.$origin"]],
                        ["if", ["is-not-null", "_T.$generated_id"], ["add", "_deleted", false]],
                    ]],
                    ["remove", "_previous"],
                    ["add", "$success", ["is-null", "_T.$error"]],
                ],
            }),
        ))
    }
}
