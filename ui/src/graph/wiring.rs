//! The graph prepared for drawing: who is where, who feeds whom.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use pipewright_protocol::studio::{Graph, GraphEdge, GraphNode};

use super::{camera::Area, flows::Flows};

/// Side of the cells that cards are sorted into.
const CELL: f64 = 400.0;

/// A graph with its indexes.
#[derive(Debug)]
pub(super) struct Wiring {
    pub(super) graph: Arc<Graph>,
    places: HashMap<String, usize>,
    cells: HashMap<(i32, i32), Vec<usize>>,
    /// For each edge, the positions of its cards.
    ends: Vec<Option<(usize, usize)>>,
    /// For each edge, the corners of its way.
    ways: Vec<Vec<(f64, f64)>>,
    /// For each edge, what it covers.
    extents: Vec<Area>,
    /// For each card, the edges that end or begin at it.
    touching: Vec<Vec<usize>>,
    /// What belongs together between systems and merged datasets.
    pub(super) flows: Flows,
}

/// Which cards and lines a selection lights up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lit {
    pub(super) nodes: HashSet<usize>,
    pub(super) edges: HashSet<usize>,
}

fn cell(at: f64) -> i32 {
    (at / CELL).floor() as i32
}

/// What a card covers, where somebody put it or where the layout did.
pub(super) fn extent(node: &GraphNode) -> Area {
    let (left, top) = match node.placed {
        Some([x, y]) => (f64::from(x), f64::from(y)),
        None => (f64::from(node.x), f64::from(node.y)),
    };
    Area { left, top, right: left + f64::from(node.width), bottom: top + f64::from(node.height) }
}

