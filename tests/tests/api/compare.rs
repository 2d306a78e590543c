//! Two nodes beside each other: what it takes to take over a config, what both
//! have in common, and calls from the page of another node.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use pipewright_config::difference::{Base, Config};
use pipewright_protocol::studio::{
    self, BACKUP, ConfigDraft, ConfigUpload, DRAFT, Edited, Edits, IssuedToken, MadeToken, TOKENS,
    base_path, token_path,
};
use serde_json::json;

use crate::place::{Answer, Place};

fn pipe(id: &str, n: &str) -> String {
    format!(
        r#"{{"_id":"{id}","type":"pipe","source":{{"type":"embedded","entities":[{{"_id":"1","n":{n}}}]}}}}"#
    )
}

async fn ask(place: &Place, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    place.call(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_takes_to_take_over_a_config_is_said_and_not_done() {
    let place = Place::of(|folder| {
        std::fs::create_dir_all(folder.join("pipes")).unwrap();
        std::fs::write(folder.join("pipes/a.conf.json"), pipe("a", "1")).unwrap();
        std::fs::write(folder.join("pipes/gone.conf.json"), pipe("gone", "1")).unwrap();
    });
    let upload = ConfigUpload {
        components: format!("[{},{}]", pipe("a", "1.0"), pipe("b", "2")),
        variables: r#"{"x":1.50}"#.into(),
    };
    let draft: ConfigDraft = place.post(DRAFT, &upload).await.json();
    assert!(!draft.errors);
    let mut paths: Vec<&str> = draft.files.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["pipes/a.conf.json", "pipes/b.conf.json", "pipes/gone.conf.json", "test-env.json"]
    );
    assert_eq!(place.text("pipes/a.conf.json"), pipe("a", "1"), "nothing is done yet");

    let step = Edits { label: "Take over".into(), files: draft.files };
    let edited: Edited = place.post(studio::EDITS, &step).await.json();
    assert!(place.text("pipes/a.conf.json").contains("1.0"), "numbers stay as they are written");
    assert!(place.text("test-env.json").contains("1.50"));
    assert!(!place.folder.join("pipes/gone.conf.json").exists());
    place.post(studio::EDITS, &edited.inverse).await;
    assert_eq!(place.text("pipes/gone.conf.json"), pipe("gone", "1"));
    assert!(!place.folder.join("test-env.json").exists());

    let bad = ConfigUpload {
        components: r#"[{"_id":"c","type":"pipe","source":{"type":"nope"}}]"#.into(),
        variables: "{}".into(),
    };
    let draft: ConfigDraft = place.post(DRAFT, &bad).await.json();
    assert!(draft.errors && draft.report.validation_errors.len() == 1);
    assert!(draft.files.iter().all(|file| file.path != "test-env.json"), "no variables, no file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_common_with_another_node_is_kept() {
    let place = Place::with_files(&[]);
    let with = base_path("http://there:9042");
    assert!(place.ask::<Base>(&with).await.is_empty());
    let config = Config::read(&format!("[{}]", pipe("a", "1")), "{}", &[]).unwrap();
    let base = Base::default().after(&config, &config);
    assert_eq!(place.put(&with, &base).await.status, StatusCode::OK);
    assert_eq!(place.ask::<Base>(&with).await, base);
    assert!(place.ask::<Base>(&base_path("http://elsewhere")).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_others_are_answered_when_they_have_a_token() {
    let place = Place::with_files(&[]);
    let origin = ("origin", "http://there:9042");
    let asks = |headers: &'static str| {
        let asked = [
            origin,
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", headers),
        ];
        let place = &place;
        async move { ask(place, Method::OPTIONS, studio::PROJECT, &asked).await }
    };
    let allowed = asks("authorization, content-type").await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.header("access-control-allow-origin"), origin.1);
    assert_eq!(asks("content-type").await.status, StatusCode::FORBIDDEN);

    let bearer = format!("Bearer {}", place.token);
    let with_token = [origin, ("authorization", bearer.as_str())];
    let told = ask(&place, Method::GET, studio::PROJECT, &with_token).await;
    assert_eq!(told.status, StatusCode::OK);
    assert_eq!(told.header("access-control-allow-origin"), origin.1);
    assert_eq!(told.header("access-control-allow-credentials"), "");
    // What everybody may ask is not for the pages of others.
    let ping = ask(&place, Method::GET, "/api/ping", &[origin]).await;
    assert_eq!((ping.status, ping.header("access-control-allow-origin")), (StatusCode::OK, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_make_tokens_and_take_all_data_along() {
    let place = Place::with_files(&[]);
    let new = json!({"name": "build server", "role": "Developer", "days": 2});
    let made = place.post(TOKENS, &new).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let token = made.json::<MadeToken>().token;
    let bearer = format!("Bearer {token}");
    let as_developer = [("authorization", bearer.as_str())];
    let project = ask(&place, Method::GET, studio::PROJECT, &as_developer).await;
    assert_eq!(project.status, StatusCode::OK);
    for path in [TOKENS, BACKUP] {
        let refused = ask(&place, Method::GET, path, &as_developer).await;
        refused.refused(StatusCode::FORBIDDEN, "role");
    }
    let list: Vec<IssuedToken> = place.ask(TOKENS).await;
    assert_eq!((list.len(), list[0].name.as_str()), (1, "build server"));
    assert_eq!(place.delete(&token_path(&list[0].id)).await.status, StatusCode::NO_CONTENT);
    let project = ask(&place, Method::GET, studio::PROJECT, &as_developer).await;
    assert_eq!(project.status, StatusCode::UNAUTHORIZED);
    for bad in [json!({"name": " ", "role": "Reader"}), json!({"name": "x", "role": "Anonymous"})] {
        assert_eq!(place.post(TOKENS, &bad).await.status, StatusCode::BAD_REQUEST);
    }

    let backup = place.get(BACKUP).await;
    assert_eq!(backup.status, StatusCode::OK);
    assert!(backup.body.starts_with(b"SQLite format 3\0"));
    let length = backup.headers[header::CONTENT_LENGTH].to_str().unwrap().parse();
    assert_eq!(length, Ok(backup.body.len()));
    // What was sent does not stay.
    let store = place.folder.with_file_name("store");
    let left = || {
        let files = std::fs::read_dir(&store).unwrap();
        files
            .filter(|file| {
                file.as_ref().unwrap().file_name().to_string_lossy().starts_with("backup.")
            })
            .count()
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while left() > 0 {
        assert!(std::time::Instant::now() < end, "the copy is still there");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
