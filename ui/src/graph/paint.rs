//! The lines of the graph, and the small picture of it, on a canvas.

use std::collections::{BTreeMap, HashSet};

use leptos::prelude::*;
use pipewright_protocol::studio::{
    DatasetStatus, EdgeKind, GraphEdge, GraphNode, NodeKind, PipeState, PipeStatus,
};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d as Context, HtmlCanvasElement};

use super::{
    camera::{Area, Camera, FAR},
    wiring::{Lit, Wiring, extent},
};

/// The colours in use, read from the design's tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Palette {
    pub(super) line: String,
    pub(super) hop: String,
    pub(super) accent: String,
    pub(super) run: String,
    pub(super) text: String,
    pub(super) muted: String,
    pub(super) surface: String,
    pub(super) raised: String,
    pub(super) ok: String,
    pub(super) bad: String,
    pub(super) idle: String,
    pub(super) font: String,
}

impl Palette {
    /// Reads the tokens of the theme now shown.
    pub(super) fn read() -> Self {
        let style = document()
            .document_element()
            .and_then(|root| window().get_computed_style(&root).ok().flatten());
        let token = |name: &str| {
            style
                .as_ref()
                .and_then(|style| style.get_property_value(name).ok())
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Self {
            line: token("--edge"),
            hop: token("--edge-hop"),
            accent: token("--accent"),
            run: token("--run"),
            text: token("--text"),
            muted: token("--muted"),
            surface: token("--surface"),
            raised: token("--card"),
            ok: token("--good"),
            bad: token("--bad"),
            idle: token("--idle"),
            font: token("--sans"),
        }
    }

    fn state(&self, state: PipeState) -> &str {
        match state {
            PipeState::Running => &self.run,
            PipeState::Finished | PipeState::Serving => &self.ok,
            PipeState::Failed | PipeState::Invalid => &self.bad,
            PipeState::New | PipeState::Stopped | PipeState::Disabled => &self.idle,
        }
    }
}

/// Everything that decides what the canvas shows.
pub(super) struct Picture<'a> {
    pub(super) wiring: &'a Wiring,
    pub(super) camera: Camera,
    pub(super) size: (f64, f64),
    pub(super) palette: &'a Palette,
    pub(super) pipes: &'a BTreeMap<String, PipeStatus>,
    pub(super) datasets: &'a BTreeMap<String, DatasetStatus>,
    pub(super) lit: Option<&'a Lit>,
    pub(super) found: Option<&'a HashSet<usize>>,
    pub(super) selected: Option<usize>,
    /// From a card's port to the pointer, both in the graph's coordinates.
    pub(super) drawn: Option<((f64, f64), (f64, f64))>,
}

/// The canvas's pen, with the canvas as large as its element on this screen.
pub(super) fn pen(canvas: &HtmlCanvasElement, (width, height): (f64, f64)) -> Option<Context> {
    let ratio = window().device_pixel_ratio();
    let (w, h) = ((width * ratio) as u32, (height * ratio) as u32);
    if canvas.width() != w || canvas.height() != h {
        canvas.set_width(w);
        canvas.set_height(h);
    }
    let context: Context = canvas.get_context("2d").ok().flatten()?.dyn_into().ok()?;
    context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0).ok()?;
    context.clear_rect(0.0, 0.0, width, height);
    Some(context)
}

