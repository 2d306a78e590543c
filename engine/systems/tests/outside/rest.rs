//! REST systems against a web server of the tests.

use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{
    Access, Components, Continuation, Failure, FixedClock, ReadRequest, Sequence, Surroundings,
    Written,
};
use pipewright_entity::{Entity, Value};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use crate::server::{Asked, Reply, Server};
use crate::{Secrets, entities, live, object, read, request, source};

fn system(server: &Server, operations: Json) -> Json {
    json!({
        "_id": "sys", "type": "system:rest", "url_pattern": format!("{}/api/%s", server.url),
        "operations": operations,
    })
}

fn json_reply(body: &Json) -> Reply {
    Reply::ok(body.to_string()).with("Content-Type", "application/json; charset=utf-8")
}

fn fetch(system: &Json, config: Json, request: &ReadRequest) -> Result<Json, Failure> {
    let mut all = json!({"type": "rest", "system": "sys", "operation": "list"});
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let mut source = source(&Systems::new(), &all, system, &live())?;
    Ok(entities(&read(&mut *source, request)?))
}

fn paths(server: &Server) -> Vec<String> {
    server.asked().iter().map(|asked| asked.path.clone()).collect()
}

#[test]
fn entities_are_read_out_of_an_answer() {
    let server = Server::start(|_| {
        json_reply(&json!({"result": {"people": [
            {"nr": 1, "name": "Ane", "at": "~t2015"}, {"nr": 2, "_id": "own", "price": 1.5},
        ]}}))
    });
    let system = system(
        &server,
        json!({"list": {
            "url": "men/{{ properties.town }}", "method": "GET", "id_expression": "p-{{ nr }}",
            "params": {
                "fields": "*", "skipped": "sesam:markskip",
                "extra": "{% if properties.extra is defined %}1{% else %}sesam:markskip{% endif %}",
                "sizes": "[1,2]sesam:markjson",
            },
            "headers": {"X-Town": "{{ properties.town | upper }}"},
            "payload_property": "result.people",
        }}),
    );
    let found = fetch(&system, json!({"properties": {"town": "oslo"}}), &request(10)).unwrap();
    let expected = json!([
        {"nr": 1, "name": "Ane", "at": "~t2015", "_id": "p-1"},
        {"nr": 2, "_id": "own", "price": 1.5},
    ]);
    assert_eq!(found, expected);
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/api/men/oslo"));
    assert_eq!(asked.headers["x-town"], "OSLO");
    assert_eq!((asked.query["fields"].as_str(), asked.query["sizes"].as_str()), ("*", "2"));
    assert!(!asked.query.contains_key("skipped") && !asked.query.contains_key("extra"));
}

/// Three pages of two, one and no entity.
fn paged(asked: &Asked) -> Reply {
    let page: usize = asked.query.get("page").map_or(0, |page| page.parse().unwrap());
    let items = [json!([{"id": 1}, {"id": 2}]), json!([{"id": 3}]), json!([])][page].clone();
    let next = (page < 2).then(|| format!("?page={}", page + 1));
    let link = match &next {
        Some(next) => format!("<?page=0>; rel=\"first\", <{next}>; rel=\"next\""),
        None => "<?page=0>; rel=\"first\"".to_owned(),
    };
    json_reply(&json!({"items": items, "paging": {"next": next}})).with("Link", &link)
}

#[test]
fn pages_follow_each_other() {
    let ways = [
        (json!({"next_page_link": "{{ body.paging.next or '' }}"}), 3),
        (json!({"next_page_link": "{{ headers.Link.next }}"}), 3),
        (
            json!({"params": {"page": "{{ page }}"},
                   "next_page_termination_strategy": "empty-result"}),
            3,
        ),
        (
            json!({"params": {"page": "{{ page }}"}, "page_size": 2,
                   "next_page_termination_strategy": ["not-full-page"]}),
            2,
        ),
        (
            json!({"params": {"page": "{{ [page, 1] | min }}"},
                   "next_page_termination_strategy": ["same-next-page-request"]}),
            2,
        ),
        (
            json!({"params": {"page": "{{ [page, 1] | min }}", "nr": "{{ page }}"},
                   "next_page_termination_strategy": ["same-response"]}),
            3,
        ),
        (json!({}), 1),
    ];
    for (way, requests) in ways {
        let server = Server::start(paged);
        let mut operation = json!({
            "url": "list", "method": "GET", "payload_property": "items",
            "id_expression": "{{ id }}",
        });
        operation.as_object_mut().unwrap().extend(way.as_object().unwrap().clone());
        let found = fetch(&system(&server, json!({"list": operation})), json!({}), &request(2));
        let count = if requests == 1 { 2 } else { 3 };
        assert_eq!(found.unwrap().as_array().unwrap().len(), count, "{way}");
        assert_eq!(server.asked().len(), requests, "{way}");
    }
}

