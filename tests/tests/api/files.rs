//! The folder as texts that change in steps.

use axum::http::{Method, StatusCode};
use pipewright_protocol::studio::{
    self, Change, Conflict, Edited, Edits, FileEdit, FileText, Graph, Save, TextEdit,
};
use serde_json::json;

use crate::place::Place;

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
async fn a_file_of_data_becomes_what_a_pipe_reads() {
    let place = Place::with_files(&[]);
    let put = async |name: &str, text: &str, replace: bool| {
        let path = studio::data_file_path(name, replace);
        place.send(Method::PUT, &path, Some(text.as_bytes().to_vec())).await
    };
    let people = "number;name\n1;Ada\n2;Grace\n";
    let file: studio::DataFile = put("people.csv", people, false).await.json();
    assert_eq!((file.path.as_str(), file.system.as_str()), ("data/people.csv", "files"));
    assert_eq!(place.text("data/people.csv"), people);
    assert_eq!(file.new_system.unwrap()["url_pattern"], "file:data/%s");
    let source = file.offer.source.unwrap();
    assert_eq!((&source["primary_key"], &source["delimiter"]), (&json!("number"), &json!(";")));

    // The same again is nothing new; another is not written over unasked.
    assert_eq!(put("people.csv", people, false).await.status, StatusCode::OK);
    put("people.csv", "number\n3\n", false).await.refused(StatusCode::CONFLICT, "exists");
    assert_eq!(place.text("data/people.csv"), people);
    assert_eq!(put("people.csv", "number\n3\n", true).await.status, StatusCode::OK);
    assert_eq!(place.text("data/people.csv"), "number\n3\n");

    for bad in ["../people.csv", "people.exe", "a.conf.json", ".hidden.csv"] {
        put(bad, people, false).await.refused(StatusCode::BAD_REQUEST, "bad-request");
    }
    let mut place = place;
    place.token = place.node.tokens().issue("reader", studio::Role::Reader, 0, None);
    let path = studio::data_file_path("more.csv", false);
    let sent = place.send(Method::PUT, &path, Some(people.into())).await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
    assert!(!place.folder.join("data/more.csv").exists());
}
