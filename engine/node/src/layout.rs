//! Layered layout of the flow, left to right.
//!
//! The classic four steps (Sugiyama): break cycles, put cards into layers,
//! order the cards of each layer so that few lines cross, then place them close
//! to what they are connected with. Long lines get a waypoint in every layer
//! they pass, so that they run between cards and not behind them; the layout
//! libraries at hand give no such waypoints. Deterministic: the same graph
//! gives the same picture.

/// Width and height of a card, in pixels.
pub(crate) type Size = (f32, f32);

/// Where things stand.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Layout {
    /// Left upper corner of each card, in the order the cards were given.
    pub cards: Vec<[f32; 2]>,
    /// Column of each card, counted from the left.
    pub layers: Vec<u32>,
    /// The way of each line, from card to card, in the order they were given.
    pub routes: Vec<Vec<[f32; 2]>>,
    /// Extent of the whole.
    pub width: f32,
    /// Extent of the whole.
    pub height: f32,
}

const BETWEEN_LAYERS: f32 = 72.0;
const BETWEEN_CARDS: f32 = 20.0;
const BETWEEN_LINES: f32 = 10.0;
const ORDER_SWEEPS: usize = 12;
const PLACE_SWEEPS: usize = 8;

/// Lays out cards of the given sizes; a line is `(from, to)` by position in
/// `cards`. Lines from a card to itself get a small loop's way.
pub(crate) fn layered(cards: &[Size], lines: &[(usize, usize)]) -> Layout {
    if cards.is_empty() {
        return Layout::default();
    }
    let forward = without_cycles(cards.len(), lines);
    let layers = layers(cards.len(), &forward);
    let mut grid = Grid::new(cards, &layers, &forward);
    grid.order();
    grid.place();
    grid.finish(cards, lines, &forward, layers)
}

/// The lines with those turned round that would close a cycle; lines from a
/// card to itself stay as they are and are left out of everything that follows.
fn without_cycles(count: usize, lines: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut out = vec![Vec::new(); count];
    let mut has_entry = vec![false; count];
    for &(from, to) in lines.iter().filter(|(from, to)| from != to) {
        out[from].push(to);
        has_entry[to] = true;
    }
    // Depth first from the true starts, then from whatever is left: a line to
    // a card that is still open goes back.
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Open,
        Done,
    }
    let mut seen = vec![Seen::No; count];
    let mut back = std::collections::HashSet::new();
    let starts = (0..count).filter(|&n| !has_entry[n]).chain(0..count).collect::<Vec<_>>();
    for start in starts {
        if seen[start] != Seen::No {
            continue;
        }
        let mut stack = vec![(start, 0)];
        seen[start] = Seen::Open;
        while let Some((card, next)) = stack.last_mut() {
            match out[*card].get(*next) {
                Some(&to) => {
                    *next += 1;
                    match seen[to] {
                        Seen::No => {
                            seen[to] = Seen::Open;
                            stack.push((to, 0));
                        }
                        Seen::Open => {
                            back.insert((*card, to));
                        }
                        Seen::Done => {}
                    }
                }
                None => {
                    seen[*card] = Seen::Done;
                    stack.pop();
                }
            }
        }
    }
    lines.iter().map(|&(a, b)| if back.contains(&(a, b)) { (b, a) } else { (a, b) }).collect()
}

/// The column of each card: as far left as its entries allow, except that a
/// card without entries stands right before the first card it feeds.
fn layers(count: usize, forward: &[(usize, usize)]) -> Vec<u32> {
    let mut out = vec![Vec::new(); count];
    let mut entries = vec![0usize; count];
    for &(from, to) in forward.iter().filter(|(from, to)| from != to) {
        out[from].push(to);
        entries[to] += 1;
    }
    let is_start: Vec<bool> = entries.iter().map(|&n| n == 0).collect();
    let mut ready: Vec<usize> = (0..count).filter(|&n| is_start[n]).collect();
    let mut layers = vec![0u32; count];
    while let Some(card) = ready.pop() {
        for &to in &out[card] {
            layers[to] = layers[to].max(layers[card] + 1);
            entries[to] -= 1;
            if entries[to] == 0 {
                ready.push(to);
            }
        }
    }
    for card in 0..count {
        if is_start[card]
            && let Some(first) = out[card].iter().map(|&to| layers[to]).min()
        {
            layers[card] = first - 1;
        }
    }
    layers
}

