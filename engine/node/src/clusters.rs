//! Why records were merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use pipewright_config::pipe::{Fragment, MergeSource, SourceKind};
use pipewright_entity::{Entity, Text};
use pipewright_protocol::studio::{
    Cluster, ClusterFlag, ClusterInfo, ClusterPage, Link, Member, MemberId, MergePipe, MergeRule,
};
use pipewright_pump::{Plan, cluster_sizes, explain_cluster};
use pipewright_store::Reader;
use pipewright_sync::merge::Explanation;

use crate::Node;
use crate::api::Failed;
use crate::wire;

/// From how many members on a cluster deserves a look.
const VERY_LARGE: usize = 20;

/// The pipes that merge.
pub(crate) fn pipes(node: &Node) -> Result<Vec<MergePipe>, Failed> {
    let (loaded, reader) = (node.loaded(), node.store().reader()?);
    let mut found = Vec::new();
    for pipe in loaded.project.pipes() {
        let SourceKind::Merge(source) = &pipe.source.kind else { continue };
        let Some(dataset) = pipe.sink_dataset() else { continue };
        // A pipe that cannot be planned has merged nothing that could be shown.
        let sizes = match loaded.plan(pipe.id.as_str()) {
            Ok(plan) => sizes(&plan, &reader)?,
            Err(_) => BTreeMap::new(),
        };
        found.push(MergePipe {
            pipe: pipe.id.to_string(),
            dataset: dataset.to_string(),
            sources: source.datasets.iter().map(|entry| entry.dataset.to_string()).collect(),
            rules: rules(source).into_iter().map(|expression| MergeRule { expression }).collect(),
            clusters: sizes.len() as u64,
            members: sizes.values().sum(),
            merged: sizes.values().filter(|size| **size > 1).count() as u64,
            largest: sizes.values().copied().max().unwrap_or(0),
        });
    }
    Ok(found)
}

fn sizes(plan: &Plan, reader: &Reader) -> Result<BTreeMap<Text, u64>, Failed> {
    cluster_sizes(plan, reader).map_err(|error| Failed::internal(error.to_string()))
}

/// Rules by the sets of expressions that they make equal, as the config has
/// them. Rules that share an expression are one set, as in the engine.
fn rules(source: &MergeSource) -> Vec<String> {
    let text = |fragment: &Fragment| fragment.to_json().to_string().trim_matches('"').to_owned();
    let pairs = source
        .equality
        .iter()
        .map(|rule| rule.items().skip(1).map(|side| text(&side)).collect::<Vec<_>>());
    let sets = source.equality_sets.iter().map(|set| set.iter().map(text).collect());
    let mut unified: Vec<Vec<String>> = Vec::new();
    for rule in pairs.chain(sets) {
        let shares = |set: &Vec<String>| set.iter().any(|side| rule.contains(side));
        let (sharing, others): (Vec<_>, Vec<_>) = unified.iter().cloned().partition(shares);
        let at = unified.iter().position(shares);
        let mut joined: Vec<String> = sharing.into_iter().flatten().collect();
        joined.extend(rule.into_iter().filter(|side| !joined.contains(side)).collect::<Vec<_>>());
        unified = others;
        unified.insert(at.unwrap_or(unified.len()).min(unified.len()), joined);
    }
    unified.into_iter().map(|set| set.join(" = ")).collect()
}

struct MergeAt {
    plan: Arc<Plan>,
    dataset: String,
    sources: Vec<String>,
}

fn merge(node: &Node, pipe: &str) -> Result<MergeAt, Failed> {
    let loaded = node.loaded();
    let plan = loaded.plan(pipe).map_err(Failed::not_found)?;
    let dataset = plan.sink_dataset().map(ToString::to_string);
    let merges = loaded
        .project
        .pipe(pipe)
        .is_some_and(|pipe| matches!(pipe.source.kind, SourceKind::Merge(_)));
    match dataset {
        Some(dataset) if merges => {
            let sources = plan.source_datasets().iter().map(ToString::to_string).collect();
            Ok(MergeAt { plan, dataset, sources })
        }
        _ => Err(Failed::not_found(format!("the pipe {pipe:?} merges nothing"))),
    }
}

impl MergeAt {
    fn explain(&self, node: &Node, id: &str) -> Result<Option<Explanation>, Failed> {
        explain_cluster(&self.plan, node.store(), id)
            .map_err(|error| Failed::internal(error.to_string()))
    }

    fn member(&self, dataset: u16) -> String {
        self.sources.get(usize::from(dataset)).cloned().unwrap_or_default()
    }
}

