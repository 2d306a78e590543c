//! Who feeds whom: systems, pipes and datasets, and the order in which pipes
//! run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pipewright_dtl::syntax::Node;
use pipewright_entity::Text;

use crate::Project;
use crate::pipe::{Pipe, SourceKind, dataset_and_alias};

/// A point of the flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vertex {
    /// A system, by its id. It may be missing in the project.
    System(Text),
    /// A pipe, by its id.
    Pipe(Text),
    /// A dataset, by its id. It may be one that no pipe writes.
    Dataset(Text),
}

impl Vertex {
    /// The id.
    pub fn id(&self) -> &Text {
        match self {
            Vertex::System(id) | Vertex::Pipe(id) | Vertex::Dataset(id) => id,
        }
    }
}

/// What flows along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The pipe's source reads the dataset or system.
    Reads,
    /// The pipe's source merges the dataset with others.
    Merges,
    /// The pipe's rules look entities of the dataset up.
    Hops,
    /// A transform of the pipe calls the system.
    Calls,
    /// The pipe's sink writes the dataset or system.
    Writes,
}

/// An edge in the direction of the data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Where the data comes from.
    pub from: Vertex,
    /// Where it goes.
    pub to: Vertex,
    /// What happens on the way.
    pub relation: Relation,
}

/// A pipe that reads a dataset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reader {
    /// The pipe.
    pub pipe: Text,
    /// How it reads it. A pipe that reads a dataset in several ways is there
    /// once for each.
    pub relation: Relation,
}

/// The flow of a project.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    vertices: Vec<Vertex>,
    edges: Vec<Edge>,
    readers: BTreeMap<Text, Vec<Reader>>,
    writers: BTreeMap<Text, Vec<Text>>,
    order: Vec<Text>,
    cycles: Vec<Vec<Text>>,
}

impl Graph {
    /// The flow of a project's pipes, those that cannot run included.
    pub fn new(project: &Project) -> Graph {
        let pipes: Vec<&Pipe> = project.pipes().map(|pipe| &**pipe).collect();
        let mut edges = BTreeSet::new();
        let mut vertices = BTreeSet::new();
        for system in project.systems() {
            vertices.insert(Vertex::System(system.id.clone()));
        }
        for pipe in &pipes {
            vertices.insert(Vertex::Pipe(pipe.id.clone()));
            edges.extend(edges_of(pipe));
        }
        for edge in &edges {
            vertices.insert(edge.from.clone());
            vertices.insert(edge.to.clone());
        }
        let mut graph = Graph {
            vertices: vertices.into_iter().collect(),
            edges: edges.into_iter().collect(),
            ..Graph::default()
        };
        for edge in &graph.edges {
            match (&edge.from, &edge.to) {
                (Vertex::Dataset(dataset), Vertex::Pipe(pipe)) => {
                    let reader = Reader { pipe: pipe.clone(), relation: edge.relation };
                    graph.readers.entry(dataset.clone()).or_default().push(reader);
                }
                (Vertex::Pipe(pipe), Vertex::Dataset(dataset)) => {
                    graph.writers.entry(dataset.clone()).or_default().push(pipe.clone());
                }
                _ => {}
            }
        }
        graph.arrange(&pipes);
        graph
    }

    /// All systems, pipes and datasets.
    pub fn vertices(&self) -> &[Vertex] {
        &self.vertices
    }