impl Wiring {
    pub(super) fn new(graph: Arc<Graph>) -> Self {
        let places: HashMap<String, usize> =
            graph.nodes.iter().enumerate().map(|(index, node)| (node.id.clone(), index)).collect();
        let mut cells: HashMap<(i32, i32), Vec<usize>> = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let area = extent(node);
            for column in cell(area.left)..=cell(area.right) {
                for row in cell(area.top)..=cell(area.bottom) {
                    cells.entry((column, row)).or_default().push(index);
                }
            }
        }
        let ends: Vec<Option<(usize, usize)>> = graph
            .edges
            .iter()
            .map(|edge| Some((*places.get(&edge.from)?, *places.get(&edge.to)?)))
            .collect();
        let moved = |index: usize| graph.nodes[index].placed.is_some();
        let ways: Vec<Vec<(f64, f64)>> = graph
            .edges
            .iter()
            .zip(&ends)
            .map(|(edge, ends)| match ends {
                Some((from, to)) if moved(*from) || moved(*to) => {
                    straight(extent(&graph.nodes[*from]), extent(&graph.nodes[*to]))
                }
                _ => edge.points.iter().map(|[x, y]| (f64::from(*x), f64::from(*y))).collect(),
            })
            .collect();
        let extents = ways.iter().map(|way| reach(way)).collect();
        let mut touching = vec![Vec::new(); graph.nodes.len()];
        for (edge, ends) in ends.iter().enumerate() {
            if let Some((from, to)) = *ends {
                touching[from].push(edge);
                if from != to {
                    touching[to].push(edge);
                }
            }
        }
        let flows = Flows::of(&graph, &ends);
        Self { graph, places, cells, ends, ways, extents, touching, flows }
    }

    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(super) fn node(&self, id: &str) -> Option<&GraphNode> {
        self.place(id).map(|index| &self.graph.nodes[index])
    }

    /// The view, widened to whole cells: changes only now and then while
    /// panning.
    pub(super) fn window(view: Area) -> (i32, i32, i32, i32) {
        (cell(view.left), cell(view.top), cell(view.right), cell(view.bottom))
    }

    /// The card that is nearest in a direction: where an arrow key leads. From
    /// none it is the first, at the top of the left side. Only cards that are
    /// shown count.
    pub(super) fn beside(
        &self,
        from: Option<usize>,
        (right, down): (f64, f64),
        shown: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let area = |index: usize| extent(&self.graph.nodes[index]);
        let middle = |area: Area| ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
        let all = (0..self.graph.nodes.len()).filter(|index| shown(*index));
        let Some(from) = from else {
            return all.min_by(|a, b| {
                let ((ax, ay), (bx, by)) = (middle(area(*a)), middle(area(*b)));
                ax.total_cmp(&bx).then(ay.total_cmp(&by))
            });
        };
        let here = area(from);
        let far = |index: usize| {
            let there = area(index);
            // Up and down stay in the column, left and right leave it.
            let column = there.left < here.right && here.left < there.right;
            let ((x, y), (to_x, to_y)) = (middle(here), middle(there));
            let (dx, dy) = (to_x - x, to_y - y);
            let along = dx * right + dy * down;
            let aside = (dx * down).abs() + (dy * right).abs();
            (along > 1.0 && column == (right == 0.0)).then_some(along + 2.0 * aside)
        };
        let ahead = all.filter_map(|index| Some((index, far(index)?)));
        ahead.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(index, _)| index)
    }

    /// Cards in these cells, in graph order.
    pub(super) fn in_window(&self, (left, top, right, bottom): (i32, i32, i32, i32)) -> Vec<usize> {
        let mut found = Vec::new();
        for column in left..=right {
            for row in top..=bottom {
                found.extend(self.cells.get(&(column, row)).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The card at a point of the graph.
    pub(super) fn at(&self, (x, y): (f64, f64)) -> Option<usize> {
        let point = Area { left: x, top: y, right: x, bottom: y };
        let here = self.cells.get(&(cell(x), cell(y)))?;
        here.iter().copied().find(|index| extent(&self.graph.nodes[*index]).meets(&point))
    }

    pub(super) fn edges_in(&self, view: Area) -> impl Iterator<Item = (usize, &GraphEdge)> {
        self.graph
            .edges
            .iter()
            .enumerate()
            .filter(move |(index, _)| self.extents[*index].meets(&view))
    }

    pub(super) fn ends(&self, edge: usize) -> Option<(usize, usize)> {
        self.ends[edge]
    }

    /// The corners of an edge's way.
    pub(super) fn way(&self, edge: usize) -> &[(f64, f64)] {
        &self.ways[edge]
    }

    /// The edges that end or begin at a card.
    pub(super) fn touching(&self, card: usize) -> &[usize] {
        &self.touching[card]
    }

    /// The line that passes nearest to a point, within a distance.
    pub(super) fn line_at(&self, point: (f64, f64), within: f64) -> Option<usize> {
        let around = Area {
            left: point.0 - within,
            top: point.1 - within,
            right: point.0 + within,
            bottom: point.1 + within,
        };
        let near = self.edges_in(around).filter_map(|(index, _)| {
            let far = distance(&self.ways[index], point);
            (far <= within).then_some((index, far))
        });
        near.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(index, _)| index)
    }

    /// The cards that lie in an area, as a whole or in part.
    pub(super) fn within(&self, area: Area) -> impl Iterator<Item = usize> {
        let nodes = self.graph.nodes.iter().enumerate();
        nodes.filter(move |(_, node)| extent(node).meets(&area)).map(|(index, _)| index)
    }

    /// What some cards cover together.
    pub(super) fn around(&self, cards: impl IntoIterator<Item = usize>) -> Option<Area> {
        let areas = cards.into_iter().map(|index| extent(&self.graph.nodes[index]));
        areas.reduce(|a, b| a.with(b))
    }

    /// Direct neighbours: ids of the cards that feed this one, and of those it
    /// feeds.
    pub(super) fn neighbours(&self, id: &str) -> (Vec<&GraphNode>, Vec<&GraphNode>) {
        let mut before: Vec<&GraphNode> = self
            .graph
            .edges
            .iter()
            .filter(|edge| edge.to == id)
            .filter_map(|edge| self.node(&edge.from))
            .collect();
        let mut after: Vec<&GraphNode> = self
            .graph
            .edges
            .iter()
            .filter(|edge| edge.from == id)
            .filter_map(|edge| self.node(&edge.to))
            .collect();
        for side in [&mut before, &mut after] {
            side.sort_by(|a, b| a.name.cmp(&b.name));
            side.dedup_by(|a, b| a.id == b.id);
        }
        (before, after)
    }

    /// Everything upstream and downstream of a card, with itself.
    pub(super) fn lit_by(&self, index: usize) -> Lit {
        let mut lit = Lit::default();
        lit.nodes.insert(index);
        self.walk(index, &mut lit, |(from, to)| (to, from));
        self.walk(index, &mut lit, |(from, to)| (from, to));
        lit
    }

    fn walk(
        &self,
        start: usize,
        lit: &mut Lit,
        direction: impl Fn((usize, usize)) -> (usize, usize),
    ) {
        let mut next: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for (edge, ends) in self.ends.iter().enumerate() {
            if let Some(ends) = ends {
                let (here, there) = direction(*ends);
                next.entry(here).or_default().push((edge, there));
            }
        }
        let mut seen = HashSet::from([start]);
        let mut queue = vec![start];
        while let Some(here) = queue.pop() {
            for &(edge, there) in next.get(&here).into_iter().flatten() {
                lit.edges.insert(edge);
                lit.nodes.insert(there);
                if seen.insert(there) {
                    queue.push(there);
                }
            }
        }
    }

    /// Cards whose name, dataset or kind contains the text.
    pub(super) fn matching(&self, text: &str) -> HashSet<usize> {
        let text = text.to_lowercase();
        let has = |part: &str| part.to_lowercase().contains(&text);
        let matches = |node: &GraphNode| {
            has(&node.name) || has(&node.flavour) || node.dataset.as_deref().is_some_and(has)
        };
        self.graph
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| matches(node))
            .map(|(index, _)| index)
            .collect()
    }

    /// What the whole graph covers.
    pub(super) fn whole(&self) -> Area {
        self.around(0..self.graph.nodes.len()).unwrap_or_default()
    }
}

/// From the right side of one card to the left side of another.
pub(super) fn straight(from: Area, to: Area) -> Vec<(f64, f64)> {
    vec![(from.right, (from.top + from.bottom) / 2.0), (to.left, (to.top + to.bottom) / 2.0)]
}

/// How far a point is from a way, whose legs are taken as drawn: level at both
/// ends.
fn distance(way: &[(f64, f64)], (x, y): (f64, f64)) -> f64 {
    const STEPS: usize = 12;
    let leg = |from: (f64, f64), to: (f64, f64)| {
        (0..=STEPS).map(move |step| {
            let t = step as f64 / STEPS as f64;
            // Close to the curve that is drawn: level where it leaves and arrives.
            let ease = t * t * (3.0 - 2.0 * t);
            (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * ease)
        })
    };
    let mut least = f64::MAX;
    for pair in way.windows(2) {
        let points: Vec<(f64, f64)> = leg(pair[0], pair[1]).collect();
        for piece in points.windows(2) {
            let ((ax, ay), (bx, by)) = (piece[0], piece[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let long = (dx * dx + dy * dy).max(1e-9);
            let t = (((x - ax) * dx + (y - ay) * dy) / long).clamp(0.0, 1.0);
            least = least.min((x - ax - t * dx).hypot(y - ay - t * dy));
        }
    }
    least
}

fn reach(way: &[(f64, f64)]) -> Area {
    let mut area = Area { left: f64::MAX, top: f64::MAX, right: f64::MIN, bottom: f64::MIN };
    for &(x, y) in way {
        area = Area {
            left: area.left.min(x),
            top: area.top.min(y),
            right: area.right.max(x),
            bottom: area.bottom.max(y),
        };
    }
    // Curves may leave the box of their corners a little.
    Area {
        left: area.left - 40.0,
        top: area.top - 20.0,
        right: area.right + 40.0,
        bottom: area.bottom + 20.0,
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use pipewright_protocol::studio::{EdgeKind, NodeKind};

    use super::*;

    fn wiring() -> Wiring {
        let node = |name: &str, x: f32| GraphNode {
            id: format!("pipe:{name}"),
            kind: NodeKind::Pipe,
            name: name.into(),
            flavour: "dataset".into(),
            sink: String::new(),
            dataset: Some(name.into()),
            global: false,
            namespaces: Vec::new(),
            file: None,
            x,
            y: 0.0,
            width: 200.0,
            height: 56.0,
            placed: None,
            layer: 0,
            errors: 0,
            warnings: 0,
        };
        let edge = |from: &str, to: &str| GraphEdge {
            from: format!("pipe:{from}"),
            to: format!("pipe:{to}"),
            kind: EdgeKind::Read,
            dataset: Some(from.into()),
            points: vec![[0.0, 0.0], [1.0, 1.0]],
        };
        let nodes = vec![
            node("a", 0.0),
            node("b", 300.0),
            node("c", 600.0),
            node("d", 900.0),
            node("side", 5000.0),
        ];
        // A circle and a branch.
        let edges =
            vec![edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("c", "d"), edge("side", "d")];
        Wiring::new(Arc::new(Graph { nodes, edges, width: 5200.0, height: 56.0 }))
    }

    #[test]
    fn a_selection_lights_up_what_feeds_it_and_what_it_feeds() {
        let wiring = wiring();
        let lit = wiring.lit_by(wiring.place("pipe:c").unwrap());
        let mut names: Vec<&str> =
            lit.nodes.iter().map(|index| wiring.graph.nodes[*index].name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c", "d"]);
        assert!(!lit.edges.contains(&4));
    }

    #[test]
    fn arrow_keys_lead_to_the_card_beside() {
        let mut graph = (*wiring().graph).clone();
        (graph.nodes[2].x, graph.nodes[2].y) = (300.0, 100.0);
        let wiring = Wiring::new(Arc::new(graph));
        assert_eq!(wiring.beside(None, (1.0, 0.0), |_| true), Some(0));
        assert_eq!(wiring.beside(Some(0), (1.0, 0.0), |_| true), Some(1));
        assert_eq!(wiring.beside(Some(1), (0.0, 1.0), |_| true), Some(2));
        assert_eq!(wiring.beside(Some(2), (0.0, 1.0), |_| true), None);
        assert_eq!(wiring.beside(Some(2), (0.0, -1.0), |_| true), Some(1));
        assert_eq!(wiring.beside(Some(2), (1.0, 0.0), |_| true), Some(3));
        assert_eq!(wiring.beside(Some(1), (-1.0, 0.0), |_| true), Some(0));
        assert_eq!(wiring.beside(Some(0), (-1.0, 0.0), |_| true), None);
    }

    #[test]
    fn a_card_that_was_put_somewhere_takes_its_lines_along() {
        let mut graph = (*wiring().graph).clone();
        graph.nodes[1].placed = Some([300, 400]);
        let wiring = Wiring::new(Arc::new(graph));
        assert_eq!(wiring.at((310.0, 410.0)), Some(1));
        assert_eq!(wiring.at((310.0, 20.0)), None);
        assert_eq!(wiring.way(0), [(200.0, 28.0), (300.0, 428.0)]);
        assert_eq!(wiring.way(3), [(0.0, 0.0), (1.0, 1.0)]);
        // Half way between the two cards, and beside it.
        assert_eq!(wiring.line_at((250.0, 228.0), 6.0), Some(0));
        assert_eq!(wiring.line_at((290.0, 228.0), 6.0), None);
        assert!((wiring.whole().bottom - 456.0).abs() < 1e-9);
    }

    #[test]
    fn only_cards_near_the_view_are_found() {
        let wiring = wiring();
        let near = wiring.in_window(Wiring::window(Area {
            left: 0.0,
            top: 0.0,
            right: 390.0,
            bottom: 50.0,
        }));
        assert_eq!(near, [0, 1]);
        assert_eq!(wiring.at((310.0, 20.0)), Some(1));
        assert_eq!(wiring.at((250.0, 20.0)), None);
    }
}