impl Picture<'_> {
    /// Draws lines, and cards when they are not in the page.
    pub(super) fn draw(&self, canvas: &HtmlCanvasElement) {
        let Some(pen) = pen(canvas, self.size) else { return };
        let Camera { x, y, scale } = self.camera;
        // What fails here is drawn wrong once; there is nothing to tell.
        let _ = pen.translate(x, y);
        let _ = pen.scale(scale, scale);
        let view = self.camera.view(self.size);
        for (index, edge) in self.wiring.edges_in(view) {
            self.edge(&pen, index, edge);
        }
        if let Some((from, to)) = self.drawn {
            pen.set_stroke_style_str(&self.palette.accent);
            pen.set_line_width(2.0);
            let _ = pen.set_line_dash(&JsValue::from(js_sys::Array::new()));
            pen.set_global_alpha(1.0);
            pen.begin_path();
            curve(&pen, from, to);
            pen.stroke();
        }
        if scale < FAR {
            self.cards(&pen, view);
        }
    }

    fn backlog(&self, edge: &GraphEdge) -> u64 {
        let Some(pipe) = edge.to.strip_prefix("pipe:").and_then(|id| self.pipes.get(id)) else {
            return 0;
        };
        edge.dataset
            .as_ref()
            .and_then(|dataset| pipe.queues.get(dataset))
            .copied()
            .unwrap_or_default()
    }

    fn edge(&self, pen: &Context, index: usize, edge: &GraphEdge) {
        let lit = self.lit.is_some_and(|lit| lit.edges.contains(&index));
        let dim = self.lit.is_some() && !lit
            || self.found.is_some_and(|found| {
                self.wiring
                    .ends(index)
                    .is_none_or(|(from, to)| !found.contains(&from) && !found.contains(&to))
            });
        let backlog = self.backlog(edge);
        let colour = if lit {
            &self.palette.accent
        } else if backlog > 0 {
            &self.palette.run
        } else if edge.kind == EdgeKind::Hop {
            &self.palette.hop
        } else {
            &self.palette.line
        };
        // Never thinner than a pixel of the screen, however far away.
        let least = 0.75 / self.camera.scale;
        let width = if backlog > 0 { 1.5 + (backlog as f64 + 1.0).log10() } else { 1.5 };
        pen.set_line_width(width.max(least));
        pen.set_stroke_style_str(colour);
        pen.set_global_alpha(if dim { 0.18 } else { 1.0 });
        let dash = if edge.kind == EdgeKind::Hop {
            js_sys::Array::of(&[5.0.into(), 4.0.into()])
        } else {
            js_sys::Array::new()
        };
        let _ = pen.set_line_dash(&dash);
        pen.begin_path();
        let points: Vec<(f64, f64)> =
            edge.points.iter().map(|[x, y]| (f64::from(*x), f64::from(*y))).collect();
        match points.as_slice() {
            [from, to] => curve(pen, *from, *to),
            points => polyline(pen, points),
        }
        pen.stroke();
    }

    /// The colour of a card's health.
    pub(super) fn health(&self, node: &GraphNode) -> &str {
        match node.kind {
            NodeKind::Pipe => self
                .pipes
                .get(&node.name)
                .map_or(&self.palette.idle, |pipe| self.palette.state(pipe.state)),
            NodeKind::Dataset | NodeKind::System => &self.palette.muted,
        }
    }

    /// Whether a card stands back behind others that are looked at.
    pub(super) fn is_dim(&self, index: usize) -> bool {
        self.lit.is_some_and(|lit| !lit.nodes.contains(&index))
            || self.found.is_some_and(|found| !found.contains(&index))
    }
}

fn curve(pen: &Context, from: (f64, f64), to: (f64, f64)) {
    let bend = ((to.0 - from.0).abs() / 2.0).clamp(24.0, 160.0);
    pen.move_to(from.0, from.1);
    pen.bezier_curve_to(from.0 + bend, from.1, to.0 - bend, to.1, to.0, to.1);
}

/// Through all corners, each leg a curve that leaves and arrives level.
fn polyline(pen: &Context, points: &[(f64, f64)]) {
    let Some(first) = points.first() else { return };
    pen.move_to(first.0, first.1);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if (from.1 - to.1).abs() < 0.5 {
            pen.line_to(to.0, to.1);
        } else {
            let bend = (to.0 - from.0) / 2.0;
            pen.bezier_curve_to(from.0 + bend, from.1, to.0 - bend, to.1, to.0, to.1);
        }
    }
}

/// Draws the whole graph small, with what is in view; returns the camera of
/// the small picture.
pub(super) fn minimap(
    canvas: &HtmlCanvasElement,
    size: (f64, f64),
    picture: &Picture<'_>,
) -> Option<Camera> {
    let pen = pen(canvas, size)?;
    let Area { right, bottom, .. } = picture.wiring.whole();
    let scale = ((size.0 - 12.0) / right.max(1.0)).min((size.1 - 12.0) / bottom.max(1.0)).min(0.2);
    let camera =
        Camera { x: (size.0 - right * scale) / 2.0, y: (size.1 - bottom * scale) / 2.0, scale };
    for (index, node) in picture.wiring.graph.nodes.iter().enumerate() {
        let area = extent(node);
        let (x, y) = camera.to_screen((area.left, area.top));
        let (w, h) = ((area.right - area.left) * scale, (area.bottom - area.top) * scale);
        pen.set_global_alpha(if picture.is_dim(index) { 0.3 } else { 1.0 });
        pen.set_fill_style_str(if picture.selected == Some(index) {
            &picture.palette.accent
        } else {
            picture.health(node)
        });
        pen.fill_rect(x, y, w.max(2.0), h.max(1.5));
    }
    let view = picture.camera.view(picture.size);
    let (left, top) = camera.to_screen((view.left, view.top));
    let (right, bottom) = camera.to_screen((view.right, view.bottom));
    let (left, top) = (left.max(0.5), top.max(0.5));
    let (right, bottom) = (right.min(size.0 - 0.5), bottom.min(size.1 - 0.5));
    pen.set_global_alpha(1.0);
    pen.set_stroke_style_str(&picture.palette.accent);
    pen.set_line_width(1.0);
    pen.stroke_rect(left, top, (right - left).max(1.0), (bottom - top).max(1.0));
    Some(camera)
}