    /// All edges.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The pipes that read a dataset: by their source or by hops.
    pub fn readers_of(&self, dataset: &str) -> &[Reader] {
        self.readers.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// The pipes that write a dataset; normally one.
    pub fn writers_of(&self, dataset: &str) -> &[Text] {
        self.writers.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// The pipes in the order of the flow: a pipe comes after those that write
    /// what it reads. In a cycle, reading by the source counts before hops.
    pub fn order(&self) -> &[Text] {
        &self.order
    }

    /// Pipes that read each other's output in a circle, each circle once.
    pub fn cycles(&self) -> &[Vec<Text>] {
        &self.cycles
    }

    /// The pipes whose output a pipe reads.
    pub fn before(&self, pipe: &str) -> Vec<&Text> {
        let reads = self.edges.iter().filter_map(|edge| match (&edge.from, &edge.to) {
            (Vertex::Dataset(dataset), Vertex::Pipe(id)) if id == pipe => Some(dataset),
            _ => None,
        });
        let found: BTreeSet<&Text> = reads.flat_map(|dataset| self.writers_of(dataset)).collect();
        found.into_iter().collect()
    }

    /// The pipes that read the output of a pipe.
    pub fn after(&self, pipe: &str) -> Vec<&Text> {
        let writes = self.edges.iter().filter_map(|edge| match (&edge.from, &edge.to) {
            (Vertex::Pipe(id), Vertex::Dataset(dataset)) if id == pipe => Some(dataset),
            _ => None,
        });
        let found: BTreeSet<&Text> = writes
            .flat_map(|dataset| self.readers_of(dataset))
            .map(|reader| &reader.pipe)
            .collect();
        found.into_iter().collect()
    }

    fn arrange(&mut self, pipes: &[&Pipe]) {
        let number: BTreeMap<&Text, usize> =
            pipes.iter().enumerate().map(|(index, pipe)| (&pipe.id, index)).collect();
        let mut all = vec![BTreeSet::new(); pipes.len()];
        let mut by_source = vec![BTreeSet::new(); pipes.len()];
        for (dataset, readers) in &self.readers {
            for writer in self.writers.get(dataset).into_iter().flatten() {
                for reader in readers {
                    let (from, to) = (number[writer], number[&reader.pipe]);
                    all[from].insert(to);
                    if reader.relation != Relation::Hops {
                        by_source[from].insert(to);
                    }
                }
            }
        }
        let everything: Vec<usize> = (0..pipes.len()).collect();
        let mut order = Vec::with_capacity(pipes.len());
        let mut cycles = Vec::new();
        for group in sorted_groups(&everything, &all) {
            if group.len() > 1 || all[group[0]].contains(&group[0]) {
                cycles.push(group.iter().map(|&index| pipes[index].id.clone()).collect());
            }
            // Inside a cycle of hops, the flow along the sources still has a
            // beginning; only a cycle of sources has none.
            order.extend(sorted_groups(&group, &by_source).into_iter().flatten());
        }
        self.order = order.into_iter().map(|index| pipes[index].id.clone()).collect();
        self.cycles = cycles;
    }
}

fn edges_of(pipe: &Pipe) -> Vec<Edge> {
    let this = || Vertex::Pipe(pipe.id.clone());
    let mut edges = Vec::new();
    let reads = match &pipe.source.kind {
        SourceKind::Dataset(_) | SourceKind::Union(_) => Relation::Reads,
        _ => Relation::Merges,
    };
    for dataset in pipe.source_datasets() {
        let from = Vertex::Dataset(dataset.clone());
        edges.push(Edge { from, to: this(), relation: reads });
    }
    if let Some(system) = &pipe.source.system {
        let from = Vertex::System(system.clone());
        edges.push(Edge { from, to: this(), relation: Relation::Reads });
    }
    for transform in &pipe.transforms {
        if let Some(system) = &transform.system {
            let to = Vertex::System(system.clone());
            edges.push(Edge { from: this(), to, relation: Relation::Calls });
        }
    }
    for (_, dtl) in pipe.dtl() {
        for hop in hops(&dtl.rules.node) {
            let from = Vertex::Dataset(hop.dataset);
            edges.push(Edge { from, to: this(), relation: Relation::Hops });
        }
    }
    if let Some(dataset) = pipe.sink_dataset() {
        let to = Vertex::Dataset(dataset.clone());
        edges.push(Edge { from: this(), to, relation: Relation::Writes });
    }
    if let Some(system) = &pipe.sink.system {
        let to = Vertex::System(system.clone());
        edges.push(Edge { from: this(), to, relation: Relation::Writes });
    }
    edges
}

/// A dataset that rules look entities up in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The dataset.
    pub dataset: Text,
    /// Where it is named.
    pub span: Range<usize>,
}

/// The datasets that DTL names in `hops`, `apply-hops` and `lookup-entity`,
/// read from the text alone, so that it also works for rules that do not
/// compile. What is commented out does not count.
pub fn hops(rules: &Node) -> Vec<Hop> {
    let mut found = Vec::new();
    collect(rules, &mut found);
    found
}

fn collect(node: &Node, found: &mut Vec<Hop>) {
    // Objects: rules by name, or the `where`, `return` and the like of a hop.
    for member in node.members() {
        collect(&member.value, found);
    }
    let items = node.items();
    let function = items.first().and_then(Node::as_str);
    if matches!(function, Some("comment" | "literal")) {
        return;
    }
    if let (Some("lookup-entity"), Some(dataset)) = (function, items.get(1))
        && let Some(name) = dataset.as_text().filter(|name| is_dataset(name))
    {
        found.push(Hop { dataset: name.clone(), span: dataset.span.clone() });
    }
    for item in items {
        if matches!(function, Some("hops" | "apply-hops"))
            && let Some(datasets) = item.get("datasets")
        {
            for dataset in datasets.items() {
                let Some(text) = dataset.as_str() else { continue };
                let name = dataset_and_alias(text).0;
                if is_dataset(name) {
                    found.push(Hop { dataset: Text::new(name), span: dataset.span.clone() });
                }
            }
        }
        collect(item, found);
    }
}

/// Whether a text in the place of a dataset is one, and not something that is
/// only known when the rules run.
fn is_dataset(name: &str) -> bool {
    !name.is_empty()
        && !name.contains("$ENV(")
        && !["_S.", "_T.", "_P.", "_B.", "_."].iter().any(|path| name.starts_with(path))
}

/// The strongly connected groups of some vertices, in topological order; of
/// those that could come next, the one with the smallest member. Members are
/// in ascending order.
fn sorted_groups(vertices: &[usize], edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let groups = strongly_connected(vertices, edges);
    let mut group_of = BTreeMap::new();
    for (index, group) in groups.iter().enumerate() {
        for &vertex in group {
            group_of.insert(vertex, index);
        }
    }
    let mut waits_for = vec![0usize; groups.len()];
    let mut next: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); groups.len()];
    for (index, group) in groups.iter().enumerate() {
        for to in group.iter().flat_map(|&vertex| &edges[vertex]) {
            if let Some(&other) = group_of.get(to)
                && other != index
                && next[index].insert(other)
            {
                waits_for[other] += 1;
            }
        }
    }
    let mut ready: BTreeSet<(usize, usize)> = groups
        .iter()
        .enumerate()
        .filter(|(index, _)| waits_for[*index] == 0)
        .map(|(index, group)| (group[0], index))
        .collect();
    let mut sorted = Vec::with_capacity(groups.len());
    while let Some((_, index)) = ready.pop_first() {
        for &other in &next[index] {
            waits_for[other] -= 1;
            if waits_for[other] == 0 {
                ready.insert((groups[other][0], other));
            }
        }
        sorted.push(groups[index].clone());
    }
    sorted
}

