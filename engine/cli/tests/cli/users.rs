//! People who share a node, and what its log says of their calls.

use pipewright_protocol::client::{CallError, Client};
use serde_json::Value;

use crate::attach::Served;
use crate::{Called, Place};

#[test]
fn an_invitation_from_the_folder_becomes_a_token_at_the_node() {
    let place = Place::empty();
    std::fs::create_dir_all(place.project()).unwrap();
    let user = |command: &str, rest: &[&str]| {
        Called::of(place.command(&["user", command], rest).output().unwrap())
    };
    // Without a node, and with one.
    let invitation = user("create", &["ada", "--role", "Reader"]).well().out;
    let served = Served::start(&place, &[]);
    let bo = user("create", &["bo", "--role", "Admin", "--days", "0", "--json"]).well().json();
    assert_eq!(bo["user"]["role"], "Admin");

    let accept = |invitation: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pipewright"));
        let home = place.home.path().join("settings");
        command.args(["user", "accept", &served.address]).env("PIPEWRIGHT_HOME", home);
        Called::fed(&mut command, invitation)
    };
    let token = accept(&invitation).well().out;
    let again = accept(&invitation);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("does not count"), "{again:?}");
    // What lasts no day is over.
    assert_eq!(accept(bo["invitation"].as_str().unwrap()).code, Some(2));

    let client = Client::new(&served.address, token.trim()).unwrap();
    assert_eq!(client.get::<Vec<Value>>("/api/pipes").unwrap(), Vec::<Value>::new());
    let users = user("list", &[]).well().out;
    assert!(users.contains("ada") && users.contains("too late"), "{users}");
    assert_eq!(user("role", &["ada", "Developer", "--json"]).well().json()["role"], "Developer");
    user("invite", &["bo"]).well();
    user("remove", &["ada"]).well();
    assert_eq!(user("remove", &["ada"]).code, Some(2));
    assert!(matches!(
        client.get::<Vec<Value>>("/api/pipes"),
        Err(CallError::Refused { status: 401, .. })
    ));
}

/// The id in an answer leads to the lines of the log about its request.
#[test]
fn the_log_names_requests_as_their_answers_do() {
    let place = Place::empty();
    let env = [("PIPEWRIGHT_LOG", "info")];
    let served = Served::start_with(&place, &["--port", "0"], &env);
    let client = Client::new(&served.address, &served.token).unwrap();
    let error = match client.get::<Value>("/api/pipes/none") {
        Err(CallError::Refused { error, .. }) => error,
        other => panic!("{other:?}"),
    };
    let id = error.request_id.unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let log = std::fs::read_to_string(place.log()).unwrap();
        // Not coloured: it is not a terminal.
        if let Some(line) = log.lines().find(|line| line.contains(&id)) {
            assert!(line.contains("/api/pipes/none") && line.contains("404"), "{line}");
            assert!(!log.contains(&served.token));
            return;
        }
        assert!(std::time::Instant::now() < end, "{log}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
