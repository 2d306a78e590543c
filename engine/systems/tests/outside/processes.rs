//! Services that are started as processes.

use std::path::Path;
use std::sync::Arc;

use pipewright_component::{Access, Failure, Surroundings, SystemClock};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use crate::{Secrets, entities, live, read, request, source};

/// Answers with what it was started with; ends itself when asked to.
const SERVICE: &str = r#"
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            os._exit(3)
        about = {"_id": str(os.getpid()), "port": int(os.environ["PORT"]), "args": sys.argv[1:],
                 "greeting": os.environ.get("GREETING"), "more": os.environ.get("MORE"),
                 "key": os.environ.get("PIPEWRIGHT_SECRETS_KEY"), "path": self.path}
        body = json.dumps([about]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

fn service(process: Json) -> Json {
    json!({"_id": "sys", "type": "system:microservice", "process": process})
}

fn started() -> Json {
    json!({
        "command": ["python3", "service.py", "{port}"], "health": "/",
        "environment": {"GREETING": "hello $SECRET(name)", "MORE": {"a": 1}},
    })
}

fn surroundings(folder: &Path) -> Surroundings {
    Surroundings {
        folder: Some(folder.to_owned()),
        clock: Arc::new(SystemClock),
        variables: Arc::new(Secrets(&[("name", "you")])),
        ..live()
    }
}

fn ask(
    systems: &Systems,
    system: &Json,
    url: &str,
    around: &Surroundings,
) -> Result<Json, Failure> {
    let config = json!({"type": "json", "system": "sys", "url": url});
    let mut source = source(systems, &config, system, around)?;
    read(&mut *source, &request(10)).map(|batches| entities(&batches))
}

#[test]
fn a_service_is_started_when_it_is_needed_and_again_when_it_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("service.py"), SERVICE).unwrap();
    let (systems, around) = (Systems::new(), surroundings(folder.path()));
    let held = Surroundings { access: Access::HELD, ..around.clone() };
    let system = service(started());
    let first = ask(&systems, &system, "a", &held);
    assert!(matches!(first, Err(Failure::Held { .. })), "{first:?}");

    // It may reach out, and yet start nothing.
    let reads = Access { processes: Access::HELD.processes, ..Access::LIVE };
    let first = ask(&systems, &system, "a", &Surroundings { access: reads, ..around.clone() });
    let Err(Failure::Config { path, message }) = first else { panic!("{first:?}") };
    assert_eq!(path, "$.process");
    assert!(message.contains("may start none") && message.contains("--processes"), "{message}");

    let first = ask(&systems, &system, "a", &around).unwrap();
    let about = &first[0];
    assert_eq!(about["path"], "/a");
    assert_eq!(about["args"], json!([about["port"].to_string()]));
    assert_eq!((&about["greeting"], &about["more"]), (&json!("hello you"), &json!("{\"a\":1}")));
    assert_eq!(about["key"], Json::Null);
    let again = ask(&systems, &system, "b", &around).unwrap();
    assert_eq!(again[0]["_id"], about["_id"], "it is the same process");

    assert!(ask(&systems, &system, "end", &around).is_err());
    // It may take a moment until it is gone.
    let other = (0..100).find_map(|_| ask(&systems, &system, "c", &around).ok()).unwrap();
    assert_ne!(other[0]["_id"], about["_id"]);

    let mut changed = started();
    changed["command"] = json!(["python3", "service.py", "{port}", "more"]);
    let changed = ask(&systems, &service(changed), "d", &around).unwrap();
    assert_eq!(changed[0]["args"][1], "more");
}

#[test]
fn a_service_that_does_not_come_up_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (systems, around) = (Systems::new(), surroundings(folder.path()));
    let fails = |process: Json| ask(&systems, &service(process), "x", &around).unwrap_err();
    let failure = fails(json!({"command": ["no-such-program-here"]}));
    assert!(matches!(failure, Failure::Config { .. }), "{failure}");
    assert!(failure.to_string().contains("no-such-program-here"), "{failure}");
    let script = "import sys; print('no database'); sys.exit(4)";
    let failure = fails(json!({"command": ["python3", "-c", script]}));
    assert!(failure.is_retryable() && failure.to_string().contains("ended with"), "{failure}");
    let failure = fails(
        json!({"command": ["python3", "-c", "import time; time.sleep(60)"], "start_timeout": 0}),
    );
    assert!(failure.to_string().contains("not ready"), "{failure}");
    for wrong in [json!({}), json!({"command": []}), json!({"command": ["x"], "port": 70000})] {
        assert!(matches!(fails(wrong), Failure::Config { .. }));
    }
    let docker = json!({"_id": "sys", "type": "system:microservice", "docker": {"image": "a"}});
    let failure = ask(&systems, &docker, "x", &around).unwrap_err();
    assert!(failure.to_string().contains("which command to start"), "{failure}");
}
