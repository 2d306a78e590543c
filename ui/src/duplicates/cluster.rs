//! One cluster: members beside the golden record, and what joined them.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Cluster, Link as Join, MergePipe, cluster_path};

use super::list::flag_text;
use crate::{
    client::{Failure, use_client},
    components::{Empty, Icon, Link, Problem, Sign, Waiting},
    json::{Tree, short},
    place::Place,
};

/// One property over all members.
struct Line {
    name: String,
    golden: Option<Tree>,
    values: Vec<Option<Tree>>,
}

/// Every property any member or the golden record has. Members of a merge carry
/// their properties under their own namespace or none; lines are by full name.
fn lines(golden: Option<&Tree>, members: &[Tree]) -> Vec<Line> {
    let mut names: Vec<&str> = Vec::new();
    for tree in golden.into_iter().chain(members) {
        for (name, _) in tree.members() {
            if !name.starts_with('_') && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let line = |name: &str| Line {
        name: name.to_owned(),
        golden: golden.and_then(|golden| golden.get(name)).cloned(),
        values: members.iter().map(|member| member.get(name).cloned()).collect(),
    };
    names.into_iter().map(line).collect()
}

/// Whether the golden record holds this value, alone or among others.
fn holds(golden: Option<&Tree>, value: &Tree) -> bool {
    match golden {
        Some(Tree::List(items)) if !matches!(value, Tree::List(_)) => items.contains(value),
        Some(golden) => golden == value,
        None => false,
    }
}

/// The selected cluster; read again when the pipe has run.
#[component]
pub(super) fn ClusterPane(
    pipe: String,
    merge_pipe: Memo<Option<MergePipe>>,
    cluster: Memo<Option<String>>,
    ran_at: Memo<Option<i64>>,
) -> impl IntoView {
    let client = StoredValue::new(use_client());
    let pipe = StoredValue::new(pipe);
    let read = RwSignal::new(None::<Result<Cluster, Failure>>);
    Effect::new(move |before: Option<Option<String>>| {
        ran_at.get();
        let wanted = cluster.get();
        if before.as_ref() != Some(&wanted) {
            read.set(None);
        }
        if let Some(id) = wanted.clone() {
            let (client, path) = (client.get_value(), cluster_path(&pipe.get_value(), &id));
            spawn_local(async move {
                let answer = client.get::<Cluster>(&path).await;
                if cluster.try_get_untracked().flatten() == Some(id) {
                    read.set(Some(answer));
                }
            });
        }
        wanted
    });
    let body = move || {
        if cluster.with(Option::is_none) {
            return view! { <Empty sign=Sign::Merge title="No cluster selected" hint="Select one to see its members and what joined them." /> }.into_any();
        }
        read.with(|read| match read {
            None => view! { <Waiting /> }.into_any(),
            Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
            Some(Ok(cluster)) => merge_pipe.with(|pipe| show(cluster, pipe.as_ref())).into_any(),
        })
    };
    view! { <div class="pane-body cluster" data-testid="cluster">{body}</div> }
}

fn show(cluster: &Cluster, pipe: Option<&MergePipe>) -> impl IntoView + use<> {
    let golden = cluster.golden.as_ref().and_then(|golden| Tree::parse(golden.text()).ok());
    let members: Vec<Tree> = cluster
        .members
        .iter()
        .map(|member| Tree::parse(member.entity.text()).unwrap_or(Tree::Null))
        .collect();
    let flags = cluster.flags.iter().map(|flag| {
        let (text, tip) = flag_text(*flag);
        view! { <span class="flag" data-tip=tip>{text}</span> }
    });
    let columns = format!(
        "grid-template-columns:180px minmax(160px,1.2fr) repeat({},minmax(150px,1fr))",
        members.len()
    );
    let golden_head = pipe.map(|pipe| {
        let to = Place::Dataset { id: pipe.dataset.clone(), entity: Some(cluster.id.clone()) };
        let name = pipe.dataset.clone();
        view! {
            <Link to=to>
                <Icon sign=Sign::Merge />
                {name}
            </Link>
        }
    });
    let member_heads = cluster.members.iter().map(|member| {
        let to =
            Place::Dataset { id: member.dataset.clone(), entity: Some(member.entity_id.clone()) };
        let name = member.dataset.clone();
        view! {
            <div class="cluster-head" role="columnheader">
                <Link to=to>
                    <Icon sign=Sign::Dataset />
                    {name}
                </Link>
                <span class="mono">{member.entity_id.clone()}</span>
            </div>
        }
    });
    let lines = lines(golden.as_ref(), &members);
    let rows = lines.iter().map(|line| {
        let cells = line.values.iter().map(|value| {
            let kept = value.as_ref().is_some_and(|value| holds(line.golden.as_ref(), value));
            view! { <div class="cluster-value" class:kept=kept class:lost=value.is_some() && !kept role="cell">{value.as_ref().map(short)}</div> }
        });
        view! {
            <div class="cluster-line" role="row">
                <div class="cluster-name" role="rowheader" data-tip=line.name.clone()>{line.name.clone()}</div>
                <div class="cluster-value golden" role="cell">{line.golden.as_ref().map(short)}</div>
                {cells.collect_view()}
            </div>
        }
    });
    let joins = cluster.links.iter().map(|link| join(link, cluster, pipe)).collect_view();
    let alone = cluster
        .links
        .is_empty()
        .then(|| view! { <p class="cluster-note">"This record was merged with no other."</p> });
    let unwritten = golden.is_none().then(|| view! { <p class="notice warning"><Icon sign=Sign::Warning /><span>"The pipe has not written this golden record yet."</span></p> });
    view! {
        <header class="cluster-title">
            <h2 class="mono">{cluster.id.clone()}</h2>
            {flags.collect_view()}
        </header>
        {unwritten}
        <h3>"Why they are one"</h3>
        {alone}
        <ul class="joins" data-testid="joins">{joins}</ul>
        <h3>"Members and golden record"</h3>
        <div class="cluster-table" role="table" tabindex="0" aria-label="Members and golden record" style=columns data-testid="cluster-table">
            <div class="cluster-line" role="row">
                <div class="cluster-head" role="columnheader">"Property"</div>
                <div class="cluster-head golden" role="columnheader">
                    {golden_head}
                    <span>"golden record"</span>
                </div>
                {member_heads.collect_view()}
            </div>
            {rows.collect_view()}
        </div>
    }
}

fn join(link: &Join, cluster: &Cluster, pipe: Option<&MergePipe>) -> impl IntoView + use<> {
    let name = |at: usize| {
        let member = cluster.members.get(at);
        let (dataset, id) = member.map_or_else(Default::default, |member| {
            (member.dataset.clone(), member.entity_id.clone())
        });
        view! {
            <span class="join-end">
                <em>{dataset}</em>
                <b class="mono">{id}</b>
            </span>
        }
    };
    let rule = pipe.and_then(|pipe| pipe.rules.get(link.rule)).map(|rule| rule.expression.clone());
    let value = Tree::parse(link.value.text()).unwrap_or(Tree::Null);
    view! {
        <li class="join" class:bridge=link.bridge data-testid="join">
            {name(link.a)}
            <span class="join-value" data-tip=if link.bridge { "Without this link the cluster would fall apart" } else { "" }>
                {short(&value)}
            </span>
            {name(link.b)}
            <code>{rule}</code>
        </li>
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_value_counts_as_kept_when_the_golden_record_has_it() {
        let golden = Tree::parse(r#"{"name":["Ann","Anne"],"age":3,"tags":[1,2]}"#).unwrap();
        let member = Tree::parse(r#"{"_id":"1","name":"Ann","age":4,"tags":[1,2]}"#).unwrap();
        let lines = lines(Some(&golden), &[member]);
        let kept: Vec<(&str, bool)> = lines
            .iter()
            .map(|line| {
                (
                    line.name.as_str(),
                    line.values[0].as_ref().is_some_and(|value| holds(line.golden.as_ref(), value)),
                )
            })
            .collect();
        assert_eq!(kept, [("name", true), ("age", false), ("tags", true)]);
    }
}
