//! The flow of a project as cards and lines with places.

use std::collections::{BTreeMap, BTreeSet};

use pipewright_config::flow::{self, Relation, Vertex};
use pipewright_config::pipe::SourceKind;
use pipewright_config::{Problem, Project};
use pipewright_dtl::Severity;
use pipewright_protocol::studio::{
    Arranged, EdgeKind, Graph, GraphEdge, GraphNode, NodeKind, Spot,
};

use crate::layout::{Size, layered};

const PIPE: Size = (224.0, 64.0);
const DATASET: Size = (200.0, 44.0);
const SYSTEM: Size = (176.0, 48.0);

/// Draws the flow. A dataset that exactly one pipe writes is part of that
/// pipe's card.
pub(crate) fn draw(
    project: &Project,
    flow: &flow::Graph,
    problems: &[Problem],
    spots: &BTreeMap<String, Spot>,
) -> Graph {
    // Those of each card at once: asking all of them for each card is slow in a
    // large project that has many.
    let mut of_card: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for problem in problems {
        let Some(id) = problem.component.as_deref() else { continue };
        let (errors, warnings) = of_card.entry(id).or_default();
        match problem.diagnostic.severity {
            Severity::Error => *errors += 1,
            Severity::Warning => *warnings += 1,
            Severity::Info => {}
        }
    }
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
            cards.push(card(project, vertex, &of_card));
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
        card.placed = spots.get(&card.id).copied();
    }
    for (edge, route) in edges.iter_mut().zip(layout.routes) {
        edge.points = route;
    }
    Graph { nodes: cards, edges, width: layout.width, height: layout.height }
}

/// Lays some cards of a picture out on their own.
pub(crate) fn arrange(graph: &Graph, cards: &[String]) -> Arranged {
    let cards: BTreeSet<&String> = cards.iter().collect();
    let chosen: Vec<&GraphNode> =
        graph.nodes.iter().filter(|node| cards.contains(&node.id)).collect();
    let places: BTreeMap<&str, usize> =
        chosen.iter().enumerate().map(|(place, node)| (node.id.as_str(), place)).collect();
    let lines: Vec<(usize, usize)> = graph
        .edges
        .iter()
        .filter_map(|edge| Some((*places.get(&*edge.from)?, *places.get(&*edge.to)?)))
        .collect();
    let sizes: Vec<Size> = chosen.iter().map(|card| (card.width, card.height)).collect();
    let corners = layered(&sizes, &lines).cards;
    let cards = chosen.iter().zip(corners);
    Arranged {
        cards: cards.map(|(card, [x, y])| (card.id.clone(), [x as i32, y as i32])).collect(),
    }
}

fn card(project: &Project, vertex: &Vertex, problems: &BTreeMap<&str, (u32, u32)>) -> GraphNode {
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
        namespaces: Vec::new(),
        file: None,
        x: 0.0,
        y: 0.0,
        width: size.0,
        height: size.1,
        placed: None,
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
                if pipe.namespaces.enabled {
                    let names = [&pipe.namespaces.identity, &pipe.namespaces.property];
                    card.namespaces = names.map(ToString::to_string).into();
                    card.namespaces.dedup();
                }
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
        (card.errors, card.warnings) = problems.get(&*card.name).copied().unwrap_or_default();
    }
    card
}