/// Tarjan's algorithm, without recursion: a flow can be long.
fn strongly_connected(vertices: &[usize], edges: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, Default)]
    struct Mark {
        /// When it was first seen, counted from 1; 0 before that.
        seen: usize,
        low: usize,
        open: bool,
    }
    let within: BTreeSet<usize> = vertices.iter().copied().collect();
    let below = |vertex: usize| -> Vec<usize> {
        edges[vertex].iter().copied().filter(|to| within.contains(to)).collect()
    };
    let mut marks = vec![Mark::default(); edges.len()];
    let mut groups = Vec::new();
    let mut open = Vec::new();
    let mut count = 0;
    for &root in vertices {
        if marks[root].seen > 0 {
            continue;
        }
        // Each with the ones below it that are still to be looked at.
        let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut enter = Some(root);
        loop {
            if let Some(vertex) = enter.take() {
                count += 1;
                marks[vertex] = Mark { seen: count, low: count, open: true };
                open.push(vertex);
                path.push((vertex, below(vertex)));
            }
            let Some((vertex, rest)) = path.last_mut() else { break };
            let vertex = *vertex;
            match rest.pop() {
                Some(to) if marks[to].seen == 0 => enter = Some(to),
                Some(to) => {
                    if marks[to].open {
                        marks[vertex].low = marks[vertex].low.min(marks[to].seen);
                    }
                }
                None => {
                    path.pop();
                    if let Some((parent, _)) = path.last() {
                        marks[*parent].low = marks[*parent].low.min(marks[vertex].low);
                    }
                    if marks[vertex].low == marks[vertex].seen {
                        let mut group = Vec::new();
                        while let Some(member) = open.pop() {
                            marks[member].open = false;
                            group.push(member);
                            if member == vertex {
                                break;
                            }
                        }
                        group.sort_unstable();
                        groups.push(group);
                    }
                }
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(of: usize, pairs: &[(usize, usize)]) -> Vec<BTreeSet<usize>> {
        let mut edges = vec![BTreeSet::new(); of];
        for &(from, to) in pairs {
            edges[from].insert(to);
        }
        edges
    }

    #[test]
    fn groups_come_in_the_order_of_the_flow() {
        let all: Vec<usize> = (0..6).collect();
        let edges = edges(6, &[(5, 0), (0, 1), (1, 2), (2, 0), (2, 3), (4, 3)]);
        assert_eq!(sorted_groups(&all, &edges), [vec![4], vec![5], vec![0, 1, 2], vec![3]]);
    }

    #[test]
    fn a_long_flow_does_not_exhaust_the_stack() {
        let count = 200_000;
        let all: Vec<usize> = (0..count).collect();
        let pairs: Vec<_> = (1..count).map(|to| (to - 1, to)).collect();
        let groups = sorted_groups(&all, &edges(count, &pairs));
        assert_eq!(groups.len(), count);
        assert_eq!(groups[count - 1], [count - 1]);
    }

    proptest::proptest! {
        #[test]
        fn every_edge_leads_forward_or_stays_in_its_group(
            pairs in proptest::collection::vec((0usize..8, 0usize..8), 0..20),
        ) {
            let edges = edges(8, &pairs);
            let all: Vec<usize> = (0..8).collect();
            let groups = sorted_groups(&all, &edges);
            let place = |vertex: usize| groups.iter().position(|group| group.contains(&vertex));
            // Reachability by the plain definition.
            let mut reach = vec![[false; 8]; 8];
            for (row, next) in reach.iter_mut().zip(&edges) {
                next.iter().for_each(|&to| row[to] = true);
            }
            for via in 0..8 {
                let onward = reach[via];
                for row in &mut reach {
                    if row[via] {
                        row.iter_mut().zip(onward).for_each(|(to, reached)| *to |= reached);
                    }
                }
            }
            for (from, row) in reach.iter().enumerate() {
                for (to, _) in row.iter().enumerate().filter(|(to, there)| **there && *to != from) {
                    if reach[to][from] {
                        proptest::prop_assert_eq!(place(from), place(to));
                    } else {
                        proptest::prop_assert!(place(from) < place(to));
                    }
                }
            }
        }
    }
}
