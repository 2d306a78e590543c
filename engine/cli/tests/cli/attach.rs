//! Commands on a project that a served node has open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};

use pipewright_protocol::client::{CallError, Client};
use pipewright_protocol::studio::{self, RUN, Role, Run};

use crate::{Called, Place, by_pipe};

/// A served node, ended with its value.
pub(crate) struct Served {
    child: Child,
    /// Kept open: it goes on writing there.
    _out: BufReader<ChildStdout>,
    pub(crate) address: String,
    pub(crate) token: String,
}

impl Served {
    pub(crate) fn start(place: &Place, rest: &[&str]) -> Served {
        let rest: Vec<&str> = ["--port", "0"].into_iter().chain(rest.iter().copied()).collect();
        Served::start_as_said(place, &rest)
    }

    /// Without a port of the test's choice.
    fn start_as_said(place: &Place, rest: &[&str]) -> Served {
        Served::start_with(place, rest, &[])
    }

    /// With variables in its environment.
    pub(crate) fn start_with(place: &Place, rest: &[&str], env: &[(&str, &str)]) -> Served {
        let mut child = place
            .command(&["serve"], rest)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(place.log()).unwrap())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let link = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ends before it serves");
            if let Some(link) = line.trim_end().strip_prefix("access link: ") {
                break link.to_owned();
            }
        };
        let (address, token) = link.split_once("/#token=").unwrap();
        let (address, token) = (address.to_owned(), token.to_owned());
        Served { child, _out: out, address, token }
    }

    fn client(&self, token: &str) -> Client {
        Client::new(&self.address, token).unwrap()
    }

    /// The status of a bare request.
    fn status(&self, request: &str) -> u16 {
        let host = self.address.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(host).unwrap();
        write!(socket, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(call: Result<(), CallError>) -> (u16, String) {
    match call {
        Err(CallError::Refused { status, error }) => (status, error.code),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn token(place: &Place, role: &str) -> String {
    let called = place.command(&["token", "create"], &["--role", role]).output().unwrap();
    Called::of(called).well().out.trim_end().to_owned()
}

#[test]
fn a_run_goes_through_the_node_that_has_the_project_open() {
    let place = Place::with_example();
    let served = Served::start(&place, &["--trust"]);
    let run = place.call("run", &["--json"]).well().json();
    assert_eq!(run["ok"], true, "{run:#}");
    let pipes = by_pipe(&run);
    let ran = pipes.values().filter(|pipe| pipe["status"] == "ok").count();
    assert_eq!(ran, 24, "{run:#}");
    assert_eq!(pipes["crm-company-collect"]["read"], 250);
    // It says the same of every pipe as a run without a node.
    let elsewhere = Place::with_example();
    let alone = elsewhere.call("run", &["--json"]).well().json();
    let said = |run: &serde_json::Value| -> Vec<String> {
        let names = ["pipe", "read", "written", "unchanged", "held", "failed"];
        let line = |pipe: &serde_json::Value| names.map(|name| pipe[name].to_string()).join(" ");
        let ran = run["pipes"].as_array().unwrap().iter().filter(|pipe| pipe["status"] == "ok");
        ran.map(line).collect()
    };
    assert_eq!(said(&run), said(&alone));

    // The other commands give the same through the node as without it.
    let asks: [(&str, &[&str]); 4] = [
        ("entities", &["erp-customer-transform"]),
        ("entities", &["crm-company-collect", "--since", "7", "--limit", "3"]),
        ("entities", &["crm-company-collect", "--history", "--limit", "3", "--json"]),
        ("preview", &["crm-company-enrich", "--id", "C1023"]),
    ];
    let through: Vec<String> =
        asks.iter().map(|(command, rest)| place.call(command, rest).well().out).collect();
    // What belongs to the node cannot be set from outside.
    let other = place.call("run", &["--rescan"]);
    assert_eq!(other.code, Some(2));
    assert!(other.err.contains("a node has this project open"), "{other:?}");
    place.call("test", &[]).well();

    drop(served);
    for ((command, rest), through) in asks.iter().zip(through) {
        assert_eq!(place.call(command, rest).well().out, through, "{command} {rest:?}");
    }
    let again = place.call("run", &["--json"]).well().json();
    assert!(by_pipe(&again).values().all(|pipe| pipe["written"] == 0), "{again:#}");
}

#[test]
fn what_is_logged_can_be_read_by_programs() {
    let place = Place::with_example();
    let env = [("PIPEWRIGHT_LOG", "info"), ("PIPEWRIGHT_LOG_FORMAT", "json")];
    let served = Served::start_with(&place, &["--port", "0"], &env);
    assert_eq!(
        served.status("GET /api/pipes HTTP/1.1\r\nx-request-id: of-the-test\r\nx-rest:"),
        401
    );
    let lines = || std::fs::read_to_string(place.log()).unwrap();
    let begin = std::time::Instant::now();
    while !lines().contains("of-the-test") && begin.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let lines: Vec<serde_json::Value> = lines()
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line of the log is JSON"))
        .collect();
    let answered = lines.iter().find(|line| line["span"]["id"] == "of-the-test").unwrap();
    assert_eq!(answered["status"], 401, "{answered}");
    assert_eq!(answered["span"]["path"], "/api/pipes");
    assert!(answered["timestamp"].is_string() && answered["level"] == "INFO", "{answered}");
}

#[test]
fn tokens_say_who_may_do_what() {
    let place = Place::with_example();
    let served = Served::start(&place, &["--trust"]);
    assert_eq!(served.status("GET /api/ping"), 200);
    for request in ["GET /api/pipes", "GET /api/studio/events", "POST /api/studio/run", "GET /api"]
    {
        assert_eq!(served.status(request), 401, "{request}");
    }
    let nobody = served.client("not.a.token");
    assert_eq!(refused(nobody.get::<serde_json::Value>("/api/pipes").map(drop)).0, 401);

    let reader = served.client(&token(&place, "Reader"));
    let pipes: Vec<serde_json::Value> = reader.get("/api/pipes").unwrap();
    assert_eq!(pipes.len(), 27);
    let project: studio::Project = reader.get(studio::PROJECT).unwrap();
    assert_eq!(project.role, Role::Reader);
    for path in [RUN, studio::STOP, studio::EDITS, studio::TRUST, "/api/pipes/country/pump"] {
        let (status, code) = refused(reader.tell(path, &Run::default()));
        assert_eq!((status, code.as_str()), (403, "role"), "{path}");
    }
    // Asking what would be is not changing.
    let check = studio::Check { path: "pipes/x.conf.json".into(), text: "{".into() };
    assert!(!reader.post::<studio::Findings>(studio::CHECK, &check).unwrap().is_empty());

    let developer = served.client(&token(&place, "Developer"));
    developer.tell(RUN, &Run { pipes: vec!["country".into()] }).unwrap();
    served.client(&served.token).tell(RUN, &Run { pipes: vec!["country".into()] }).unwrap();
}

#[test]
fn without_trust_a_run_through_the_node_is_refused() {
    let place = Place::with_example();
    let served = Served::start(&place, &[]);
    let run = place.call("run", &[]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("trust"), "{run:?}");
    let (status, code) = refused(served.client(&served.token).tell(RUN, &Run::default()));
    assert_eq!((status, code.as_str()), (403, "not-trusted"));
    drop(served);

    // Trust is remembered.
    drop(Served::start(&place, &["--trust"]));
    let served = Served::start(&place, &[]);
    served.client(&served.token).tell(RUN, &Run::default()).unwrap();
}

#[test]
fn where_the_usual_port_is_taken_another_one_is_found() {
    // Whoever has it: it is taken.
    let taken = TcpListener::bind("127.0.0.1:9042");
    let place = Place::with_example();
    let served = Served::start_as_said(&place, &[]);
    assert_ne!(served.address, "http://127.0.0.1:9042");
    assert_eq!(served.status("GET /api/ping"), 200);
    drop(taken);
}
