//! A node with a folder of its own, and calls to it in process.

use std::collections::BTreeMap;
use std::future::poll_fn;
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
    self, ApiError, Event, PipeState, PipeStatus, Project, Role, Run, Trust,
};
use pipewright_tests::example;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// A node that runs, on a folder of its own.
pub(crate) struct Place {
    pub(crate) node: Arc<Node>,
    pub(crate) router: Router,
    pub(crate) token: String,
    pub(crate) folder: PathBuf,
    _home: TempDir,
}

/// The answer to a call.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn refused(&self, status: StatusCode, code: &str) {
        assert_eq!((self.status, self.json::<ApiError>().code.as_str()), (status, code));
    }
}

impl Place {
    pub(crate) fn with_example() -> Place {
        Place::of(|folder| example::copy(&example::folder(), folder).unwrap())
    }

    pub(crate) fn of(make: impl FnOnce(&Path)) -> Place {
        Place::opened(make, |_| {})
    }

    /// A node that is opened in another way than usual.
    pub(crate) fn opened(make: impl FnOnce(&Path), change: impl FnOnce(&mut Options)) -> Place {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("project");
        std::fs::create_dir_all(&folder).unwrap();
        make(&folder);
        let mut options = Options::new(&folder);
        options.store = Some(home.path().join("store"));
        options.read_outside = Permission::Live;
        options.processes = Permission::Live;
        options.settings = Some(Settings::in_folder(&home.path().join("settings")));
        change(&mut options);
        let node = Node::open(options).unwrap();
        node.start_running().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let token = node.tokens().issue("test", Role::Admin, now, Some(3600));
        Place { router: pipewright_node::router(node.clone()), node, token, folder, _home: home }
    }

    /// A node on a folder with these files.
    pub(crate) fn with_files(files: &[(&str, Value)]) -> Place {
        Place::of(|folder| write_files(folder, files))
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        let kind = body.as_ref().map(|_| "application/json");
        self.send_as(method, path, kind, body.unwrap_or_default()).await
    }

    /// A request whose body is of a kind.
    pub(crate) async fn send_as(
        &self,
        method: Method,
        path: &str,
        kind: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.call(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request);
        let response = tokio::time::timeout(Duration::from_secs(60), response);
        let response = response.await.expect("an answer").unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, headers, body: body.to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// A `GET` that must succeed.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, path: &str) -> T {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", String::from_utf8(answer.body));
        answer.json()
    }

    /// A form, such as an operation.
    pub(crate) async fn form(&self, path: &str, form: &str) -> Answer {
        let kind = Some("application/x-www-form-urlencoded");
        self.send_as(Method::POST, path, kind, form.as_bytes().to_vec()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        self.send(Method::POST, path, Some(serde_json::to_vec(body).unwrap())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        self.send(Method::PUT, path, Some(serde_json::to_vec(body).unwrap())).await
    }

    pub(crate) async fn trust(&self) {
        let answer = self.post(studio::TRUST, &Trust { trusted: true }).await;
        assert!(answer.json::<Project>().trusted);
    }

    pub(crate) async fn events(&self) -> Events {
        let request = Request::get(studio::EVENTS)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .body(Body::empty())
            .unwrap();
        self.listen(request).await
    }

    /// The events that a request is answered with.
    pub(crate) async fn listen(&self, request: Request<Body>) -> Events {
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-ndjson");
        Events { stream: response.into_body().into_data_stream(), rest: Vec::new() }
    }

    /// Runs everything and waits until it is done.
    pub(crate) async fn run_all(&self) {
        self.trust().await;
        let mut events = self.events().await;
        let mut pipes = events.hello().await;
        let answer = self.post(studio::RUN, &Run::default()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        events.until_settled(&mut pipes).await;
    }

    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.join(path)).unwrap()
    }
}

/// Writes files below a folder.
pub(crate) fn write_files(folder: &Path, files: &[(&str, Value)]) {
    for (path, value) in files {
        let file = folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, value.to_string()).unwrap();
    }
}

/// The stream of events.
pub(crate) struct Events {
    stream: BodyDataStream,
    rest: Vec<u8>,
}

pub(crate) type Pipes = BTreeMap<String, PipeStatus>;

impl Events {
    /// The next event; `None` if none comes within the time.
    pub(crate) async fn next(&mut self, patience: Duration) -> Option<Event> {
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

    pub(crate) async fn expect(&mut self) -> Event {
        self.next(Duration::from_secs(60)).await.expect("an event")
    }

    /// The first event, with the pipes it tells of.
    pub(crate) async fn hello(&mut self) -> Pipes {
        match self.expect().await {
            Event::Hello(hello) => {
                hello.pipes.into_iter().map(|pipe| (pipe.id.clone(), pipe)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Takes up events until every pipe that can run has and none runs.
    pub(crate) async fn until_settled(&mut self, pipes: &mut Pipes) {
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
    pub(crate) async fn drain(&mut self) {
        while self.next(Duration::from_millis(800)).await.is_some() {}
    }
}
