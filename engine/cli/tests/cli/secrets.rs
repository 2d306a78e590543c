//! Secrets: kept, used, never shown.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;

use crate::Place;

/// A server that refuses everything and repeats the key it was given. Says which
/// keys it was given.
fn refusing() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (told, hear) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> =
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let key = head.iter().find_map(|line| line.strip_prefix("x-key: "));
            let key = key.unwrap_or("none").to_owned();
            let body = format!("no such key: {key}");
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 403 No\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            if told.send(key).is_err() {
                return;
            }
        }
    });
    (address, hear)
}

fn place(address: &str) -> Place {
    let place = Place::empty();
    let system = json!({
        "_id": "shop", "type": "system:url", "url_pattern": format!("{address}/%s"),
        "headers": {"x-key": "$SECRET(key)"},
    });
    place.write("systems/shop.conf.json", &system.to_string());
    let pipe = json!({
        "_id": "men", "type": "pipe", "source": {"type": "json", "system": "shop", "url": "men"},
    });
    place.write("pipes/men.conf.json", &pipe.to_string());
    place
}

/// Whether a text stands in a file of a folder.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_secret_is_used_and_shown_nowhere() {
    let (address, keys) = refusing();
    let place = place(&address);
    let run = place.call("run", &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.out.contains("\"key\" is not set"), "{run:?}");

    place.feed(&["secrets", "set"], &["key"], "of-the-node-5261\n").well();
    place.feed(&["secrets", "set"], &["key", "--system", "shop"], "of-the-shop-7393\n").well();
    let list = place.command(&["secrets", "list"], &["--system", "shop"]).output().unwrap();
    assert_eq!(String::from_utf8(list.stdout).unwrap(), "key\n");
    for (value, forget) in [("of-the-shop-7393", true), ("of-the-node-5261", false)] {
        let run = place.call("run", &["--json"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert_eq!(keys.recv().unwrap(), value);
        assert!(run.out.contains("403"), "{run:?}");
        assert!(!run.out.contains(value) && !run.err.contains(value), "{run:?}");
        assert!(!holds(place.home.path(), value), "{value} lies on the disk");
        if forget {
            let remove = [&["secrets", "remove"][..], &["key", "--system", "shop"][..]];
            assert!(place.command(remove[0], remove[1]).status().unwrap().success());
            assert_eq!(place.command(remove[0], remove[1]).status().unwrap().code(), Some(1));
        }
    }
}

#[test]
fn the_key_may_come_from_the_environment() {
    let (address, keys) = refusing();
    let place = place(&address);
    let with_key = |key: &str, command: &[&str], rest: &[&str]| {
        let mut command = place.command(command, rest);
        command.env("PIPEWRIGHT_SECRETS_KEY", key);
        command
    };
    let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let mut set = with_key(key, &["secrets", "set"], &["key"]);
    let mut child = set.stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"by-variable").unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!place.home.path().join("settings").join("secrets.key").exists());
    assert_eq!(with_key(key, &["run"], &[]).output().unwrap().status.code(), Some(1));
    assert_eq!(keys.recv().unwrap(), "by-variable");
    // With another key, or none, the value is as good as not there.
    let other = with_key("eA==", &["run"], &[]).output().unwrap();
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8(other.stderr).unwrap().contains("32 bytes in base64"));
    assert!(keys.try_recv().is_err());
}