#[test]
fn changes_are_asked_for_from_a_marker_on() {
    let list = |more: Json| {
        let mut operation = json!({"url": "list", "method": "GET"});
        operation.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"list": operation})
    };
    let server =
        Server::start(|_| json_reply(&json!([{"id": "b", "seq": 7}, {"id": "a", "seq": 5}])));
    let config = json!({
        "type": "rest", "operation": "list", "supports_since": true,
        "id_expression": "{{ id }}", "updated_expression": "{{ seq }}",
    });
    let since = ReadRequest { since: Some(Value::Int(4)), ..request(10) };
    let cases = [
        list(json!({"since_property_name": "after"})),
        list(json!({"since_property_name": "X-After", "since_property_location": "header"})),
        list(json!({"url": "list?from={{ since }}"})),
        list(json!({"since_property_location": "manual"})),
    ];
    for operations in cases {
        let system = system(&server, operations);
        let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
        assert_eq!(source.continuation(), Continuation::Max);
        let batches = read(&mut *source, &since).unwrap();
        assert_eq!(batches[0].offset, Some(Value::Int(7)));
        assert_eq!(batches[0].entities[1].get("_updated"), Some(&Value::Int(5)));
    }
    let asked = server.asked();
    assert_eq!(asked[0].query["after"], "4");
    assert_eq!((asked[1].headers["x-after"].as_str(), asked[1].query.len()), ("4", 0));
    assert_eq!((asked[2].query["from"].as_str(), asked[2].query.len()), ("4", 1));
    assert_eq!(asked[3].query.len(), 0);
}

#[test]
fn what_is_no_json_is_handed_on_as_it_is() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/xml" => Reply::ok("<a/>").with("Content-Type", "text/xml"),
        _ => json_reply(&json!([1, {"_id": 2}, {"_id": "good"}])),
    });
    let operations = json!({
        "list": {"url": "xml", "method": "GET", "id_expression": "all"},
        "odd": {"url": "odd", "method": "GET"},
    });
    let system = system(&server, operations);
    let config = json!({"response_property": "raw", "response_include_content_type": true});
    assert_eq!(
        fetch(&system, config, &request(1)).unwrap(),
        json!([{"_id": "all", "raw": "<a/>", "content-type": "text/xml"}])
    );
    // What cannot be an entity costs nothing but itself.
    let config = json!({"type": "rest", "operation": "odd"});
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    let batches = read(&mut *source, &request(10)).unwrap();
    assert_eq!(batches[0].entities.len(), 1);
    assert_eq!((batches[0].unreadable.len(), batches[0].without_id.len()), (1, 1));
}

#[test]
fn a_rate_limit_is_waited_for() {
    let server = Server::start(|asked| match asked.query.get("busy") {
        Some(_) => Reply::status(429, "slow down").with("Retry-After", "30"),
        None => json_reply(&json!([])),
    });
    let mut system = system(
        &server,
        json!({
            "list": {"url": "list?busy=1", "method": "GET"},
        }),
    );
    system["rate_limiting_retries"] = json!(2);
    system["rate_limiting_delay"] = json!(7);
    let clock = FixedClock::at(0);
    let surroundings = Surroundings { clock: Arc::new(clock.clone()), ..live() };
    let config = json!({"type": "rest", "operation": "list", "rate_limiting_delay": 1});
    let mut source = source(&Systems::new(), &config, &system, &surroundings).unwrap();
    let failure = read(&mut *source, &request(1)).unwrap_err();
    let Failure::Retryable { wait, .. } = failure else { panic!("{failure:?}") };
    assert_eq!(wait, Some(Duration::from_secs(30)));
    assert_eq!(server.asked().len(), 3);
    assert_eq!(pipewright_component::Clock::now(&clock), 60_000_000);
}

