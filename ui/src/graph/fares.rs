//! How the cards and lines of the graph fare, worked out once for each change
//! instead of once for each frame.

use std::collections::BTreeMap;

use pipewright_protocol::studio::{NodeKind, PipeState, PipeStatus};

use super::wiring::Wiring;

/// Numbers over several pipes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) pipes: usize,
    pub(super) failing: usize,
    pub(super) waiting: u64,
}

/// How everything fares, by position in the graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fares {
    /// The state of each card that is a pipe.
    states: Vec<Option<PipeState>>,
    /// What waits on each line.
    backlogs: Vec<u64>,
    /// Each flow.
    flows: Vec<Tally>,
    /// Each system and merged dataset: the pipes of the flows it feeds or that
    /// feed it.
    around: Vec<Tally>,
}

fn is_failing(state: PipeState) -> bool {
    matches!(state, PipeState::Failed | PipeState::Invalid)
}

impl Fares {
    pub(super) fn of(wiring: &Wiring, pipes: &BTreeMap<String, PipeStatus>) -> Fares {
        let nodes = &wiring.graph.nodes;
        let statuses: Vec<Option<&PipeStatus>> = nodes
            .iter()
            .map(|node| pipes.get(&node.name).filter(|_| node.kind == NodeKind::Pipe))
            .collect();
        let backlog = |index: usize| {
            let (_, to) = wiring.ends(index)?;
            let dataset = wiring.graph.edges[index].dataset.as_ref()?;
            statuses[to]?.queues.get(dataset).copied()
        };
        let tally = |cards: &mut dyn Iterator<Item = usize>| {
            let mut sum = Tally::default();
            for pipe in cards.filter_map(|card| statuses[card]) {
                sum.pipes += 1;
                sum.failing += usize::from(is_failing(pipe.state));
                sum.waiting += pipe.queue();
            }
            sum
        };
        let flows: Vec<Tally> =
            wiring.flows.all.iter().map(|flow| tally(&mut flow.cards.iter().copied())).collect();
        let around = (0..nodes.len())
            .map(|card| {
                if !(nodes[card].global || nodes[card].kind == NodeKind::System) {
                    return Tally::default();
                }
                let mut near: Vec<usize> = Vec::new();
                let mut alone = vec![card];
                for &edge in wiring.touching(card) {
                    let Some((from, to)) = wiring.ends(edge) else { continue };
                    let other = if from == card { to } else { from };
                    match wiring.flows.of_card(other) {
                        Some(flow) => near.push(flow),
                        None => alone.push(other),
                    }
                }
                near.sort_unstable();
                near.dedup();
                alone.sort_unstable();
                alone.dedup();
                near.iter().fold(tally(&mut alone.into_iter()), |sum, flow| Tally {
                    pipes: sum.pipes + flows[*flow].pipes,
                    failing: sum.failing + flows[*flow].failing,
                    waiting: sum.waiting + flows[*flow].waiting,
                })
            })
            .collect();
        Fares {
            backlogs: (0..wiring.graph.edges.len()).map(|it| backlog(it).unwrap_or(0)).collect(),
            states: statuses.iter().map(|status| status.map(|status| status.state)).collect(),
            flows,
            around,
        }
    }

    /// The state of a card, if it is a pipe.
    pub(super) fn state(&self, card: usize) -> Option<PipeState> {
        self.states.get(card).copied().flatten()
    }

    pub(super) fn is_failing(&self, card: usize) -> bool {
        self.state(card).is_some_and(is_failing)
    }

    /// What waits on a line.
    pub(super) fn backlog(&self, line: usize) -> u64 {
        self.backlogs.get(line).copied().unwrap_or_default()
    }

    pub(super) fn flow(&self, flow: usize) -> Tally {
        self.flows.get(flow).copied().unwrap_or_default()
    }

    /// What goes into and out of a system or a merged dataset.
    pub(super) fn around(&self, card: usize) -> Tally {
        self.around.get(card).copied().unwrap_or_default()
    }
}
