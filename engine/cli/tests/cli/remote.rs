//! Commands that work against a node by its address, and what the program says
//! of itself.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::attach::Served;
use crate::{Called, Place};

/// Calls with arguments in any order, with a token for nodes.
fn call(place: &Place, token: &str, arguments: &[&str]) -> Called {
    let output = Command::new(env!("CARGO_BIN_EXE_pipewright"))
        .args(arguments)
        .env("PIPEWRIGHT_HOME", place.project().with_file_name("settings"))
        .env("PIPEWRIGHT_TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Called::of(output)
}

const PIPE: &str = r#"{
  "_id": "a",
  "type": "pipe",
  "source": {"type": "embedded", "entities": [{"_id": "1", "n": 1.0}]}
}
"#;

#[test]
fn config_goes_to_a_node_and_back() {
    let (home, far) = (Place::empty(), Place::empty());
    home.write("pipes/sub/a.conf.json", PIPE);
    home.write("test-env.json", "{\"x\": 1.0}");
    std::fs::create_dir_all(far.project()).unwrap();
    let served = Served::start(&far, &["--trust"]);
    let folder = home.project().display().to_string();
    let run = |command: &[&str], rest: &[&str]| {
        let arguments = [command, &[folder.as_str(), served.address.as_str()], rest].concat();
        call(&home, &served.token, &arguments)
    };
    let differs = run(&["status"], &["--json"]);
    assert_eq!(differs.code, Some(1));
    assert_eq!(differs.json()["differences"][0]["is"], "only in the folder");
    run(&["upload"], &[]).well();
    let same = run(&["status"], &[]).well();
    assert!(same.out.contains("the same config"), "{same:?}");
    assert!(run(&["upload"], &[]).well().out.contains("nothing to do"));
    assert!(
        std::fs::read_to_string(far.project().join("pipes/a.conf.json")).unwrap().contains("1.0")
    );

    // There a variable and a pipe change; here the untouched file stays.
    let set = ["env", "set", &served.address, "y", "2.50", "--as-json"];
    call(&home, &served.token, &set).well();
    let list = call(&home, &served.token, &["env", "list", &served.address, "--json"]).well();
    assert!(list.out.contains("2.50"), "{list:?}");
    far.write("pipes/b.conf.json", &PIPE.replace("\"a\"", "\"b\""));
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !run(&["status"], &[]).out.contains("b: only in the node") {
        assert!(std::time::Instant::now() < end, "the node does not see its folder");
    }
    let down = run(&["download"], &["--json"]).well().json();
    assert_eq!(down["changed"], serde_json::json!(["b", "variables"]));
    run(&["status"], &[]).well();
    assert_eq!(
        std::fs::read_to_string(home.project().join("pipes/sub/a.conf.json")).unwrap(),
        PIPE
    );
    assert!(
        std::fs::read_to_string(home.project().join("test-env.json")).unwrap().contains("2.50")
    );

    // Config with errors is refused as a whole.
    home.write(
        "pipes/bad.conf.json",
        r#"{"_id": "bad", "type": "pipe", "source": {"type": "nope"}}"#,
    );
    let refused = run(&["upload"], &[]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    let wrong = call(&home, "no.such.token", &["datasets", &served.address]);
    assert_eq!(wrong.code, Some(2));
    let none = call(&home, "", &["datasets", &served.address]);
    assert!(none.err.contains("PIPEWRIGHT_TOKEN"), "{none:?}");
}

#[test]
fn a_pump_is_asked_and_told_here_and_there() {
    let place = Place::empty();
    place.write("pipes/a.conf.json", PIPE);
    place.call("run", &[]).well();
    let folder = place.project().display().to_string();
    let state = call(&place, "", &["pump", &folder, "a", "--json"]).well().json();
    assert_eq!(state["state"], "finished");
    let start = call(&place, "", &["pump", &folder, "a", "start"]);
    assert_eq!(start.code, Some(2), "{start:?}");
    call(&place, "", &["pump", &folder, "a", "disable", "--comment", "a rest"]).well();
    let log = call(&place, "", &["log", &folder, "a"]).well();
    assert!(log.out.contains("pump-completed") && log.out.contains("pump-disabled"), "{log:?}");
    let served = Served::start(&place, &["--trust"]);
    let there = call(&place, &served.token, &["pump", &served.address, "a", "enable", "--json"]);
    assert_eq!(there.well().json()["is-disabled"], false);
    let datasets = call(&place, &served.token, &["datasets", &served.address, "--json"]).well();
    assert_eq!(datasets.json()[0]["runtime"]["count-index-exists"], 1);
    let log = call(&place, "", &["log", &folder, "a", "--json", "--limit", "1"]).well();
    assert_eq!(log.out.lines().count(), 1);
}

#[test]
fn tests_are_told_to_build_servers() {
    let place = Place::empty();
    place.write("pipes/a.conf.json", PIPE);
    place.write("expected/a.test.json", r#"{"_id": "a", "type": "test"}"#);
    place.write("expected/a.json", r#"[{"_id": "1", "n": 1.0}]"#);
    place.write("expected/b.test.json", r#"{"_id": "b", "type": "test", "pipe": "a"}"#);
    place.write("expected/b.json", r#"[{"_id": "1", "n": "<2>"}]"#);
    place.write(
        "expected/c.test.json",
        r#"{"_id": "c", "type": "test", "pipe": "a", "ignore": true}"#,
    );
    let file = place.project().with_file_name("junit.xml");
    let run = place.call("test", &["--json", "--junit", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(1));
    let results = run.json();
    let result = |at: usize| results["tests"][at]["result"].as_str().unwrap().to_owned();
    assert_eq!([result(0), result(1), result(2)], ["passed", "failed", "ignored"]);
    let text = std::fs::read_to_string(file).unwrap();
    let head =
        "<testsuite name=\"pipewright\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">";
    assert!(text.contains(head) && text.contains("&lt;2&gt;"), "{text}");
}

#[test]
fn the_program_describes_itself() {
    let place = Place::empty();
    let say = |arguments: &[&str]| call(&place, "", arguments).well().out;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(say(&["completions", shell]).contains("upload"), "{shell}");
    }
    let ending = ".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nIt was done";
    let page = say(&["man"]);
    assert!(page.contains(".TH") && page.contains(ending), "{page}");
    let folder = place.project().with_file_name("man");
    say(&["man", "--folder", folder.to_str().unwrap()]);
    let page = std::fs::read_to_string(folder.join("pipewright-token-create.1")).unwrap();
    assert!(page.contains(ending), "{page}");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let current = std::fs::read_to_string(page).unwrap_or_default();
    assert_eq!(say(&["reference"]), current, "run `cargo xtask docs`");
}

/// The client for Python, against this program.
#[test]
fn the_client_for_python_works() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/python");
    let output = Command::new("python3")
        .args(["-B", "-m", "unittest", "discover", "-s", "tests"])
        .current_dir(folder)
        .env("PIPEWRIGHT", env!("CARGO_BIN_EXE_pipewright"))
        .output()
        .expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
