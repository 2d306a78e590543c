//! What changes, told to who listens.

use std::time::Duration;

use axum::http::StatusCode;
use pipewright_protocol::studio::{self, Event, FileText, PipeState, Run};
use serde_json::Value;

use crate::place::{Pipes, Place};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_begin_with_everything_and_end_with_counts() {
    let place = Place::with_example();
    place.trust().await;
    let mut events = place.events().await;
    let mut pipes = events.hello().await;
    assert_eq!(pipes.len(), 27);
    let states = |pipes: &Pipes, state| pipes.values().filter(|pipe| pipe.state == state).count();
    assert_eq!((states(&pipes, PipeState::New), states(&pipes, PipeState::Serving)), (24, 3));

    assert_eq!(place.post(studio::RUN, &Run::default()).await.status, StatusCode::ACCEPTED);
    events.until_settled(&mut pipes).await;
    assert_eq!(states(&pipes, PipeState::Finished), 24, "{pipes:?}");
    assert_eq!(pipes["crm-company-collect"].processed, 250);
    assert!(pipes["crm-company-collect"].last_run.is_some());
    events.drain().await;

    // Who comes later hears the same at once.
    let mut later = place.events().await;
    let now = later.hello().await;
    assert_eq!(now["crm-company-collect"].processed, 250);
    assert_eq!(states(&now, PipeState::Finished), 24);

    // And then nothing, as long as nothing happens.
    let quiet = Duration::from_secs(3);
    assert_eq!(later.next(quiet).await, None);
    assert_eq!(events.next(Duration::from_millis(10)).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_on_disk_is_taken_up_alone() {
    let place = Place::with_example();
    let _watch = place.node.watch().unwrap();
    let mut events = place.events().await;
    events.hello().await;
    events.drain().await;
    let config = "/api/datasets/system:config/entities";
    let all: Vec<Value> = place.ask(config).await;
    let last = all.last().unwrap()["_updated"].as_u64().unwrap();

    let path = "pipes/country.conf.json";
    std::fs::write(place.folder.join(path), place.text(path).replace("Tyskland", "Deutschland"))
        .unwrap();
    // Files that are no config, and config that stays as it is, are nobody's news.
    std::fs::write(place.folder.join("data/crm/companies.csv"), "company_id\n").unwrap();
    let same = place.text("pipes/product.conf.json");
    std::fs::write(place.folder.join("pipes/product.conf.json"), same).unwrap();

    let change = loop {
        match events.expect().await {
            Event::Config(changes) => break changes,
            other => assert!(!matches!(other, Event::Hello(_)), "{other:?}"),
        }
    };
    assert_eq!(change.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), [path]);
    let file: FileText = place.ask(&studio::file_path(path)).await;
    assert_eq!(change[0].hash.as_deref(), Some(file.hash.as_str()));
    while let Some(event) = events.next(Duration::from_millis(800)).await {
        assert!(!matches!(event, Event::Config(_)), "{event:?}");
    }
    // One component, one new version.
    let new: Vec<Value> = place.ask(&format!("{config}?since={last}")).await;
    assert_eq!(new.len(), 1, "{new:?}");
    assert_eq!(new[0]["_id"], "country");
    assert!(new[0]["text"].as_str().unwrap().contains("Deutschland"));

    // A file that goes away takes its pipe along.
    std::fs::remove_file(place.folder.join(path)).unwrap();
    let mut gone = (false, false);
    while gone != (true, true) {
        match events.expect().await {
            Event::Config(changes) => {
                assert_eq!((changes[0].path.as_str(), &changes[0].hash), (path, &None));
                gone.0 = true;
            }
            Event::Removed(removed) => {
                assert_eq!(removed.pipes, ["country"]);
                gone.1 = true;
            }
            _ => {}
        }
    }
    assert_eq!(place.get("/api/pipes/country").await.status, StatusCode::NOT_FOUND);
}
