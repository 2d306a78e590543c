//! Reading datasets.

use axum::http::StatusCode;
use pipewright_protocol::studio;
use serde_json::{Value, json};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datasets_are_read_in_pages_both_ways() {
    let place = Place::with_example();
    place.run_all().await;
    let file = place.folder.join("data/crm/companies.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("+47 15 34 41 04", "+47 15 34 41 05")).unwrap();
    place.run_all().await;

    let path = "/api/datasets/crm-company-collect/entities";
    let all = place.get(path).await;
    assert_eq!(all.status, StatusCode::OK);
    assert!(all.header("content-type").starts_with("application/json"));
    assert_eq!(all.header("x-dataset-populated"), "true");
    assert_eq!(all.header("x-dataset-max-updated"), "250");
    assert!(!all.header("x-dataset-generation").is_empty());
    let offsets = |entities: &[Value]| -> Vec<u64> {
        entities.iter().map(|entity| entity["_updated"].as_u64().unwrap()).collect()
    };
    let ask = async |query: &str| -> Vec<u64> {
        offsets(&place.ask::<Vec<Value>>(&format!("{path}?{query}")).await)
    };
    assert_eq!(offsets(&all.json::<Vec<Value>>()), (0..=250).collect::<Vec<_>>());
    // Without history the replaced version is not there.
    let current = ask("history=false").await;
    assert_eq!(current, (0..=250).filter(|at| *at != 23).collect::<Vec<_>>());

    let (mut pages, mut since) = (Vec::new(), String::new());
    loop {
        let page = ask(&format!("limit=60{since}")).await;
        let Some(last) = page.last() else { break };
        since = format!("&since={last}");
        pages.push(page);
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [60, 60, 60, 60, 11]);
    assert_eq!(pages.concat(), (0..=250).collect::<Vec<_>>());

    let (mut pages, mut since) = (Vec::new(), String::new());
    loop {
        let page = ask(&format!("reverse=true&limit=100{since}")).await;
        let Some(last) = page.last() else { break };
        since = format!("&since={last}");
        pages.push(page);
    }
    assert_eq!(pages.concat(), (0..=250).rev().collect::<Vec<_>>());
    assert_eq!(ask("since=250").await, [0_u64; 0]);
    assert_eq!(ask("limit=0").await, [0_u64; 0]);

    assert_eq!(place.get(&format!("{path}?since=x")).await.status, StatusCode::BAD_REQUEST);
    place.get("/api/datasets/nothing/entities").await.refused(StatusCode::NOT_FOUND, "not-found");
    place.get("/api/nothing").await.refused(StatusCode::NOT_FOUND, "not-found");

    // One entity, and each of its versions.
    let entity: Value = place.ask("/api/datasets/crm-company-collect/entity?entity_id=C1023").await;
    assert_eq!((&entity["_updated"], &entity["_previous"]), (&json!(250), &json!(23)));
    let versions: Vec<Value> =
        place.ask(&studio::versions_path("crm-company-collect", "C1023")).await;
    assert_eq!(
        versions.iter().map(|v| v["offset"].as_u64().unwrap()).collect::<Vec<_>>(),
        [250, 23]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_is_written_and_dropped() {
    let place = Place::with_files(&[(
        "pipes/a.conf.json",
        json!({"_id": "a", "type": "pipe",
            "source": {"type": "embedded", "entities": [{"_id": "1", "n": 1}]}}),
    )]);
    place.trust().await;
    let run = "/api/pipes/run-all-pipes?request_mode=sync";
    assert_eq!(place.post(run, &json!({})).await.json::<Value>()["status"], "success");
    let path = "/api/datasets/a/entities";
    let body = json!([{"_id": "1", "n": 1}, {"_id": "2", "n": 2.5}]);
    let written: Value = place.post(path, &body).await.json();
    assert_eq!(written, json!({"written": 1, "unchanged": 1}));
    let again: Value = place.post(&format!("{path}?force=true"), &body).await.json();
    assert_eq!(again, json!({"written": 2, "unchanged": 0}));
    let gone: Value = place.post(path, &json!([{"_id": "2", "_deleted": true}])).await.json();
    assert_eq!(gone["written"], 1);
    let all: Vec<Value> = place.ask(&format!("{path}?start=1&limit=2")).await;
    assert_eq!(all.iter().map(|e| e["_updated"].clone()).collect::<Vec<_>>(), [1, 2]);
    let both = place.get(&format!("{path}?start=1&since=0")).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST);

    assert_eq!(place.delete("/api/datasets/system:config").await.status, StatusCode::FORBIDDEN);
    let own = place.post("/api/datasets/system:config/entities", &json!([])).await;
    own.refused(StatusCode::FORBIDDEN, "internal");
    assert_eq!(
        place.post("/api/datasets/none/entities", &json!([])).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(place.delete("/api/datasets/a").await.status, StatusCode::OK);
    assert_eq!(place.delete("/api/datasets/a").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subset_is_read_by_the_index_that_a_pipe_needs() {
    let entities: Vec<Value> = (0..6)
        .map(|n| json!({"_id": n.to_string(), "kind": if n % 2 == 0 { "even" } else { "odd" }}))
        .collect();
    let place = Place::with_files(&[
        (
            "pipes/all.conf.json",
            json!({"_id": "all", "type": "pipe", "source": {"type": "embedded", "entities": entities}}),
        ),
        (
            "pipes/odd.conf.json",
            json!({"_id": "odd", "type": "pipe",
                "source": {"type": "dataset", "dataset": "all", "subset": ["eq", "_S.kind", "odd"]}}),
        ),
    ]);
    place.trust().await;
    let run = "/api/pipes/run-all-pipes?request_mode=sync";
    assert_eq!(place.post(run, &json!({})).await.json::<Value>()["status"], "success");
    let path = "/api/datasets/all/entities?subset=";
    let even: Vec<Value> =
        place.ask(&format!("{path}{}", studio::encode(r#"["eq","_S.kind","even"]"#))).await;
    assert_eq!(
        even.iter().map(|e| e["_id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["0", "2", "4"]
    );
    let unknown = place.get(&format!("{path}{}", studio::encode(r#"["eq","_S.other",1]"#))).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    for broken in ["[", r#"["neq","_S.kind",1]"#, "1"] {
        let answer = place.get(&format!("{path}{}", studio::encode(broken))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{broken}");
    }
    // For Prometheus: every sample has its metric's type before it.
    let answer = place.get("/api/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(answer.body).unwrap();
    assert!(
        text.contains("sesam_pipe_sink_dataset_count_index_exists{pipe=\"odd\"} 3\n"),
        "{text}"
    );
    assert!(text.contains("sesam_pump_successful{pipe=\"all\"} 1\n"), "{text}");
    assert!(text.contains("sesam_pump_entities_seen_total{pipe=\"all\"} "), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_are_found_by_what_is_in_them() {
    let place = Place::with_example();
    place.run_all().await;
    let find = async |typed: &str, since: Option<u64>, limit: usize| {
        let filter = studio::Filter { typed: typed.into(), ..studio::Filter::default() };
        let path = studio::find_path("crm-company-enrich", &filter, since, limit);
        place.ask::<studio::Found>(&path).await
    };
    let ids = |found: &studio::Found| -> Vec<String> {
        let entities = found.entities.iter();
        let entities = entities.map(|it| serde_json::from_str::<Value>(it.text()).unwrap());
        entities.map(|it| it["_id"].as_str().unwrap().to_owned()).collect()
    };
    let by_id = find("company_id = C1000", None, 10).await;
    assert_eq!(ids(&by_id), ["crm-company:C1000"]);
    assert_eq!((by_id.looked_at, by_id.next), (243, None), "everything was looked at");
    // The pipe has namespaces, so names do not need them.
    let norway = find("country = NO", None, 1_000).await;
    assert!(norway.entities.len() > 10, "{}", norway.entities.len());
    let dtl = find(r#"["eq", "_S.crm-company:country", "NO"]"#, None, 1_000).await;
    assert_eq!(ids(&dtl), ids(&norway));

    // In steps it is the same.
    let (mut steps, mut since) = (Vec::new(), None);
    loop {
        let step = find("country = NO", since, 7).await;
        steps.extend(ids(&step));
        since = step.next;
        if since.is_none() {
            break;
        }
    }
    assert_eq!(steps, ids(&norway));
    assert!(find("\"no such text anywhere\"", None, 10).await.entities.is_empty());

    let filter = studio::Filter { typed: "[\"uper\"]".into(), ..studio::Filter::default() };
    let wrong = studio::find_path("crm-company-enrich", &filter, None, 1);
    let wrong = place.get(&wrong).await;
    wrong.refused(StatusCode::BAD_REQUEST, "bad-request");
    let nowhere = studio::find_path("nothing", &studio::Filter::default(), None, 1);
    place.get(&nowhere).await.refused(StatusCode::NOT_FOUND, "not-found");
}
