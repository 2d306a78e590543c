//! Which part of a long log is held, and what to read next.
//!
//! A dataset may hold millions of entities, so the list holds one stretch of
//! it. The node pages by offset, whatever the page costs the same. Where rows
//! stand is known exactly from the start and from the end of the log; after a
//! jump into the middle it is estimated from the offset.

use std::{ops::Range, sync::Arc};

use crate::json::Tree;

/// Entities read at once.
pub(super) const PAGE: usize = 200;
/// Entities held at most.
const HELD: usize = 2_000;
/// A view this many rows beside the stretch is reached by a jump.
const JUMP: usize = 600;

/// One entity of the log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) offset: u64,
    pub(super) id: String,
    pub(super) deleted: bool,
    pub(super) ts: Option<i64>,
    pub(super) entity: Arc<Tree>,
}

impl Row {
    /// Reads an entity as the node sends it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let entity = Tree::parse(text).ok()?;
        let number = |name: &str| match entity.get(name) {
            Some(Tree::Number(text)) => text.parse::<i64>().ok(),
            _ => None,
        };
        Some(Row {
            offset: u64::try_from(number("_updated")?).ok()?,
            id: entity.get("_id")?.as_str()?.to_owned(),
            deleted: entity.get("_deleted") == Some(&Tree::Bool(true)),
            ts: number("_ts"),
            entity: Arc::new(entity),
        })
    }
}

/// Part of the log to read: entities after this offset (from the start if
/// `None`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) since: Option<u64>,
    pub(super) place: PagePlace,
}

/// Where the answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PagePlace {
    /// In place of what is held; its first row is this one of the list.
    Fresh(usize),
    /// Behind what is held.
    After,
    /// In front of what is held; the number of offsets looked back.
    Before(u64),
}

/// The stretch that is held.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    rows: Vec<Row>,
    /// Position of the first row in the list.
    first: usize,
    at_start: bool,
    at_end: bool,
    loaded: bool,
}

impl Pages {
    /// Number of rows the list shows, given how many the node counts.
    pub(super) fn count(&self, counted: usize) -> usize {
        let held = self.first + self.rows.len();
        if self.at_end || !self.loaded { held } else { counted.max(held + 1) }
    }

