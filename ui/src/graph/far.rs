//! What is drawn from afar, which is less the farther one is.
//!
//! Farther than [`FAR`](super::camera::FAR) a card is its name and health, on
//! the flow it belongs to; farther than [`NAMES`] flows have names instead;
//! farther than [`OVERVIEW`] only systems and merged datasets have, with what
//! they hold and how what is around them fares.

use std::{cell::RefCell, collections::HashMap};

use pipewright_protocol::studio::{GraphNode, NodeKind};
use wasm_bindgen::JsValue;
use web_sys::CanvasRenderingContext2d as Context;

use super::{
    camera::Area,
    fares::Tally,
    paint::{Picture, curve, polyline},
};
use crate::components::count;

/// Below this scale there is no room for a name on a card.
const NAMES: f64 = 0.4;
/// Below this scale only systems and merged datasets have names.
pub(super) const OVERVIEW: f64 = 0.25;
/// Size of names, in pixels of the screen.
const SIZE: f64 = 11.0;
/// How far a flow reaches around its cards.
const AROUND: f64 = 9.0;

/// What is written on top of everything, as long as there is room: what comes
/// first keeps its place.
#[derive(Default)]
struct Labels(Vec<Area>);

impl Labels {
    /// Whether there is still room for this, which is taken then.
    fn take(&mut self, area: Area) -> bool {
        let free = !self.0.iter().any(|taken| taken.meets(&area));
        if free {
            self.0.push(area);
        }
        free
    }
}

