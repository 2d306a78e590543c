//! Flows: the pipes that carry one thing, from a system to where it is merged,
//! or from there to a system.
//!
//! Merged datasets and systems are where flows meet, so they belong to none;
//! what is only looked up does not join two flows.

use std::collections::HashMap;

use pipewright_protocol::studio::{EdgeKind, Graph, NodeKind};

/// Cards that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    /// What their names have in common.
    pub(super) name: String,
    /// The cards, from left to right.
    pub(super) cards: Vec<usize>,
    /// The lines between them.
    pub(super) edges: Vec<usize>,
}

/// The flows of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flows {
    /// By name.
    pub(super) all: Vec<Flow>,
    /// For each card, its flow.
    of: Vec<Option<usize>>,
}

impl Flows {
    pub(super) fn of(graph: &Graph, ends: &[Option<(usize, usize)>]) -> Flows {
        let count = graph.nodes.len();
        let joins = |index: usize| {
            let node = &graph.nodes[index];
            node.kind != NodeKind::System && !node.global
        };
        // A forest: each card leads to the first of its flow.
        let mut above: Vec<usize> = (0..count).collect();
        fn first(above: &mut [usize], mut card: usize) -> usize {
            while above[card] != card {
                above[card] = above[above[card]];
                card = above[card];
            }
            card
        }
        let inside = |edge: usize| {
            let (from, to) = ends[edge]?;
            let carries = graph.edges[edge].kind != EdgeKind::Hop;
            (carries && joins(from) && joins(to)).then_some((from, to))
        };
        for (from, to) in (0..ends.len()).filter_map(inside) {
            let (a, b) = (first(&mut above, from), first(&mut above, to));
            above[a.max(b)] = a.min(b);
        }
        let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
        for card in (0..count).filter(|card| joins(*card)) {
            groups.entry(first(&mut above, card)).or_default().push(card);
        }
        // One card alone is no flow.
        let mut all: Vec<Flow> = groups
            .into_values()
            .filter(|cards| cards.len() > 1)
            .map(|mut cards| {
                let names = cards.iter().map(|card| graph.nodes[*card].name.as_str());
                let name = common(&names.collect::<Vec<_>>());
                cards.sort_by(|a, b| {
                    let at = |card: usize| (graph.nodes[card].x, graph.nodes[card].y);
                    let (a, b) = (at(*a), at(*b));
                    a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
                });
                let name = name.unwrap_or_else(|| graph.nodes[cards[0]].name.clone());
                Flow { name, cards, edges: Vec::new() }
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name).then(a.cards.cmp(&b.cards)));
        let mut of = vec![None; count];
        for (index, flow) in all.iter().enumerate() {
            flow.cards.iter().for_each(|card| of[*card] = Some(index));
        }
        for edge in 0..ends.len() {
            if let Some((from, _)) = inside(edge)
                && let Some(flow) = of[from]
            {
                all[flow].edges.push(edge);
            }
        }
        Flows { all, of }
    }

    /// The flow of a card.
    pub(super) fn of_card(&self, card: usize) -> Option<usize> {
        self.of.get(card).copied().flatten()
    }
}

/// The words that all names begin with.
fn common(names: &[&str]) -> Option<String> {
    let split = |name: &str| name.split(['-', '_']).map(str::to_owned).collect::<Vec<_>>();
    let mut words = split(names.first()?);
    for name in names {
        let own = split(name);
        let same = words.iter().zip(&own).take_while(|(a, b)| a == b).count();
        words.truncate(same);
    }
    (!words.is_empty()).then(|| words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_called_what_its_pipes_have_in_common() {
        let name = |names: &[&str]| common(names);
        assert_eq!(
            name(&["crm-company-collect", "crm-company-enrich"]).as_deref(),
            Some("crm-company")
        );
        assert_eq!(name(&["crm_a", "crm-b"]).as_deref(), Some("crm"));
        assert_eq!(name(&["a", "b"]), None);
    }
}
