//! Which pipes belong together: by the system they serve, or by the records
//! they flow into or come from.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use pipewright_protocol::studio::{EdgeKind, Graph, GraphNode, NodeKind};

/// What pipes are put together by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Nothing.
    #[default]
    None,
    /// The system that they read or write, directly or through others.
    System,
    /// The merged records that they lead to, or come from.
    Flow,
}

/// Pipes of no other group.
pub(super) const OTHERS: &str = "Others";

/// The group of each pipe.
pub(super) fn groups(graph: &Graph, by: Grouping) -> HashMap<String, String> {
    let nodes: BTreeMap<&str, &GraphNode> =
        graph.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut next: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut before: HashMap<&str, Vec<&str>> = HashMap::new();
    // What is only looked up does not make a flow.
    for edge in graph.edges.iter().filter(|edge| edge.kind != EdgeKind::Hop) {
        next.entry(&edge.from).or_default().push(&edge.to);
        before.entry(&edge.to).or_default().push(&edge.from);
    }
    let is_global = |node: &GraphNode| node.global;
    let is_system = |node: &GraphNode| node.kind == NodeKind::System;
    // The nearest one that is it; nothing is looked for behind merged records.
    let nearest = |from: &str, ways: &HashMap<&str, Vec<&str>>, is: &dyn Fn(&GraphNode) -> bool| {
        let mut seen = HashSet::from([from.to_owned()]);
        let mut queue = VecDeque::from([from.to_owned()]);
        while let Some(at) = queue.pop_front() {
            for id in ways.get(at.as_str()).into_iter().flatten() {
                let Some(node) = nodes.get(id) else { continue };
                if is(node) {
                    return Some(node.name.clone());
                }
                if !is_global(node) && seen.insert((*id).to_owned()) {
                    queue.push_back((*id).to_owned());
                }
            }
        }
        None
    };
    let group =
        |node: &GraphNode| match by {
            Grouping::None => None,
            Grouping::System if node.global => Some("Merged records".to_owned()),
            Grouping::System => nearest(&node.id, &before, &is_system)
                .or_else(|| nearest(&node.id, &next, &is_system)),
            Grouping::Flow if node.global => Some(node.name.clone()),
            Grouping::Flow => nearest(&node.id, &next, &is_global)
                .or_else(|| nearest(&node.id, &before, &is_global)),
        };
    graph
        .nodes
        .iter()
        .filter(|node| node.kind == NodeKind::Pipe)
        .map(|node| (node.name.clone(), group(node).unwrap_or_else(|| OTHERS.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipewright_protocol::studio::GraphEdge;

    fn graph() -> Graph {
        let node = |id: &str, global: bool| GraphNode {
            id: id.into(),
            kind: if id.starts_with("system") { NodeKind::System } else { NodeKind::Pipe },
            name: id.split_once(':').map_or(id, |(_, name)| name).into(),
            flavour: String::new(),
            sink: String::new(),
            dataset: None,
            global,
            file: None,
            x: 0.0,
            y: 0.0,
            width: 0.0,
            height: 0.0,
            layer: 0,
            errors: 0,
            warnings: 0,
        };
        let edge = |from: &str, to: &str, kind| GraphEdge {
            from: from.into(),
            to: to.into(),
            kind,
            dataset: None,
            points: Vec::new(),
        };
        Graph {
            nodes: vec![
                node("system:crm", false),
                node("system:shop", false),
                node("pipe:collect", false),
                node("pipe:enrich", false),
                node("pipe:global", true),
                node("pipe:share", false),
                node("pipe:alone", false),
            ],
            edges: vec![
                edge("system:crm", "pipe:collect", EdgeKind::Read),
                edge("pipe:collect", "pipe:enrich", EdgeKind::Read),
                edge("pipe:enrich", "pipe:global", EdgeKind::Merge),
                edge("pipe:global", "pipe:share", EdgeKind::Read),
                edge("pipe:share", "system:shop", EdgeKind::Write),
                edge("pipe:alone", "pipe:enrich", EdgeKind::Hop),
            ],
            ..Graph::default()
        }
    }

    #[test]
    fn a_pipe_belongs_to_what_is_nearest_on_its_way() {
        let by = |by| {
            let groups = groups(&graph(), by);
            ["collect", "enrich", "global", "share", "alone"].map(|pipe| groups[pipe].clone())
        };
        assert_eq!(by(Grouping::System), ["crm", "crm", "Merged records", "shop", OTHERS]);
        assert_eq!(by(Grouping::Flow), ["global", "global", "global", "global", OTHERS]);
    }
}
