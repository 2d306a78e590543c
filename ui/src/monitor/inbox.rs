//! The entities that failed, over all pipes, by what went wrong.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, FailedEntity, FailedInfo, FailedPage, failed_path};

use super::settle::Settle;
use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Icon, Link, Problem, Sign, Split, Table, Waiting, clock, count},
    json::{JsonView, Tree, print},
    place::{Place, use_nav},
    state::use_live,
};

/// Entities that failed in one pipe in the same way.
#[derive(Clone, PartialEq)]
struct Group {
    pipe: String,
    reason: String,
    count: u64,
}

/// What is alike in messages about different entities: quoted texts and
/// numbers are left out.
fn shape(reason: &str) -> String {
    let mut shape = String::with_capacity(reason.len());
    let mut rest = reason.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '"' if rest.clone().any(|other| other == '"') => {
                for other in rest.by_ref() {
                    if other == '"' {
                        break;
                    }
                }
                shape.push('…');
            }
            '0'..='9' => {
                while rest.peek().is_some_and(char::is_ascii_digit) {
                    rest.next();
                }
                shape.push('…');
            }
            other => shape.push(other),
        }
    }
    shape
}

/// The groups, the largest first.
fn groups(entities: &[FailedInfo]) -> Vec<Group> {
    let mut groups = Vec::<Group>::new();
    for entity in entities {
        let reason = shape(&entity.reason);
        match groups.iter_mut().find(|group| group.pipe == entity.pipe && group.reason == reason) {
            Some(group) => group.count += 1,
            None => groups.push(Group { pipe: entity.pipe.clone(), reason, count: 1 }),
        }
    }
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.pipe.cmp(&b.pipe)));
    groups
}

fn key(entity: &FailedInfo) -> String {
    format!("{}/{}", entity.pipe, entity.id)
}

fn columns() -> Vec<Column<FailedInfo>> {
    vec![
        Column::text(
            "Entity",
            "minmax(88px,1fr)",
            |row| view! { <b>{row.id.clone()}</b> }.into_any(),
            |a, b| a.id.cmp(&b.id),
        ),
        Column::text(
            "Pipe",
            "minmax(80px,1fr)",
            |row| row.pipe.clone().into_any(),
            |a, b| a.pipe.cmp(&b.pipe),
        ),
        Column::text(
            "Why",
            "minmax(120px,2fr)",
            |row| {
                let reason = row.reason.clone();
                view! { <span data-tip=reason.clone()>{reason.clone()}</span> }.into_any()
            },
            |a, b| a.reason.cmp(&b.reason),
        ),
        Column::number(
            "Tries",
            "58px",
            |row| (row.attempts + 1).to_string().into_any(),
            |a, b| a.attempts.cmp(&b.attempts),
        ),
        Column::text(
            "Next",
            "84px",
            |row| {
                if row.dead {
                    view! { <span class="bad-text">"given up"</span> }.into_any()
                } else {
                    "next run".into_any()
                }
            },
            |a, b| a.dead.cmp(&b.dead),
        ),
        Column::text(
            "Failed",
            "128px",
            |row| clock(row.failed).into_any(),
            |a, b| a.failed.cmp(&b.failed),
        ),
    ]
}

/// The failed entities: groups, the entities of one, and one entity.
#[component]
pub(super) fn Inbox() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let client = use_client();
    let page = RwSignal::new(None::<Result<FailedPage, Failure>>);
    let group = RwSignal::new(None::<Group>);
    // Read again when a pipe's failures changed.
    let changed = Memo::new(move |_| {
        live.pipes.with(|pipes| {
            let mark = |pipe: &studio::PipeStatus| (pipe.retries, pipe.dead, pipe.last_run);
            let failing = pipes.values().filter(|pipe| pipe.retries + pipe.dead > 0);
            failing.map(|pipe| (pipe.id.clone(), mark(pipe))).collect::<Vec<_>>()
        })
    });
    Effect::new(move || {
        changed.with(|_| ());
        let client = client.clone();
        spawn_local(async move {
            let read = client.get::<FailedPage>(studio::FAILED).await;
            page.try_set(Some(read));
        });
    });
    let all = Memo::new(move |_| {
        page.with(|page| match page {
            Some(Ok(page)) => page.entities.clone(),
            _ => Vec::new(),
        })
    });
    let all_groups = Memo::new(move |_| all.with(|all| groups(all)));
    let shown = Memo::new(move |_| {
        let group = group.get();
        all.with(|all| {
            let fits = |entity: &&FailedInfo| match &group {
                None => true,
                Some(group) => group.pipe == entity.pipe && group.reason == shape(&entity.reason),
            };
            all.iter().filter(fits).cloned().collect::<Vec<_>>()
        })
    });
    let state = Memo::new(move |_| {
        page.with(|page| {
            page.as_ref().map(|page| match page {
                Ok(page) => Ok(page.entities.is_empty()),
                Err(failure) => Err(failure.clone()),
            })
        })
    });
    let more = Memo::new(move |_| {
        page.with(|page| match page {
            Some(Ok(page)) => page.total.saturating_sub(page.entities.len() as u64),
            _ => 0,
        })
    });
    let selected = Memo::new(move |last: Option<&Option<(String, String)>>| match nav.place() {
        Place::Failed { entity } => entity,
        _ => last.cloned().flatten(),
    });
    let selected_key =
        Signal::derive(move || selected.get().map(|(pipe, id)| format!("{pipe}/{id}")));
    let body = move || {
        let groups = move || {
            let entry = move |wanted: Option<Group>, count_of: u64| {
                let chosen = {
                    let wanted = wanted.clone();
                    move || group.get() == wanted
                };
                let (name, reason) = match &wanted {
                    Some(group) => (group.pipe.clone(), group.reason.clone()),
                    None => ("All".to_owned(), "Whatever went wrong".to_owned()),
                };
                view! {
                    <li>
                        <button type="button" class="group" aria-pressed=move || chosen().to_string() data-testid="failed-group" on:click=move |_| group.set(wanted.clone())>
                            <b>{name}</b>
                            <em>{count(count_of)}</em>
                            <span>{reason}</span>
                        </button>
                    </li>
                }
            };
            let mut entries = vec![entry(None, all.with(Vec::len) as u64)];
            entries.extend(
                all_groups.get().into_iter().map(|group| entry(Some(group.clone()), group.count)),
            );
            entries
        };
        let list = view! {
            <div class="pane-head">
                <Settle entities=shown many=true id="discard-many" />
                <Show when=move || more.with(|more| *more > 0)>
                    <span class="pane-note">{move || format!("{} more are not listed", count(more.get()))}</span>
                </Show>
            </div>
            <Table
                label="Failed entities"
                rows=shown
                columns=columns()
                key
                selected=selected_key
                on_open=move |row: &FailedInfo| {
                    nav.replace(Place::Failed { entity: Some((row.pipe.clone(), row.id.clone())) })
                }
                id="failed-table"
            />
        };
        let panes = vec![
            view! { <ul class="pane-body groups" aria-label="By what went wrong">{groups}</ul> }
                .into_any(),
            list.into_any(),
            view! { <One selected all /> }.into_any(),
        ];
        view! { <Split name="failed" shares=&[2.0, 6.0, 4.0] panes labels=&["Groups", "Entities", "Entity"] /> }
    };
    move || {
        match state.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(true)) => view! { <Empty sign=Sign::Check title="Nothing has failed" hint="Entities that cannot be transformed or written wait here, with the reason, until they are tried again or discarded." /> }.into_any(),
        Some(Ok(false)) => body().into_any(),
    }
    }
}

