//! The status bar: how the node is, what waits, what fails, what happened last.

use leptos::prelude::*;
use pipewright_protocol::studio::{PipeState, Severity};

use crate::{
    components::{Dialog, Icon, Link, Sign, clock, count},
    place::Place,
    problems::ProblemList,
    state::{Link as State, use_live},
    tour::TourOffer,
};

/// The status bar.
#[component]
pub fn StatusBar() -> impl IntoView {
    let live = use_live();
    let showing = RwSignal::new(false);
    let link = move || match live.link.get() {
        State::Up => live.project.with(|project| {
            project
                .as_ref()
                .map(|project| format!("Pipewright {}", project.version))
                .unwrap_or_default()
        }),
        State::Connecting => "Connecting…".into(),
        State::Down(_) | State::Unauthorized => "Not connected".into(),
    };
    let problems = Memo::new(move |_| {
        live.project.with(|project| {
            let all =
                project.as_ref().map(|project| project.problems.as_slice()).unwrap_or_default();
            let of = |severity| {
                all.iter().filter(|problem| problem.diagnostic.severity == severity).count()
            };
            (of(Severity::Error), of(Severity::Warning))
        })
    });
    // One failing pipe is gone to directly.
    let failing = Memo::new(move |_| {
        live.pipes.with(|pipes| {
            let mut failing = pipes
                .values()
                .filter(|pipe| matches!(pipe.state, PipeState::Failed | PipeState::Invalid));
            match (failing.next(), failing.next()) {
                (Some(one), None) => Place::pipe(&one.id),
                _ => Place::Monitor,
            }
        })
    });
    view! {
        <footer class="status" data-testid="status">
            <span class="status-part">{link}</span>
            <span class="status-part" data-testid="status-queue" data-tip="Entities that wait to be read">
                {move || live.totals.with(|totals| format!("{} waiting", count(totals.queue)))}
            </span>
            <Show when=move || live.totals.with(|totals| totals.running > 0)>
                <span class="status-part running" data-testid="status-running">
                    <i class="dot running"></i>
                    {move || live.totals.with(|totals| format!("{} running", totals.running))}
                </span>
            </Show>
            <Show when=move || live.totals.with(|totals| totals.failing > 0)>
                <Link to=Signal::derive(move || failing.get()) class="status-part bad" id="status-failing">
                    <i class="dot failed"></i>
                    {move || live.totals.with(|totals| format!("{} failing", totals.failing))}
                </Link>
            </Show>
            <Show when=move || problems.get() != (0, 0)>
                <button type="button" class="status-part" data-testid="status-problems" data-tip="Problems in the project's files" on:click=move |_| showing.set(true)>
                    <Icon sign=Sign::Error />
                    {move || problems.get().0}
                    <Icon sign=Sign::Warning />
                    {move || problems.get().1}
                </button>
            </Show>
            <TourOffer />
            <span class="status-space"></span>
            {move || {
                live.notice
                    .get()
                    .map(|notice| {
                        let text = match notice.pipe {
                            Some(pipe) => format!("{pipe}: {}", notice.message),
                            None => notice.message,
                        };
                        view! {
                            <span class="status-part event" class:bad=notice.severity == Severity::Error data-testid="status-event">
                                {clock(notice.ts)}
                                " "
                                {text}
                            </span>
                        }
                    })
            }}
            <Dialog open=showing title="Problems in the project" id="problems-dialog">
                <ProblemList />
            </Dialog>
        </footer>
    }
}