#[test]
fn faults_of_the_other_side_may_pass() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/cut" => Reply { cut: true, ..json_reply(&json!([{"_id": "1"}])) },
        "/api/broken" => Reply::ok("[{\"_id\": ").with("Content-Type", "application/json"),
        "/api/down" => Reply::status(503, ""),
        _ => Reply::status(404, "no such list"),
    });
    let operation = |url: &str| json!({"list": {"url": url, "method": "GET"}});
    for url in ["cut", "broken", "down"] {
        let failure = fetch(&system(&server, operation(url)), json!({}), &request(1)).unwrap_err();
        assert!(failure.is_retryable(), "{url}: {failure:?}");
        assert!(failure.to_string().contains(&format!("/api/{url}")), "{failure}");
    }
    let failure = fetch(&system(&server, operation("no")), json!({}), &request(1)).unwrap_err();
    assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
    assert!(failure.to_string().contains("$.operations.list"), "{failure}");
}

#[test]
fn wrong_config_is_told_by_its_place() {
    let server = Server::start(|_| Reply::ok(""));
    let cases = [
        (json!({}), "$.source.operation"),
        (json!({"list": {"url": "a"}}), "$.operations.list.method"),
        (json!({"list": {"url": "a", "method": "get"}}), "$.operations.list.method"),
        (json!({"list": {"url": "{{ a", "method": "GET"}}), "$.operations.list.url"),
        (
            json!({"list": {"url": "a", "method": "GET",
                            "next_page_termination_strategy": "not-full-page"}}),
            "page_size",
        ),
    ];
    for (operations, expected) in cases {
        let failure = fetch(&system(&server, operations), json!({}), &request(1)).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    let mut custom = system(&server, json!({"list": {"url": "a", "method": "GET"}}));
    custom["custom_auth"] = json!({});
    let failure = fetch(&custom, json!({}), &request(1)).unwrap_err();
    assert!(failure.to_string().contains("$.custom_auth"), "{failure}");
    assert_eq!(server.asked().len(), 0);
}

fn send(
    system: &Json,
    config: Json,
    all: &[Json],
    surroundings: &Surroundings,
) -> Result<Written, Failure> {
    let mut full = json!({"type": "rest", "system": "sys"});
    full.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let mut sink = crate::sink(&full, system, surroundings)?;
    let entities: Vec<Entity> =
        all.iter().map(|json| Entity::from_value(Value::from_json(json)).unwrap()).collect();
    sink.begin(&Sequence { id: "run".into(), is_full: false })?;
    sink.write(&entities)
}

#[test]
fn an_operation_is_called_for_each_entity() {
    let server = Server::start(|_| Reply::ok(""));
    let operations = json!({
        "update": {"url": "men/{{ properties.town }}", "method": "PUT"},
        "delete": {"url": "men/{{ _id }}", "method": "DELETE"},
        "form": {"url": "form", "method": "POST", "payload-type": "form"},
        "text": {"url": "text", "method": "PATCH", "payload-type": "text",
                 "headers": {"Content-Type": "application/xml"}},
        "fixed": {"url": "fixed", "method": "POST", "payload": {"name": "{{ entity.name }}"}},
    });
    let config = json!({"operation": "update", "properties": {"town": "moss"}});
    let all = [
        json!({"_id": "1", "payload": {"at": "~t2015-12-31", "n": "~f1.50"}}),
        json!({"_id": "2", "payload": {}, "properties": {"town": "oslo"}}),
        json!({"_id": "a b", "operation": "delete"}),
        json!({"_id": "4", "operation": "form", "payload": {"a": "1&2", "b": 3}}),
        json!({"_id": "5", "operation": "text", "payload": "<a/>"}),
        json!({"_id": "6", "operation": "fixed", "name": "Ane"}),
        json!({"_id": "7", "operation": "unknown"}),
        json!({"_id": "8", "_filtered": true}),
    ];
    let done = send(&system(&server, operations), config, &all, &live()).unwrap();
    assert_eq!((done.written, done.ignored, done.rejected.len()), (6, 1, 1));
    assert!(done.rejected[0].message.contains("\"unknown\""), "{:?}", done.rejected);
    let asked = server.asked();
    let said: Vec<_> = asked
        .iter()
        .map(|asked| (asked.method.as_str(), asked.path.as_str(), asked.body.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            ("PUT", "/api/men/moss", r#"{"at":"2015-12-31","n":1.5}"#),
            ("PUT", "/api/men/oslo", "{}"),
            ("DELETE", "/api/men/a%20b", ""),
            ("POST", "/api/form", "a=1%262&b=3"),
            ("PATCH", "/api/text", "<a/>"),
            ("POST", "/api/fixed", r#"{"name":"Ane"}"#),
        ]
    );
    assert_eq!(asked[0].headers["content-type"], "application/json");
    assert_eq!(asked[3].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked[4].headers["content-type"], "application/xml");
}

#[test]
fn an_entity_that_is_refused_does_not_hold_up_the_others() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/men/bad" => Reply::status(422, "no such town"),
        "/api/men/locked" => Reply::status(401, ""),
        "/api/men/down" => Reply::status(500, ""),
        _ => Reply::ok(""),
    });
    let system = system(&server, json!({"put": {"url": "men/{{ _id }}", "method": "PUT"}}));
    let run = |ids: &[&str]| {
        let all: Vec<Json> = ids.iter().map(|id| json!({"_id": id})).collect();
        send(&system, json!({"operation": "put"}), &all, &live())
    };
    let done = run(&["a", "bad", "b"]).unwrap();
    assert_eq!(done.written, 2);
    assert_eq!(done.rejected[0].id.as_deref(), Some("bad"));
    assert_eq!(done.rejected[0].detail, Some(Value::from("no such town")));
    assert_eq!(paths(&server), ["/api/men/a", "/api/men/bad", "/api/men/b"]);
    assert!(matches!(run(&["locked"]).unwrap_err(), Failure::Config { .. }));
    assert!(run(&["down"]).unwrap_err().is_retryable());
}