    /// The row at a position of the list, if it is held.
    pub(super) fn row(&self, at: usize) -> Option<&Row> {
        self.rows.get(at.checked_sub(self.first)?)
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Where in the list an offset is, if it is held.
    pub(super) fn position(&self, offset: u64) -> Option<usize> {
        self.rows.binary_search_by_key(&offset, |row| row.offset).ok().map(|at| self.first + at)
    }

    /// What to read so that the view is filled; `None` when it is.
    pub(super) fn wanted(
        &self,
        view: &Range<usize>,
        counted: usize,
        next_offset: u64,
    ) -> Option<Want> {
        if !self.loaded {
            return Some(Want { since: None, place: PagePlace::Fresh(0) });
        }
        let held = self.first..self.first + self.rows.len();
        let far = view.start > held.end + JUMP || view.end + JUMP < held.start;
        if far || self.rows.is_empty() && !(self.at_start && self.at_end) {
            if view.start == 0 {
                return Some(Want { since: None, place: PagePlace::Fresh(0) });
            }
            let guess =
                (view.start as u128 * u128::from(next_offset) / counted.max(1) as u128) as u64;
            return Some(Want { since: guess.checked_sub(1), place: PagePlace::Fresh(view.start) });
        }
        if view.end + PAGE / 4 > held.end && !self.at_end {
            return self
                .rows
                .last()
                .map(|row| Want { since: Some(row.offset), place: PagePlace::After });
        }
        if view.start < held.start + PAGE / 4 && !self.at_start {
            return self.rows.first().map(|row| self.before(row.offset, PAGE as u64));
        }
        None
    }

    fn before(&self, offset: u64, back: u64) -> Want {
        Want { since: offset.checked_sub(back + 1), place: PagePlace::Before(back) }
    }

    /// Takes in what was read. Returns how far the rows that were held have
    /// moved down the list, and what to read at once if nothing useful came.
    pub(super) fn take(&mut self, want: Want, read: Vec<Row>) -> (isize, Option<Want>) {
        let full = read.len() >= PAGE;
        match want.place {
            PagePlace::Fresh(first) => {
                let first = if want.since.is_none() { 0 } else { first };
                *self = Pages {
                    rows: read,
                    first,
                    at_start: want.since.is_none(),
                    at_end: !full,
                    loaded: true,
                };
                (0, None)
            }
            PagePlace::After => {
                let last = self.rows.last().map(|row| row.offset);
                self.rows.extend(
                    read.into_iter().filter(|row| last.is_none_or(|last| row.offset > last)),
                );
                self.at_end = !full;
                let over = self.rows.len().saturating_sub(HELD);
                if over > 0 {
                    self.rows.drain(..over);
                    self.first += over;
                    self.at_start = false;
                }
                (0, None)
            }
            PagePlace::Before(back) => {
                let Some(edge) = self.rows.first().map(|row| row.offset) else { return (0, None) };
                let mut earlier: Vec<Row> =
                    read.into_iter().filter(|row| row.offset < edge).collect();
                let at_start = want.since.is_none();
                if earlier.is_empty() && !at_start {
                    // Nothing current in that stretch: look back farther.
                    return (0, Some(self.before(edge, back.saturating_mul(8))));
                }
                // A long look back may end before the rows that are held.
                let gap = full && earlier.len() >= PAGE;
                if gap {
                    let closer = self.before(edge, (back / 2).max(1));
                    return (0, Some(closer));
                }
                let added = earlier.len();
                earlier.append(&mut self.rows);
                self.rows = earlier;
                self.at_start = at_start;
                let first = if at_start { 0 } else { self.first.saturating_sub(added).max(1) };
                let moved = (first + added) as isize - self.first as isize;
                self.first = first;
                if self.rows.len() > HELD {
                    self.rows.truncate(HELD);
                    self.at_end = false;
                }
                (moved, None)
            }
        }
    }

    /// Holds nothing any more, so that the view is read anew where it is.
    pub(super) fn refresh(&self, view: &Range<usize>) -> Want {
        let top = view.start.max(self.first).min(self.first + self.rows.len().saturating_sub(1));
        match self.row(top) {
            Some(row) if !(self.at_start && top < PAGE / 2) => {
                Want { since: row.offset.checked_sub(1), place: PagePlace::Fresh(top) }
            }
            _ => Want { since: None, place: PagePlace::Fresh(0) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log in which only some offsets hold a current entity.
    struct Log(Vec<u64>);

    impl Log {
        fn read(&self, since: Option<u64>) -> Vec<Row> {
            let later = self.0.iter().filter(|offset| since.is_none_or(|since| **offset > since));
            later
                .take(PAGE)
                .map(|offset| Row {
                    offset: *offset,
                    id: offset.to_string(),
                    deleted: false,
                    ts: None,
                    entity: Arc::new(Tree::Null),
                })
                .collect()
        }

        fn show(&self, pages: &mut Pages, mut view: Range<usize>) -> Range<usize> {
            let next = self.0.last().map_or(0, |last| last + 1);
            for _ in 0..60 {
                let Some(mut want) = pages.wanted(&view, self.0.len(), next) else { return view };
                loop {
                    let (moved, more) = pages.take(want, self.read(want.since));
                    view = view.start.saturating_add_signed(moved)
                        ..view.end.saturating_add_signed(moved);
                    match more {
                        Some(more) => want = more,
                        None => break,
                    }
                }
            }
            panic!("never enough for {view:?}");
        }

        fn check(&self, pages: &Pages, view: &Range<usize>) {
            let end = view.end.min(pages.count(self.0.len()));
            for at in view.start..end {
                assert!(pages.row(at).is_some(), "row {at} of {view:?}");
            }
            // What is held has no gaps.
            let held: Vec<u64> = pages.rows.iter().map(|row| row.offset).collect();
            let start =
                self.0.iter().position(|offset| Some(offset) == held.first()).unwrap_or_default();
            assert_eq!(self.0[start..start + held.len()], held[..]);
        }
    }

    #[test]
    fn scrolling_shows_every_row_once_and_in_order() {
        let dense = Log((0..5_000).collect());
        let sparse = Log((0..200_000).step_by(37).chain(3_000_000..3_000_100).collect());
        for log in [dense, sparse] {
            let mut pages = Pages::default();
            for top in (0..log.0.len()).step_by(150) {
                let view = log.show(&mut pages, top..top + 40);
                assert_eq!(view, top..top + 40, "going down moves nothing");
                log.check(&pages, &view);
                assert_eq!(pages.row(top).map(|row| row.offset), log.0.get(top).copied());
            }
            assert_eq!(pages.count(log.0.len()), log.0.len());
        }
    }

    #[test]
    fn a_jump_lands_near_and_can_be_scrolled_both_ways() {
        let log = Log((0..400_000)
            .filter(|offset| offset % 7 != 0 && !(100_000..150_000).contains(offset))
            .collect());
        let mut pages = Pages::default();
        log.show(&mut pages, 0..40);
        for top in [120_000, 60_000, 299_000, 130_000] {
            let mut view = log.show(&mut pages, top..top + 40);
            log.check(&pages, &view);
            for _ in 0..20 {
                view = log
                    .show(&mut pages, view.start.saturating_sub(100)..view.end.saturating_sub(100));
                log.check(&pages, &view);
            }
        }
        let view = log.show(&mut pages, 0..40);
        assert_eq!(pages.row(view.start).map(|row| row.offset), Some(1));
    }

    #[test]
    fn an_empty_dataset_asks_once() {
        let log = Log(Vec::new());
        let mut pages = Pages::default();
        log.show(&mut pages, 0..40);
        assert_eq!(pages.count(0), 0);
        assert_eq!(pages.wanted(&(0..40), 0, 0), None);
    }
}
