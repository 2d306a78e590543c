//! Transforms that call services, against a web server of the tests.

use pipewright_component::{Access, Components, Failure, Setting, Surroundings, Transform};
use pipewright_entity::{Entity, Value};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use crate::server::{Asked, Reply, Server};
use crate::{live, object, url_system};

fn transform(
    config: &Json,
    system: &Json,
    surroundings: &Surroundings,
) -> Result<Box<dyn Transform>, Failure> {
    let setting = Setting {
        pipe: "test",
        config: object(config),
        system: Some(("sys", object(system))),
        path: "$.transform",
    };
    Systems::new().transform(&setting, surroundings).map(Option::unwrap)
}

fn entity(json: &Json) -> Entity {
    Entity::from_value(Value::from_json(json)).unwrap()
}

fn apply(transform: &mut dyn Transform, entities: &[Json]) -> Result<Json, Failure> {
    let made = transform.apply(entities.iter().map(entity).collect())?;
    Ok(made.into_iter().map(|entity| entity.into_value().to_json()).collect())
}

fn json_reply(body: &Json) -> Reply {
    Reply::ok(body.to_string()).with("Content-Type", "application/json")
}

#[test]
fn http_posts_entities_and_takes_what_comes_back() {
    let server = Server::start(|asked| {
        let sent: Vec<Json> = serde_json::from_str(&asked.body).unwrap();
        let mut back: Vec<Json> = sent
            .into_iter()
            .map(|mut entity| {
                entity["seen"] = json!("~t2026-01-01T00:00:00Z");
                entity
            })
            .collect();
        back.push(json!({"_id": "new"}));
        json_reply(&json!(back))
    });
    let config = json!({
        "type": "http", "system": "sys", "url": "work", "headers": {"X-Who": "us"}, "batch_size": 7,
    });
    let system = url_system(&format!("{}/%s", server.url));
    let mut http = transform(&config, &system, &live()).unwrap();
    assert!(http.is_outside());
    assert_eq!(http.batch_size(), 7);
    let made = apply(&mut *http, &[json!({"_id": "a"}), json!({"_id": "b"})]).unwrap();
    let seen = "~t2026-01-01T00:00:00Z";
    assert_eq!(
        made,
        json!([{"_id": "a", "seen": seen}, {"_id": "b", "seen": seen}, {"_id": "new"}])
    );
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/work"));
    assert_eq!(asked.headers["x-who"], "us");
    assert_eq!(asked.headers["content-type"], "application/json");
}

#[test]
fn http_tells_bad_entities_from_a_service_that_is_down() {
    let server = Server::start(|asked| match asked.body.as_str() {
        body if body.contains("bad") => Reply::status(422, "no good"),
        body if body.contains("down") => Reply::status(503, "later"),
        body if body.contains("html") => Reply::ok("<p>"),
        body if body.contains("dict") => json_reply(&json!({"_id": "x"})),
        _ => json_reply(&json!([{"name": "nobody"}])),
    });
    let config = json!({"type": "http", "system": "sys", "url": "work"});
    let system = url_system(&format!("{}/%s", server.url));
    let mut http = transform(&config, &system, &live()).unwrap();
    let mut failure = |id: &str| apply(&mut *http, &[json!({"_id": id})]).unwrap_err();
    for (id, said) in [("bad", "no good"), ("html", "not JSON"), ("dict", "a list"), ("x", "_id")] {
        let Failure::Entity(failure) = failure(id) else { panic!("{id}") };
        assert_eq!(failure.id.as_deref(), Some(id));
        assert!(failure.message.contains(said), "{failure}");
    }
    assert!(failure("down").is_retryable());
}

#[test]
fn what_changes_something_outside_waits_until_that_is_allowed() {
    let server = Server::start(|_| json_reply(&json!([])));
    let system = url_system(&format!("{}/%s", server.url));
    let reading = Surroundings {
        access: Access { read_outside: Access::LIVE.read_outside, ..Access::HELD },
        ..live()
    };
    let call = |side_effects: bool| {
        let config =
            json!({"type": "http", "system": "sys", "url": "x", "side_effects": side_effects});
        apply(&mut *transform(&config, &system, &reading).unwrap(), &[json!({"_id": "a"})])
    };
    assert!(matches!(call(true), Err(Failure::Held { .. })));
    assert_eq!(call(false), Ok(json!([])));
    assert_eq!(server.asked().len(), 1);
}

fn rest_system(server: &Server, operations: Json) -> Json {
    json!({
        "_id": "sys", "type": "system:rest", "url_pattern": format!("{}/%s", server.url),
        "operations": operations,
    })
}

fn rest(
    server: &Server,
    operation: Json,
    config: Json,
    entities: &[Json],
) -> Result<Json, Failure> {
    let mut all = json!({
        "type": "rest", "system": "sys", "operation": "get", "response_property": "response",
        "allowed_status_codes": "200-299",
    });
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let system = rest_system(server, json!({"get": operation}));
    apply(&mut *transform(&all, &system, &live())?, entities)
}