impl Picture<'_> {
    /// Draws what lies under cards and lines: the flows.
    pub(super) fn flows(&self, pen: &Context, view: Area) {
        if self.camera.scale < OVERVIEW {
            return;
        }
        let _ = pen.set_line_dash(&JsValue::from(js_sys::Array::new()));
        pen.set_line_join("round");
        for flow in &self.wiring.flows.all {
            let cards = flow.cards.iter().copied().filter(|card| self.is_shown(*card));
            let cards: Vec<usize> = cards.collect();
            let Some(whole) = cards.iter().map(|card| self.place(*card)).reduce(Area::with) else {
                continue;
            };
            if !whole.meets(&view) {
                continue;
            }
            let dim = cards.iter().all(|card| self.is_dim(*card));
            pen.set_global_alpha(if dim { 0.4 } else { 1.0 });
            // Once a little larger, which leaves a border.
            let pixel = 1.0 / self.camera.scale;
            for (more, colour) in [(pixel, &self.palette.line), (0.0, &self.palette.surface)] {
                pen.set_fill_style_str(colour);
                pen.set_stroke_style_str(colour);
                pen.set_line_width(26.0 + 2.0 * more);
                pen.begin_path();
                for &edge in &flow.edges {
                    let moved = |card: usize| self.by.is_some() && self.chosen.contains(&card);
                    let ends = self.wiring.ends(edge);
                    let ends = ends.filter(|(a, b)| self.is_shown(*a) && self.is_shown(*b));
                    let Some((from, to)) = ends else { continue };
                    match self.wiring.way(edge) {
                        _ if moved(from) || moved(to) => {}
                        [from, to] => curve(pen, *from, *to),
                        points => polyline(pen, points),
                    }
                }
                pen.stroke();
                pen.begin_path();
                for card in &cards {
                    let Area { left, top, right, bottom } = self.place(*card);
                    let by = AROUND + more;
                    let (wide, high) = (right - left + 2.0 * by, bottom - top + 2.0 * by);
                    let _ = pen.round_rect_with_f64(left - by, top - by, wide, high, 12.0);
                }
                pen.fill();
            }
        }
        pen.set_global_alpha(1.0);
    }

    /// Draws the cards in view, and what is written over them.
    pub(super) fn cards(&self, pen: &Context, view: Area) {
        let _ = pen.set_line_dash(&JsValue::from(js_sys::Array::new()));
        let all = 0..self.wiring.graph.nodes.len();
        let visible: Vec<usize> =
            all.filter(|card| self.is_shown(*card) && self.place(*card).meets(&view)).collect();
        let pixel = 1.0 / self.camera.scale;
        if self.camera.scale < OVERVIEW {
            self.marks(pen, &visible);
        } else {
            visible.iter().for_each(|card| self.box_of(pen, *card));
        }
        pen.set_font(&format!("550 {}px {}", SIZE * pixel, self.palette.font));
        pen.set_text_align("left");
        if self.camera.scale >= NAMES {
            for &card in &visible {
                pen.set_global_alpha(if self.is_dim(card) { 0.25 } else { 1.0 });
                self.name_on(pen, card, pixel);
            }
        } else {
            self.labels(pen, &visible, pixel);
        }
        pen.set_global_alpha(1.0);
    }

    /// Cards that are too small for more than a colour: all of one colour in
    /// one go.
    fn marks(&self, pen: &Context, visible: &[usize]) {
        let mut groups: Vec<((&str, bool), Vec<usize>)> = Vec::new();
        for &card in visible {
            let node = &self.wiring.graph.nodes[card];
            let colour = match node.kind {
                _ if self.chosen.contains(&card) => &*self.palette.accent,
                NodeKind::System => &self.palette.line,
                _ => self.health(card),
            };
            let key = (colour, self.is_dim(card));
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, cards)) => cards.push(card),
                None => groups.push((key, vec![card])),
            }
        }
        for ((colour, dim), cards) in groups {
            pen.set_global_alpha(if dim { 0.25 } else { 1.0 });
            pen.set_fill_style_str(colour);
            pen.begin_path();
            for card in cards {
                let Area { left, top, right, bottom } = self.place(card);
                pen.rect(left, top, right - left, bottom - top);
            }
            pen.fill();
        }
    }

    fn box_of(&self, pen: &Context, card: usize) {
        let node = &self.wiring.graph.nodes[card];
        let Area { left, top, right, bottom } = self.place(card);
        let pixel = 1.0 / self.camera.scale;
        pen.set_global_alpha(if self.is_dim(card) { 0.25 } else { 1.0 });
        pen.begin_path();
        let _ = pen.round_rect_with_f64(left, top, right - left, bottom - top, 8.0);
        if node.kind != NodeKind::System {
            pen.set_fill_style_str(&self.palette.raised);
            pen.fill();
        }
        let hot = self.hot == Some(super::scene::Hot::Card(card));
        let (colour, width) = if self.chosen.contains(&card) || hot {
            (&self.palette.accent, 2.5)
        } else if self.fares.is_failing(card) {
            (&self.palette.bad, 1.5)
        } else if node.global {
            (&self.palette.accent, 1.0)
        } else {
            (&self.palette.line, 1.0)
        };
        pen.set_stroke_style_str(colour);
        pen.set_line_width(width * pixel);
        let is_system = node.kind == NodeKind::System;
        if is_system {
            let dash = js_sys::Array::of2(&(4.0 * pixel).into(), &(3.0 * pixel).into());
            let _ = pen.set_line_dash(&dash);
        }
        pen.stroke();
        if is_system {
            let _ = pen.set_line_dash(&JsValue::from(js_sys::Array::new()));
        }
        if self.camera.scale < NAMES && node.kind == NodeKind::Pipe {
            // Health is all there is room for.
            pen.set_fill_style_str(self.health(card));
            pen.fill_rect(left + 10.0, top + 10.0, right - left - 20.0, bottom - top - 20.0);
        }
    }

    /// The name on its card, after a dot for health.
    fn name_on(&self, pen: &Context, card: usize, pixel: f64) {
        let node = &self.wiring.graph.nodes[card];
        let Area { left, top, right, bottom } = self.place(card);
        let middle = (top + bottom) / 2.0;
        let mut start = left + 8.0 * pixel;
        if node.kind == NodeKind::Pipe {
            pen.begin_path();
            let _ = pen.arc(start + 3.0 * pixel, middle, 3.5 * pixel, 0.0, std::f64::consts::TAU);
            pen.set_fill_style_str(self.health(card));
            pen.fill();
            start += 12.0 * pixel;
        }
        pen.set_text_baseline("middle");
        pen.set_fill_style_str(&self.palette.text);
        let room = (right - start) / pixel - 6.0;
        let _ = pen.fill_text(&cut(pen, &node.name, room, pixel), start, middle);
    }

    /// Names over what is too small to write on: what is asked for first, then
    /// what fails, then systems and merged datasets, then flows.
    fn labels(&self, pen: &Context, visible: &[usize], pixel: f64) {
        let nodes = &self.wiring.graph.nodes;
        let asked = |card: usize| {
            self.chosen.contains(&card) || self.found.is_some_and(|found| found.contains(&card))
        };
        let marked = |node: &GraphNode| node.global || node.kind == NodeKind::System;
        let named = visible
            .iter()
            .copied()
            .filter(|card| asked(*card) || marked(&nodes[*card]) && !self.is_dim(*card));
        let mut named: Vec<usize> = named.collect();
        named.sort_by_key(|card| {
            let system = nodes[*card].kind == NodeKind::System;
            (!asked(*card), self.fares.around(*card).failing == 0, system, *card)
        });
        let mut labels = Labels::default();
        for card in named {
            let node = &nodes[card];
            let held = node.dataset.as_ref().and_then(|id| self.datasets.get(id));
            let held = held.filter(|dataset| dataset.versions > 0);
            let tally = match marked(node) {
                true => self.fares.around(card),
                false => {
                    Tally { failing: usize::from(self.fares.is_failing(card)), ..Tally::default() }
                }
            };
            let mut about = Vec::new();
            about.extend(held.map(|dataset| count(dataset.entities)));
            about.extend(says(tally, node.kind == NodeKind::System));
            let edge = if node.global { &self.palette.accent } else { &self.palette.line };
            let edge = if self.chosen.contains(&card) { &self.palette.accent } else { edge };
            let area = self.place(card);
            let middle = ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
            self.label(
                pen,
                &mut labels,
                middle,
                pixel,
                &node.name,
                &about.join(" · "),
                tally,
                edge,
            );
        }
        if self.camera.scale < OVERVIEW {
            return;
        }
        let flows = self.wiring.flows.all.iter().enumerate();
        for (index, flow) in flows {
            let mut cards = flow.cards.iter().copied().filter(|card| self.is_shown(*card));
            let Some(first) = cards.next().filter(|card| !self.is_dim(*card)) else { continue };
            let tally = self.fares.flow(index);
            let area = self.place(first);
            let at = ((area.left + area.right) / 2.0, (area.top + area.bottom) / 2.0);
            let about = says(tally, true).unwrap_or_default();
            self.label(pen, &mut labels, at, pixel, &flow.name, &about, tally, &self.palette.line);
        }
    }

    /// A name with what is said of it below, in a box, if there is room.
    #[expect(clippy::too_many_arguments, reason = "one call draws one label")]
    fn label(
        &self,
        pen: &Context,
        labels: &mut Labels,
        (x, y): (f64, f64),
        pixel: f64,
        name: &str,
        about: &str,
        tally: Tally,
        edge: &str,
    ) {
        let wide = width(pen, name, pixel).max(width(pen, about, pixel)) + 16.0;
        let high = if about.is_empty() { 18.0 } else { 32.0 };
        let (wide, high) = (wide * pixel, high * pixel);
        let area = Area {
            left: x - wide / 2.0,
            top: y - high / 2.0,
            right: x + wide / 2.0,
            bottom: y + high / 2.0,
        };
        if !labels.take(area) {
            return;
        }
        pen.set_global_alpha(1.0);
        pen.begin_path();
        let _ = pen.round_rect_with_f64(area.left, area.top, wide, high, 5.0 * pixel);
        pen.set_fill_style_str(&self.palette.raised);
        pen.fill();
        pen.set_stroke_style_str(if tally.failing > 0 { &self.palette.bad } else { edge });
        pen.set_line_width(pixel);
        pen.stroke();
        let start = area.left + 8.0 * pixel;
        pen.set_text_baseline("middle");
        pen.set_fill_style_str(&self.palette.text);
        let _ = pen.fill_text(name, start, area.top + 9.5 * pixel);
        if !about.is_empty() {
            let bad = tally.failing > 0;
            pen.set_fill_style_str(if bad { &self.palette.bad } else { &self.palette.muted });
            let _ = pen.fill_text(about, start, area.top + 23.0 * pixel);
        }
    }
}

