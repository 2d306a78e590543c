use std::fs;
use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{Access, Components, FixedClock, Setting, Surroundings};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use crate::server::{Reply, Server};
use crate::{Secrets, entities, in_folder, live, object, read, request, source, url_system};

const SECRETS: Secrets = Secrets(&[("user", "ane"), ("password", "p:w"), ("token", "a.b.c")]);

fn with_secrets() -> Surroundings {
    Surroundings { variables: Arc::new(SECRETS), ..live() }
}

/// The error of a reading, or none.
fn fetch(url: &str, system: &Json, surroundings: &Surroundings) -> Result<(), String> {
    let config = json!({"type": "json", "url": url});
    source(&Systems::new(), &config, system, surroundings)
        .and_then(|mut source| read(&mut *source, &request(10)))
        .map(|_| ())
        .map_err(|failure| failure.to_string())
}

#[test]
fn credentials_come_from_secrets() {
    let server = Server::start(|_| Reply::ok("[]"));
    let mut system = url_system(&format!("{}/%s", server.url));
    system["headers"] = json!({"X-Key": "key $SECRET(token)"});
    system["authentication"] = json!("basic");
    system["username"] = json!("$SECRET(user)");
    system["password"] = json!("$SECRET(password)");
    fetch("a", &system, &with_secrets()).unwrap();
    system["authentication"] = json!("jwt");
    system["jwt_token"] = json!("$SECRET(token)");
    fetch("a", &system, &with_secrets()).unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].headers["authorization"], "Basic YW5lOnA6dw==");
    assert_eq!(asked[0].headers["x-key"], "key a.b.c");
    assert_eq!(asked[1].headers["authorization"], "Bearer a.b.c");
}

#[test]
fn credentials_stay_with_their_own_server() {
    let (own, other) = (Server::start(|_| Reply::ok("[]")), Server::start(|_| Reply::ok("[]")));
    let mut system = url_system(&format!("{}/%s", own.url));
    system["headers"] = json!({"X-Key": "$SECRET(token)"});
    system["authentication"] = json!("jwt");
    system["jwt_token"] = json!("$SECRET(token)");
    fetch(&format!("{}/b", other.url), &system, &with_secrets()).unwrap();
    let asked = &other.asked()[0];
    assert_eq!(asked.path, "/b");
    assert!(!asked.headers.contains_key("authorization"));
    assert!(!asked.headers.contains_key("x-key"));
}

#[test]
fn credentials_do_not_show_in_messages() {
    let server = Server::start(|_| Reply::status(401, ""));
    let address = server.url.trim_start_matches("http://");
    let system = url_system(&format!(
        "http://$SECRET(user):$SECRET(password)@{address}/%s?k=$SECRET(token)"
    ));
    let message = fetch("a", &system, &with_secrets()).unwrap_err();
    assert!(message.contains(&format!("GET http://{address}/a answered 401")), "{message}");
    for secret in ["ane", "p:w", "a.b.c"] {
        assert!(!message.contains(secret), "{message}");
    }
    // They were used all the same.
    assert_eq!(server.asked()[0].query["k"], "a.b.c");
    assert!(server.asked()[0].headers["authorization"].starts_with("Basic "));
}

#[test]
fn a_missing_secret_is_named_before_anything_is_called() {
    let server = Server::start(|_| Reply::ok("[]"));
    let mut system = url_system(&server.url);
    system["authentication"] = json!("jwt");
    system["jwt_token"] = json!("$SECRET(nobody-set-it)");
    let message = fetch("", &system, &with_secrets()).unwrap_err();
    assert!(message.contains("nobody-set-it") && message.contains("\"sys\""), "{message}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn what_is_not_supported_says_so() {
    let mut system = url_system("http://127.0.0.1:1/");
    system["authentication"] = json!("ntlm");
    let message = fetch("a", &system, &live()).unwrap_err();
    assert!(message.contains("ntlm") && message.contains("$.authentication"), "{message}");
    let mail = json!({"_id": "sys", "type": "system:smtp"});
    assert!(fetch("a", &mail, &live()).unwrap_err().contains("$.source.system"));
    let both = json!({"type": "system:url", "url_pattern": "http://a/", "base_url": "http://a/"});
    assert!(fetch("a", &both, &live()).unwrap_err().contains("$.base_url"));
}

#[test]
fn a_component_without_a_system_needs_a_whole_url() {
    let server = Server::start(|_| Reply::ok("[]"));
    let run = |url: &str| {
        let config = json!({"type": "json", "url": url});
        let setting =
            Setting { pipe: "p", config: object(&config), system: None, path: "$.source" };
        let mut source = Systems::new().source(&setting, &live())?.unwrap();
        read(&mut *source, &request(1))
    };
    assert!(run(&server.url).is_ok());
    assert!(run("a/b").unwrap_err().to_string().contains("http:"));
}

#[test]
fn nothing_outside_is_read_while_reading_is_held() {
    let server = Server::start(|_| Reply::ok("[]"));
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("in.json"), "[]").unwrap();
    fs::write(folder.path().join("out.json"), "[]").unwrap();
    let held = in_folder(&project);
    let system = url_system(&format!("{}/%s", server.url));
    assert!(fetch("a", &system, &held).unwrap_err().contains("held"));
    assert_eq!(server.asked().len(), 0);
    let file = url_system("file:%s");
    fetch("in.json", &file, &held).unwrap();
    assert!(fetch("../out.json", &file, &held).unwrap_err().contains("held"));
    let live = Surroundings { access: Access::LIVE, ..held };
    fetch("../out.json", &file, &live).unwrap();
    let nowhere = Surroundings { folder: None, ..live };
    assert!(fetch("in.json", &file, &nowhere).unwrap_err().contains("project folder"));
}