/// Everything about one failed entity.
#[component]
fn One(selected: Memo<Option<(String, String)>>, all: Memo<Vec<FailedInfo>>) -> impl IntoView {
    let client = use_client();
    let one = RwSignal::new(None::<Result<FailedEntity, Failure>>);
    // As it is in the list now: read again when it failed again.
    let wanted = Memo::new(move |_| {
        let (pipe, id) = selected.get()?;
        all.with(|all| all.iter().find(|info| info.pipe == pipe && info.id == id).cloned())
    });
    Effect::new(move || {
        let Some(info) = wanted.get() else {
            one.set(None);
            return;
        };
        let client = client.clone();
        spawn_local(async move {
            let read = client.get::<FailedEntity>(&failed_path(&info.pipe, &info.id)).await;
            if wanted.try_get_untracked() == Some(Some(info)) {
                one.try_set(Some(read));
            }
        });
    });
    let shown = move |entity: &FailedEntity| {
        let info = entity.info.clone();
        let detail = (entity.detail.text() != "null").then(|| {
            let lines = print(&Tree::of(&entity.detail));
            // Of an expression that failed, its place.
            let title = if entity.detail.text().starts_with("\"$") {
                "Where in the config"
            } else {
                "What the other side said"
            };
            view! {
                <h2 class="pane-title">{title}</h2>
                <JsonView lines id="failed-detail" />
            }
        });
        let lines = print(&Tree::of(&entity.entity));
        view! {
            <p class="notice error" data-testid="failed-reason">
                <Icon sign=Sign::Error />
                <span>{info.reason.clone()}</span>
            </p>
            {detail}
            <h2 class="pane-title">"The entity as the pipe read it"</h2>
            <JsonView lines id="failed-entity" />
        }
    };
    let chosen = Signal::derive(move || wanted.get().into_iter().collect::<Vec<_>>());
    view! {
        <Show
            when=move || wanted.with(Option::is_some)
            fallback=|| view! { <Empty sign=Sign::Error title="No entity selected" hint="Select a row to see the entity and why it failed." /> }
        >
            <div class="pane-head">
                {move || wanted.get().map(|info| view! { <Link to=Place::runs(&info.pipe) class="pill" tip="The runs of this pipe"><Icon sign=Sign::Pipe />{info.pipe.clone()}</Link> })}
                <span class="pane-note"></span>
                <Settle entities=chosen id="discard-single" />
            </div>
            <div class="pane-body">
                {move || one.with(|one| match one {
                    None => view! { <Waiting /> }.into_any(),
                    Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
                    Some(Ok(entity)) => shown(entity).into_any(),
                })}
            </div>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_kind_are_one_group() {
        let info = |pipe: &str, id: &str, reason: &str| FailedInfo {
            pipe: pipe.into(),
            id: id.into(),
            attempts: 0,
            failed: 0,
            dead: false,
            reason: reason.into(),
        };
        let found = groups(&[
            info("out", "1", "entity \"1\" was answered with 500"),
            info("out", "2", "entity \"2\" was answered with 503"),
            info("out", "3", "the name is missing"),
            info("in", "3", "the name is missing"),
        ]);
        let short: Vec<_> = found
            .iter()
            .map(|group| (group.pipe.as_str(), group.reason.as_str(), group.count))
            .collect();
        assert_eq!(
            short,
            [
                ("out", "entity … was answered with …", 2),
                ("in", "the name is missing", 1),
                ("out", "the name is missing", 1),
            ]
        );
    }

    #[test]
    fn a_lone_quote_stays() {
        assert_eq!(shape("5\" is too long"), "…\" is too long");
    }
}
