//! Links to publishers: they open one publisher, for reading, to those who have
//! no token.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use pipewright_protocol::service::ShareableLink;
use pipewright_protocol::studio::Role;
use serde_json::{Value, json};

use crate::place::{Answer, Place};

fn place() -> Place {
    let pipe = |id: &str, more: Value| {
        let mut pipe = json!({"_id": id, "type": "pipe"});
        pipe.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (format!("pipes/{id}.conf.json"), pipe)
    };
    let entities = json!([{"_id": "1", "name": "Ada", "n": 7}, {"_id": "2", "name": "=1+1"}]);
    let from = json!({"type": "embedded", "entities": entities});
    let csv = json!({"type": "csv_endpoint", "columns": ["_id", "name"], "filename": "all.csv"});
    let closed = json!([["deny", ["group:Anonymous"], ["read_data"]]]);
    let files = [
        pipe(
            "people",
            json!({"source": from, "sink": {"type": "http_endpoint"},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "*"], ["add", "asked", "_B.x"], ["add", "link", "_B.link_token"]]}}}),
        ),
        pipe("table", json!({"source": from, "sink": csv})),
        pipe(
            "closed",
            json!({"source": from, "sink": {"type": "http_endpoint"},
            "permissions": closed}),
        ),
        pipe("stored", json!({"source": from})),
    ];
    let files: Vec<(&str, Value)> =
        files.iter().map(|(path, file)| (path.as_str(), file.clone())).collect();
    Place::with_files(&files)
}

/// A call without a token, as who has the address makes it.
async fn bare(place: &Place, method: Method, address: &str) -> Answer {
    let request = Request::builder().method(method).uri(address);
    place.call(request.body(Body::empty()).unwrap()).await
}