#[test]
fn tokens_are_asked_for_kept_and_renewed() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/token" => {
            let name =
                if asked.body.contains("grant_type=refresh_token") { "later" } else { "first" };
            Reply::ok(
                json!({"access_token": name, "expires_in": 100, "refresh_token": "r 1"})
                    .to_string(),
            )
        }
        "/revoked" if asked.headers["authorization"] == "Bearer first" => Reply::status(401, ""),
        _ => Reply::ok("[]"),
    });
    let mut system = url_system(&format!("{}/%s", server.url));
    system["oauth2"] = json!({
        "client_id": "me", "client_secret": "$SECRET(password)", "token_url": format!("{}/token", server.url),
        "scope": ["a", "b"], "extra": {"audience": "x"},
    });
    let clock = FixedClock::at(0);
    let surroundings = Surroundings { clock: Arc::new(clock.clone()), ..with_secrets() };
    let systems = Systems::new();
    let fetch = |url: &str| {
        let config = json!({"type": "json", "url": url});
        let mut source = source(&systems, &config, &system, &surroundings).unwrap();
        read(&mut *source, &request(10)).unwrap();
    };
    fetch("a");
    fetch("a");
    let paths = || server.asked().iter().map(|asked| asked.path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(), ["/token", "/a", "/a"]);
    assert_eq!(
        server.asked()[0].body,
        "grant_type=client_credentials&client_id=me&client_secret=p%3Aw&scope=a+b&audience=x"
    );
    fetch("revoked");
    assert_eq!(paths()[3..], ["/revoked", "/token", "/revoked"]);
    assert!(server.asked()[4].body.contains("refresh_token=r+1"));
    // 30 seconds before its end a token is too old.
    clock.advance(Duration::from_secs(71));
    fetch("a");
    assert_eq!(paths()[6..], ["/token", "/a"]);
    assert_eq!(server.asked()[7].headers["authorization"], "Bearer later");
}

#[test]
fn a_connection_can_be_tried_without_a_run() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/api/" => Reply::status(404, ""),
        _ => Reply::status(401, "who are you?"),
    });
    let systems = Systems::new();
    let probe = |system: &Json, surroundings: &Surroundings| {
        let system = systems.system("sys", object(system), surroundings);
        system.and_then(|system| system.unwrap().test()).map_err(|failure| failure.to_string())
    };
    let known = url_system(&format!("{}/api/%s", server.url));
    assert!(probe(&known, &live()).unwrap().contains("answers"));
    let refused = url_system(&format!("{}/%s", server.url));
    assert!(probe(&refused, &live()).unwrap_err().contains("401"));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let found = probe(&url_system("file:data/%s"), &in_folder(folder.path())).unwrap();
    assert_eq!(found, "file:data/ is a folder");
}

#[test]
fn a_folder_offers_its_files_with_sources_that_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("people.csv"), "Name;id;Town\nAnna;7;Vik\nBo;8;Vik\n").unwrap();
    fs::write(data.join("towns.csv"), b"name,size\nT\xf8nsberg,3\nT\xf8nsberg,3\n").unwrap();
    fs::write(data.join("orders.json"), "[]").unwrap();
    fs::write(data.join("notes.md"), "").unwrap();
    fs::write(data.join("none.csv"), "").unwrap();
    let surroundings = in_folder(folder.path());
    let system = url_system("file:data/%s");
    let config = system.as_object().unwrap();
    let mut asked = Systems::new().system("files", config, &surroundings).unwrap().unwrap();
    let offers = asked.offers().unwrap();
    let told: Vec<_> = offers.iter().map(|it| (it.name.as_str(), it.about.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("none.csv", Some("is empty")),
            ("orders.json", None),
            ("people.csv", None),
            ("towns.csv", Some("no column could be the key")),
        ]
    );
    let source_of = |index: usize| Json::Object(offers[index].source.clone().unwrap());
    let keys: Vec<_> = offers[2].columns.iter().map(|it| (it.name.as_str(), it.is_key)).collect();
    assert_eq!(keys, [("Name", false), ("id", true), ("Town", false)]);
    assert_eq!(source_of(3)["encoding"], "iso-8859-1");
    let people = source_of(2);
    assert_eq!((&people["delimiter"], &people["primary_key"]), (&json!(";"), &json!("id")));
    let mut source = source(&Systems::new(), &people, &system, &surroundings).unwrap();
    let entities = entities(&read(&mut *source, &request(10)).unwrap());
    assert_eq!(entities[0]["_id"], "7");
}

