//! The lines of the graph, and the small picture of it, on a canvas.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use leptos::prelude::*;
use pipewright_protocol::studio::{DatasetStatus, EdgeKind, GraphEdge, NodeKind, PipeState};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CanvasRenderingContext2d as Context, HtmlCanvasElement};

use super::{
    camera::{Area, Camera, FAR},
    fares::Fares,
    scene::Hot,
    wiring::{Lit, Wiring, extent, straight},
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
    pub(super) fares: &'a Fares,
    pub(super) datasets: &'a BTreeMap<String, DatasetStatus>,
    pub(super) lit: Option<&'a Lit>,
    pub(super) found: Option<&'a HashSet<usize>>,
    /// The cards that the filter leaves.
    pub(super) shown: Option<&'a HashSet<usize>>,
    pub(super) chosen: &'a BTreeSet<usize>,
    /// How far what is chosen is dragged.
    pub(super) by: Option<(f64, f64)>,
    /// What would be hit now.
    pub(super) hot: Option<Hot>,
    /// From a card's port to the pointer, both in the graph's coordinates.
    pub(super) drawn: Option<((f64, f64), (f64, f64))>,
    /// What is about to be chosen.
    pub(super) band: Option<Area>,
}

/// Below this scale lines are straight: their curves could not be seen.
const PLAIN: f64 = 0.15;

/// How lines look.
#[derive(Clone, Copy, PartialEq)]
struct Stroke<'a> {
    colour: &'a str,
    width: f64,
    dim: bool,
    dashed: bool,
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
        if scale < FAR {
            self.flows(&pen, view);
        }
        self.lines(&pen, view);
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
        if let Some(Area { left, top, right, bottom }) = self.band {
            pen.set_fill_style_str(&self.palette.accent);
            pen.set_stroke_style_str(&self.palette.accent);
            pen.set_line_width(1.0 / scale);
            pen.set_global_alpha(0.1);
            pen.fill_rect(left, top, right - left, bottom - top);
            pen.set_global_alpha(1.0);
            pen.stroke_rect(left, top, right - left, bottom - top);
        }
    }

    /// Where a card is now, with what it is dragged.
    pub(super) fn place(&self, index: usize) -> Area {
        let area = extent(&self.wiring.graph.nodes[index]);
        match self.by.filter(|_| self.chosen.contains(&index)) {
            Some(by) => area.shifted(by),
            None => area,
        }
    }

    /// Whether the filter leaves a card.
    pub(super) fn is_shown(&self, index: usize) -> bool {
        self.shown.is_none_or(|shown| shown.contains(&index))
    }

    /// How a line looks.
    fn stroke(&self, index: usize, edge: &GraphEdge) -> Stroke<'_> {
        let lit = self.lit.is_some_and(|lit| lit.edges.contains(&index));
        let dim = self.lit.is_some() && !lit
            || self.found.is_some_and(|found| {
                self.wiring
                    .ends(index)
                    .is_none_or(|(from, to)| !found.contains(&from) && !found.contains(&to))
            });
        let backlog = self.fares.backlog(index);
        let hot = self.hot == Some(Hot::Line(index));
        let colour = if lit || hot {
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
        // In steps, so that lines of about the same backlog are drawn at once.
        let width = match backlog {
            _ if hot => 4.0,
            0 => 1.5,
            backlog => 2.5 + f64::from(backlog.ilog10()),
        };
        Stroke { colour, width: width.max(least), dim, dashed: edge.kind == EdgeKind::Hop }
    }

    /// Draws the lines in view: those that look alike in one go.
    fn lines(&self, pen: &Context, view: Area) {
        let mut groups: Vec<(Stroke<'_>, Vec<usize>)> = Vec::new();
        for (index, edge) in self.wiring.edges_in(view) {
            let Some((from, to)) = self.wiring.ends(index) else { continue };
            if !self.is_shown(from) || !self.is_shown(to) {
                continue;
            }
            let stroke = self.stroke(index, edge);
            match groups.iter_mut().find(|(known, _)| *known == stroke) {
                Some((_, lines)) => lines.push(index),
                None => groups.push((stroke, vec![index])),
            }
        }
        // What is looked at lies over the rest.
        groups.sort_by_key(|(stroke, _)| !stroke.dim);
        let far = self.camera.scale < PLAIN;
        for (stroke, lines) in groups {
            pen.set_line_width(stroke.width);
            pen.set_stroke_style_str(stroke.colour);
            pen.set_global_alpha(match (stroke.dim, far) {
                (true, _) => 0.18,
                (false, true) => 0.6,
                (false, false) => 1.0,
            });
            let dash = match stroke.dashed && !far {
                true => js_sys::Array::of2(&5.0.into(), &4.0.into()),
                false => js_sys::Array::new(),
            };
            let _ = pen.set_line_dash(&dash);
            // A path of very many lines is slower than several.
            for some in lines.chunks(64) {
                pen.begin_path();
                some.iter().for_each(|line| self.trace(pen, *line, far));
                pen.stroke();
            }
        }
        pen.set_global_alpha(1.0);
    }

    /// Adds the way of a line to the path.
    fn trace(&self, pen: &Context, line: usize, plain: bool) {
        let ends = self.wiring.ends(line).filter(|(from, to)| {
            self.by.is_some() && (self.chosen.contains(from) || self.chosen.contains(to))
        });
        let moved = ends.map(|(from, to)| straight(self.place(from), self.place(to)));
        let way = moved.as_deref().unwrap_or_else(|| self.wiring.way(line));
        match way {
            [from, .., to] if plain => {
                pen.move_to(from.0, from.1);
                pen.line_to(to.0, to.1);
            }
            [from, to] => curve(pen, *from, *to),
            points => polyline(pen, points),
        }
    }

    /// The colour of a card's health.
    pub(super) fn health(&self, card: usize) -> &str {
        match self.wiring.graph.nodes[card].kind {
            NodeKind::Pipe => {
                self.fares.state(card).map_or(&self.palette.idle, |it| self.palette.state(it))
            }
            NodeKind::Dataset | NodeKind::System => &self.palette.muted,
        }
    }

    /// Whether a card stands back behind others that are looked at.
    pub(super) fn is_dim(&self, index: usize) -> bool {
        self.lit.is_some_and(|lit| !lit.nodes.contains(&index))
            || self.found.is_some_and(|found| !found.contains(&index))
    }
}

