//! What people are told: a folder with rules in, alerts out.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::Request;
use common::{Place, log};
use pipewright_node::{Node, Permission, router};
use pipewright_protocol::studio::{
    MailState, NOTIFICATIONS, Notification, NotificationState, Notifications, Role, Severity,
};
use serde_json::{Value as Json, json};
use tower::ServiceExt;

fn inbound(id: &str, metadata: Json) -> Json {
    json!({
        "_id": id,
        "source": {"type": "csv", "system": "files", "url": format!("{id}.csv"),
                   "primary_key": "id"},
        "pump": {"schedule_interval": 60},
        "metadata": metadata,
    })
}

fn place(pipes: impl IntoIterator<Item = Json>) -> Place {
    let place = Place::new(pipes);
    let files = json!({"_id": "files", "type": "system:url", "url_pattern": "file:%s"});
    place.put("systems/files.conf.json", &files.to_string());
    place
}

/// What the API tells.
fn told(node: &Arc<Node>) -> Notifications {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = node.tokens().issue("test", Role::Admin, now, Some(600));
    let request = Request::get(NOTIFICATIONS)
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let body = runtime.block_on(async {
        let answer = router(node.clone()).oneshot(request).await.unwrap();
        assert!(answer.status().is_success());
        axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap()
    });
    serde_json::from_slice(&body).unwrap()
}

fn shown(all: &[Notification]) -> Vec<(&str, &str, NotificationState)> {
    all.iter().map(|told| (told.rule.as_str(), told.pipe.as_str(), told.state)).collect()
}

#[test]
fn a_pipe_that_fails_is_an_alert_until_it_works_again() {
    use NotificationState::{Open, Recovered};
    let place = place([inbound("in", json!({}))]);
    let node = place.open();
    place.pass(&node, 61.0);
    assert_eq!(shown(&told(&node).alerts), [("pump-failed", "in", Open)]);
    let first = told(&node).alerts.remove(0);
    // That it goes on failing is no news.
    place.pass(&node, 120.0);
    assert_eq!(told(&node).recent, std::slice::from_ref(&first));

    // The alert outlives the node.
    drop(node);
    let node = place.open();
    assert_eq!(told(&node).alerts, std::slice::from_ref(&first));

    place.put("in.csv", "id\n");
    place.pass(&node, 61.0);
    let all = told(&node);
    assert!(all.alerts.is_empty());
    let expected = [("pump-failed", "in", Recovered), ("pump-failed", "in", Open)];
    assert_eq!(shown(&all.recent), expected);
    assert_eq!(all.recent[0].since, first.since);

    // The run that did nothing is in the log, so that the log tells the truth.
    assert_eq!(log(&node, "in", "pump-completed").len(), 1);
    place.pass(&node, 120.0);
    assert_eq!(log(&node, "in", "pump-completed").len(), 1);
    drop(node);
    let node = place.open();
    assert!(told(&node).alerts.is_empty());
}