#[test]
fn a_challenge_is_answered_and_remembered() {
    let server = Server::start(|asked| {
        let given = asked.headers.get("authorization").map(String::as_str).unwrap_or_default();
        let challenge = |nonce: &str| {
            let text = format!("Digest realm=\"api\", nonce=\"{nonce}\", qop=\"auth\"");
            Reply::status(401, "").with("WWW-Authenticate", &text)
        };
        match given {
            _ if asked.path == "/stale" && !given.contains("nonce=\"n2\"") => challenge("n2"),
            "" => challenge("n1"),
            _ if given.contains("username=\"ane\"") && given.contains("qop=auth") => {
                Reply::ok("[]")
            }
            _ => Reply::status(401, "who?"),
        }
    });
    let mut system = url_system(&format!("{}/%s", server.url));
    system["authentication"] = json!("digest");
    system["username"] = json!("$SECRET(user)");
    system["password"] = json!("$SECRET(password)");
    fetch("a", &system, &with_secrets()).unwrap();
    fetch("stale", &system, &with_secrets()).unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 4);
    assert!(!asked[0].headers.contains_key("authorization"));
    let answer = &asked[1].headers["authorization"];
    assert!(answer.starts_with("Digest ") && answer.contains("uri=\"/a\""), "{answer}");
    assert!(asked.iter().all(|asked| !format!("{asked:?}").contains("p:w")));
    // Who is not let in is not asked for ever.
    system["username"] = json!("ola");
    assert!(fetch("a", &system, &with_secrets()).unwrap_err().contains("401"));
    assert_eq!(server.asked().len(), 6);
    system["authentication"] = json!("ntlm");
    assert!(fetch("a", &system, &with_secrets()).unwrap_err().contains("does not run here"));
}

#[test]
fn tripletex_hands_out_tokens_for_days() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/token" => Reply::ok(r#"{"value": {"token": "session-1"}}"#),
        _ => Reply::ok("[]"),
    });
    let mut system = url_system(&format!("{}/%s", server.url));
    system["authentication"] = json!("tripletex");
    system["tripletex"] = json!({
        "consumer_token": "$SECRET(token)", "employee_token": "employee", "ttl": 48,
        "token_url": format!("{}/token", server.url),
    });
    let clock = FixedClock::at(0);
    let surroundings = Surroundings { clock: Arc::new(clock.clone()), ..with_secrets() };
    let systems = Systems::new();
    let fetch = || {
        let config = json!({"type": "json", "url": "a"});
        let mut source = source(&systems, &config, &system, &surroundings).unwrap();
        read(&mut *source, &request(10)).unwrap();
    };
    fetch();
    fetch();
    let asked = server.asked();
    assert_eq!(
        asked.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(),
        ["/token", "/a", "/a"]
    );
    assert_eq!(asked[0].method, "PUT");
    assert_eq!(asked[0].query["consumerToken"], "a.b.c");
    assert_eq!(asked[0].query["expirationDate"], "1970-01-03");
    // "0:session-1"
    assert_eq!(asked[1].headers["authorization"], "Basic MDpzZXNzaW9uLTE=");
    clock.advance(Duration::from_secs(48 * 3600));
    fetch();
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn calls_go_through_a_proxy() {
    let proxy = Server::start(|_| Reply::ok("[]"));
    let mut system = url_system("http://elsewhere.example/%s");
    let address = proxy.url.trim_start_matches("http://");
    system["proxies"] =
        json!({"http": format!("http://$SECRET(user):$SECRET(password)@{address}")});
    fetch("a?b=c", &system, &with_secrets()).unwrap();
    let asked = &proxy.asked()[0];
    assert_eq!((asked.path.as_str(), &*asked.query["b"]), ("http://elsewhere.example/a", "c"));
    assert_eq!(asked.headers["proxy-authorization"], "Basic YW5lOnA6dw==");
    system["proxies"] = json!({"gopher": proxy.url});
    assert!(fetch("a", &system, &with_secrets()).unwrap_err().contains("gopher"));
}