/// Secrets of the system are used and never shown; data cannot ask for one.
#[test]
fn secrets_stay_secret() {
    let server = Server::start(|asked| match asked.query.get("key") {
        Some(_) => Reply::status(400, "no"),
        None => Reply::ok(""),
    });
    let operations = json!({
        "key": {"url": "a?key=$SECRET(key)", "method": "POST",
                "payload": {"key": "$SECRET(key)", "name": "{{ entity.name }}"}},
        "data": {"url": "{{ entity.name }}", "method": "POST",
                 "headers": {"X-Name": "{{ entity.name }}"}},
    });
    let system = system(&server, operations);
    let secrets = Secrets(&[("key", "{{s3cret}}")]);
    let surroundings = Surroundings { variables: Arc::new(secrets), ..live() };
    let entity = json!({"_id": "1", "name": "$SECRET(key)"});
    let run = |operation: &str| {
        let all = [entity.clone()];
        send(&system, json!({"operation": operation}), &all, &surroundings).unwrap()
    };
    let refused = run("key").rejected;
    assert!(!format!("{refused:?}").contains("s3cret"), "{refused:?}");
    let asked = &server.asked()[0];
    assert_eq!(asked.query["key"], "{{s3cret}}");
    assert_eq!(asked.body, r#"{"key":"{{s3cret}}","name":"$SECRET(key)"}"#);
    run("data");
    let asked = &server.asked()[1];
    assert!(asked.path.contains("SECRET") && !asked.path.contains("s3cret"), "{asked:?}");
    assert_eq!(asked.headers["x-name"], "$SECRET(key)");
}

#[test]
fn held_connections_are_not_called() {
    let server = Server::start(|_| Reply::ok("[]"));
    let operations = json!({"put": {"url": "a", "method": "PUT"}});
    let reads = Access { read_outside: Access::LIVE.read_outside, ..Access::HELD };
    let held = Surroundings { access: reads, ..live() };
    let all = [json!({"_id": "1"})];
    let failure =
        send(&system(&server, operations), json!({"operation": "put"}), &all, &held).unwrap_err();
    assert!(matches!(failure, Failure::Held { .. }), "{failure:?}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_system_tells_its_operations() {
    let server = Server::start(|_| Reply::ok(""));
    let system = system(
        &server,
        json!({"list": {"url": "men", "method": "GET"}, "put": {"url": "men", "method": "PUT"}}),
    );
    let systems = Systems::new();
    let mut system = systems.system("sys", object(&system), &live()).unwrap().unwrap();
    assert!(system.test().unwrap().contains("answers"));
    let offers = system.offers().unwrap();
    assert_eq!(offers[0].about.as_deref(), Some("GET men"));
    assert_eq!(offers[0].source.as_ref().unwrap()["operation"], "list");
    assert_eq!((offers[1].name.as_str(), &offers[1].source), ("put", &None));
}

/// A service that hands out tokens which last for 100 seconds, by way of a
/// second one that lasts for 1000.
fn with_tokens(asked: &Asked) -> Reply {
    let header = |name: &str| asked.headers.get(name).map(String::as_str);
    match asked.path.as_str() {
        "/api/first" => json_reply(&json!({"pass": format!("pass-{}", asked.query["key"])})),
        "/api/token" => match header("x-pass") {
            Some("pass-hidden") => {
                let body = json!({"value": {"access": "secret-token", "lasts": 100}});
                json_reply(&body)
            }
            other => Reply::status(400, other.unwrap_or_default()),
        },
        "/api/list" if header("authorization") == Some("Bearer secret-token") => {
            json_reply(&json!([{"id": 1}]))
        }
        _ => Reply::status(401, "who? secret-token"),
    }
}

fn custom_auth(server: &Server) -> Json {
    let mut system = system(
        server,
        json!({
            "list": {"url": "list", "method": "GET", "id_expression": "{{ id }}"},
            "first": {"url": "first", "method": "GET", "params": {"key": "$SECRET(key)"}},
            "token": {
                "url": "token", "method": "POST", "payload_property": "value",
                "headers": {"X-Pass": "{{ token.pass }}"},
                "payload": {"until": "{{ (now() + timedelta(hours=48)).strftime('%Y-%m-%d') }}"},
            },
        }),
    );
    system["headers"] = json!({"Authorization": "Bearer {{ token.access }}", "X-Plain": "1"});
    system["custom_auth"] = json!({
        "get_token_operation": "token", "expires_in_expression": "{{ token.lasts }}",
        "get_refresh_token_operation": "first",
        "refresh_token_expires_in_expression": "{{ 1000 }}",
    });
    system
}

#[test]
fn services_are_signed_in_to_by_their_own_operations() {
    let server = Server::start(with_tokens);
    let clock = FixedClock::at(0);
    let surroundings = Surroundings {
        clock: Arc::new(clock.clone()),
        variables: Arc::new(Secrets(&[("key", "hidden")])),
        ..live()
    };
    let (systems, system) = (Systems::new(), custom_auth(&server));
    let config = json!({"type": "rest", "system": "sys", "operation": "list"});
    let fetch = || {
        let mut source = source(&systems, &config, &system, &surroundings).unwrap();
        read(&mut *source, &request(10)).map(|batches| entities(&batches))
    };
    assert_eq!(fetch().unwrap(), json!([{"id": 1, "_id": "1"}]));
    assert_eq!(paths(&server), ["/api/first", "/api/token", "/api/list"]);
    let token = &server.asked()[1];
    assert_eq!(token.body, r#"{"until":"1970-01-03"}"#);
    assert!(!token.headers.contains_key("authorization"));
    assert_eq!(token.headers["x-plain"], "1");
    // It is kept until 30 seconds before its end.
    clock.advance(Duration::from_secs(69));
    fetch().unwrap();
    assert_eq!(paths(&server).len(), 4);
    clock.advance(Duration::from_secs(2));
    fetch().unwrap();
    assert_eq!(paths(&server)[4..], ["/api/token", "/api/list"]);
}

#[test]
fn a_token_that_is_no_longer_taken_is_fetched_anew() {
    let listed = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        let is_second = asked.path == "/api/list"
            && listed.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1;
        if is_second { Reply::status(401, "expired") } else { with_tokens(asked) }
    });
    let variables = Arc::new(Secrets(&[("key", "hidden")]));
    let surroundings = Surroundings { variables, ..live() };
    let (systems, system) = (Systems::new(), custom_auth(&server));
    let config = json!({"type": "rest", "system": "sys", "operation": "list"});
    for _ in 0..2 {
        let mut source = source(&systems, &config, &system, &surroundings).unwrap();
        read(&mut *source, &request(10)).unwrap();
    }
    let expected = ["first", "token", "list", "list", "first", "token", "list"];
    let asked: Vec<String> = paths(&server);
    assert_eq!(asked, expected.map(|name| format!("/api/{name}")));
}

#[test]
fn what_signing_in_needs_is_checked_and_never_told() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/list" => Reply::status(403, "secret-token is not enough"),
        _ => with_tokens(asked),
    });
    let fetch = |system: &Json| {
        let variables = Arc::new(Secrets(&[("key", "hidden")]));
        let surroundings = Surroundings { variables, ..live() };
        let config = json!({"type": "rest", "system": "sys", "operation": "list"});
        let mut source = source(&Systems::new(), &config, system, &surroundings)?;
        read(&mut *source, &request(10))
    };
    let system = custom_auth(&server);
    let failure = fetch(&system).unwrap_err().to_string();
    assert!(
        failure.contains("*** is not enough") && !failure.contains("secret-token"),
        "{failure}"
    );
    for (name, value, said) in [
        ("get_token_operation", json!("none"), "no operation"),
        ("get_token_operation", json!(null), "is missing"),
        ("expires_in_expression", json!("{{ token.none }}"), "the time at which"),
        ("expires_in_expression", json!(null), "expires_at_expression"),
    ] {
        let mut system = system.clone();
        system["custom_auth"][name] = value;
        let failure = fetch(&system).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure}");
        assert!(failure.to_string().contains(said), "{failure}");
    }
}

