//! What is wrong with the project as a whole.

use leptos::prelude::*;
use pipewright_protocol::studio::{Problem, Severity};

use crate::{
    components::{Empty, Icon, Link, Sign},
    state::use_live,
};

/// Every finding, errors first; each leads to its file.
#[component]
pub fn ProblemList() -> impl IntoView {
    let live = use_live();
    let problems = Memo::new(move |_| {
        let mut problems = live.project.with(|project| {
            project.as_ref().map(|project| project.problems.clone()).unwrap_or_default()
        });
        problems.sort_by(|a, b| {
            b.diagnostic.severity.cmp(&a.diagnostic.severity).then_with(|| a.file.cmp(&b.file))
        });
        problems
    });
    let place = move |problem: &Problem| live.place_of_file(&problem.file);
    view! {
        <Show when=move || !problems.with(Vec::is_empty) fallback=|| view! { <Empty sign=Sign::Check title="No problems" hint="Everything in the folder could be read." /> }>
            <ul class="findings standing" data-testid="problems">
                {move || {
                    problems
                        .get()
                        .into_iter()
                        .map(|problem| {
                            let (class, sign) = match problem.diagnostic.severity {
                                Severity::Error => ("finding error", Sign::Error),
                                Severity::Warning => ("finding warning", Sign::Warning),
                                Severity::Info => ("finding info", Sign::Warning),
                            };
                            view! {
                                <li>
                                    <Link to=place(&problem) class=class>
                                        <Icon sign />
                                        <span>{problem.diagnostic.message}</span>
                                        {problem.diagnostic.suggestion.map(|suggestion| view! { <span class="finding-hint">{suggestion}</span> })}
                                        <code>{problem.file} " " {problem.diagnostic.path}</code>
                                    </Link>
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </Show>
    }
}