#[test]
fn rules_say_what_is_told_about_which_pipes() {
    use NotificationState::{Happened, Open, Recovered};
    let quiet = json!({"notifications": [
        {"name": "any", "type": "pattern-match",
         "pattern": {"event_type": "pump-completed", "entities_succeeded": "0"}},
    ]});
    let place =
        place([inbound("crm-a", json!({})), inbound("crm-b", quiet), inbound("erp", json!({}))]);
    let metadata = json!({"_id": "node", "type": "metadata", "notifications": {"rules": [
        {"name": "any", "type": "pump-failed", "pipes": "crm-*", "severity": "warning"},
        {"type": "pump-finished-overdue", "pipes": ["erp"], "seconds": 30},
        {"type": "pattern-match", "name": "wrote", "pipes": ["erp"],
         "pattern": {"event_type": "pump-comp*", "metrics.entities.changes_last_run": "2"}},
    ]}});
    place.put("node-metadata.conf.json", &metadata.to_string());
    place.put("erp.csv", "id\n1\n2\n");
    let node = place.open();
    // Nobody runs anything for too long.
    place.clock.advance(std::time::Duration::from_secs(120));
    node.run_due();
    let all = told(&node);
    assert_eq!(shown(&all.alerts), [("any", "crm-a", Open)]);
    assert_eq!(all.alerts[0].severity, Severity::Warning);
    let mut of_erp = shown(&all.recent);
    of_erp.retain(|(_, pipe, _)| *pipe == "erp");
    of_erp.sort_by_key(|(rule, _, state)| (rule.len(), *state as u8));
    assert_eq!(
        of_erp,
        [
            ("wrote", "erp", Happened),
            ("pump-finished-overdue", "erp", Open),
            ("pump-finished-overdue", "erp", Recovered),
        ]
    );

    // A rule that is gone leaves no alert behind.
    place.put(
        "node-metadata.conf.json",
        &json!({"_id": "node", "type": "metadata",
        "notifications": {"rules": []}})
        .to_string(),
    );
    node.reload("test").unwrap();
    assert!(told(&node).alerts.is_empty());
}

/// A mail server that takes everything; gives its port and what it took.
fn mail_server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let taken = mails.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let say = |stream: &mut BufReader<std::net::TcpStream>, text: &str| {
                stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).unwrap();
            };
            say(&mut stream, "220 ready");
            let (mut line, mut mail, mut in_data) = (String::new(), String::new(), false);
            while stream.read_line(&mut line).unwrap_or(0) > 0 {
                match line.trim_end() {
                    "." if in_data => {
                        in_data = false;
                        taken.lock().unwrap().push(std::mem::take(&mut mail));
                        say(&mut stream, "250 taken");
                    }
                    text if in_data => {
                        mail.push_str(text);
                        mail.push('\n');
                    }
                    "DATA" => {
                        in_data = true;
                        say(&mut stream, "354 go on");
                    }
                    "QUIT" => say(&mut stream, "221 bye"),
                    _ => say(&mut stream, "250 ok"),
                }
                line.clear();
            }
        }
    });
    (port, mails)
}

#[test]
fn what_is_told_goes_out_as_one_mail_once_writes_may_leave() {
    let (port, mails) = mail_server();
    let metadata = json!({"_id": "node", "type": "metadata", "notifications": {
        "email": {"system": "post", "sender": "node@example.com",
                  "recipients": ["operations@example.com"]},
    }});
    let system = json!({"_id": "post", "type": "system:smtp", "smtp_server": "127.0.0.1",
                        "smtp_port": port});
    let mut place = place([inbound("one", json!({})), inbound("two", json!({}))]);
    place.put("node-metadata.conf.json", &metadata.to_string());
    place.put("systems/post.conf.json", &system.to_string());
    let pass = |place: &Place, node: &Arc<Node>, seconds: f64| {
        place.pass(node, seconds);
        place.pass(node, 3.0);
        place.pass(node, 0.0);
    };
    let node = place.open();
    pass(&place, &node, 61.0);
    assert_eq!(told(&node).alerts.len(), 2);
    assert!(told(&node).alerts.iter().all(|alert| alert.mail == Some(MailState::Held)));
    assert!(mails.lock().unwrap().is_empty(), "writes are held");

    drop(node);
    place.live = Permission::Live;
    let node = place.open();
    place.put("one.csv", "id\n1\n");
    place.put("two.csv", "id\n1\n");
    pass(&place, &node, 61.0);
    let all = told(&node);
    assert!(all.alerts.is_empty());
    assert!(all.recent[..2].iter().all(|told| told.mail == Some(MailState::Sent)), "{all:?}");
    let mails = mails.lock().unwrap();
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert!(mail.contains("To: operations@example.com"), "{mail}");
    assert!(mail.contains("2 notifications: 0 new, 2 over"), "{mail}");
    assert!(mail.contains("Runs again."), "{mail}");
}