async fn link(place: &Place, pipe: &str) -> ShareableLink {
    let path = format!("/api/publishers/{pipe}/shareable-links");
    let body = Body::from(json!({"description": "for the board"}).to_string());
    let request = Request::post(path)
        .header(header::HOST, "node.example.org")
        .header("x-forwarded-proto", "https")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("Bearer {}", place.token));
    let answer = place.call(request.body(body).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_opens_its_publisher_and_nothing_else() {
    let place = place();
    let link = link(&place, "people").await;
    assert!(link.urls.len() == 4 && link.created_ts.parse::<u64>().is_ok());
    let url = &link.urls[0];
    let secret = url.split_once("?link_token=").unwrap().1;
    assert!(url.starts_with("https://node.example.org/api/publishers/people/entities?"), "{url}");
    let path = url.strip_prefix("https://node.example.org").unwrap();

    let read = bare(&place, Method::GET, &format!("{path}&x=seen")).await;
    assert_eq!(read.status, StatusCode::OK);
    let read: Vec<Value> = read.json();
    assert_eq!((read[0]["name"].as_str(), read[0]["asked"].as_str()), (Some("Ada"), Some("seen")));
    // Rules see what callers ask for, and not what they come by.
    assert!(read[0].get("link").is_none_or(Value::is_null), "{}", read[0]);
    for form in ["excel", "sdshare-collection", "entities/people.json"] {
        let path = format!("/api/publishers/people/{form}?link_token={secret}");
        assert_eq!(bare(&place, Method::GET, &path).await.status, StatusCode::OK, "{form}");
    }
    for (method, path) in [
        (Method::GET, "publishers/table/csv"),
        (Method::GET, "publishers/people/shareable-links"),
        (Method::POST, "publishers/people/entities"),
        (Method::GET, "pipes/people"),
        (Method::GET, "pipes/people/entities"),
        (Method::GET, "datasets/stored/entities"),
        (Method::GET, "config"),
    ] {
        let address = format!("/api/{path}?link_token={secret}");
        let answer = bare(&place, method, &address).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let as_token = Request::get("/api/publishers/people/entities")
        .header(header::AUTHORIZATION, format!("Bearer {secret}"));
    let as_token = place.call(as_token.body(Body::empty()).unwrap()).await;
    assert_eq!(as_token.status, StatusCode::UNAUTHORIZED);

    let kept: Vec<ShareableLink> = place.ask("/api/publishers/people/shareable-links").await;
    assert_eq!((kept.len(), &kept[0].id, &*kept[0].description), (1, &link.id, "for the board"));
    let gone = place.delete(&format!("/api/publishers/people/shareable-links/{}", link.id)).await;
    assert_eq!(gone.status, StatusCode::OK);
    assert_eq!(bare(&place, Method::GET, path).await.status, StatusCode::UNAUTHORIZED);
    let again = place.delete(&format!("/api/publishers/people/shareable-links/{}", link.id)).await;
    again.refused(StatusCode::NOT_FOUND, "not-found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_handed_out_by_who_may_change_the_pipe() {
    let place = place();
    let now = link(&place, "people").await.exp - 30 * 86_400;
    let reader = place.node.tokens().issue("r", Role::Reader, now, Some(3600));
    for method in [Method::GET, Method::POST] {
        let request = Request::builder()
            .method(method)
            .uri("/api/publishers/people/shareable-links")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {reader}"));
        let answer = place.call(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let path = |pipe: &str| format!("/api/publishers/{pipe}/shareable-links");
    place.post(&path("stored"), &json!({})).await.refused(StatusCode::NOT_FOUND, "not-found");
    for exp in [json!(1), json!(now + 400 * 86_400), json!(-1), json!(1e300)] {
        let answer = place.post(&path("people"), &json!({"exp": exp})).await;
        answer.refused(StatusCode::BAD_REQUEST, "bad-request");
    }
    let soon: ShareableLink =
        place.post(&path("table"), &json!({"exp": now as f64 + 600.5})).await.json();
    assert_eq!((soon.exp, soon.urls.len()), (now + 600, 2));

    // What config denies to everybody without a token, no link gives.
    let closed: ShareableLink = place.post(&path("closed"), &json!({})).await.json();
    let url = &closed.urls[0];
    let path = &url[url.find("/api/").unwrap()..];
    let refused = bare(&place, Method::GET, path).await;
    refused.refused(StatusCode::FORBIDDEN, "permission");

    // With the pipe go its links.
    let url = &soon.urls[0];
    let csv = &url[url.find("/api/").unwrap()..];
    assert_eq!(bare(&place, Method::GET, csv).await.status, StatusCode::OK);
    let config: Value = place.ask("/api/pipes/table/config").await;
    assert_eq!(place.delete("/api/pipes/table").await.status, StatusCode::OK);
    assert_eq!(place.post("/api/pipes", &config).await.status, StatusCode::CREATED);
    assert_eq!(bare(&place, Method::GET, csv).await.status, StatusCode::UNAUTHORIZED);

    // Who made one and took one back is written down, without what it opens.
    let audit: Vec<Value> = place.ask("/api/datasets/system:audit/entities").await;
    let text = json!(audit).to_string();
    assert!(text.contains("/api/publishers/people/shareable-links"));
    assert!(!text.contains("link_token") && !text.contains("eyJ"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_is_read_as_a_workbook() {
    let place = place();
    let book = place.get("/api/publishers/people/excel").await;
    const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    assert_eq!((book.status, book.header("content-type")), (StatusCode::OK, KIND));
    assert_eq!(book.header("content-disposition"), "attachment; filename=\"people.xlsx\"");
    let part = |book: &Answer, path: &str| {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&book.body)).unwrap();
        std::io::read_to_string(archive.by_name(path).unwrap()).unwrap()
    };
    let sheet = part(&book, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains("Ada") && sheet.contains("<v>7</v>") && !sheet.contains("<f>"));
    let named = place.get("/api/publishers/table/excel/mine.xlsx?limit=1").await;
    assert_eq!(named.header("content-disposition"), "attachment; filename=\"mine.xlsx\"");
    let sheet = part(&named, "xl/worksheets/sheet1.xml");
    assert!(sheet.contains("Ada") && !sheet.contains("=1+1") && !sheet.contains("<v>7</v>"));
    let options = place.send(Method::OPTIONS, "/api/publishers/table/excel/", None).await;
    assert_eq!((options.status, options.header("allow")), (StatusCode::OK, "GET, HEAD, OPTIONS"));
    place.get("/api/publishers/stored/excel").await.refused(StatusCode::NOT_FOUND, "not-found");

    // A linked workbook carries the link it was fetched with, so that it can be
    // refreshed by a program that has no token.
    let link = link(&place, "table").await;
    let url = link.urls[0].strip_prefix("https://node.example.org").unwrap();
    let linked = bare(&place, Method::GET, &format!("{url}&linked_excel_file=a.xlsx")).await;
    assert_eq!((linked.status, linked.header("content-type")), (StatusCode::OK, KIND));
    assert_eq!(linked.header("content-disposition"), "attachment; filename=\"a.xlsx\"");
    let connection = part(&linked, "xl/connections.xml");
    assert!(connection.contains(&format!("sourceFile=\"{url}\"")), "{connection}");
}