/// What is said of several pipes, if anything.
fn says(tally: Tally, with_pipes: bool) -> Option<String> {
    let mut words = Vec::new();
    if with_pipes && tally.pipes > 0 {
        words.push(match tally.pipes {
            1 => "1 pipe".to_owned(),
            pipes => format!("{pipes} pipes"),
        });
    }
    if tally.failing > 0 {
        words.push(format!("{} failing", tally.failing));
    } else if tally.waiting > 0 {
        words.push(format!("{} waiting", count(tally.waiting)));
    }
    (!words.is_empty()).then(|| words.join(" · "))
}

thread_local! {
    /// How wide names are on the screen: measuring is slow, and they seldom
    /// change.
    static WIDTHS: RefCell<HashMap<String, f64>> = RefCell::default();
}

/// How many widths are kept.
const KEPT: usize = 20_000;

/// Width of a text in pixels of the screen.
fn width(pen: &Context, text: &str, pixel: f64) -> f64 {
    if text.is_empty() {
        return 0.0;
    }
    if let Some(known) = WIDTHS.with_borrow(|widths| widths.get(text).copied()) {
        return known;
    }
    let measured = pen.measure_text(text).map_or(0.0, |measure| measure.width()) / pixel;
    WIDTHS.with_borrow_mut(|widths| {
        if widths.len() >= KEPT {
            widths.clear();
        }
        widths.insert(text.to_owned(), measured);
    });
    measured
}

/// The text, shortened in its middle to fit into so many pixels of the screen:
/// names of one flow begin alike and differ at the end.
fn cut(pen: &Context, text: &str, room: f64, pixel: f64) -> String {
    let whole = width(pen, text, pixel);
    if whole <= room {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    // By the mean width of its letters, and a little less.
    let fits = (room / whole * chars.len() as f64 - 1.5).max(0.0) as usize;
    let kept = fits.min(chars.len().saturating_sub(1));
    let head = kept / 2;
    let start = chars[..head].iter();
    start.chain(&['…']).chain(&chars[chars.len() - (kept - head)..]).collect()
}
