//! The reference in the documentation says what the descriptions say.
#![allow(clippy::unwrap_used)]

use pipewright_dtl::functions::{all, reference};

#[test]
fn the_reference_is_current() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dtl-reference.md");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let current = reference::markdown();
    let line = written.lines().zip(current.lines()).position(|(old, new)| old != new);
    assert!(written == current, "run `cargo xtask docs`: line {:?} differs", line.map(|at| at + 1));
}

#[test]
fn everything_is_in_it() {
    let text = reference::markdown();
    for function in all() {
        assert!(text.contains(&format!("\n#### {}\n", function.name)), "{}", function.name);
        assert!(text.contains(&function.signature()), "{}", function.name);
        assert!(function.examples.iter().all(|example| text.contains(example.text)));
    }
}
