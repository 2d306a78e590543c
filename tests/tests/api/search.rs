//! Full text, filters, and what is found as a file.

use std::time::Duration;

use axum::http::StatusCode;
use pipewright_protocol::studio::{self, Filter, Found, FullTextSwitch};
use serde_json::{Value, json};

use crate::place::Place;

const RUN: &str = "/api/pipes/run-all-pipes?request_mode=sync";

fn people(count: usize) -> Place {
    let entities: Vec<Value> = (0..count)
        .map(|n| {
            json!({"_id": n.to_string(), "name": format!("Ann Doe {n}"), "age": n % 90,
                "note": if n % 10 == 0 { "=1+1, \"odd\"" } else { "plain" }})
        })
        .collect();
    Place::with_files(&[(
        "pipes/people.conf.json",
        json!({"_id": "people", "type": "pipe",
            "source": {"type": "embedded", "entities": entities}}),
    )])
}

fn filter(typed: &str, properties: &[(&str, &str)]) -> Filter {
    let properties = properties.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    Filter { typed: typed.into(), properties, ..Filter::default() }
}

async fn find(place: &Place, filter: &Filter) -> Found {
    place.ask(&studio::find_path("people", filter, None, 1_000)).await
}

async fn built(place: &Place) -> Option<u64> {
    let mut events = place.events().await;
    let event = events.expect().await;
    let studio::Event::Hello(hello) = event else { panic!("{event:?}") };
    hello.datasets.iter().find(|dataset| dataset.id == "people").unwrap().full_text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_text_is_switched_on_and_follows() {
    let place = people(3_000);
    place.trust().await;
    place.post(RUN, &json!({})).await;
    let words = filter("\"doe 2999\"", &[]);
    let looked = find(&place, &words).await;
    assert_eq!((looked.entities.len(), looked.looked_at, looked.by_index), (1, 3_000, false));
    assert_eq!(built(&place).await, None);

    let path = studio::full_text_path("people");
    let on = place.put(&path, &FullTextSwitch { on: true }).await;
    assert_eq!(on.status, StatusCode::OK);
    for _ in 0..100 {
        if built(&place).await == Some(3_000) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(built(&place).await, Some(3_000));
    let found = find(&place, &words).await;
    assert_eq!((found.entities.len(), found.looked_at, found.by_index), (1, 1, true));
    // Words together with what is in single properties, and deleted ones by
    // looking through the log.
    let both = find(&place, &filter("doe", &[("age", "> 88"), ("name", "n doe 1")])).await;
    assert!(both.by_index && both.entities.len() == 12, "{}", both.entities.len());
    let all = Filter { deleted: true, ..words.clone() };
    assert!(!find(&place, &all).await.by_index);
    let none = find(&place, &filter("-", &[])).await;
    assert_eq!((none.entities.len(), none.next), (0, None));

    let entities = json!([{"_id": "2999", "name": "Bob"}, {"_id": "new", "name": "Doe 2999"}]);
    place.post("/api/datasets/people/entities", &entities).await;
    let found = find(&place, &words).await;
    let text = found.entities[0].text();
    assert!(found.entities.len() == 1 && text.contains("\"new\""), "{text}");

    let off = place.put(&path, &FullTextSwitch { on: false }).await;
    assert_eq!(off.status, StatusCode::OK);
    assert!(!find(&place, &words).await.by_index);
    assert_eq!(built(&place).await, None);
    let own = place.put(&studio::full_text_path("system:config"), &json!({"on": true})).await;
    own.refused(StatusCode::BAD_REQUEST, "bad-request");
    let nowhere = place.put(&studio::full_text_path("nothing"), &json!({"on": true})).await;
    nowhere.refused(StatusCode::NOT_FOUND, "not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_is_exported_whole() {
    let place = people(30_000);
    place.trust().await;
    place.post(RUN, &json!({})).await;
    // More than one step of the search looks at.
    let filter = filter("", &[("note", "odd")]);
    let export = async |form: &str, columns: &[&str]| {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        place.get(&studio::export_path("people", &filter, form, &columns)).await
    };
    let answer = export("json", &[]).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"people.json\"");
    let all: Vec<Value> = answer.json();
    assert_eq!(all.len(), 3_000);
    let lines = export("ndjson", &[]).await;
    let lines = String::from_utf8(lines.body).unwrap();
    let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, all);

    let table = String::from_utf8(export("csv", &["name", "note"]).await.body).unwrap();
    let mut rows = table.trim_start_matches('\u{feff}').split("\r\n");
    assert_eq!(rows.next(), Some("_id,name,note"));
    assert_eq!(rows.next(), Some("0,Ann Doe 0,\"'=1+1, \"\"odd\"\"\""));
    let table = String::from_utf8(export("csv", &[]).await.body).unwrap();
    assert!(table.starts_with("\u{feff}_id,age,name,note\r\n0,0,Ann Doe 0,"), "{}", &table[..60]);
    assert_eq!(table.lines().count(), 3_001);

    export("xlsx", &[]).await.refused(StatusCode::BAD_REQUEST, "bad-request");
    let path = studio::export_path("nothing", &filter, "json", &[]);
    place.get(&path).await.refused(StatusCode::NOT_FOUND, "not-found");
    let path = "/api/studio/find/people?properties=[1]";
    place.get(path).await.refused(StatusCode::BAD_REQUEST, "bad-request");
}
