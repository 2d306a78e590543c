//! The dialogs of the flow: what is asked for before something is made. All
//! changes of config are shown before they are made.

use leptos::prelude::*;
use pipewright_protocol::studio::NodeKind;

use super::{
    insert::Insert,
    new_pipe::NewPipe,
    paste::Bring,
    read::Read,
    scene::{Ask, Scene},
};
use crate::{
    components::Dialog,
    draft::{Act, ActDialog, NewMerge, Several},
    systems::NewSystem,
};

/// A dialog that is open while something of a sort is asked for.
fn open_while(scene: Scene, is: fn(&Ask) -> bool) -> RwSignal<bool> {
    let open = RwSignal::new(false);
    // Each follows the other, and tells nobody when nothing has changed.
    Effect::new(move || {
        let asked = scene.asked.with(|asked| asked.as_ref().is_some_and(is));
        if open.get_untracked() != asked {
            open.set(asked);
        }
    });
    Effect::new(move || {
        let asked = || scene.asked.with_untracked(|asked| asked.as_ref().is_some_and(is));
        if !open.get() && asked() {
            scene.asked.set(None);
        }
    });
    open
}

/// All dialogs of the flow; each is empty until it is asked for.
#[component]
pub(super) fn Asking(scene: Scene) -> impl IntoView {
    let close = move || scene.asked.set(None);
    let pipe = open_while(scene, |ask| matches!(ask, Ask::Pipe { .. } | Ask::Source { .. }));
    let merge = open_while(scene, |ask| matches!(ask, Ask::Merge { .. }));
    let system = open_while(scene, |ask| matches!(ask, Ask::System { .. }));
    let change = open_while(scene, |ask| {
        matches!(
            ask,
            Ask::Insert { .. } | Ask::Read { .. } | Ask::Several { .. } | Ask::Bring { .. }
        )
    });
    let asked = move || scene.asked.get();
    let title = Signal::derive(move || match asked() {
        Some(Ask::Insert { kind: Some(kind), .. }) => format!("Insert {kind}"),
        Some(Ask::Insert { .. }) => "Insert a pipe".into(),
        Some(Ask::Read { pipe, .. }) => format!("What {pipe} reads"),
        Some(Ask::Several { act: Act::Copy, ids }) => format!("Duplicate {}", ids.len()),
        Some(Ask::Several { ids, .. }) => format!("Remove {}", ids.len()),
        Some(Ask::Bring { names, .. }) => format!("Paste {}", names.len()),
        _ => String::new(),
    });
    let one = Signal::derive(move || {
        let index = scene.selected.get();
        index.and_then(|index| {
            scene.wiring.with(|wiring| {
                let node = wiring.graph.nodes.get(index)?;
                Some((node.name.clone(), node.kind == NodeKind::Pipe))
            })
        })
    });
    let id = Signal::derive(move || one.get().map(|(id, _)| id).unwrap_or_default());
    let is_pipe = Signal::derive(move || one.get().is_none_or(|(_, is_pipe)| is_pipe));
    view! {
        <Dialog open=pipe title="New pipe" id="new-pipe">
            {move || match asked() {
                Some(Ask::Pipe { dataset, spot }) => Some(view! { <NewPipe dataset kind=None spot on_close=close /> }),
                Some(Ask::Source { kind, spot }) => Some(view! { <NewPipe dataset=None kind=Some(kind) spot on_close=close /> }),
                _ => None,
            }}
        </Dialog>
        <Dialog open=merge title="Merge datasets" id="new-merge">
            {move || match asked() {
                Some(Ask::Merge { first, spot }) => Some(view! { <NewMerge first spot on_close=close /> }),
                _ => None,
            }}
        </Dialog>
        <Dialog open=system title="New system" id="flow-new-system">
            {move || match asked() {
                Some(Ask::System { spot }) => Some(view! { <NewSystem spot on_close=close /> }),
                _ => None,
            }}
        </Dialog>
        <Dialog open=change title id="flow-change" wide=true>
            {move || match asked() {
                Some(Ask::Insert { kind, pipe, dataset, in_front, spot }) => {
                    view! { <Insert kind pipe dataset in_front spot on_close=close /> }.into_any()
                }
                Some(Ask::Read { pipe, dataset }) => view! { <Read pipe dataset on_close=close /> }.into_any(),
                Some(Ask::Several { act, ids }) => view! { <Several act ids on_close=close /> }.into_any(),
                Some(Ask::Bring { names, changes }) => view! { <Bring names changes on_close=close /> }.into_any(),
                _ => ().into_any(),
            }}
        </Dialog>
        <ActDialog act=scene.act id is_pipe in_flow=true />
    }
}
