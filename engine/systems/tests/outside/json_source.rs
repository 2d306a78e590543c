use std::fs;
use std::time::Duration;

use pipewright_component::{Continuation, Coverage, Failure, ReadRequest, Surroundings};
use pipewright_entity::Value;
use pipewright_systems::Systems;
use serde_json::json;

use crate::server::{Asked, Reply, Server};
use crate::{entities, in_folder, live, read, request, source, url_system};

#[test]
fn a_file_holds_entities_in_transit_json() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"[{"_id":"1","price":"~f1.50","at":"~t2020-01-02T03:04:05Z","n":1.0},{"x":1}]"#;
    fs::write(folder.path().join("a.json"), text).unwrap();
    let config = json!({"type": "json", "url": "a.json", "supports_since": true});
    let surroundings = in_folder(folder.path());
    let mut source =
        source(&Systems::new(), &config, &url_system("file:%s"), &surroundings).unwrap();
    assert_eq!(source.continuation(), Continuation::None);
    let batches = read(&mut *source, &request(10)).unwrap();
    assert_eq!(
        entities(&batches),
        json!([{"_id": "1", "price": "~f1.50", "at": "~t2020-01-02T03:04:05Z", "n": 1.0}])
    );
    assert!(matches!(batches[0].entities[0].get("price"), Some(Value::Decimal(_))));
    assert!(batches[0].unreadable[0].message.contains("entity 1 of the stream"));
    assert_eq!(batches[0].offset, None);
}

/// Serves 25 entities by the pull protocol.
fn pull(asked: &Asked) -> Reply {
    let since: i64 = asked.query.get("since").map_or(-1, |text| text.parse().unwrap());
    let limit: usize = asked.query.get("limit").map_or(usize::MAX, |text| text.parse().unwrap());
    let all = (0..25).filter(|n| *n > since).take(limit);
    let body: Vec<_> = all.map(|n| json!({"_id": n.to_string(), "_updated": n})).collect();
    Reply::ok(json!(body).to_string())
        .with("X-Dataset-Populated", "true")
        .with("X-Dataset-Completeness", "1700000000000000")
}

#[test]
fn a_chronological_source_goes_on_where_it_ended() {
    let server = Server::start(pull);
    let config = json!({
        "type": "json", "url": "entities", "supports_since": true, "is_chronological": true,
        "headers": {"X-Who": "me"},
    });
    let system = url_system(&format!("{}/api/%s", server.url));
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    assert_eq!(source.continuation(), Continuation::Chronological);
    assert!(source.reports_deletes());

    let reading = source.open(&request(10)).unwrap();
    assert_eq!(reading.coverage, Coverage::Full);
    assert_eq!(reading.populated, Some(true));
    assert_eq!(reading.completeness, Some(1_700_000_000_000_000));
    let batches: Vec<_> = reading.batches.map(Result::unwrap).collect();
    let offsets: Vec<_> = batches.iter().map(|batch| batch.offset.clone()).collect();
    assert_eq!(offsets, [9, 19, 24].map(|n| Some(Value::Int(n))));

    let mut source = crate::source(&Systems::new(), &config, &system, &live()).unwrap();

    let rest = ReadRequest { since: Some(Value::Int(22)), ..request(10) };
    let reading = source.open(&rest).unwrap();
    assert_eq!(reading.coverage, Coverage::Partial);
    let batches: Vec<_> = reading.batches.map(Result::unwrap).collect();
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 2);
    let asked = server.asked();
    assert_eq!(asked[0].query.get("since"), None);
    assert_eq!(asked[1].query["since"], "22");
    assert_eq!(asked[1].path, "/api/entities");
    assert_eq!(asked[1].headers["x-who"], "me");
}

#[test]
fn pages_are_asked_for_until_one_is_empty() {
    let server = Server::start(pull);
    let config = json!({
        "type": "json", "url": "", "page_size": 10,
        "supports_since": true, "is_chronological": true, "is_since_comparable": true,
    });
    let system = url_system(&server.url);
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    let batches = read(&mut *source, &request(100)).unwrap();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].len(), 25);
    let since: Vec<_> =
        server.asked().iter().map(|asked| asked.query.get("since").cloned()).collect();
    let expected = [None, Some("9"), Some("19"), Some("24")].map(|s| s.map(str::to_owned));
    assert_eq!(since, expected);
    assert!(server.asked().iter().all(|asked| asked.query["limit"] == "10"));
}

