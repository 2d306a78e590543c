//! Telling entities that another side breaks at from another side that is
//! down.
//!
//! A call that fails in a way that may pass says nothing about who is at
//! fault. When others get through in the same run it is the entities that
//! failed, and they wait for another try; when none does, or too many in a row
//! fail, it is the other side, and the run ends.

use pipewright_component::{EntityFailure, Failure};
use pipewright_entity::Text;

/// How many entities in a row may fail in a way that may pass before the other
/// side itself is taken to be at fault.
const ROW: usize = 3;

/// How the sides that a run calls, services on the way and the sink, have
/// answered so far.
#[derive(Debug, Default)]
pub(crate) struct Luck {
    /// It is the entities in any case.
    pub(crate) insists: bool,
    /// It is them when the other side answered: that is what the documentation
    /// counts, for pipes that say how many may wait, and for what waits already.
    pub(crate) takes_answers: bool,
    /// Whether what is refused together is tried one by one.
    pub(crate) singly: bool,
    /// By the number of the transform; the sink comes last.
    sides: Vec<Side>,
}

/// One side.
#[derive(Debug, Default)]
struct Side {
    was_called: bool,
    any_passed: bool,
    /// How many in a row failed.
    row: usize,
}

impl Luck {
    pub(crate) fn new(singly: bool, takes_answers: bool) -> Luck {
        Luck { singly, takes_answers, ..Luck::default() }
    }

    /// Whether every side that was called has taken something.
    pub(crate) fn got_through(&self) -> bool {
        let mut called = self.sides.iter().filter(|side| side.was_called).peekable();
        called.peek().is_some() && called.all(|side| side.any_passed)
    }

    /// For some entities that one side is sent.
    pub(crate) fn of(&mut self, place: usize) -> Unlucky<'_> {
        if self.sides.len() <= place {
            self.sides.resize_with(place + 1, Side::default);
        }
        Unlucky {
            insists: self.insists,
            takes_answers: self.takes_answers,
            side: &mut self.sides[place],
            failed: Vec::new(),
            last: None,
        }
    }
}

/// The entities among some that failed in a way that may pass.
pub(crate) struct Unlucky<'l> {
    insists: bool,
    takes_answers: bool,
    side: &'l mut Side,
    failed: Vec<(usize, EntityFailure)>,
    last: Option<Failure>,
}

impl Unlucky<'_> {
    /// Something was taken.
    pub(crate) fn passed(&mut self) {
        self.side.was_called = true;
        self.side.row = 0;
        self.side.any_passed = true;
    }

    /// One entity failed, by the place of its source entity in the batch.
    /// `Err` ends the run.
    pub(crate) fn failed(
        &mut self,
        origin: usize,
        id: Option<Text>,
        failure: Failure,
    ) -> Result<(), Failure> {
        self.side.was_called = true;
        if !failure.is_retryable() {
            return Err(failure);
        }
        let is_theirs = self.insists || self.takes_answers && failure.status().is_some();
        if !is_theirs {
            self.side.row += 1;
            if self.side.row >= ROW {
                self.side.row = 0;
                return Err(failure);
            }
        }
        let (status, wait) = (failure.status(), failure.wait());
        let plain = EntityFailure::new(id, failure.to_string());
        self.failed.push((origin, EntityFailure { status, wait, ..plain }));
        if !is_theirs {
            self.last = Some(failure);
        }
        Ok(())
    }

    /// What failed by itself; `Err` when the other side is at fault.
    pub(crate) fn settle(self) -> Result<Vec<(usize, EntityFailure)>, Failure> {
        match self.last {
            Some(failure) if !self.side.any_passed => Err(failure),
            _ => Ok(self.failed),
        }
    }
}
