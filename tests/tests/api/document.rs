//! The OpenAPI document, held against the routes and against the operations
//! that the service API has.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::Place;

const METHODS: [Method; 6] =
    [Method::GET, Method::PUT, Method::POST, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// The paths of the service API with their methods.
#[rustfmt::skip]
const SERVICE: &[(&str, &str)] = &[
    ("/models", "GET POST"),
    ("/models/{model_id}", "GET DELETE"),
    ("/models/{model_id}/{entity_type_id}", "GET"),
    ("/pipes", "GET POST"),
    ("/pipes/{pipe_id}", "GET DELETE"),
    ("/pipes/{pipe_id}/config", "GET PUT"),
    ("/pipes/{pipe_id}/entities", "GET"),
    ("/pipes/{pipe_id}/log", "GET OPTIONS"),
    ("/pipes/{pipe_id}/generate-schema-definition", "GET"),
    ("/pipes/{pipe_id}/pump", "GET POST"),
    ("/pipes/{pipe_id}/webhook", "POST"),
    ("/pipes/{pipe_id}/entity-types/source", "GET"),
    ("/pipes/{pipe_id}/entity-types/sink", "GET"),
    ("/datasets", "GET"),
    ("/datasets/{dataset_id}", "GET DELETE POST"),
    ("/datasets/{dataset_id}/entities", "GET OPTIONS POST"),
    ("/datasets/{dataset_id}/entities/{rest_of_path}", "GET"),
    ("/datasets/{dataset_id}/entity", "GET"),
    ("/datasets/{dataset_id}/sdshare-collection", "GET"),
    ("/datasets/{dataset_id}/sdshare-fragments", "GET"),
    ("/datasets/{dataset_id}/sdshare-fragments/{rest_of_path}", "GET"),
    ("/datasets/{dataset_id}/indexes", "GET"),
    ("/datasets/{dataset_id}/indexes/{index_int_id}", "DELETE"),
    ("/datasets/{dataset_id}/generate-schema-definition", "GET"),
    ("/config", "GET PUT"),
    ("/config/{config-group}", "GET PUT"),
    ("/config-all", "GET PUT"),
    ("/config-history/entity", "GET"),
    ("/", "GET POST"),
    ("/env", "GET POST PUT PATCH"),
    ("/env/{env_var}", "DELETE"),
    ("/secrets", "GET PUT POST"),
    ("/secrets/{secret_key}", "DELETE"),
    ("/health", "GET"),
    ("/ping", "GET"),
    ("/license", "GET PUT"),
    ("/namespaces", "GET"),
    ("/metadata", "GET PUT DELETE"),
    ("/publishers/{pipe_id}/sdshare-collection", "GET"),
    ("/publishers/{pipe_id}/sdshare-fragments", "GET"),
    ("/publishers/{pipe_id}/entities", "GET"),
    ("/publishers/{pipe_id}/entities/{filename}", "GET"),
    ("/publishers/{pipe_id}/csv", "GET"),
    ("/publishers/{pipe_id}/csv/", "OPTIONS"),
    ("/publishers/{pipe_id}/csv/{filename}", "GET"),
    ("/publishers/{pipe_id}/excel", "GET"),
    ("/publishers/{pipe_id}/excel/", "OPTIONS"),
    ("/publishers/{pipe_id}/excel/{filename}", "GET"),
    ("/publishers/{pipe_id}/xml", "GET"),
    ("/publishers/{pipe_id}/xml/{filename}", "GET"),
    ("/publishers/{pipe_id}/xml/", "OPTIONS"),
    ("/publishers/{pipe_id}/shareable-links", "GET POST"),
    ("/publishers/{pipe_id}/shareable-links/{shareable_link_id}", "DELETE"),
    ("/receivers/{pipe_id}/sdshare-push-receiver", "POST"),
    ("/receivers/{pipe_id}/entities", "POST"),
    ("/systems", "GET POST"),
    ("/systems/{system_id}", "GET DELETE"),
    ("/systems/{system_id}/logs", "GET"),
    ("/systems/{system_id}/status", "GET"),
    ("/systems/{system_id}/reload", "POST"),
    ("/systems/{system_id}/proxy/{rest_of_path}", "GET POST PUT PATCH DELETE"),
    ("/systems/{system_id}/config", "GET PUT"),
    ("/systems/{system_id}/secrets", "GET PUT POST"),
    ("/systems/{system_id}/secrets/{secret_key}", "DELETE"),
];

async fn document(place: &Place) -> Value {
    place.ask("/api/openapi.json").await
}

/// Every operation of the document: method, and path below `/api`.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

/// The path with something for each parameter.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "none" } else { part });
    format!("/api{}", parts.collect::<Vec<_>>().join("/"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_documented_is_a_route_and_nothing_else_is() {
    let place = Place::with_files(&[]);
    let document = document(&place).await;
    let documented = operations(&document);
    assert!(documented.len() > 90, "{}", documented.len());
    let paths: BTreeSet<&String> = documented.iter().map(|(_, path)| path).collect();
    for path in paths {
        for method in METHODS {
            let is_documented = documented.contains(&(method.to_string(), path.clone()));
            // Beginning anew takes away what the others are asked on, and a
            // stream has no end.
            let unasked = path == "/admin" || path == "/studio/events";
            if is_documented && unasked {
                continue;
            }
            let answer = place.send(method.clone(), &filled(path), Some(b"{}".to_vec())).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let is_route = answer.status != StatusCode::METHOD_NOT_ALLOWED
                && body["message"] != "there is no such operation"
                && body["code"] != "not-supported";
            assert_eq!(is_route, is_documented, "{method} {path}: {} {body}", answer.status);
            if is_documented {
                let status = answer.status.as_str();
                let operation = &document["paths"][path][method.as_str().to_lowercase()];
                assert!(operation["responses"].get(status).is_some(), "{method} {path}: {status}");
                assert!(operation["summary"].is_string(), "{method} {path}");
            }
        }
    }
}

/// What the service API has is there, or the answer says why it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_of_the_service_is_answered() {
    let place = Place::with_files(&[]);
    let documented = operations(&document(&place).await);
    let unnamed = |path: &str| -> String {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    };
    let known: BTreeSet<(String, String)> =
        documented.into_iter().map(|(method, path)| (method, unnamed(&path))).collect();
    let mut absent = 0;
    for (path, methods) in SERVICE {
        for method in methods.split(' ') {
            if known.contains(&(method.to_owned(), unnamed(path))) {
                continue;
            }
            let asked = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = place.send(asked, &filled(path), None).await;
            answer.refused(StatusCode::NOT_FOUND, "not-supported");
            absent += 1;
        }
    }
    assert_eq!(absent, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_names_types_and_its_page_needs_nothing_else() {
    let place = Place::with_files(&[]);
    let document = document(&place).await;
    let schemas = document["components"]["schemas"].as_object().unwrap();
    fn refs<'v>(value: &'v Value, to: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                to.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| refs(value, to));
            }
            Value::Array(items) => items.iter().for_each(|value| refs(value, to)),
            _ => {}
        }
    }
    let mut named = Vec::new();
    refs(&document, &mut named);
    for name in named {
        let name = name.strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    let pipe = &document["paths"]["/pipes/{id}"]["get"]["responses"]["200"];
    let pipe = &pipe["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(pipe, "#/components/schemas/Pipe");

    let page = place.get("/api/reference").await;
    let page = String::from_utf8(page.body).unwrap();
    for (method, path) in operations(&document) {
        let path = path.trim_end_matches('/');
        assert!(
            page.contains(&format!("<b>{method}</b><code>/api{path}</code>")),
            "{method} {path}"
        );
    }
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("http://"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_is_tried_and_its_entities_are_described() {
    let place = Place::with_files(&[(
        "pipes/a.conf.json",
        json!({"_id": "a", "type": "pipe",
        "source": {"type": "embedded", "entities": [
            {"_id": "1", "n": 1, "tags": ["x"], "at": "~t2024-01-01T00:00:00Z"},
            {"_id": "2", "n": "two", "more": {"deep": true}},
        ]},
        "transform": {"type": "dtl", "rules": {"default": [
            ["copy", "*"], ["add", "double", ["*", 2, 4]],
        ]}}}),
    )]);
    place.trust().await;
    place.post("/api/pipes/run-all-pipes", &json!({})).await;
    let made: Value = place.ask("/api/pipes/a/entity-types/sink").await;
    assert_eq!(made["required"], json!(["_id", "double", "n"]));
    assert_eq!(
        made["properties"]["n"],
        json!({"anyOf": [{"type": "integer"}, {"type": "string"}]})
    );
    assert_eq!(made["properties"]["at"], json!({"type": "string", "format": "date-time"}));
    assert_eq!(made["properties"]["tags"]["items"], json!({"type": "string"}));
    let read: Value = place.ask("/api/pipes/a/entity-types/source").await;
    assert_eq!(read["required"], json!(["_id", "n"]));
    let one: Value = place.ask("/api/pipes/a/generate-schema-definition?sample_size=1").await;
    assert!(one["properties"].get("more").is_none());
    let keys: Vec<String> =
        place.ask("/api/datasets/a/generate-schema-definition?keys_only=true").await;
    assert_eq!(keys, ["_id", "at", "double", "more", "n", "tags"]);

    let form = "operation=preview-pipe&source=%7B%22_id%22%3A%229%22%2C%22n%22%3A5%7D";
    let tried: Value = place.form("/api/pipes/a/preview", form).await.json();
    assert_eq!(tried["source"], json!({"_id": "9", "n": 5}));
    assert_eq!(tried["sink"][0]["double"], 8);
    assert_eq!(tried["transformed"][0], tried["sink"]);
    let config = "%7B%22_id%22%3A%22a%22%2C%22type%22%3A%22pipe%22%2C%22source%22%3A%7B%22type%22%3A\
        %22embedded%22%2C%22entities%22%3A%5B%5D%7D%2C%22transform%22%3A%7B%22type%22%3A%22dtl%22\
        %2C%22rules%22%3A%7B%22default%22%3A%5B%5B%22add%22%2C%22x%22%2C1%5D%5D%7D%7D%7D";
    let tried: Value =
        place.form("/api/pipes/a/preview", &format!("{form}&pipe-config={config}")).await.json();
    assert_eq!((&tried["sink"][0]["x"], &tried["sink"][0]["double"]), (&json!(1), &Value::Null));
    let other = place.form("/api/pipes/a/preview", "operation=run").await;
    other.refused(StatusCode::BAD_REQUEST, "bad-request");

    let lean: Value = place.ask("/api/pipes/a?fields=storage").await;
    assert_eq!(lean.as_object().unwrap().keys().collect::<Vec<_>>(), ["_id", "storage"]);
    let at: Value = place.ask("/api/datasets/a/entities/2").await;
    assert_eq!(at["n"], "two");
}

/// Entities in the binary form come out as they went in, numbers and all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_travel_in_the_binary_form() {
    use axum::body::Body;
    use axum::http::{Request, header};
    use pipewright_entity::Entity;

    const BINARY: &str = "application/x-pipewright-entities";
    let pipe = |id: &str, source: Value| {
        (format!("pipes/{id}.conf.json"), json!({"_id": id, "type": "pipe", "source": source}))
    };
    let files = [
        pipe(
            "from",
            json!({"type": "embedded", "entities": [
                {"_id": "1", "big": 1_u64 << 60, "exact": "~f1.10", "ni": "~:a:b"},
                {"_id": "2", "gone": null},
            ]}),
        ),
        pipe("to", json!({"type": "http_endpoint"})),
    ];
    let files: Vec<(&str, Value)> =
        files.iter().map(|(path, file)| (path.as_str(), file.clone())).collect();
    let place = Place::with_files(&files);
    place.trust().await;
    place.post("/api/pipes/run-all-pipes", &json!({})).await;
    let pull = Request::get("/api/datasets/from/entities")
        .header(header::AUTHORIZATION, format!("Bearer {}", place.token))
        .header(header::ACCEPT, format!("{BINARY}, application/json;q=0.5"));
    let pulled = place.call(pull.body(Body::empty()).unwrap()).await;
    assert_eq!(pulled.header("content-type"), BINARY);
    assert_eq!(pulled.header("x-dataset-max-updated"), "1");
    let (mut rest, mut entities) = (pulled.body.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((bytes, after)) = (length > 0).then(|| after.split_at(length)) else { break };
        entities.push(Entity::from_bytes(bytes).unwrap());
        rest = after;
    }
    assert_eq!(entities.len(), 2);
    assert_eq!(entities[0].get("exact").unwrap().to_json(), "~f1.10");

    for path in ["/api/receivers/to/entities", "/api/datasets/to/entities"] {
        let pushed = place.send_as(Method::POST, path, Some(BINARY), pulled.body.clone()).await;
        assert_eq!(pushed.status, StatusCode::OK, "{path}");
        let cut = pulled.body[..pulled.body.len() - 1].to_vec();
        let cut = place.send_as(Method::POST, path, Some(BINARY), cut).await;
        cut.refused(StatusCode::BAD_REQUEST, "bad-request");
    }
    let content = |entities: Vec<Value>| -> Vec<Value> {
        let bare = entities.into_iter().map(|entity| {
            let members = entity.as_object().unwrap().clone().into_iter();
            members.filter(|(name, _)| !name.starts_with('_') || name == "_id").collect()
        });
        bare.collect()
    };
    let (from, to): (Vec<Value>, Vec<Value>) = (
        place.ask("/api/datasets/from/entities").await,
        place.ask("/api/datasets/to/entities").await,
    );
    assert_eq!(content(from), content(to));
}
