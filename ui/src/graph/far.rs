//! The cards as they are drawn from afar.
//!
//! Farther than [`FAR`](super::camera::FAR) a card is its name and health at a
//! size that can be read; farther than [`NAMES`] only systems and merged
//! datasets keep a name, with what they hold, and the rest is health alone.

use pipewright_protocol::studio::{GraphNode, NodeKind, PipeState};
use wasm_bindgen::JsValue;
use web_sys::CanvasRenderingContext2d as Context;

use super::{camera::Area, paint::Picture, wiring::extent};
use crate::components::count;

/// Below this scale there is no room for a name on a card.
const NAMES: f64 = 0.4;
/// Size of names, in pixels of the screen.
const SIZE: f64 = 11.0;

impl Picture<'_> {
    /// Draws the cards in view.
    pub(super) fn cards(&self, pen: &Context, view: Area) {
        let _ = pen.set_line_dash(&JsValue::from(js_sys::Array::new()));
        let nodes = || {
            self.wiring.graph.nodes.iter().enumerate().filter(|(_, node)| extent(node).meets(&view))
        };
        for (index, node) in nodes() {
            self.box_of(pen, index, node);
        }
        // Names lie over all boxes.
        let pixel = 1.0 / self.camera.scale;
        let near = self.camera.scale >= NAMES;
        let size = if near { SIZE * pixel } else { (SIZE * pixel).min(72.0) };
        pen.set_font(&format!("550 {size}px {}", self.palette.font));
        for (index, node) in nodes() {
            pen.set_global_alpha(if self.is_dim(index) { 0.25 } else { 1.0 });
            if near {
                self.name_on(pen, node, pixel);
            } else if self.keeps_name(index, node) {
                self.name_over(pen, node, size);
            }
        }
        pen.set_global_alpha(1.0);
    }

    fn keeps_name(&self, index: usize, node: &GraphNode) -> bool {
        let marked = node.global || node.kind == NodeKind::System;
        let asked =
            self.selected == Some(index) || self.found.is_some_and(|found| found.contains(&index));
        (marked && !self.is_dim(index)) || asked
    }

    fn box_of(&self, pen: &Context, index: usize, node: &GraphNode) {
        let Area { left, top, right, bottom } = extent(node);
        let pixel = 1.0 / self.camera.scale;
        let failing = node.kind == NodeKind::Pipe
            && self
                .pipes
                .get(&node.name)
                .is_some_and(|pipe| matches!(pipe.state, PipeState::Failed | PipeState::Invalid));
        pen.set_global_alpha(if self.is_dim(index) { 0.25 } else { 1.0 });
        pen.begin_path();
        let _ = pen.round_rect_with_f64(left, top, right - left, bottom - top, 8.0);
        if node.kind != NodeKind::System {
            pen.set_fill_style_str(&self.palette.raised);
            pen.fill();
        }
        let (colour, width) = if self.selected == Some(index) {
            (&self.palette.accent, 2.5)
        } else if failing {
            (&self.palette.bad, 1.5)
        } else if node.global {
            (&self.palette.accent, 1.0)
        } else {
            (&self.palette.line, 1.0)
        };
        pen.set_stroke_style_str(colour);
        pen.set_line_width(width * pixel);
        let dash = if node.kind == NodeKind::System {
            js_sys::Array::of2(&(4.0 * pixel).into(), &(3.0 * pixel).into())
        } else {
            js_sys::Array::new()
        };
        let _ = pen.set_line_dash(&dash);
        pen.stroke();
        if self.camera.scale < NAMES && node.kind == NodeKind::Pipe {
            // Health is all there is room for.
            pen.begin_path();
            let _ = pen.round_rect_with_f64(
                left + 10.0,
                top + 10.0,
                right - left - 20.0,
                bottom - top - 20.0,
                5.0,
            );
            pen.set_fill_style_str(self.health(node));
            pen.fill();
        }
    }

    /// The name on its card, after a dot for health.
    fn name_on(&self, pen: &Context, node: &GraphNode, pixel: f64) {
        let Area { left, top, right, bottom } = extent(node);
        let middle = (top + bottom) / 2.0;
        let mut start = left + 8.0 * pixel;
        if node.kind == NodeKind::Pipe {
            pen.begin_path();
            let _ = pen.arc(start + 3.0 * pixel, middle, 3.5 * pixel, 0.0, std::f64::consts::TAU);
            pen.set_fill_style_str(self.health(node));
            pen.fill();
            start += 12.0 * pixel;
        }
        pen.set_text_align("left");
        pen.set_text_baseline("middle");
        pen.set_fill_style_str(&self.palette.text);
        let _ = pen.fill_text(&cut(pen, &node.name, right - start - 6.0 * pixel), start, middle);
    }

    /// The name over a card that is too small to write on, with what its
    /// dataset holds.
    fn name_over(&self, pen: &Context, node: &GraphNode, size: f64) {
        let area = extent(node);
        let held = node
            .dataset
            .as_ref()
            .and_then(|id| self.datasets.get(id))
            .filter(|dataset| dataset.versions > 0);
        let text = match held {
            Some(dataset) => format!("{}  {}", node.name, count(dataset.entities)),
            None => node.name.clone(),
        };
        pen.set_text_align("left");
        pen.set_text_baseline("bottom");
        pen.set_line_width(size / 3.0);
        pen.set_stroke_style_str(&self.palette.surface);
        let _ = pen.stroke_text(&text, area.left, area.top - size / 6.0);
        pen.set_fill_style_str(&self.palette.text);
        let _ = pen.fill_text(&text, area.left, area.top - size / 6.0);
    }
}

/// The text, shortened in its middle to fit: names of one flow begin alike and
/// differ at the end.
fn cut(pen: &Context, text: &str, room: f64) -> String {
    let width = |text: &str| pen.measure_text(text).map(|measure| measure.width()).unwrap_or(0.0);
    if width(text) <= room {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let shortened = |kept: usize| {
        let head = kept / 2;
        let start = chars[..head].iter();
        start.chain(&['…']).chain(&chars[chars.len() - (kept - head)..]).collect::<String>()
    };
    let (mut least, mut most) = (0, chars.len().saturating_sub(1));
    while least < most {
        let kept = (least + most).div_ceil(2);
        if width(&shortened(kept)) <= room { least = kept } else { most = kept - 1 }
    }
    shortened(least)
}