#[test]
fn a_page_that_leads_nowhere_is_an_error_and_not_a_circle() {
    let server = Server::start(|_| Reply::ok(r#"[{"_id":"1"}]"#));
    let config = json!({
        "type": "json", "url": "", "page_size": 1, "supports_since": true, "is_chronological": true,
    });
    let mut source = source(&Systems::new(), &config, &url_system(&server.url), &live()).unwrap();
    let error = read(&mut *source, &request(100)).unwrap_err();
    assert!(error.to_string().contains("_updated"), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn paging_needs_a_source_that_can_go_on() {
    let config = json!({"type": "json", "url": "", "page_size": 10});
    let error = source(&Systems::new(), &config, &url_system("http://x.example"), &live());
    assert!(error.err().unwrap().to_string().contains("$.source.page_size"));
}

#[test]
fn the_largest_marker_counts_where_the_order_is_unknown() {
    let server = Server::start(|_| {
        Reply::ok(
            r#"[{"_id":"a","_updated":"b"},{"_id":"b","_updated":"c"},{"_id":"c","_updated":"a"}]"#,
        )
    });
    let config = json!({
        "type": "json", "url": "", "supports_since": true, "initial_since_value": "a å",
        "subset": ["eq", "_S.kind", "tank"],
    });
    let mut source = source(&Systems::new(), &config, &url_system(&server.url), &live()).unwrap();
    assert_eq!(source.continuation(), Continuation::Max);
    let batches = read(&mut *source, &request(100)).unwrap();
    assert_eq!(batches[0].offset, Some(Value::from("c")));
    assert_eq!(server.asked()[0].query["since"], "a å");
    assert_eq!(server.asked()[0].query["subset"], r#"["eq","_S.kind","tank"]"#);
}

#[test]
fn statuses_decide_whether_to_try_again() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/busy" => Reply::status(503, "later").with("Retry-After", "7"),
        "/gone" => Reply::status(404, "<html>\n no such thing</html>"),
        _ => Reply { cut: true, ..Reply::ok(r#"[{"_id":"1"},"#) },
    });
    let error = |url: &str| {
        let config = json!({"type": "json", "url": url});
        let system = url_system(&format!("{}/", server.url));
        let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
        read(&mut *source, &request(100)).unwrap_err()
    };
    match error("busy") {
        Failure::Retryable { message, wait, .. } => {
            assert_eq!(wait, Some(Duration::from_secs(7)));
            assert!(message.contains("503") && message.contains("later"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    match error("gone") {
        Failure::Config { path, message } => {
            assert_eq!(path, "$.source.url");
            assert!(message.contains("404") && message.contains("url_pattern"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(error("cut").is_retryable());
}

#[test]
fn nobody_listening_may_pass() {
    let config = json!({"type": "json", "url": "x"});
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let system = url_system(&format!("http://127.0.0.1:{port}/"));
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    let error = read(&mut *source, &request(100)).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}

#[test]
fn a_stopped_run_does_not_wait_for_an_answer() {
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_secs(30));
        Reply::ok("[]")
    });
    let surroundings: Surroundings = live();
    let cancel = surroundings.cancel.clone();
    let config = json!({"type": "json", "url": ""});
    let mut source =
        source(&Systems::new(), &config, &url_system(&server.url), &surroundings).unwrap();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancel.stop();
    });
    let start = std::time::Instant::now();
    assert_eq!(read(&mut *source, &request(100)).unwrap_err(), Failure::Stopped);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_dataset_of_another_node_is_read_on_from_where_it_was() {
    let server = Server::start(pull);
    let config = json!({"type": "binary", "url": "datasets/x/entities", "page_size": 10});
    let system = url_system(&format!("{}/%s", server.url));
    let mut source = source(&Systems::new(), &config, &system, &live()).unwrap();
    assert_eq!(source.continuation(), Continuation::Chronological);
    let batches = read(&mut *source, &request(100)).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.len()).sum::<usize>(), 25);
    let limits: Vec<_> = server.asked().iter().map(|asked| asked.query["limit"].clone()).collect();
    assert_eq!(limits, ["10", "10", "10", "10"]);
    let rest = ReadRequest { since: Some(Value::Int(22)), ..request(10) };
    assert_eq!(read(&mut *source, &rest).unwrap()[0].len(), 2);
}
