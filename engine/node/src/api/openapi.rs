//! The OpenAPI document: what the handlers say of themselves, and what holds
//! for all of them.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::absent::ABSENT;

/// Where the document is.
pub(super) const PATH: &str = "/api/openapi.json";
/// Where people read it.
pub(super) const PAGE: &str = "/api/reference";

/// How calls fail: status, and what it means.
const FAILURES: [(&str, &str); 10] = [
    ("400", "The request is not understood, or cannot be done; config is refused with a report."),
    ("401", "There is no token, or it does not count."),
    ("403", "The role of the token does not allow this, or the folder is not trusted."),
    ("404", "There is no such thing."),
    ("409", "It changed meanwhile, is there already, or runs."),
    ("413", "The body is too large."),
    ("415", "The body is of a kind that is not taken."),
    ("422", "The body has another shape, or a system outside does not answer as it should."),
    ("429", "The node works on as many requests as it can."),
    ("503", "An index is still being built."),
];

/// The whole document.
pub(super) fn complete(document: OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["info"] = json!({
        "title": "Pipewright node",
        "version": crate::VERSION,
        "description": description(),
        "license": { "name": crate::LICENSE, "identifier": crate::LICENSE },
    });
    document["servers"] = json!([{ "url": "/api" }]);
    document["security"] = json!([{ "token": [] }]);
    document["components"]["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
    });
    document["components"]["schemas"]["ApiError"] = json!({
        "type": "object",
        "description": "Why a call failed. Some failures have a shape of their own: config that \
            is refused, a lock that was lost, a file that changed.",
        "properties": {
            "code": { "type": "string", "description": "What software matches on." },
            "message": { "type": "string", "description": "For people." },
            "request_id": {
                "type": "string",
                "description": "The request, as the header `x-request-id` and the log name it.",
            },
        },
    });
    if let Some(Value::Object(paths)) = document.get_mut("paths").map(Value::take) {
        let paths = paths.into_iter().map(|(path, item)| {
            // A rest of a path is one parameter.
            let path = path.replace("{*", "{");
            let item = complete_item(&path, item);
            (path, item)
        });
        let mut paths: Map<String, Value> = paths.collect();
        paths.insert("/ping".to_owned(), ping());
        document["paths"] = Value::Object(paths);
    }
    document
}

fn description() -> String {
    let mut text = "The service API of Sesam as far as this node has it, and under `/studio` what \
        the studio asks beyond it. Every call but `/ping` needs `Authorization: Bearer TOKEN`.\n\n\
        Answered with `404` and the code `not-supported`, because this node has no such thing:\n"
        .to_owned();
    for (method, path, why) in ABSENT {
        let method = if *method == "*" { "any method" } else { method };
        text.push_str(&format!("\n- `{path}` ({method}): {why}"));
    }
    text
}

fn ping() -> Value {
    json!({ "get": {
        "tags": ["Node"],
        "summary": "Whether the node is there.",
        "operationId": "ping",
        "security": [],
        "responses": { "200": {
            "description": "It is.",
            "content": { "application/json": {
                "schema": { "$ref": "#/components/schemas/Health" },
            } },
        } },
    } })
}

fn complete_item(path: &str, mut item: Value) -> Value {
    let Value::Object(operations) = &mut item else { return item };
    for (method, operation) in operations {
        operation["operationId"] = name(method, path).into();
        let changes = method != "get";
        let has_body = operation.get("requestBody").is_some();
        let has_parts = path.contains('{');
        let asks = operation.get("parameters").is_some() || has_body;
        let applies = |status: &str| match status {
            "400" => asks || changes,
            "404" => has_parts || path.contains("history") || path.contains("failed"),
            "409" => changes,
            "413" | "415" => has_body || changes,
            "422" => has_body || path.contains("system"),
            "503" => has_parts && !changes,
            _ => true,
        };
        let kinds = json!({ "application/json": {
            "schema": { "$ref": "#/components/schemas/ApiError" },
        } });
        for (status, meaning) in FAILURES.iter().filter(|(status, _)| applies(status)) {
            if operation["responses"].get(status).is_none() {
                operation["responses"][status] =
                    json!({ "description": meaning, "content": kinds });
            }
        }
    }
    item
}

/// What an operation is called in code: `get_pipes_id_config`.
fn name(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}
