//! Another name, a copy, taking away: what can be done with a pipe or system
//! as a whole.

use leptos::prelude::*;
use pipewright_language::{FileChange, Workspace};

use super::{Maker, Review, name_problem};
use crate::{
    components::{Dialog, Field, Form, Icon, Link, MenuItem, Sign},
    place::Place,
    state::{Language, use_language, use_live},
};

/// Something to be done with a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Give it another name, with all that name it.
    Rename,
    /// Make another one like it.
    Copy,
    /// Take it away.
    Remove,
}

impl Act {
    fn verb(self) -> &'static str {
        match self {
            Act::Rename => "Rename",
            Act::Copy => "Duplicate",
            Act::Remove => "Remove",
        }
    }

    fn sign(self) -> Sign {
        match self {
            Act::Rename => Sign::File,
            Act::Copy => Sign::Copy,
            Act::Remove => Sign::Close,
        }
    }
}

/// The entries of a menu that begin an act; `held` says why they cannot be
/// chosen now.
pub fn act_items(begun: RwSignal<Option<Act>>, held: Option<String>) -> Vec<MenuItem> {
    let item = |act: Act| {
        let label = format!("{}…", act.verb());
        MenuItem::new(label, move || begun.set(Some(act))).sign(act.sign()).held(held.clone())
    };
    [Act::Rename, Act::Copy, Act::Remove].map(item).into()
}

/// Asks what is needed for an act, shows what it would change, and does it.
#[component]
pub fn ActDialog(
    /// What was begun; none closes it.
    act: RwSignal<Option<Act>>,
    /// The pipe or system.
    #[prop(into)]
    id: Signal<String>,
    /// Whether it is a pipe.
    #[prop(into)]
    is_pipe: Signal<bool>,
    /// Whether one stays in the flow afterwards.
    #[prop(optional)]
    in_flow: bool,
) -> impl IntoView {
    let open = RwSignal::new(false);
    // Each follows the other, and tells nobody when nothing has changed.
    Effect::new(move || {
        let begun = act.with(Option::is_some);
        if open.get_untracked() != begun {
            open.set(begun);
        }
    });
    Effect::new(move || {
        if !open.get() && act.with_untracked(Option::is_some) {
            act.set(None);
        }
    });
    let title = Signal::derive(move || {
        let verb = act.get().map(Act::verb).unwrap_or_default();
        format!("{verb} {}", id.get())
    });
    view! {
        <Dialog open title id="act" wide=true>
            {move || act.get().map(|begun| view! { <Asked begun id=id.get_untracked() is_pipe=is_pipe.get_untracked() in_flow on_close=move || act.set(None) /> })}
        </Dialog>
    }
}

#[component]
fn Asked(
    begun: Act,
    id: String,
    is_pipe: bool,
    in_flow: bool,
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, language, maker) = (use_live(), use_language(), Maker::start());
    let what = if is_pipe { "pipe" } else { "system" };
    let id = StoredValue::new(id);
    let name = RwSignal::new(match begun {
        Act::Rename | Act::Remove => id.get_value(),
        Act::Copy => format!("{}-copy", id.get_value()),
    });
    let new = Memo::new(move |_| name.with(|name| name.trim().to_owned()));
    let wrong = Memo::new(move |_| {
        let new = new.get();
        let same = begun == Act::Rename && new == id.get_value();
        if begun == Act::Remove || same {
            return None;
        }
        name_problem(&new, what, |id| live.name_taken(id))
    });
    let drafted = Memo::new(move |_| -> Result<Vec<FileChange>, String> {
        if wrong.with(Option::is_some) {
            return Ok(Vec::new());
        }
        let (id, new) = (id.get_value(), new.get());
        language.ready();
        let drafted = language.look_at(|workspace: &Workspace| match begun {
            Act::Rename if id == new => Ok(Vec::new()),
            Act::Rename => workspace.rename_component(&id, &new),
            Act::Copy => workspace.copy_component(&id, &new),
            Act::Remove => workspace.remove_components(&[id]),
        });
        drafted.unwrap_or_else(|| Ok(Vec::new()))
    });
    let changes = Signal::derive(move || drafted.get().unwrap_or_default());
    // What stops working, by name.
    let breaks = Memo::new(move |_| match begun {
        Act::Remove => broken_without(language, &[id.get_value()]),
        _ => Vec::new(),
    });
    let make = move || {
        let changes = changes.get_untracked();
        let (id, new) = (id.get_value(), new.get_untracked());
        let label = match begun {
            Act::Rename => format!("Rename {id} to {new}"),
            Act::Copy => format!("Duplicate {id} as {new}"),
            Act::Remove => format!("Remove {what} {id}"),
        };
        let card = |id: &str| format!("{}:{id}", if is_pipe { "pipe" } else { "system" });
        let then = match (begun, is_pipe) {
            (Act::Remove, _) if in_flow => Place::START,
            (..) if in_flow => Place::Flow { select: Some(card(&new)) },
            (Act::Remove, true) => Place::Pipes,
            (Act::Remove, false) => Place::Systems,
            (_, true) => Place::pipe(new),
            (_, false) => Place::system(new),
        };
        maker.make(maker.step(label, &changes), Some(then), on_close);
    };
    let field = (begun != Act::Remove).then(|| {
        view! { <Field label=format!("Name of the {what}") value=name focus=true problem=wrong id="act-name" /> }
    });
    let refused = move || {
        drafted.with(|drafted| {
            drafted.as_ref().err().map(|why| {
                let why = why.clone();
                view! { <div class="notice error"><Icon sign=Sign::Error /><span>{why}</span></div> }
            })
        })
    };
    view! {
        <Form
            label=begun.verb()
            sign=begun.sign()
            id="act-do"
            class="act"
            disabled=Signal::derive(move || maker.busy.get() || wrong.with(Option::is_some) || changes.with(Vec::is_empty))
            on_submit=make
            on_close
        >
            <div class="act-head">{field} <Breaks pipes=breaks /> {refused}</div>
            <Review changes />
        </Form>
    }
}

/// The components that name one of these and are not among them.
pub(super) fn broken_without(language: Language, ids: &[String]) -> Vec<String> {
    let uses = language
        .look_at(|workspace| ids.iter().flat_map(|id| workspace.uses(id)).collect::<Vec<_>>());
    let uses = uses.unwrap_or_default();
    let mut by: Vec<String> = uses.into_iter().filter_map(|each| each.component).collect();
    by.retain(|each| !ids.contains(each));
    by.sort();
    by.dedup();
    by
}

/// Says which pipes stop working.
#[component]
pub(super) fn Breaks(pipes: Memo<Vec<String>>) -> impl IntoView {
    move || {
        let breaks = pipes.get();
        (!breaks.is_empty()).then(|| {
            let links = breaks.into_iter().map(|pipe| {
                view! { <Link to=Place::pipe(&pipe)>{pipe.clone()}</Link> }
            });
            view! {
                <div class="notice warning" data-testid="breaks">
                    <Icon sign=Sign::Warning />
                    <span class="notice-links">"These pipes name it and will not find it: " {links.collect_view()}</span>
                </div>
            }
        })
    }
}
