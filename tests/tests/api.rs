//! The node API as its clients see it, called in process.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use futures_core::Stream;
use pipewright_node::{Node, Options, Permission, Settings};
use pipewright_protocol::studio::{
    self, ApiError, Change, Cluster, ClusterPage, Conflict, Edited, Edits, Event, FileEdit,
    FileText, Graph, MergePipe, NodeKind, PipeState, PipeStatus, Preview, PreviewRequest, Project,
    Role, Run, Sample, Save, TextEdit, Trust,
};
use pipewright_tests::example;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// A node that runs, on a folder of its own.
struct Place {
    node: Arc<Node>,
    router: Router,
    token: String,
    folder: PathBuf,
    _home: TempDir,
}

/// The answer to a call.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    fn json<T: DeserializeOwned>(&self) -> T {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn refused(&self, status: StatusCode, code: &str) {
        assert_eq!((self.status, self.json::<ApiError>().code.as_str()), (status, code));
    }
}

impl Place {
    fn with_example() -> Place {
        Place::of(|folder| example::copy(&example::folder(), folder).unwrap())
    }

    fn of(make: impl FnOnce(&Path)) -> Place {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("project");
        std::fs::create_dir_all(&folder).unwrap();
        make(&folder);
        let mut options = Options::new(&folder);
        options.store = Some(home.path().join("store"));
        options.read_outside = Permission::Live;
        options.settings = Some(Settings::in_folder(&home.path().join("settings")));
        let node = Node::open(options).unwrap();
        node.start_running().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let token = node.tokens().issue("test", Role::Admin, now, Some(3600));
        Place { router: pipewright_node::router(node.clone()), node, token, folder, _home: home }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(body.unwrap_or_default())).unwrap();
        let response = self.router.clone().oneshot(request);
        let response = tokio::time::timeout(Duration::from_secs(60), response);
        let response = response.await.expect("an answer").unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, headers, body: body.to_vec() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// A `GET` that must succeed.
    async fn ask<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", String::from_utf8(answer.body));
        answer.json()
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        self.send(Method::POST, path, Some(serde_json::to_vec(body).unwrap())).await
    }

    async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        self.send(Method::PUT, path, Some(serde_json::to_vec(body).unwrap())).await
    }

    async fn trust(&self) {
        let answer = self.post(studio::TRUST, &Trust { trusted: true }).await;
        assert!(answer.json::<Project>().trusted);
    }

    async fn events(&self) -> Events {
        let request = Request::get(studio::EVENTS)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
        Events { stream: response.into_body().into_data_stream(), rest: Vec::new() }
    }

    /// Runs everything and waits until it is done.
    async fn run_all(&self) {
        self.trust().await;
        let mut events = self.events().await;
        let mut pipes = events.hello().await;
        let answer = self.post(studio::RUN, &Run::default()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        events.until_settled(&mut pipes).await;
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.join(path)).unwrap()
    }
}

/// The stream of events.
struct Events {
    stream: BodyDataStream,
    rest: Vec<u8>,
}

type Pipes = BTreeMap<String, PipeStatus>;