/// Clusters, the largest first.
pub(crate) fn page(
    node: &Node,
    pipe: &str,
    since: Option<&str>,
    limit: usize,
    find: &str,
) -> Result<ClusterPage, Failed> {
    let merge = merge(node, pipe)?;
    let reader = node.store().reader()?;
    let mut sizes: Vec<(Text, u64)> = sizes(&merge.plan, &reader)?.into_iter().collect();
    if !find.is_empty() {
        let find = find.to_lowercase();
        let mut kept = Vec::new();
        for (id, size) in sizes {
            let hit = id.to_lowercase().contains(&find)
                || merge.explain(node, &id)?.is_some_and(|explained| {
                    explained.members.iter().any(|m| m.id.to_lowercase().contains(&find))
                });
            if hit {
                kept.push((id, size));
            }
        }
        sizes = kept;
    }
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let from: usize = since.and_then(|since| since.parse().ok()).unwrap_or(0);
    let mut clusters = Vec::new();
    for (id, _) in sizes.iter().skip(from).take(limit) {
        let explained = merge.explain(node, id)?;
        let members = explained.as_ref().map_or(Vec::new(), |explained| {
            explained
                .members
                .iter()
                .map(|m| MemberId { dataset: merge.member(m.dataset), entity: m.id.to_string() })
                .collect()
        });
        let links = explained.as_ref().map_or(Vec::new(), ends);
        clusters.push(ClusterInfo { id: id.to_string(), flags: flags(&members, &links), members });
    }
    let next = (from + clusters.len() < sizes.len() && !clusters.is_empty())
        .then(|| (from + clusters.len()).to_string());
    Ok(ClusterPage { clusters, next })
}

/// One cluster with everything that explains it.
pub(crate) fn one(node: &Node, pipe: &str, id: &str) -> Result<Cluster, Failed> {
    let merge = merge(node, pipe)?;
    let reader = node.store().reader()?;
    let Some(explained) = merge.explain(node, id)? else {
        return Err(Failed::not_found(format!("{pipe:?} has no cluster {id:?}")));
    };
    let golden = match reader.dataset(&merge.dataset)? {
        Some(_) => reader.get(&merge.dataset, id)?,
        None => None,
    };
    let mut members = Vec::new();
    for member in &explained.members {
        let dataset = merge.member(member.dataset);
        let entity = match reader.get(&dataset, &member.id)? {
            Some(version) => version.with_metadata(),
            None => Entity::new(member.id.clone()),
        };
        members.push(Member {
            entity_id: member.id.to_string(),
            entity: wire::json(&entity)?,
            dataset,
        });
    }
    let ends = ends(&explained);
    let bridges = bridges(members.len(), &ends);
    let ids: Vec<MemberId> = members
        .iter()
        .map(|m| MemberId { dataset: m.dataset.clone(), entity: m.entity_id.clone() })
        .collect();
    let mut links = Vec::new();
    for ((link, (a, b)), bridge) in explained.links.iter().zip(&ends).zip(bridges) {
        let value = pipewright_protocol::studio::Json::from_text(link.value.to_transit())
            .map_err(|error| Failed::internal(error.to_string()))?;
        links.push(Link { a: *a, b: *b, rule: link.set, value, bridge });
    }
    let golden = golden.map(|version| wire::json(&version.with_metadata())).transpose()?;
    Ok(Cluster { id: id.to_owned(), golden, flags: flags(&ids, &ends), members, links })
}

/// The links as places among the members.
fn ends(explained: &Explanation) -> Vec<(usize, usize)> {
    let places: BTreeMap<_, usize> = explained.members.iter().zip(0..).collect();
    let place = |member| places.get(member).copied().unwrap_or(0);
    explained.links.iter().map(|link| (place(&link.from), place(&link.to))).collect()
}

fn flags(members: &[MemberId], links: &[(usize, usize)]) -> Vec<ClusterFlag> {
    let mut flags = Vec::new();
    let twice = members
        .iter()
        .enumerate()
        .any(|(at, member)| members[..at].iter().any(|other| other.dataset == member.dataset));
    if twice {
        flags.push(ClusterFlag::SameDataset);
    }
    if members.len() > VERY_LARGE {
        flags.push(ClusterFlag::VeryLarge);
    }
    let count = |at: usize| links.iter().filter(|(a, b)| *a == at || *b == at).count();
    if members.len() > 2 && (0..members.len()).any(|at| count(at) == 1) {
        flags.push(ClusterFlag::SingleLink);
    }
    flags
}

/// For each link, whether the cluster would fall apart without it.
fn bridges(members: usize, links: &[(usize, usize)]) -> Vec<bool> {
    let connected_without = |left_out: usize| {
        let mut seen = vec![false; members];
        let mut queue = vec![0];
        while let Some(at) = queue.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            for (place, (a, b)) in links.iter().enumerate() {
                if place != left_out {
                    match at {
                        at if at == *a => queue.push(*b),
                        at if at == *b => queue.push(*a),
                        _ => {}
                    }
                }
            }
        }
        seen.into_iter().all(|seen| seen)
    };
    (0..links.len()).map(|place| members > 0 && !connected_without(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_is_a_link_without_another_way_round() {
        assert_eq!(bridges(4, &[(0, 1), (1, 2), (0, 2), (2, 3)]), [false, false, false, true]);
        assert_eq!(bridges(2, &[(0, 1), (0, 1)]), [false, false]);
        assert_eq!(bridges(1, &[]), [false; 0]);
    }
}
