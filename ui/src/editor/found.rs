//! What is wrong with a text while one types.

use std::time::Duration;

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*};
use pipewright_language::Finding;
use pipewright_protocol::studio::{Diagnostic, Severity};

use crate::{
    client::use_client,
    state::{OpenFile, use_language, use_live},
};

/// After the last key.
const PAUSE: Duration = Duration::from_millis(150);

/// The findings in a text, told anew a moment after it has changed. Looks at
/// the data of what the file reads on the way.
pub fn found(file: Signal<Option<OpenFile>>) -> RwSignal<Vec<Diagnostic>> {
    let (language, live) = (use_language(), use_live());
    let client = StoredValue::new(use_client());
    let found = RwSignal::new(Vec::new());
    let pending = StoredValue::new(None::<TimeoutHandle>);
    let cancel = move || {
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    };
    Effect::new(move |last: Option<Option<String>>| {
        let file = file.get().filter(|_| language.ready())?;
        file.text.track();
        cancel();
        let path = file.path.clone();
        let again = last.flatten().as_ref() == Some(&path);
        let ask = move || {
            let text = file.text.get_untracked();
            let findings =
                language.ask(&file.path, &text, |workspace| workspace.findings(&file.path));
            found.try_set(findings.unwrap_or_default().into_iter().map(diagnostic).collect());
            language.look(&client.get_value(), live, &file.path, &text);
        };
        match again {
            true => pending.set_value(set_timeout_with_handle(ask, PAUSE).ok()),
            false => ask(),
        }
        Some(path)
    });
    on_cleanup(cancel);
    found
}

fn diagnostic(finding: Finding) -> Diagnostic {
    use pipewright_language::Severity as Weight;
    Diagnostic {
        code: finding.code.to_owned(),
        severity: match finding.severity {
            Weight::Info => Severity::Info,
            Weight::Warning => Severity::Warning,
            Weight::Error => Severity::Error,
        },
        path: finding.path,
        start: finding.span.start,
        end: finding.span.end,
        message: finding.message,
        suggestion: finding.suggestion,
    }
}
