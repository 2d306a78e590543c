//! The screens of a pipe and of any other file.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, Run};

use super::{
    found::found,
    impact::ImpactPane,
    indexes::IndexesPane,
    input::InputPane,
    lineage::LineagePane,
    permissions::PermissionsPane,
    preview::{Live as Preview, ResultPane, SamplePane},
    runs::RunsPane,
    schema::SchemaPane,
    settings::SettingsPane,
    tested::TestsPane,
    text::{SaveButton, TextPane, go_to, offer_save, open_file, opened},
};
use crate::{
    client::use_client,
    commands::{Command, use_commands},
    components::{Empty, Icon, Link, Sign, Split, StateChip, Tabs, Waiting, use_toasts},
    datasets::Browser,
    pipes::PipeActions,
    place::{PipeTab, Place, use_nav},
    state::{OpenFile, use_live},
};

/// The screen of one pipe.
#[component]
pub fn PipeScreen() -> impl IntoView {
    let (live, nav, toasts) = (use_live(), use_nav(), use_toasts());
    let at = move |place| match place {
        Place::Pipe { id, tab } => Some((id, tab)),
        _ => None,
    };
    let pipe = nav.says(move |place| at(place).map(|(id, _)| id));
    let tab = nav.says(move |place| at(place).map(|(_, tab)| tab));
    let node = Memo::new(move |_| live.pipe_node(&pipe.get()));
    let path =
        Memo::new(move |_| node.with(|node| node.as_ref().and_then(|node| node.file.clone())));
    let missing =
        Memo::new(move |_| live.graph.with(Option::is_some) && node.with(Option::is_none));
    let opening = open_file(path);
    let file = opened(opening);
    offer_save(file);
    let client = StoredValue::new(use_client());
    let run = move || {
        let run = Run { pipes: vec![pipe.get_untracked()] };
        let client = client.get_value();
        spawn_local(async move {
            if let Err(failure) = client.tell(studio::RUN, &run).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    use_commands().offer(move || {
        if live.trusted() && live.may_change() {
            vec![
                Command::new("pipe-run", format!("Run {}", pipe.get()), Sign::Play, run)
                    .keys("Ctrl+Enter"),
            ]
        } else {
            Vec::new()
        }
    });
    let preview = Preview::start(pipe, file);
    let found = found(file);
    let diagnostics = Signal::derive(move || {
        let mut all = found.get();
        all.extend(preview.stopped());
        all
    });
    let goto = RwSignal::new(None);
    let status = Memo::new(move |_| live.pipe(&pipe.get()).with(|status| status.state));
    let dataset =
        Memo::new(move |_| node.with(|node| node.as_ref().and_then(|node| node.dataset.clone())));
    let tabs = Signal::derive(move || {
        let at = |tab| Place::Pipe { id: pipe.get(), tab };
        let mut tabs = vec![
            ("Config", at(PipeTab::Config)),
            ("Settings", at(PipeTab::Settings)),
            ("Preview", at(PipeTab::Preview)),
            ("Tests", at(PipeTab::Tests)),
            ("Input", at(PipeTab::Input)),
        ];
        let writes = dataset.with(Option::is_some);
        if writes {
            tabs.push(("Output", at(PipeTab::Output)));
        }
        tabs.extend([
            ("Runs", at(PipeTab::Runs)),
            ("Schema", at(PipeTab::Schema)),
            ("Lineage", at(PipeTab::Lineage)),
        ]);
        if writes {
            tabs.push(("Indexes", at(PipeTab::Indexes)));
        }
        tabs.push(("Permissions", at(PipeTab::Permissions)));
        tabs
    });
    let here = Signal::derive(move || Place::Pipe { id: pipe.get(), tab: tab.get() });
    let merges = Memo::new(move |_| {
        node.with(|node| node.as_ref().is_some_and(|node| node.flavour == "merge"))
    });
    let body = move || match tab.get() {
        PipeTab::Config => {
            preview.stepping.offer(move || {
                let byte = preview.selected.get_untracked().start;
                let text = file.get_untracked()?.text;
                text.with_untracked(|text| Some(text.get(..byte)?.matches('\n').count() + 1))
            });
            let panes = vec![
                view! { <TextPane opening diagnostics goto watch=preview.watch() /> }.into_any(),
                view! { <SamplePane preview /> }.into_any(),
                view! { <ResultPane preview pipe on_goto=move |bytes| go_to(goto, bytes) /> }
                    .into_any(),
            ];
            view! { <Split name="pipe" shares=&[5.0, 3.0, 4.0] panes labels=&["Config", "Sample", "Result"] /> }.into_any()
        }
        PipeTab::Settings => {
            view! { <SettingsPane pipe opening file diagnostics goto /> }.into_any()
        }
        PipeTab::Preview => view! { <ImpactPane pipe file /> }.into_any(),
        PipeTab::Tests => view! { <TestsPane pipe preview file /> }.into_any(),
        PipeTab::Input => view! { <InputPane pipe /> }.into_any(),
        PipeTab::Schema => view! { <SchemaPane pipe /> }.into_any(),
        PipeTab::Lineage => view! { <LineagePane pipe file /> }.into_any(),
        PipeTab::Indexes => view! { <IndexesPane dataset /> }.into_any(),
        PipeTab::Permissions => {
            view! { <PermissionsPane pipe opening file diagnostics goto /> }.into_any()
        }
        PipeTab::Output => {
            view! { {move || dataset.get().map(|dataset| view! { <Browser dataset /> })} }
                .into_any()
        }
        PipeTab::Runs => view! { <RunsPane pipe /> }.into_any(),
    };
    view! {
        <div class="page" data-testid="pipe">
            <header class="page-head">
                <Link to=Place::Pipes class="crumb">"Pipes"</Link>
                <h1 class:dirty=move || file.with(|file| file.as_ref().is_some_and(OpenFile::dirty))>{move || pipe.get()}</h1>
                <StateChip state=status />
                <div class="page-actions">
                    <Show when=move || merges.get()>
                        <Link
                            to=Signal::derive(move || Place::Duplicates { pipe: Some(pipe.get()), cluster: None })
                            class="button"
                            id="pipe-clusters"
                        >
                            <Icon sign=Sign::Merge />
                            <span>"Clusters"</span>
                        </Link>
                    </Show>
                    <Link to=Signal::derive(move || Place::Flow { select: Some(format!("pipe:{}", pipe.get())) }) class="button" id="pipe-in-flow">
                        <Icon sign=Sign::Flow />
                        <span>"Show in flow"</span>
                    </Link>
                    {move || view! { <PipeActions pipe=pipe.get() /> }}
                    <SaveButton file />
                </div>
            </header>
            <div class="page-tabs"><Tabs label="Sides of the pipe" tabs current=here /></div>
            <Show
                when=move || !missing.get()
                fallback=move || {
                    view! {
                        <Empty
                            sign=Sign::Pipe
                            title=Signal::derive(move || format!("There is no pipe {}", pipe.get()))
                            hint="It may have been renamed or removed. All pipes are in the list."
                        />
                    }
                }
            >
                <Show when=move || live.graph.with(Option::is_some) fallback=|| view! { <Waiting /> }>
                    {body}
                </Show>
            </Show>
        </div>
    }
}

/// The screen of any file of the project.
#[component]
pub fn FileScreen() -> impl IntoView {
    let nav = use_nav();
    let path = nav.says(|place| match place {
        Place::File { path } => Some(Some(path)),
        _ => None,
    });
    let opening = open_file(path);
    let file = opened(opening);
    offer_save(file);
    let diagnostics = found(file);
    let goto = RwSignal::new(None);
    view! {
        <div class="page" data-testid="file">
            <header class="page-head">
                <Link to=Place::Systems class="crumb">"Systems and settings"</Link>
                <h1 class:dirty=move || file.with(|file| file.as_ref().is_some_and(OpenFile::dirty))>{move || path.get()}</h1>
                <div class="page-actions">
                    <SaveButton file />
                </div>
            </header>
            <TextPane opening diagnostics goto />
        </div>
    }
}