impl Events {
    /// The next event; `None` if none comes within the time.
    async fn next(&mut self, patience: Duration) -> Option<Event> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let next = poll_fn(|context| Pin::new(&mut self.stream).poll_next(context));
            let piece = tokio::time::timeout(patience, next).await.ok()?;
            self.rest.extend(piece.expect("the stream goes on").unwrap());
        }
    }

    async fn expect(&mut self) -> Event {
        self.next(Duration::from_secs(60)).await.expect("an event")
    }

    /// The first event, with the pipes it tells of.
    async fn hello(&mut self) -> Pipes {
        match self.expect().await {
            Event::Hello(hello) => {
                hello.pipes.into_iter().map(|pipe| (pipe.id.clone(), pipe)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Takes up events until every pipe that can run has and none runs.
    async fn until_settled(&mut self, pipes: &mut Pipes) {
        let ran_before: BTreeMap<String, Option<i64>> =
            pipes.iter().map(|(id, pipe)| (id.clone(), pipe.last_run)).collect();
        // What is held outside goes on waiting.
        let waits = |pipe: &PipeStatus| pipe.queue() > 0 && !pipe.id.ends_with("-share");
        let settled = |pipes: &Pipes| {
            pipes.values().filter(|pipe| pipe.state != PipeState::Serving).all(|pipe| {
                pipe.state != PipeState::Running
                    && pipe.last_run != ran_before[&pipe.id]
                    && !waits(pipe)
            })
        };
        while !settled(pipes) {
            if let Event::Pipes(changed) = self.expect().await {
                pipes.extend(changed.into_iter().map(|pipe| (pipe.id.clone(), pipe)));
            }
        }
    }

    /// Takes up what still comes, until nothing does.
    async fn drain(&mut self) {
        while self.next(Duration::from_millis(800)).await.is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_trust_nothing_runs_and_nothing_outside_is_called() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    outside.set_nonblocking(true).unwrap();
    let address = outside.local_addr().unwrap();
    let place = Place::of(|folder| {
        let put = |path: &str, value: Value| {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, value.to_string()).unwrap();
        };
        put(
            "systems/out.conf.json",
            json!({"_id": "out", "type": "system:url", "url_pattern": format!("http://{address}/%s")}),
        );
        put(
            "pipes/in.conf.json",
            json!({"_id": "in", "type": "pipe", "pump": {"schedule_interval": 0.1},
                "source": {"type": "json", "system": "out", "url": "all"}}),
        );
        put(
            "pipes/own.conf.json",
            json!({"_id": "own", "type": "pipe",
                "source": {"type": "embedded", "entities": [{"_id": "1"}]}}),
        );
    });
    assert!(!place.ask::<Project>(studio::PROJECT).await.trusted);
    let forbidden = StatusCode::FORBIDDEN;
    place.post(studio::RUN, &Run::default()).await.refused(forbidden, "not-trusted");
    let one = Run { pipes: vec!["own".into()] };
    place.post(studio::RUN, &one).await.refused(forbidden, "not-trusted");
    place.post(studio::LIVE, &json!({"live": true})).await.refused(forbidden, "not-trusted");
    for operation in ["start", "start-rescan"] {
        let path = format!("/api/pipes/in/pump?operation={operation}");
        place.post(&path, &json!({})).await.refused(forbidden, "not-trusted");
    }
    // Looking at it calls nobody either.
    let request =
        PreviewRequest { pipe: "in".into(), text: None, sample: Sample::First, trace: false };
    let preview: Preview = place.post(studio::PREVIEW, &request).await.json();
    assert!(preview.no_sample.is_some() && preview.produced.is_empty(), "{preview:?}");
    let _ = place.get("/api/pipes/in/entities?stage=source").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let datasets: Vec<Value> = place.ask("/api/datasets?include-internal-datasets=false").await;
    assert!(datasets.is_empty(), "{datasets:?}");
    let called = outside.accept();
    assert_eq!(called.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    // With trust both happens, so the above says something.
    place.trust().await;
    let answer = place.post(studio::RUN, &Run::default()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let mut waited = 0;
    while outside.accept().is_err() {
        waited += 1;
        assert!(waited < 600, "the outside system is never called");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

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
async fn a_file_that_changed_meanwhile_is_left_alone() {
    let place = Place::with_example();
    let path = "pipes/country.conf.json";
    let file: FileText = place.ask(&studio::file_path(path)).await;
    assert_eq!(file.text, place.text(path));

    let elsewhere = file.text.replace("Tyskland", "Deutschland");
    std::fs::write(place.folder.join(path), &elsewhere).unwrap();
    let stale = Save { text: "{}".into(), base: Some(file.hash.clone()) };
    let answer = place.put(&studio::file_path(path), &stale).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let conflict: Conflict = answer.json();
    assert_eq!(conflict.current.unwrap().text, elsewhere);
    assert_eq!(place.text(path), elsewhere);

    // A new file must be new.
    let new = Save { text: "{}".into(), base: None };
    assert_eq!(place.put(&studio::file_path(path), &new).await.status, StatusCode::CONFLICT);
    // One stale file holds back the whole step.
    let edit = |path: &str, base: String| FileEdit {
        path: path.into(),
        change: Change::Edit { base, edits: vec![TextEdit { start: 0, end: 0, text: " ".into() }] },
    };
    let product: FileText = place.ask(&studio::file_path("pipes/product.conf.json")).await;
    let both = Edits {
        label: "Both".into(),
        files: vec![edit("pipes/product.conf.json", product.hash), edit(path, file.hash)],
    };
    assert_eq!(place.post(studio::EDITS, &both).await.status, StatusCode::CONFLICT);
    assert_eq!(place.text("pipes/product.conf.json"), product.text);
    assert_eq!(place.text(path), elsewhere);

    // Nothing outside the project can be read or written.
    for path in ["../settings/folders.json", "pipes/../../x.conf.json", "data/crm/companies.csv"] {
        let answer = place.put(&studio::file_path(path), &new).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    let right: FileText = place.ask(&studio::file_path(path)).await;
    let save = Save { text: file.text.clone(), base: Some(right.hash) };
    assert_eq!(place.put(&studio::file_path(path), &save).await.status, StatusCode::OK);
    assert_eq!(place.text(path), file.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_texts_come_at_once() {
    let place = Place::with_example();
    let texts: studio::Texts = place.ask(studio::TEXTS).await;
    let files: Vec<studio::FileInfo> = place.ask(studio::FILES).await;
    assert_eq!(texts.files.len(), files.len());
    for (text, info) in texts.files.iter().zip(&files) {
        assert_eq!((&text.path, &text.hash), (&info.path, &info.hash));
        assert_eq!(text.text, place.text(&text.path));
    }
    assert!(texts.others.iter().all(|path| files.iter().all(|info| info.path != *path)));
    assert!(texts.others.iter().any(|path| path.starts_with("expected/")), "{:?}", texts.others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_and_its_inverse_leave_every_byte() {
    let place = Place::with_example();
    let (a, b) = ("pipes/country.conf.json", "pipes/product.conf.json");
    let odd = "// kept\r\n{ \"_id\" : \"product\",\t\"type\": \"pipe\", \"source\": {\"type\":\"embedded\",\"entities\":[]} }";
    std::fs::write(place.folder.join(b), odd).unwrap();
    place.node.reload("test").unwrap();
    let before = place.text(a);
    let (file_a, file_b): (FileText, FileText) =
        (place.ask(&studio::file_path(a)).await, place.ask(&studio::file_path(b)).await);
    let at = before.find("Tyskland").unwrap();
    let step = Edits {
        label: "Rename".into(),
        files: vec![
            FileEdit {
                path: a.into(),
                change: Change::Edit {
                    base: file_a.hash,
                    edits: vec![TextEdit { start: at, end: at + 8, text: "Þýskaland".into() }],
                },
            },
            FileEdit { path: b.into(), change: Change::Delete { base: file_b.hash } },
            FileEdit {
                path: "pipes/new.conf.json".into(),
                change: Change::Create {
                    text: json!({"_id": "new", "type": "pipe",
                        "source": {"type": "embedded", "entities": []}})
                    .to_string(),
                },
            },
        ],
    };
    let answer = place.post(studio::EDITS, &step).await;
    assert_eq!(answer.status, StatusCode::OK);
    let edited: Edited = answer.json();
    assert!(place.text(a).contains("Þýskaland") && !place.folder.join(b).exists());
    let graph: Graph = place.ask(studio::GRAPH).await;
    assert!(graph.nodes.iter().any(|node| node.id == "pipe:new"));
    assert!(!graph.nodes.iter().any(|node| node.id == "pipe:product"));

    let answer = place.post(studio::EDITS, &edited.inverse).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!((place.text(a), place.text(b)), (before, odd.to_owned()));
    assert!(!place.folder.join("pipes/new.conf.json").exists());
    // And the inverse of the inverse is the step again.
    let again = place.post(studio::EDITS, &answer.json::<Edited>().inverse).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(place.text(a).contains("Þýskaland") && !place.folder.join(b).exists());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_written_text_can_be_previewed_at_every_point() {
    let place = Place::with_example();
    place.run_all().await;
    let text = place.text("pipes/crm-company-enrich.conf.json");
    let preview = async |text: String| -> Preview {
        let request = PreviewRequest {
            pipe: "crm-company-enrich".into(),
            text: Some(text),
            sample: Sample::Id("C1023".into()),
            trace: false,
        };
        let answer = place.post(studio::PREVIEW, &request).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, StatusCode::OK, "{body}");
        answer.json()
    };
    let whole = preview(text.clone()).await;
    assert!(whole.diagnostics.is_empty(), "{:?}", whole.diagnostics);
    let entity: Value = serde_json::from_str(whole.produced[0].entity.text()).unwrap();
    assert_eq!(entity["crm-company:org-key"], "440897786");
    assert!(whole.produced[0].stored.is_some());

    let end = text.trim_end().len();
    for cut in (0..end).step_by(53).filter(|cut| text.is_char_boundary(*cut)) {
        let half = preview(text[..cut].to_owned()).await;
        assert!(!half.diagnostics.is_empty(), "{cut}: {half:?}");
        let inside = |at: &studio::Diagnostic| at.start <= at.end && at.end <= cut;
        assert!(half.diagnostics.iter().all(inside), "{cut}: {:?}", half.diagnostics);
    }
    // A typo is named with its place and what was meant.
    let typo = preview(text.replacen("\"upper\"", "\"uper\"", 1)).await;
    let found = typo.diagnostics.iter().find(|found| found.code == "dtl-unknown-function").unwrap();
    assert_eq!(found.start, text.find("\"upper\"").unwrap());
    assert!(found.suggestion.as_ref().unwrap().contains("upper"));
    // Nothing of it was saved or stored.
    assert_eq!(place.text("pipes/crm-company-enrich.conf.json"), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graph_shows_every_pipe_and_what_feeds_it() {
    let place = Place::with_example();
    let graph: Graph = place.ask(studio::GRAPH).await;
    let pipes: Vec<Value> = place.ask("/api/pipes").await;
    assert_eq!(pipes.len(), 27);
    for pipe in &pipes {
        let id = format!("pipe:{}", pipe["_id"].as_str().unwrap());
        assert_eq!(graph.nodes.iter().filter(|node| node.id == id).count(), 1, "{id}");
    }
    let systems = graph.nodes.iter().filter(|node| node.kind == NodeKind::System).count();
    assert_eq!(systems, 5);
    let edge = |from: &str, to: &str| {
        let found = graph.edges.iter().find(|edge| edge.from == from && edge.to == to);
        found.unwrap_or_else(|| panic!("{from} → {to}")).kind
    };
    use studio::EdgeKind;
    assert_eq!(edge("system:crm", "pipe:crm-company-collect"), EdgeKind::Read);
    assert_eq!(edge("pipe:crm-company-enrich", "pipe:global-company"), EdgeKind::Merge);
    assert_eq!(edge("pipe:global-order", "pipe:crm-company-transform"), EdgeKind::Hop);
    assert_eq!(edge("pipe:erp-customer-share", "system:erp-out"), EdgeKind::Write);
    // Cards lie inside the picture and not on each other.
    for (at, a) in graph.nodes.iter().enumerate() {
        assert!(
            a.x >= 0.0
                && a.y >= 0.0
                && a.x + a.width <= graph.width
                && a.y + a.height <= graph.height
        );
        for b in &graph.nodes[at + 1..] {
            let apart = a.x + a.width <= b.x
                || b.x + b.width <= a.x
                || a.y + a.height <= b.y
                || b.y + b.height <= a.y;
            assert!(apart, "{} lies on {}", a.id, b.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_say_by_which_rule_and_value() {
    let place = Place::with_example();
    place.run_all().await;
    let merges: Vec<MergePipe> = place.ask(studio::CLUSTERS).await;
    let company = merges.iter().find(|merge| merge.pipe == "global-company").unwrap();
    assert_eq!(company.dataset, "global-company");
    assert_eq!(
        company.sources,
        ["crm-company-enrich", "erp-customer-enrich", "webshop-company-enrich"]
    );
    let golden: Vec<Value> =
        place.ask("/api/datasets/global-company/entities?history=false&deleted=false").await;
    assert_eq!(company.clusters, golden.len() as u64);

    // Every page, the largest first, each cluster once.
    let mut since: Option<String> = None;
    let mut seen = Vec::new();
    loop {
        let page: ClusterPage =
            place.ask(&studio::clusters_path("global-company", since.as_deref(), 40, "")).await;
        seen.extend(page.clusters.into_iter().map(|cluster| (cluster.members.len(), cluster.id)));
        since = page.next;
        if since.is_none() {
            break;
        }
    }
    assert_eq!(seen.len() as u64, company.clusters);
    assert!(seen.is_sorted_by(|a, b| (b.0, &a.1) < (a.0, &b.1)), "{seen:?}");
    assert_eq!(seen[0].0 as u64, company.largest);
    assert_eq!(seen.iter().filter(|(size, _)| *size > 1).count() as u64, company.merged);
    assert_eq!(seen.iter().map(|(size, _)| *size as u64).sum::<u64>(), company.members);

    // The ERP customer 20004 has the organisation number of a CRM company.
    let page: ClusterPage =
        place.ask(&studio::clusters_path("global-company", None, 10, "erp-customer:20004")).await;
    let [info] = page.clusters.try_into().unwrap();
    let cluster: Cluster = place.ask(&studio::cluster_path("global-company", &info.id)).await;
    assert_eq!(cluster.members.len(), info.members.len());
    assert!(cluster.members.len() > 1 && cluster.golden.is_some());
    for link in &cluster.links {
        let (a, b) = (&cluster.members[link.a], &cluster.members[link.b]);
        let rule = &company.rules[link.rule].expression;
        // The value stands in both records, in a property that the rule names.
        for member in [a, b] {
            let entity: serde_json::Map<String, Value> =
                serde_json::from_str(member.entity.text()).unwrap();
            let value: Value = serde_json::from_str(link.value.text()).unwrap();
            let by =
                entity.iter().find(|(name, held)| rule.contains(name.as_str()) && **held == value);
            assert!(by.is_some(), "{value} of {rule} in {entity:?}");
        }
    }
    let linked: std::collections::BTreeSet<usize> =
        cluster.links.iter().flat_map(|link| [link.a, link.b]).collect();
    assert_eq!(linked.len(), cluster.members.len(), "{:?}", cluster.links);

    let none = place.get(&studio::cluster_path("global-company", "nobody")).await;
    none.refused(StatusCode::NOT_FOUND, "not-found");
    let no_merge = place.get(&studio::clusters_path("country", None, 10, "")).await;
    assert_eq!(no_merge.status, StatusCode::NOT_FOUND);
}

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
async fn a_preview_tells_what_each_expression_did_when_asked() {
    let place = Place::with_example();
    place.run_all().await;
    let path = "pipes/crm-company-enrich.conf.json";
    let text = place.text(path);
    let ask = async |trace: bool| -> Preview {
        let request = PreviewRequest {
            pipe: "crm-company-enrich".into(),
            text: Some(text.clone()),
            sample: Sample::Id("C1023".into()),
            trace,
        };
        place.post(studio::PREVIEW, &request).await.json()
    };
    let plain = ask(false).await;
    assert!(plain.trace.is_none());
    let traced = ask(true).await;
    assert_eq!(traced.produced, plain.produced);
    let trace = traced.trace.unwrap();
    assert_eq!(trace.file, path);
    let [run] = trace.runs.as_slice() else { panic!("one transform, one entity: {trace:?}") };
    assert!(!run.cut);
    let at = |place: usize| &text[run.places[place].start..run.places[place].end];
    // Every value stands at its expression, and every property has its line.
    let read = run.values.iter().filter(|value| at(value.place).starts_with("\"_S."));
    assert!(read.count() > 0);
    for value in &run.values {
        let text = at(value.place);
        assert!(text.starts_with('"') || text.starts_with('['), "{text}");
    }
    let key = run.rules[0].origins.iter().find(|o| o.property == "crm-company:org-key").unwrap();
    let line = at(key.step.unwrap());
    assert!(line.starts_with('[') && line.contains("org-key"), "{line}");
    assert!(!key.reads.is_empty());
    let step = run.steps.iter().find(|step| step.place == key.step.unwrap()).unwrap();
    let after = step.changes.iter().find(|change| change.property == key.property).unwrap();
    assert_eq!(after.after.as_ref().unwrap().json.text(), r#""440897786""#);
}