#[test]
fn rest_adds_the_answer_to_the_entity() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/plain/1" => Reply::ok("hello").with("Content-Type", "text/plain").with("X-Nr", "7"),
        _ => json_reply(&json!({"name": asked.path, "sent": asked.body})),
    });
    let bob = json!({"_id": "1", "properties": {"where": "men"}, "payload": {"a": [1]}});
    let operation = json!({"url": "{{ properties.where }}/{{ _id }}", "method": "POST"});
    let made = rest(&server, operation.clone(), json!({}), std::slice::from_ref(&bob)).unwrap();
    let mut expected = bob.clone();
    expected["response"] = json!({"name": "/men/1", "sent": "{\"a\":[1]}"});
    assert_eq!(made, json!([expected]));

    let config = json!({
        "properties": {"where": "plain"}, "response_headers_property": "headers",
        "response_status_property": "status", "response_include_content_type": true,
    });
    let made = rest(&server, operation, config, &[json!({"_id": "1"})]).unwrap();
    assert_eq!(made[0]["response"], "hello");
    assert_eq!((&made[0]["status"], &made[0]["content-type"]), (&json!(200), &json!("text/plain")));
    assert_eq!(made[0]["headers"]["X-Nr"], "7");
}

#[test]
fn rest_answers_take_the_place_of_the_entity_when_asked() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/text" => Reply::ok("a;b").with("Content-Type", "text/csv"),
        _ => json_reply(&json!({"items": [{"_id": "x"}, {"_id": "y", "n": 1}]})),
    });
    let get = |url: &str| json!({"url": url, "method": "GET", "payload_property": "items"});
    let config = json!({"replace_entity": true, "id_expression": "never"});
    let made = rest(&server, get("json"), config.clone(), &[json!({"_id": "1"})]).unwrap();
    assert_eq!(made, json!([{"_id": "x"}, {"_id": "y", "n": 1}]));
    let made = rest(&server, get("text"), config, &[json!({"_id": "1"})]).unwrap();
    assert_eq!(made, json!([{"_id": "1", "response": "a;b"}]));
}

fn two_pages(asked: &Asked) -> Reply {
    let page = asked.query.get("page").map_or("0", String::as_str);
    let next = (page == "0").then_some("?page=1");
    json_reply(&json!({"items": [{"nr": page}], "next": next}))
}

#[test]
fn rest_pages_are_one_answer_or_an_entity_for_each_item() {
    let server = Server::start(two_pages);
    let mut operation = json!({
        "url": "list", "method": "GET", "payload_property": "items",
        "next_page_link": "{{ body.next or '' }}",
    });
    let made = rest(&server, operation.clone(), json!({}), &[json!({"_id": "1"})]).unwrap();
    assert_eq!(made, json!([{"_id": "1", "response": [{"nr": "0"}, {"nr": "1"}]}]));
    operation["id_expression"] = json!("{{ source_entity._id }}-{{ nr }}");
    let made = rest(&server, operation, json!({}), &[json!({"_id": "1"})]).unwrap();
    let expected = json!([
        {"_id": "1-0", "response": {"nr": "0"}}, {"_id": "1-1", "response": {"nr": "1"}},
    ]);
    assert_eq!(made, expected);
}

#[test]
fn rest_status_codes_are_taken_or_dropped_as_configured() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/404" => {
            Reply::status(404, "{\"why\": \"gone\"}").with("Content-Type", "application/json")
        }
        "/503" => Reply::status(503, ""),
        _ => json_reply(&json!(1)),
    });
    let operation = json!({"url": "{{ _id }}", "method": "GET"});
    let call =
        |config: Json, id: &str| rest(&server, operation.clone(), config, &[json!({"_id": id})]);
    let Err(Failure::Entity(failure)) = call(json!({}), "404") else { panic!() };
    assert_eq!(failure.id.as_deref(), Some("404"));
    assert!(call(json!({}), "503").unwrap_err().is_retryable());
    let taken = call(json!({"allowed_status_codes": "200-299,404"}), "404").unwrap();
    assert_eq!(taken, json!([{"_id": "404", "response": {"why": "gone"}}]));
    let dropped = call(json!({"ignored_status_codes": "404,500-599"}), "503").unwrap();
    assert_eq!(dropped, json!([]));
    let wrong = [
        json!({"ignored_status_codes": "200"}),
        json!({"ignored_status_codes": "4xx"}),
        json!({"allowed_status_codes": "200, 201"}),
    ];
    for config in wrong {
        assert!(matches!(call(config.clone(), "x"), Err(Failure::Config { .. })), "{config}");
    }
}

#[test]
fn forms_are_sent_in_parts_or_in_a_line() {
    let server = Server::start(|_| json_reply(&json!(null)));
    let send = |kind: &str, payload: Json| {
        let operation = json!({"url": "x", "method": "POST", "payload-type": kind});
        rest(&server, operation, json!({}), &[json!({"_id": "1", "payload": payload})]).unwrap();
        server.asked().pop().unwrap()
    };
    let asked = send("form", json!([{"a": "1 2"}, {"b": [3]}]));
    assert_eq!(asked.body, "a=1+2&b=%5B3%5D");
    let asked = send("multipart-form", json!({"a": "1", "b": "part"}));
    let kind = asked.headers["content-type"].clone();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let part = |name: &str, value: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    assert_eq!(asked.body, part("a", "1") + &part("b", "part") + &format!("--{boundary}--\r\n"));
}
