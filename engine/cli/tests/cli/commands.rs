//! Commands that start, answer and end.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::{Called, Place, by_pipe};

#[test]
fn validate_says_where_what_and_what_to_do() {
    let place = Place::empty();
    place.write(
        "pipes/person.conf.json",
        r#"{
  "_id": "person",
  "type": "pipe",
  "source": { "type": "embeded", "entities": [] },
  "transform": {
    "type": "dtl",
    "rules": { "default": [["copy", "*"], ["add", "name", ["uppper", "_S.name"]]] }
  }
}"#,
    );
    let found = place.call("validate", &[]);
    assert_eq!(found.code, Some(1), "{found:?}");
    let line = |start: &str| found.out.lines().find(|line| line.starts_with(start)).unwrap();
    let source = line("pipes/person.conf.json:4:23: error at $.source.type: ");
    assert!(source.contains("`embeded`") && source.contains("did you mean `embedded`?"));
    let function = line("pipes/person.conf.json:7:60: error at $.transform.rules.default[1][2][0]");
    assert!(function.contains("\"uppper\"") && function.contains("did you mean \"upper\"?"));
    assert!(found.out.ends_with("1 pipes, 0 systems: 2 errors, 0 warnings and notes\n"));

    let found = place.call("validate", &["--json"]);
    assert_eq!(found.code, Some(1));
    let problems = found.json();
    let paths: Vec<&str> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["path"].as_str().unwrap())
        .collect();
    assert_eq!(paths, ["$.source.type", "$.transform.rules.default[1][2][0]"]);

    // Nothing was made beside the files.
    let names: Vec<_> = std::fs::read_dir(place.project()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_project_without_faults_is_said_to_be_so() {
    let found = Place::with_example().call("validate", &[]).well();
    assert!(found.out.contains("0 errors"), "{found:?}");
}

#[test]
fn a_folder_that_is_not_there_is_a_plain_error() {
    let place = Place::empty();
    for command in ["run", "validate", "test"] {
        let called = place.call(command, &[]);
        assert_eq!(called.code, Some(2));
        assert!(called.err.contains("no such folder"), "{called:?}");
    }
}

#[test]
fn a_test_that_is_broken_fails() {
    let place = Place::empty();
    place.write(
        "pipes/a.conf.json",
        r#"{"_id": "a", "type": "pipe",
            "source": {"type": "embedded", "entities": [{"_id": "1"}]}}"#,
    );
    place.write("expected/a.json", r#"[{"_id": "1"}]"#);
    place.write("expected/a.test.json", r#"{"stage": "sink"}"#);
    place.call("test", &[]).well();
    place.write("expected/a.test.json", r#"{"stage": "sinc"}"#);
    let run = place.call("test", &["--json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let why = run.json()["tests"][0]["differences"][0].to_string();
    assert!(why.contains("expected/a.test.json") && why.contains("no stage `sinc`"), "{why}");
}

#[test]
fn run_counts_and_test_compares() {
    let place = Place::with_example();
    let first = place.call("run", &["--json"]).well().json();
    assert_eq!(first["ok"], true);
    let pipes = by_pipe(&first);
    let counts = |pipe: &str| {
        let line = pipes[pipe];
        ["read", "written", "unchanged", "held", "failed"].map(|name| line[name].as_u64().unwrap())
    };
    assert_eq!(counts("crm-company-collect"), [250, 250, 0, 0, 0]);
    assert_eq!(counts("erp-order-line"), [600, 1240, 0, 0, 0]);
    assert_eq!(counts("erp-customer-share"), [219, 0, 0, 219, 0]);
    assert!(pipes.values().all(|line| line["status"] == "ok" && line["time"].is_f64()));
    // The endpoints serve; they do not run.
    assert_eq!(pipes.len(), 24);

    let again = place.call("run", &["--json"]).well().json();
    assert!(by_pipe(&again).values().all(|line| line["written"] == 0), "{again:#}");

    let table = place.call("run", &[]).well().out;
    let row = table.lines().find(|line| line.starts_with("crm-company-collect ")).unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(cells[1..6], ["250", "·", "250", "·", "·"]);

    let tested = place.call("test", &[]).well();
    assert_eq!(tested.out.lines().filter(|line| line.ends_with(" ok")).count(), 5);
    assert!(tested.out.ends_with("5 passed, 0 failed, 0 skipped\n"), "{tested:?}");
}

#[test]
fn test_shows_what_differs() {
    let place = Place::with_example();
    let file = place.project().join("data/crm/companies.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("+47 15 34 41 04", "+47 15 34 41 05")).unwrap();
    let tested = place.call("test", &[]);
    assert_eq!(tested.code, Some(1));
    assert!(tested.out.contains("erp-customer-share                       FAILED (1 differences)"));
    for line in ["  C1023: phone", "    - \"+4715344104\"", "    + \"+4715344105\""] {
        assert!(tested.out.lines().any(|found| found == line), "{}", tested.out);
    }
    assert!(tested.out.ends_with("4 passed, 1 failed, 0 skipped\n"));
}

#[test]
fn a_pipe_that_fails_is_named_and_the_others_run() {
    let place = Place::empty();
    let pipe = |id: &str, rule: &str| {
        place.write(
            &format!("pipes/{id}.conf.json"),
            &format!(
                r#"{{"_id":"{id}","type":"pipe",
                "source":{{"type":"embedded","entities":[{{"_id":"1"}}]}},
                "transform":{{"type":"dtl","rules":{{"default":[["copy","*"],{rule}]}}}}}}"#
            ),
        );
    };
    pipe("bad", r#"["fail!", "not this one"]"#);
    pipe("good", r#"["add", "a", 1]"#);
    let run = place.call("run", &["--json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let run = run.json();
    let pipes = by_pipe(&run);
    assert_eq!(run["ok"], false);
    assert_eq!((&pipes["good"]["status"], &pipes["good"]["written"]), (&json!("ok"), &json!(1)));
    assert_eq!(pipes["bad"]["status"], "failed");
    assert!(pipes["bad"]["message"].as_str().unwrap().contains("not this one"), "{run:#}");
}

#[test]
fn preview_shows_one_entity_and_stores_nothing() {
    let place = Place::with_example();
    place.call("run", &[]).well();
    let entities = |place: &Place| place.call("entities", &["crm-company-enrich"]).well().out;
    let before = entities(&place);

    let one = place.call("preview", &["crm-company-enrich", "--id", "C1023"]).well();
    let [entity] = one.lines().try_into().unwrap();
    assert_eq!(entity["_id"], "crm-company:C1023");
    assert_eq!(entity["crm-company:org-key"], "440897786");
    assert_eq!(entity["crm-company:phone-key"], "+4715344104");

    let first = place.call("preview", &["crm-company-enrich"]).well();
    assert_eq!(first.lines()[0]["_id"], "crm-company:C1000");

    place.write("mine.json", r#"{"_id":"x","org_no":"123 456 789","phone":"0047 11"}"#);
    let file = place.project().join("mine.json");
    let own = place.call("preview", &["crm-company-enrich", "--entity", file.to_str().unwrap()]);
    let [entity] = own.well().lines().try_into().unwrap();
    assert_eq!(entity["_id"], "crm-company:x");
    assert_eq!(entity["crm-company:org-key"], "123456789");
    assert_eq!(entity["crm-company:phone-key"], "+4711");

    let missing = place.call("preview", &["crm-company-enrich", "--id", "nobody"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.out.is_empty() && missing.err.contains("\"nobody\""), "{missing:?}");
    let no_pipe = place.call("preview", &["no-such-pipe"]);
    assert_ne!(no_pipe.code, Some(0), "{no_pipe:?}");

    assert_eq!(entities(&place), before);
}

#[test]
fn entities_gives_one_object_a_line() {
    let place = Place::with_example();
    place.call("run", &[]).well();
    let file = place.project().join("data/crm/companies.csv");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("+47 15 34 41 04", "+47 15 34 41 05")).unwrap();
    place.call("run", &[]).well();

    let ask = |rest: &[&str]| -> Vec<(String, u64)> {
        let rest: Vec<&str> =
            std::iter::once("crm-company-collect").chain(rest.iter().copied()).collect();
        let called: Called = place.call("entities", &rest).well();
        let of = |entity: &Value| {
            (entity["_id"].as_str().unwrap().to_owned(), entity["_updated"].as_u64().unwrap())
        };
        called.lines().iter().map(of).collect()
    };
    let named = |id: &str, at: u64| (id.to_owned(), at);
    assert_eq!(ask(&["--limit", "2"]), [named("C1000", 0), named("C1001", 1)]);
    assert_eq!(ask(&["--since", "248"]), [named("C1249", 249), named("C1023", 250)]);
    assert_eq!(ask(&["--since", "249"]), [named("C1023", 250)]);
    let (current, all) = (ask(&[]), ask(&["--history"]));
    assert_eq!((current.len(), all.len()), (250, 251));
    assert!(!current.contains(&named("C1023", 23)) && all.contains(&named("C1023", 23)));

    let missing = place.call("entities", &["nothing"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("there is no dataset \"nothing\""), "{missing:?}");
}

#[test]
fn a_new_token_is_all_that_is_printed() {
    let place = Place::empty();
    place.write("pipes/.keep", "");
    let called = Called::of(
        place
            .command(&["token", "create"], &["--role", "Reader", "--name", "board", "--days", "2"])
            .output()
            .unwrap(),
    )
    .well();
    assert_eq!(called.out.lines().count(), 1);
    let parts: Vec<&str> = called.out.trim_end().split('.').collect();
    assert_eq!(parts.len(), 3);
    let payload = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert!(payload.get("principals").is_none(), "{payload}");
    assert_eq!((&payload["role"], &payload["sub"]), (&json!("Reader"), &json!("board")));
    let lasts = payload["exp"].as_u64().unwrap() - payload["iat"].as_u64().unwrap();
    assert_eq!(lasts, 2 * 86_400);
}

#[test]
fn a_system_is_tested_and_listed_without_running_a_pipe() {
    let place = Place::empty();
    let system = json!({
        "_id": "shop", "type": "system:rest", "url_pattern": "http://127.0.0.1:1/%s",
        "operations": {"list": {"url": "men", "method": "GET"}},
    });
    place.write("systems/shop.conf.json", &system.to_string());
    let call = |command: &[&str], rest: &[&str]| {
        Called::of(place.command(&[&["system"], command].concat(), rest).output().unwrap())
    };
    let found = call(&["list"], &["shop"]).well();
    assert_eq!(found.out, "operation list: GET men\n");
    let found = call(&["list"], &["shop", "--json"]).well().json();
    assert_eq!(found[0]["source"], json!({"type": "rest", "system": "shop", "operation": "list"}));
    // Nothing listens there.
    let found = call(&["test"], &["shop"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.err.contains("127.0.0.1:1") && found.err.contains("\"shop\""), "{found:?}");
    let found = call(&["test"], &["nobody"]);
    assert_eq!(found.code, Some(2), "{found:?}");
    assert!(found.err.contains("\"nobody\""), "{found:?}");
}

#[test]
fn tokens_are_listed_and_revoked_by_name() {
    let place = Place::empty();
    place.write("pipes/.keep", "");
    let call =
        |words: &[&str], more: &[&str]| Called::of(place.command(words, more).output().unwrap());
    let token =
        call(&["token", "create"], &["--role", "Developer", "--name", "pipeline"]).well().out;
    let listed = call(&["token", "list"], &["--json"]).well();
    let listed: Vec<Value> = serde_json::from_str(&listed.out).unwrap();
    let [one] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&one["name"], &one["state"]), (&json!("pipeline"), &json!("valid")));
    assert!(!one.to_string().contains(token.trim()));
    let id = one["id"].as_str().unwrap();
    call(&["token", "revoke"], &["--id", id]).well();
    assert!(call(&["token", "list"], &[]).well().out.contains("revoked"));
    let unknown = call(&["token", "revoke"], &["--id", "nothing"]);
    assert_eq!(unknown.code, Some(2));
}

#[test]
fn an_address_that_others_can_reach_is_refused_without_tls() {
    let place = Place::empty();
    let refused = Called::of(
        place.command(&["serve"], &["--address", "0.0.0.0", "--port", "0"]).output().unwrap(),
    );
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("--without-tls"), "{refused:?}");
}

#[test]
fn data_goes_into_one_file_and_comes_back() {
    let place = Place::with_example();
    let file = place.home.path().join("node.backup");
    let name = file.to_str().unwrap();
    let called = place.call("backup", &[name]);
    assert_eq!(called.code, Some(2), "there is nothing to back up: {called:?}");
    place.call("run", &[]).well();
    place.call("backup", &[name]).well();
    let dataset = "global-person";
    let before = place.call("entities", &[dataset]).well().lines();
    assert!(!before.is_empty());

    let called = place.call("restore", &[name]);
    assert_eq!(called.code, Some(2));
    assert!(called.err.contains("node.db"), "{called:?}");
    place.call("restore", &[name, "--replace"]).well();
    assert_eq!(place.call("entities", &[dataset]).well().lines(), before);

    std::fs::remove_dir_all(place.project().join(".pipewright")).unwrap();
    place.call("restore", &[name]).well();
    assert_eq!(place.call("entities", &[dataset]).well().lines(), before);
    std::fs::write(&file, "no backup").unwrap();
    let called = place.call("restore", &[name, "--replace"]);
    assert_eq!(called.code, Some(2));
    assert!(called.err.contains("is not a store of this program"), "{called:?}");
}

#[test]
fn the_other_profile_of_the_example_gives_the_same_from_other_systems() {
    let place = Place::with_example();
    let offline = place.call("test", &["--profile", "local"]);
    assert_ne!(offline.code, Some(0), "a service is started only where that is allowed");
    let called = place.call("test", &["--profile", "local", "--online"]).well();
    assert!(called.out.contains("5 passed"), "{called:?}");
    // The database and the file have the same rows, column by column.
    let run = ["--profile", "local", "--json"];
    place.call("run", &run).well();
    let of = |dataset: &str| place.call("entities", &[dataset]).well().lines();
    let plain = |mut entity: Value| {
        entity.as_object_mut().unwrap().retain(|name, _| !name.starts_with('_') || name == "_id");
        entity
    };
    let local: Vec<Value> = of("crm-contact-collect").into_iter().map(plain).collect();
    std::fs::remove_dir_all(place.project().join(".pipewright")).unwrap();
    place.call("run", &[]).well();
    let test: Vec<Value> = of("crm-contact-collect").into_iter().map(plain).collect();
    assert_eq!(local, test);
}
