#![no_main]
//! The compiler: every text gives findings or a program.

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use pipewright_dtl::{Document, Namespaces, Options, Path, Severity, compile};
use pipewright_fuzz::case;

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    let Ok(namespaced) = u.ratio(1, 4) else { return };
    let Ok(case) = case(&mut u) else { return };
    let document = Document::parse(case.rules.to_string());
    let Some(root) = &document.root else { return };
    let mut options = Options::new("p");
    if namespaced {
        options.namespaces =
            Namespaces { enabled: true, identity: "p".into(), property: "q".into() };
    }
    let compiled = compile(&document, root, &Path::root(), &options);
    for found in &compiled.diagnostics {
        assert!(document.text.get(found.span.clone()).is_some(), "{found}");
        assert!(document.at(&found.path).is_some() || found.path.split_last().is_some(), "{found}");
    }
    let has_errors = compiled.diagnostics.iter().any(|found| found.severity == Severity::Error);
    assert_eq!(compiled.program.is_none(), has_errors);
    pipewright_fuzz::count(!has_errors);
});
