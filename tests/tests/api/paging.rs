//! Many clients that page through a dataset while it is written.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::place::Place;

/// Entities that nobody changes while the clients read.
const STILL: usize = 3_000;
/// Those that are written again and again.
const RESTLESS: usize = 300;
const CLIENTS: usize = 64;
const PAGE: usize = 250;

/// Each client finds every entity that nobody changes exactly once, in the
/// order of the log, and nothing torn.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_miss_nothing_while_others_write() {
    let place = Place::with_files(&[(
        "pipes/all.conf.json",
        json!({"_id": "all", "type": "pipe", "source": {"type": "http_endpoint"}}),
    )]);
    place.trust().await;
    let write = async |ids: std::ops::Range<usize>, round: usize| {
        let entities: Vec<Value> =
            ids.map(|n| json!({"_id": n.to_string(), "round": round, "again": round})).collect();
        let answer = place.post("/api/receivers/all/entities", &entities).await;
        assert_eq!(answer.status, 200);
    };
    // Everything is rewritten ten times first, so that old versions lie between.
    for round in 0..10 {
        write(0..STILL + RESTLESS, round).await;
    }
    let page_through = async || -> BTreeMap<String, usize> {
        let (mut seen, mut since) = (BTreeMap::new(), String::new());
        let mut last = None;
        loop {
            let path = format!("/api/datasets/all/entities?history=false&limit={PAGE}{since}");
            let page: Vec<Value> = place.ask(&path).await;
            let Some(end) = page.last() else { return seen };
            since = format!("&since={}", end["_updated"]);
            for entity in page {
                assert_eq!(entity["round"], entity["again"], "{entity}");
                let at = entity["_updated"].as_u64();
                assert!(at > last, "{at:?} after {last:?}");
                last = at;
                *seen.entry(entity["_id"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    };
    let writer = async {
        for round in 10..40 {
            write(STILL..STILL + RESTLESS, round).await;
        }
    };
    let clients = futures_of((0..CLIENTS).map(|_| page_through()));
    let (all, ()) = tokio::join!(clients, writer);
    for seen in all {
        let still = (0..STILL).map(|n| seen.get(&n.to_string()).copied());
        assert!(still.clone().all(|times| times == Some(1)));
    }
    // Who reads once all is quiet finds everything.
    assert_eq!(page_through().await.len(), STILL + RESTLESS);
}

/// Waits for all of them, working on them at once.
async fn futures_of<F>(all: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future,
    F::Output: Unpin,
{
    let mut waiting: Vec<_> = all.map(|one| (Box::pin(one), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, done) in &mut waiting {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *done = Some(value),
                    std::task::Poll::Pending => pending = true,
                }
            }
        }
        match pending {
            true => std::task::Poll::Pending,
            false => std::task::Poll::Ready(
                waiting.iter_mut().filter_map(|(_, done)| done.take()).collect(),
            ),
        }
    })
    .await
}