/// A card or the waypoint of a line in one layer.
struct Point {
    layer: usize,
    height: f32,
    /// Space wanted to the next point of the layer.
    margin: f32,
    before: Vec<usize>,
    after: Vec<usize>,
    /// Upper edge.
    y: f32,
}

struct Grid {
    /// Cards first, then waypoints.
    points: Vec<Point>,
    /// Points of each layer, from above.
    rows: Vec<Vec<usize>>,
    /// Waypoints of each line, in its forward direction.
    ways: Vec<Vec<usize>>,
}

impl Grid {
    fn new(cards: &[Size], layers: &[u32], forward: &[(usize, usize)]) -> Grid {
        let point = |layer, height, margin| Point {
            layer,
            height,
            margin,
            before: Vec::new(),
            after: Vec::new(),
            y: 0.0,
        };
        let mut points: Vec<Point> = cards
            .iter()
            .zip(layers)
            .map(|(size, &layer)| point(layer as usize, size.1, BETWEEN_CARDS))
            .collect();
        let mut ways = Vec::with_capacity(forward.len());
        for &(from, to) in forward {
            let mut way = Vec::new();
            if from != to {
                let mut last = from;
                for layer in points[from].layer + 1..points[to].layer {
                    points.push(point(layer, 0.0, BETWEEN_LINES));
                    let this = points.len() - 1;
                    points[last].after.push(this);
                    points[this].before.push(last);
                    way.push(this);
                    last = this;
                }
                points[last].after.push(to);
                points[to].before.push(last);
            }
            ways.push(way);
        }
        let count = points.iter().map(|point| point.layer + 1).max().unwrap_or(0);
        let mut rows = vec![Vec::new(); count];
        // Depth first, so that what belongs together starts out together.
        let mut seen = vec![false; points.len()];
        for start in 0..cards.len() {
            let mut stack = vec![start];
            while let Some(this) = stack.pop() {
                if std::mem::replace(&mut seen[this], true) {
                    continue;
                }
                rows[points[this].layer].push(this);
                stack.extend(points[this].after.iter().rev());
                stack.extend(points[this].before.iter().rev());
            }
        }
        Grid { points, rows, ways }
    }

