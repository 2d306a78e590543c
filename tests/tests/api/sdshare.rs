//! SDShare: feeds of changes, what is said of each thing, and taking that in.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

const ATOM: &str = "http://www.w3.org/2005/Atom";
const SDSHARE: &str = "http://www.sdshare.org/2012/core/";

fn place() -> Place {
    let pipe = |id: &str, source: Value, sink: Value| {
        let path = format!("pipes/{id}.conf.json");
        (path, json!({"_id": id, "type": "pipe", "source": source, "sink": sink}))
    };
    let entities = json!([
        {"_id": "<http://x.example/1>", "foaf:name": "Ada & \"co\"", "plain": 1},
        {"_id": "foaf:2", "foaf:name": "Bob"},
        {"_id": "foaf:3", "foaf:name": "Cleo"},
    ]);
    let stored = |id: &str| json!({"type": "dataset", "dataset": id});
    let files = [
        pipe("people", json!({"type": "embedded", "entities": entities}), stored("people")),
        pipe("plain", json!({"type": "embedded", "entities": [{"_id": "1"}]}), stored("plain")),
        pipe("shared", stored("people"), json!({"type": "http_endpoint"})),
        pipe("taken", json!({"type": "http_endpoint"}), stored("taken")),
    ];
    let files: Vec<(&str, Value)> =
        files.iter().map(|(path, file)| (path.as_str(), file.clone())).collect();
    Place::with_files(&files)
}

