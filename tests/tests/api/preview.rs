//! What a pipe would make of an entity.

use axum::http::StatusCode;
use pipewright_protocol::studio::{self, Preview, PreviewRequest, Sample};
use serde_json::Value;

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_written_text_can_be_previewed_at_every_point() {
    let place = Place::with_example();
    place.run_all().await;
    let text = place.text("pipes/crm-company-enrich.conf.json");
    let preview = async |text: String| -> Preview {
        let request = PreviewRequest {
            pipe: "crm-company-enrich".into(),
            text: Some(text),
            sample: Sample::Id("C1023".into()),
            trace: false,
        };
        let answer = place.post(studio::PREVIEW, &request).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, StatusCode::OK, "{body}");
        answer.json()
    };
    let whole = preview(text.clone()).await;
    assert!(whole.diagnostics.is_empty(), "{:?}", whole.diagnostics);
    let entity: Value = serde_json::from_str(whole.produced[0].entity.text()).unwrap();
    assert_eq!(entity["crm-company:org-key"], "440897786");
    assert!(whole.produced[0].stored.is_some());

    let end = text.trim_end().len();
    for cut in (0..end).step_by(53).filter(|cut| text.is_char_boundary(*cut)) {
        let half = preview(text[..cut].to_owned()).await;
        assert!(!half.diagnostics.is_empty(), "{cut}: {half:?}");
        let inside = |at: &studio::Diagnostic| at.start <= at.end && at.end <= cut;
        assert!(half.diagnostics.iter().all(inside), "{cut}: {:?}", half.diagnostics);
    }
    // A typo is named with its place and what was meant.
    let typo = preview(text.replacen("\"upper\"", "\"uper\"", 1)).await;
    let found = typo.diagnostics.iter().find(|found| found.code == "dtl-unknown-function").unwrap();
    assert_eq!(found.start, text.find("\"upper\"").unwrap());
    assert!(found.suggestion.as_ref().unwrap().contains("upper"));
    // Nothing of it was saved or stored.
    assert_eq!(place.text("pipes/crm-company-enrich.conf.json"), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_tells_what_each_expression_did_when_asked() {
    let place = Place::with_example();
    place.run_all().await;
    let path = "pipes/crm-company-enrich.conf.json";
    let text = place.text(path);
    let ask = async |trace: bool| -> Preview {
        let request = PreviewRequest {
            pipe: "crm-company-enrich".into(),
            text: Some(text.clone()),
            sample: Sample::Id("C1023".into()),
            trace,
        };
        place.post(studio::PREVIEW, &request).await.json()
    };
    let plain = ask(false).await;
    assert!(plain.trace.is_none());
    let traced = ask(true).await;
    assert_eq!(traced.produced, plain.produced);
    let trace = traced.trace.unwrap();
    assert_eq!(trace.file, path);
    let [run] = trace.runs.as_slice() else { panic!("one transform, one entity: {trace:?}") };
    assert!(!run.cut);
    let at = |place: usize| &text[run.places[place].start..run.places[place].end];
    // Every value stands at its expression, and every property has its line.
    let read = run.values.iter().filter(|value| at(value.place).starts_with("\"_S."));
    assert!(read.count() > 0);
    for value in &run.values {
        let text = at(value.place);
        assert!(text.starts_with('"') || text.starts_with('['), "{text}");
    }
    let key = run.rules[0].origins.iter().find(|o| o.property == "crm-company:org-key").unwrap();
    let line = at(key.step.unwrap());
    assert!(line.starts_with('[') && line.contains("org-key"), "{line}");
    assert!(!key.reads.is_empty());
    let step = run.steps.iter().find(|step| step.place == key.step.unwrap()).unwrap();
    let after = step.changes.iter().find(|change| change.property == key.property).unwrap();
    assert_eq!(after.after.as_ref().unwrap().json.text(), r#""440897786""#);
}
