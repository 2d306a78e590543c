//! Run, stop, and the rest of what a pump can do.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, PipeState, Run, encode};

use crate::{
    client::{Failure, use_client},
    components::{Button, Icon, Menu, MenuItem, Sign, use_toasts},
    draft::{ActDialog, act_items},
    state::use_live,
};

/// Buttons for one pipe.
#[component]
pub fn PipeActions(
    /// The pipe.
    #[prop(into)]
    pipe: String,
) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let id = StoredValue::new(pipe.clone());
    let status = live.pipe(&pipe);
    let state = Memo::new(move |_| status.with(|status| status.state));
    let tell = move |done: Result<(), Failure>| {
        if let Err(failure) = done {
            toasts.failed(failure.to_string());
        }
    };
    let send = move |path: &'static str| {
        let run = Run { pipes: vec![id.get_value()] };
        let client = client.get_value();
        spawn_local(async move { tell(client.tell(path, &run).await) });
    };
    let operate = move |operation: &'static str, extra: &'static [(&'static str, &'static str)]| {
        let path = format!("/api/pipes/{}/pump", encode(&id.get_value()));
        let mut fields = vec![("operation", operation)];
        fields.extend_from_slice(extra);
        let client = client.get_value();
        spawn_local(async move { tell(client.form(&path, &fields).await) });
    };
    let held = Memo::new(move |_| {
        if !live.may_change() {
            Some("Your access to this node is for reading only.".to_owned())
        } else if !live.trusted() {
            Some("This folder has not been allowed to run yet.".to_owned())
        } else {
            None
        }
    });
    let act = RwSignal::new(None);
    let items = Signal::derive(move || {
        let disabled = state.get() == PipeState::Disabled;
        let busy = (state.get() == PipeState::Running).then(|| "The pipe runs now.".to_owned());
        let switch = if disabled {
            MenuItem::new("Enable", move || operate("enable", &[])).sign(Sign::Check)
        } else {
            MenuItem::new("Disable", move || operate("disable", &[])).sign(Sign::Lock)
        };
        let restart = MenuItem::new("Read the source from the start", move || {
            operate("update-last-seen", &[("last-seen", "")])
        })
        .sign(Sign::Refresh);
        let mut all = vec![switch.held(held.get()), restart.held(held.get().or(busy))];
        let readonly = (!live.may_change())
            .then(|| "Your access to this node is for reading only.".to_owned());
        all.extend(act_items(act, readonly));
        all
    });
    let run_held = Memo::new(move |_| {
        held.get().or_else(|| {
            matches!(state.get(), PipeState::Disabled | PipeState::Serving | PipeState::Invalid)
                .then(|| "This pipe cannot be run as it is.".to_owned())
        })
    });
    view! {
        <Show
            when=move || state.get() == PipeState::Running
            fallback=move || {
                view! {
                    <Button
                        label="Run"
                        sign=Sign::Play
                        id="pipe-run"
                        tip=Signal::derive(move || run_held.get().unwrap_or_else(|| "Runs this pipe once (Ctrl+Enter)".into()))
                        disabled=Signal::derive(move || run_held.with(Option::is_some))
                        on_click=move || send(studio::RUN)
                    />
                }
            }
        >
            <Button label="Stop" sign=Sign::Stop id="pipe-stop" on_click=move || send(studio::STOP) />
        </Show>
        <Menu label="More" id="pipe-more" items>
            <Icon sign=Sign::More />
        </Menu>
        <ActDialog act id=Signal::derive(move || id.get_value()) is_pipe=true />
    }
}