/// What a feed says: of each entry the resource and its address, and the
/// address of the next page.
fn read(answer: &Answer) -> (Vec<(String, String)>, Option<String>) {
    assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), "application/atom+xml");
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let feed = document.root_element();
    assert!(feed.has_tag_name((ATOM, "feed")));
    for needed in ["title", "id", "updated", "author"] {
        assert!(feed.children().any(|child| child.has_tag_name((ATOM, needed))), "{needed}");
    }
    let link = |of: roxmltree::Node<'_, '_>, rel: &str| {
        let links = of.children().filter(|child| child.has_tag_name((ATOM, "link")));
        let mut links = links.filter(|link| link.attribute("rel") == Some(rel));
        links.next().and_then(|link| link.attribute("href")).map(str::to_owned)
    };
    let entries = feed.children().filter(|child| child.has_tag_name((ATOM, "entry")));
    let entries = entries.map(|entry| {
        let resource = entry.children().find(|child| child.has_tag_name((SDSHARE, "resource")));
        let resource = resource.and_then(|resource| resource.text()).unwrap_or_default();
        let of = |rel: &str| link(entry, &format!("{SDSHARE}{rel}"));
        let address = of("fragment").or_else(|| of("fragmentsfeed")).unwrap();
        (resource.to_owned(), address)
    });
    (entries.collect(), link(feed, "next"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dataset_is_followed_by_its_feeds() {
    let place = place();
    place.trust().await;
    place.post("/api/pipes/run-all-pipes", &json!({})).await;
    let (entries, _) = read(&place.get("/api/datasets/people/sdshare-collection").await);
    let [(_, fragments)] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(fragments, "/api/datasets/people/sdshare-fragments");

    let (first, next) = read(&place.get(&format!("{fragments}?limit=2")).await);
    let (rest, last) = read(&place.get(&next.unwrap()).await);
    assert_eq!((first.len(), rest.len(), last), (2, 1, None));
    let names: Vec<&str> = first.iter().chain(&rest).map(|(uri, _)| uri.as_str()).collect();
    let foaf = "http://xmlns.com/foaf/0.1/";
    assert_eq!(names, ["http://x.example/1", &format!("{foaf}2"), &format!("{foaf}3")]);
    let said = place.get(&first[0].1).await;
    assert_eq!(said.header("content-type"), "application/n-triples");
    assert_eq!(
        String::from_utf8(said.body).unwrap(),
        format!("<http://x.example/1> <{foaf}name> \"Ada & \\\"co\\\"\".\n")
    );

    // What comes after a time, and what is deleted.
    let before: Value = place.ask("/api/datasets/people/entity?entity_id=foaf:3").await;
    let gone = json!([{"_id": "foaf:2", "_deleted": true}]);
    place.post("/api/datasets/people/entities", &gone).await;
    let at = before["_ts"].as_i64().unwrap() + 1;
    let at = jiff::Timestamp::from_microsecond(at).unwrap();
    let (entries, _) = read(&place.get(&format!("{fragments}?since={at}")).await);
    assert_eq!(entries.len(), 1);
    let said = place.get(&entries[0].1).await;
    assert_eq!((said.status, said.body.as_slice()), (StatusCode::OK, &b""[..]));
    let (entries, _) = read(&place.get(&format!("{fragments}?since=2000-01-01T00:00:00Z")).await);
    assert_eq!(entries.len(), 3);

    let none = place.get("/api/datasets/people/sdshare-fragments/foaf:9").await;
    none.refused(StatusCode::NOT_FOUND, "not-found");
    let odd = place.get(&format!("{fragments}?since=yesterday")).await;
    odd.refused(StatusCode::BAD_REQUEST, "bad-request");
    let plain = place.get("/api/datasets/plain/sdshare-fragments").await;
    plain.refused(StatusCode::BAD_REQUEST, "bad-request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_pipe_publishes_goes_from_node_to_node() {
    let place = place();
    place.trust().await;
    place.post("/api/pipes/run-all-pipes", &json!({})).await;
    let (entries, _) = read(&place.get("/api/publishers/shared/sdshare-collection").await);
    let (pages, next) = read(&place.get(&format!("{}?limit=3", entries[0].1)).await);
    assert!(next.is_some() && read(&place.get(&next.unwrap()).await).0.is_empty());
    for (uri, address) in &pages {
        let said = place.get(address).await;
        assert_eq!(said.status, StatusCode::OK, "{address}");
        let path = format!("/api/receivers/taken/sdshare-push-receiver?resource={uri}");
        let kind = Some("application/n-triples");
        let taken = place.send_as(Method::POST, &path, kind, said.body).await;
        assert_eq!(taken.status, StatusCode::OK, "{:?}", String::from_utf8(taken.body));
    }
    let foaf = "http://xmlns.com/foaf/0.1/";
    let one = "/api/datasets/taken/entity?entity_id=%3Chttp://x.example/1%3E";
    let taken: Value = place.ask(one).await;
    assert_eq!(taken[format!("<{foaf}name>")], "Ada & \"co\"");

    // Several at once; one of which nothing is said is deleted.
    let body = "<http://x.example/1> <http://x.example/n> \
        \"4\"^^<http://www.w3.org/2001/XMLSchema#integer> .\n\
        <http://x.example/1> <http://x.example/at> _:x .\n\
        _:x <http://x.example/street> \"High\" .\n\
        <http://x.example/other> <http://x.example/n> \"not asked for\" .\n";
    let path = format!(
        "/api/receivers/taken/sdshare-push-receiver\
         ?resource=http://x.example/1&resource={foaf}2&graph=http://x.example/g"
    );
    let send = |path: &str, kind: &'static str, body: &'static str| {
        let path = path.to_owned();
        let place = &place;
        async move { place.send_as(Method::POST, &path, Some(kind), body.as_bytes().to_vec()).await }
    };
    assert_eq!(send(&path, "text/plain", body).await.status, StatusCode::OK);
    let taken: Value = place.ask(one).await;
    assert_eq!((&taken["<http://x.example/n>"], &taken["_deleted"]), (&json!(4), &json!(false)));
    assert_eq!(taken["<http://x.example/at>"]["<http://x.example/street>"], "High");
    assert!(taken.get(format!("<{foaf}name>")).is_none());
    let two = format!("/api/datasets/taken/entity?entity_id=%3C{foaf}2%3E");
    let gone: Value = place.ask(&two).await;
    assert_eq!(gone["_deleted"], true);
    let other = "/api/datasets/taken/entity?entity_id=%3Chttp://x.example/other%3E";
    place.get(other).await.refused(StatusCode::NOT_FOUND, "not-found");

    let bare = "/api/receivers/taken/sdshare-push-receiver";
    for (path, body) in [(bare, body), (&*path, "<a"), (&*format!("{bare}?resource="), body)] {
        let answer = send(path, "application/n-triples", body).await;
        answer.refused(StatusCode::BAD_REQUEST, "bad-request");
    }
    let answer = send(&path, "application/json", body).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let path = "/api/receivers/people/sdshare-push-receiver?resource=http://x.example/1";
    assert_eq!(send(path, "text/plain", body).await.status, StatusCode::BAD_REQUEST);
}
