//! The flow of a project as cards and lines with places.

use std::collections::BTreeMap;

use pipewright_config::flow::{self, Relation, Vertex};
use pipewright_config::pipe::SourceKind;
use pipewright_config::{Problem, Project};
use pipewright_dtl::Severity;
use pipewright_protocol::studio::{EdgeKind, Graph, GraphEdge, GraphNode, NodeKind};

use crate::layout::{Size, layered};

const PIPE: Size = (224.0, 64.0);
const DATASET: Size = (200.0, 44.0);
const SYSTEM: Size = (176.0, 48.0);

/// Draws the flow. A dataset that exactly one pipe writes is part of that
/// pipe's card.
pub(crate) fn draw(project: &Project, flow: &flow::Graph, problems: &[Problem]) -> Graph {
    // The card each vertex is on; a dataset may share its writer's.
    let mut card_of: BTreeMap<&Vertex, usize> = BTreeMap::new();
    let mut cards: Vec<GraphNode> = Vec::new();
    let sole_writer = |dataset: &str| match flow.writers_of(dataset) {
        [only] => Some(only.clone()),
        _ => None,
    };
    for vertex in flow.vertices() {
        let shared = matches!(vertex, Vertex::Dataset(id) if sole_writer(id).is_some());
        if !shared {
            card_of.insert(vertex, cards.len());
            cards.push(card(project, vertex, problems));
        }
    }
    for vertex in flow.vertices() {
        if let Vertex::Dataset(id) = vertex
            && let Some(writer) = sole_writer(id)
            && let Some(&place) = card_of.get(&Vertex::Pipe(writer))
        {
            cards[place].dataset = Some(id.to_string());
            card_of.insert(vertex, place);
        }
    }
    let mut lines = Vec::new();
    let mut edges = Vec::new();
    for edge in flow.edges() {
        let (Some(&from), Some(&to)) = (card_of.get(&edge.from), card_of.get(&edge.to)) else {
            continue;
        };
        // A pipe and the dataset on its own card need no line.
        if from == to && edge.relation == Relation::Writes {
            continue;
        }
        let dataset = match (&edge.from, &edge.to) {
            (Vertex::Dataset(id), _) | (_, Vertex::Dataset(id)) => Some(id.to_string()),
            _ => None,
        };
        lines.push((from, to));
        edges.push(GraphEdge {
            from: cards[from].id.clone(),
            to: cards[to].id.clone(),
            kind: match edge.relation {
                Relation::Reads | Relation::Calls => EdgeKind::Read,
                Relation::Merges => EdgeKind::Merge,
                Relation::Hops => EdgeKind::Hop,
                Relation::Writes => EdgeKind::Write,
            },
            dataset,
            points: Vec::new(),
        });
    }
    let sizes: Vec<Size> = cards.iter().map(|card| (card.width, card.height)).collect();
    let layout = layered(&sizes, &lines);
    for ((card, [x, y]), layer) in cards.iter_mut().zip(layout.cards).zip(layout.layers) {
        (card.x, card.y, card.layer) = (x, y, layer);
    }
    for (edge, route) in edges.iter_mut().zip(layout.routes) {
        edge.points = route;
    }
    Graph { nodes: cards, edges, width: layout.width, height: layout.height }
}

fn card(project: &Project, vertex: &Vertex, problems: &[Problem]) -> GraphNode {
    let name = vertex.id().to_string();
    let (kind, prefix, size) = match vertex {
        Vertex::Pipe(_) => (NodeKind::Pipe, "pipe", PIPE),
        Vertex::Dataset(_) => (NodeKind::Dataset, "dataset", DATASET),
        Vertex::System(_) => (NodeKind::System, "system", SYSTEM),
    };
    let mut card = GraphNode {
        id: format!("{prefix}:{name}"),
        kind,
        flavour: String::new(),
        sink: String::new(),
        dataset: None,
        global: false,
        file: None,
        x: 0.0,
        y: 0.0,
        width: size.0,
        height: size.1,
        layer: 0,
        errors: 0,
        warnings: 0,
        name,
    };
    match vertex {
        Vertex::Pipe(id) => {
            if let Some(pipe) = project.pipe(id) {
                card.flavour = pipe.source.type_name().to_owned();
                if pipe.sink_dataset().is_none() {
                    card.sink = pipe.sink.type_name().to_owned();
                }
                card.global = pipe.metadata.get("global").and_then(|v| v.as_bool()) == Some(true)
                    || matches!(pipe.source.kind, SourceKind::Merge(_));
                card.file = Some(pipe.origin.file.path.to_string());
            }
        }
        Vertex::System(id) => {
            if let Some(system) = project.system(id) {
                card.flavour = system.kind.to_string();
                card.file = Some(system.origin.file.path.to_string());
            }
        }
        Vertex::Dataset(id) => card.dataset = Some(id.to_string()),
    }
    if !matches!(vertex, Vertex::Dataset(_)) {
        let ours = problems.iter().filter(|p| p.component.as_deref() == Some(&card.name));
        for problem in ours {
            match problem.diagnostic.severity {
                Severity::Error => card.errors += 1,
                Severity::Warning => card.warnings += 1,
                Severity::Info => {}
            }
        }
    }
    card
}