#[test]
fn calls_are_noted_when_asked_for_and_secrets_are_not() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/broken" => Reply::status(500, "no s3cret here"),
        _ => Reply::ok(r#"[{"id": 1, "echo": "s3cret"}]"#).with("Content-Type", "application/json"),
    });
    let mut system = system(
        &server,
        json!({
            "list": {"url": "list?key=$SECRET(key)", "method": "GET", "id_expression": "{{ id }}"},
            "broken": {"url": "broken", "method": "GET", "id_expression": "{{ id }}"},
        }),
    );
    system["headers"] = json!({"X-Key": "Bearer $SECRET(key)"});
    let surroundings =
        Surroundings { variables: Arc::new(Secrets(&[("key", "s3cret")])), ..live() };
    let noted = |operation: &str, trace: Json| {
        let config =
            json!({"type": "rest", "system": "sys", "operation": operation, "trace": trace});
        let mut source = source(&Systems::new(), &config, &system, &surroundings).unwrap();
        let _ = read(&mut *source, &request(10));
        surroundings.exchanges.take().map(|noted| noted.to_json())
    };
    assert_eq!(noted("list", json!(false)), None);
    let plain = noted("list", json!(true)).unwrap();
    let exchange = &plain[0];
    assert_eq!(exchange["request"]["method"], "GET");
    assert_eq!(exchange["request"]["url"], format!("{}/api/list?key=***", server.url));
    assert_eq!(exchange["request"]["headers"]["x-key"], "Bearer ***");
    assert_eq!(exchange["response"]["status"], 200);
    assert_eq!(exchange["response"]["headers"]["content-type"], "application/json");
    assert_eq!(exchange["response"]["body"], r#"[{"id": 1, "echo": "***"}]"#);
    let less = json!({"log_request_headers": false, "log_response_body_maxsize": 4,
                      "log_secret_redacted_bytes": 2});
    let less = noted("list", less).unwrap();
    assert_eq!(less[0]["request"].get("headers"), None);
    assert_eq!(less[0]["request"]["url"], format!("{}/api/list?key=***cret", server.url));
    assert_eq!(less[0]["response"]["body"], "[{\"i");
    let broken = noted("broken", json!(true)).unwrap();
    assert_eq!(broken[0]["response"]["status"], 500);
    assert_eq!(broken[0]["response"]["body"], "no *** here");
}