    /// Orders every layer by the middle of its neighbours, sweeping to and
    /// fro, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = self.rows.clone();
        let mut fewest = self.crossings();
        for sweep in 0..ORDER_SWEEPS {
            if fewest == 0 {
                break;
            }
            let forward = sweep % 2 == 0;
            let mut layers: Vec<usize> = (0..self.rows.len()).collect();
            if !forward {
                layers.reverse();
            }
            for layer in layers {
                let rank = self.ranks();
                let points = &self.points;
                let middle = |this: usize| {
                    let near = if forward { &points[this].before } else { &points[this].after };
                    match near.len() {
                        0 => rank[this] as f32,
                        n => near.iter().map(|&n| rank[n] as f32).sum::<f32>() / n as f32,
                    }
                };
                let mut row: Vec<(f32, usize)> =
                    self.rows[layer].iter().map(|&this| (middle(this), this)).collect();
                row.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.rows[layer] = row.into_iter().map(|(_, this)| this).collect();
            }
            let crossings = self.crossings();
            if crossings < fewest {
                fewest = crossings;
                best = self.rows.clone();
            }
        }
        self.rows = best;
    }

    /// Position of each point within its layer.
    fn ranks(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.points.len()];
        for row in &self.rows {
            for (rank, &this) in row.iter().enumerate() {
                ranks[this] = rank;
            }
        }
        ranks
    }

    /// Number of crossings between neighbouring layers: inversions, counted
    /// with a tree of sums.
    fn crossings(&self) -> usize {
        let ranks = self.ranks();
        let mut total = 0;
        for row in &self.rows {
            let mut ends: Vec<usize> = Vec::new();
            for &this in row {
                let mut to: Vec<usize> =
                    self.points[this].after.iter().map(|&after| ranks[after]).collect();
                to.sort_unstable();
                ends.extend(to);
            }
            let size = ends.iter().max().map_or(0, |max| max + 1);
            let mut sums = vec![0usize; size + 1];
            for (count, &end) in ends.iter().enumerate() {
                let mut upto = 0;
                let mut at = end + 1;
                while at > 0 {
                    upto += sums[at];
                    at &= at - 1;
                }
                total += count - upto;
                let mut at = end + 1;
                while at <= size {
                    sums[at] += 1;
                    at += at & at.wrapping_neg();
                }
            }
        }
        total
    }

    /// Moves each layer towards its neighbours, keeping order and distances.
    fn place(&mut self) {
        for layer in 0..self.rows.len() {
            self.settle(layer, |_, _| None);
        }
        for sweep in 0..PLACE_SWEEPS {
            let count = self.rows.len();
            for step in 0..count {
                let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
                self.settle(layer, |points, this| {
                    let point: &Point = &points[this];
                    let near = || point.before.iter().chain(&point.after);
                    let n = near().count();
                    let centre = |&p: &usize| points[p].y + points[p].height / 2.0;
                    (n > 0).then(|| near().map(centre).sum::<f32>() / n as f32 - point.height / 2.0)
                });
            }
        }
        let top = self.points.iter().map(|point| point.y).fold(f32::INFINITY, f32::min);
        for point in &mut self.points {
            point.y = (point.y - top).round();
        }
    }

    /// Places the points of one layer as close as can be to where each wants
    /// to stand (least squares), in their order and apart from each other.
    fn settle(&mut self, layer: usize, wish: impl Fn(&[Point], usize) -> Option<f32>) {
        // Take the distances out of the positions: what is left must only not
        // decrease, which pooling neighbours that do achieves.
        let mut offset = 0.0;
        let mut blocks: Vec<(f32, usize)> = Vec::new();
        let mut offsets = Vec::with_capacity(self.rows[layer].len());
        for &this in &self.rows[layer] {
            let point = &self.points[this];
            offsets.push(offset);
            let wished = wish(&self.points, this).unwrap_or(point.y.max(offset)) - offset;
            offset += point.height + point.margin;
            blocks.push((wished, 1));
            while let [.., (a, n), (b, m)] = blocks[..]
                && a > b
            {
                blocks.pop();
                let last = blocks.len() - 1;
                blocks[last] = ((a * n as f32 + b * m as f32) / (n + m) as f32, n + m);
            }
        }
        let settled = blocks.iter().flat_map(|&(y, n)| std::iter::repeat_n(y, n));
        for ((&this, y), offset) in self.rows[layer].iter().zip(settled).zip(offsets) {
            self.points[this].y = y + offset;
        }
    }

    fn finish(
        self,
        cards: &[Size],
        lines: &[(usize, usize)],
        forward: &[(usize, usize)],
        layers: Vec<u32>,
    ) -> Layout {
        let mut widths = vec![0f32; self.rows.len()];
        for (size, &layer) in cards.iter().zip(&layers) {
            widths[layer as usize] = widths[layer as usize].max(size.0);
        }
        let mut lefts = Vec::with_capacity(widths.len());
        let mut x = 0.0;
        for width in &widths {
            lefts.push(x);
            x += width + BETWEEN_LAYERS;
        }
        let corner = |card: usize| [lefts[self.points[card].layer], self.points[card].y];
        let route = |index: usize| {
            let (from, to) = lines[index];
            let turned = forward[index] != lines[index];
            let middle = |card: usize| self.points[card].y + cards[card].1 / 2.0;
            let mut way = vec![[corner(from)[0] + cards[from].0, middle(from)]];
            let mut between: Vec<[f32; 2]> = Vec::new();
            for &this in &self.ways[index] {
                let layer = self.points[this].layer;
                let y = self.points[this].y;
                between.push([lefts[layer], y]);
                between.push([lefts[layer] + widths[layer], y]);
            }
            if turned {
                between.reverse();
            }
            way.extend(between);
            way.push([corner(to)[0], middle(to)]);
            way
        };
        let height =
            (0..cards.len()).map(|card| self.points[card].y + cards[card].1).fold(0.0, f32::max);
        Layout {
            routes: (0..lines.len()).map(route).collect(),
            cards: (0..cards.len()).map(corner).collect(),
            layers,
            width: x - BETWEEN_LAYERS,
            height,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn graph() -> impl Strategy<Value = (Vec<Size>, Vec<(usize, usize)>)> {
        (1usize..24).prop_flat_map(|count| {
            let sizes = prop::collection::vec((100f32..220.0, 30f32..90.0), count);
            (sizes, prop::collection::vec((0..count, 0..count), 0..40))
        })
    }

    proptest! {
        #[test]
        fn cards_never_overlap_and_lines_go_from_card_to_card((cards, lines) in graph()) {
            let layout = layered(&cards, &lines);
            for a in 0..cards.len() {
                let [ax, ay] = layout.cards[a];
                prop_assert!(ax >= 0.0 && ay >= 0.0);
                prop_assert!(ax + cards[a].0 <= layout.width + 0.5);
                prop_assert!(ay + cards[a].1 <= layout.height + 0.5);
                for b in 0..a {
                    let [bx, by] = layout.cards[b];
                    let apart = ax + cards[a].0 <= bx || bx + cards[b].0 <= ax
                        || ay + cards[a].1 <= by || by + cards[b].1 <= ay;
                    prop_assert!(apart, "{a} and {b}");
                }
            }
            for (&(from, to), route) in lines.iter().zip(&layout.routes) {
                prop_assert_eq!(route[0][0], layout.cards[from][0] + cards[from].0);
                prop_assert_eq!(route.last().unwrap()[0], layout.cards[to][0]);
            }
            prop_assert_eq!(&layout, &layered(&cards, &lines));
        }
    }

    #[test]
    fn data_flows_to_the_right_unless_it_flows_in_a_circle() {
        let cards = vec![(100.0, 40.0); 5];
        let layout = layered(&cards, &[(0, 1), (1, 2), (2, 1), (3, 2), (2, 2)]);
        assert_eq!(layout.layers[..3], [0, 1, 2]);
        // A start stands right before what it feeds, and loose cards anywhere.
        assert_eq!(layout.layers[3], 1);
        assert_eq!(layered(&[], &[]), Layout::default());
    }

    #[test]
    fn a_long_line_passes_between_the_cards() {
        let cards = vec![(100.0, 40.0); 4];
        let layout = layered(&cards, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        for point in &layout.routes[3][1..layout.routes[3].len() - 1] {
            for [x, y] in &layout.cards {
                let inside =
                    point[0] > *x && point[0] < x + 100.0 && point[1] > *y && point[1] < y + 40.0;
                assert!(!inside);
            }
        }
    }

    #[test]
    fn a_thousand_pipes_are_no_trouble() {
        let cards = vec![(180.0, 60.0); 1000];
        let lines: Vec<_> =
            (1..1000).map(|n| (n / 3, n)).chain((10..1000).map(|n| (n - 7, n))).collect();
        let layout = layered(&cards, &lines);
        assert_eq!(layout.cards.len(), 1000);
    }
}