pub(super) fn curve(pen: &Context, from: (f64, f64), to: (f64, f64)) {
    let bend = ((to.0 - from.0).abs() / 2.0).clamp(24.0, 160.0);
    pen.move_to(from.0, from.1);
    pen.bezier_curve_to(from.0 + bend, from.1, to.0 - bend, to.1, to.0, to.1);
}

/// Through all corners, each leg a curve that leaves and arrives level.
pub(super) fn polyline(pen: &Context, points: &[(f64, f64)]) {
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
    let Area { left, top, right, bottom } = picture.wiring.whole();
    let (wide, high) = ((right - left).max(1.0), (bottom - top).max(1.0));
    let scale = ((size.0 - 12.0) / wide).min((size.1 - 12.0) / high).min(0.2);
    let camera = Camera {
        x: (size.0 - wide * scale) / 2.0 - left * scale,
        y: (size.1 - high * scale) / 2.0 - top * scale,
        scale,
    };
    for index in 0..picture.wiring.graph.nodes.len() {
        if !picture.is_shown(index) {
            continue;
        }
        let area = picture.place(index);
        let (x, y) = camera.to_screen((area.left, area.top));
        let (w, h) = ((area.right - area.left) * scale, (area.bottom - area.top) * scale);
        pen.set_global_alpha(if picture.is_dim(index) { 0.3 } else { 1.0 });
        pen.set_fill_style_str(if picture.chosen.contains(&index) {
            &picture.palette.accent
        } else {
            picture.health(index)
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
