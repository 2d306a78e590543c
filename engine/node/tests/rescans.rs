//! Rescans in the background: a folder in, entities out, runs going on beside.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{Request, header};
use common::{Place, live, log, write};
use pipewright_node::{Clock as _, Node, Options, Settings, router};
use pipewright_protocol::studio::Role;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

/// A pipe whose rescans go on in the background.
fn copy(pump: Json) -> Json {
    json!({
        "_id": "out",
        "source": {"type": "dataset", "dataset": "in"},
        "transform": {"type": "dtl", "rules": {"default": [["copy", "*"], ["add", "seen", true]]}},
        "enable_background_rescan": true,
        "pump": pump,
    })
}

fn kinds(node: &Node) -> Vec<String> {
    let lines = log(node, "out", "pump-completed");
    lines.iter().map(|line| line["sync_type"].as_str().unwrap().to_owned()).collect()
}

/// Fills the source, runs the pipe, and spoils what it wrote.
fn spoilt(place: &Place) -> Arc<Node> {
    let node = place.open();
    write(&node, "in", place.clock.now(), (0..20).map(|n| json!({"_id": n.to_string()})));
    place.pass(&node, 60.0);
    assert_eq!(live(&node, "out").len(), 20);
    spoil(&node, place.clock.now());
    node
}

fn spoil(node: &Node, at: i64) {
    write(node, "out", at, [json!({"_id": "ghost"}), json!({"_id": "1", "seen": "never"})]);
}

fn is_mended(node: &Node) -> bool {
    let out = live(node, "out");
    !out.contains_key("ghost") && out["1"]["seen"] == json!(true)
}

#[test]
fn a_time_for_a_rescan_leaves_the_place_of_the_pipe_alone() {
    let place = Place::new([copy(json!({"rescan_cron_expression": "30 * * * *"}))]);
    let node = spoilt(&place);
    assert!(!is_mended(&node));
    place.pass(&node, 3600.0);
    assert!(is_mended(&node));
    assert_eq!(kinds(&node), ["full", "full"]);
    // What changes is followed as before.
    write(&node, "in", place.clock.now(), [json!({"_id": "new"})]);
    drop(node);
    let node = place.open();
    place.pass(&node, 60.0);
    assert!(live(&node, "out").contains_key("new"));
    assert_eq!(kinds(&node), ["full", "full", "incremental"]);
}

#[test]
fn every_so_many_runs_a_rescan_follows() {
    let place = Place::new([copy(json!({"rescan_run_count": 3}))]);
    let node = spoilt(&place);
    for n in 0..2 {
        write(&node, "in", place.clock.now(), [json!({"_id": "0", "n": n})]);
        place.pass(&node, 60.0);
    }
    assert!(is_mended(&node));
    assert_eq!(kinds(&node).iter().filter(|kind| *kind == "incremental").count(), 2);
}

#[test]
fn a_rescan_that_was_cut_is_begun_again_by_the_next_node() {
    let place = Place::new([copy(json!({}))]);
    let node = spoilt(&place);
    let mut batch = node.store().batch(place.clock.now());
    pipewright_pump::want_rescan("out", true, &mut batch);
    node.store().commit(batch).unwrap();
    drop(node);
    let node = place.open();
    place.pass(&node, 1.0);
    assert!(is_mended(&node));
    spoil(&node, place.clock.now());
    drop(node);
    let node = place.open();
    place.pass(&node, 1.0);
    assert!(!is_mended(&node), "it was done once and for all");
}

async fn call(node: &Arc<Node>, method: &str, path: &str, form: &str) -> Json {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = node.tokens().issue("test", Role::Admin, now, Some(600));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()))
        .unwrap();
    let answer = router(node.clone()).oneshot(request).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// Waits for something, but not for long. How long it took.
async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_go_through_beside_a_rescan_and_stop_means_stopped() {
    let place = Place::new([copy(json!({}))]);
    let mut options = Options::new(&place.folder);
    options.store = Some(place.home.path().join("store"));
    options.settings = Some(Settings::in_folder(&place.home.path().join("settings")));
    let node = Node::open(options).unwrap();
    node.set_trusted(true).unwrap();
    let pages = 40;
    for page in 0..pages {
        let entities =
            (0..500).map(|n| json!({"_id": format!("{page}-{n}"), "text": "x".repeat(50)}));
        write(&node, "in", 1, entities);
    }
    node.start_running().unwrap();
    let pump = "/api/pipes/out/pump";
    call(&node, "POST", pump, "operation=start").await;
    let count = |node: &Node| {
        let reader = node.store().reader().unwrap();
        reader.dataset("out").unwrap().map_or(0, |dataset| dataset.live)
    };
    until("everything is there", || count(&node) == 500 * pages).await;
    until("the first run is over", || kinds(&node).len() == 1).await;

    call(&node, "POST", pump, "operation=start-rescan").await;
    until("the rescan is on its way", || log(&node, "out", "pump-started").len() == 2).await;
    write(&node, "in", 2, [json!({"_id": "new"})]);
    call(&node, "POST", pump, "operation=start").await;
    until("the change is through", || live_one(&node, "new")).await;
    assert_eq!(kinds(&node), ["full", "incremental"], "the rescan was over before");

    call(&node, "POST", pump, "operation=stop").await;
    let took = until("it has stopped", || kinds(&node).len() == 3).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let last = log(&node, "out", "pump-completed").pop().unwrap();
    assert_eq!((&last["sync_type"], &last["stopped"]), (&json!("full"), &json!(true)));
}

fn live_one(node: &Node, id: &str) -> bool {
    node.store().reader().unwrap().get("out", id).unwrap().is_some()
}
