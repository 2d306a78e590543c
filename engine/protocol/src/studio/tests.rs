#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn paths_survive_any_id() {
    assert_eq!(file_path("pipes/a b.conf.json"), "/api/studio/files/pipes/a%20b.conf.json");
    assert_eq!(versions_path("x", "~:crm:1/2"), "/api/studio/versions/x?entity_id=~%3Acrm%3A1%2F2");
    assert_eq!(
        clusters_path("global-person", Some("7"), 50, "å"),
        "/api/studio/clusters/global-person?limit=50&since=7&find=%C3%A5"
    );
}

#[test]
fn entities_keep_every_digit() {
    let text = r#"{"source":{"_id":"1","n":123456789012345678901234567890,"f":1.0},
        "produced":[],"diagnostics":[],"failure":null,"partial":null,"no_sample":null,"held":null,"took":3}"#;
    let preview: Preview = serde_json::from_str(text).unwrap();
    let source = preview.source.unwrap();
    assert_eq!(source.text(), r#"{"_id":"1","n":123456789012345678901234567890,"f":1.0}"#);
    let sample = Sample::Entity(source);
    let again: Sample = serde_json::from_str(&serde_json::to_string(&sample).unwrap()).unwrap();
    assert_eq!(again, sample);
}

#[test]
fn an_event_is_one_line_that_names_its_kind() {
    let event = Event::Pipes(vec![PipeStatus {
        id: "a".into(),
        state: PipeState::Running,
        ..PipeStatus::default()
    }]);
    let line = serde_json::to_string(&event).unwrap();
    assert!(line.starts_with(r#"{"pipes":[{"id":"a","state":"running""#));
    assert!(!line.contains('\n'));
    assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
}
