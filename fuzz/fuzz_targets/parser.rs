#![no_main]
//! The parser of config text.

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use pipewright_dtl::syntax::{Document, Node, NodeKind};
use pipewright_fuzz::{case, count, value};

/// JSON, now and then cut or changed in some places.
fn text(u: &mut Unstructured<'_>) -> Result<String> {
    // Bytes that have run out decide for the first of two: what is accepted.
    if !u.ratio(31, 32)? {
        return Ok(String::from_utf8_lossy(u.bytes(u.len())?).into_owned());
    }
    let json = if u.arbitrary()? { value(u, 6)? } else { case(u)?.rules };
    let mut text = if u.arbitrary()? { json.to_string() } else { format!("{json:#}") };
    if !u.ratio(7, 8)? {
        for _ in 0..u.int_in_range(1..=3)? {
            let at = text.floor_char_boundary(u.int_in_range(0..=text.len())?);
            match u.int_in_range(0..=2)? {
                0 => text.truncate(at),
                1 => text.insert_str(at, u.choose(&["//c\n", "/*", "*/", ",", "}", "[", "\"", "\\", "\\ud83d", "-", "1e", "é"])?),
                _ => drop(text.get(at..).and_then(|rest| rest.chars().next()).map(|_| text.remove(at))),
            }
        }
    }
    Ok(text)
}

fn check(text: &str, node: &Node) {
    assert!(text.is_char_boundary(node.span.start) && text.is_char_boundary(node.span.end));
    let inside = |inner: &Node| {
        assert!(node.span.start <= inner.span.start && inner.span.end <= node.span.end);
        check(text, inner);
    };
    match &node.kind {
        NodeKind::Array(items) => items.iter().for_each(inside),
        NodeKind::Object(members) => members.iter().for_each(|member| inside(&member.value)),
        _ => {}
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = text(&mut Unstructured::new(data)) else { return };
    let document = Document::parse(text.as_str());
    for problem in &document.problems {
        assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len());
        assert!(text.get(problem.span.clone()).is_some());
        let _ = problem.to_string();
    }
    if let Some(root) = &document.root {
        check(&text, root);
        let value = root.to_value(&document);
        // What has no problems is JSON, unless it has comments.
        if document.problems.is_empty()
            && let Ok(strict) = pipewright_entity::Value::from_transit(text.as_bytes())
        {
            assert_eq!(value, strict);
        }
    }
    count(document.problems.is_empty());
});
