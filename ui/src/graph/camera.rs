//! From the graph's coordinates to the screen's and back.

/// Below this scale cards are drawn instead of mounted.
pub(super) const FAR: f64 = 0.7;
const LEAST: f64 = 0.04;
const MOST: f64 = 2.0;

/// Where one looks from: screen = graph × scale + offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Offset to the right, in screen pixels.
    pub x: f64,
    /// Offset downwards, in screen pixels.
    pub y: f64,
    /// Scale.
    pub scale: f64,
}

impl Default for Camera {
    fn default() -> Self {
        Self { x: 0.0, y: 0.0, scale: 1.0 }
    }
}

/// A rectangle in the graph's coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Area {
    /// What both cover, with what lies between them.
    pub(super) fn with(self, other: Area) -> Area {
        Area {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The same somewhere else.
    pub(super) fn shifted(self, (dx, dy): (f64, f64)) -> Area {
        Area {
            left: self.left + dx,
            top: self.top + dy,
            right: self.right + dx,
            bottom: self.bottom + dy,
        }
    }

    /// The area between two corners.
    pub(super) fn between((ax, ay): (f64, f64), (bx, by): (f64, f64)) -> Area {
        Area { left: ax.min(bx), top: ay.min(by), right: ax.max(bx), bottom: ay.max(by) }
    }

    /// Whether the two have a point in common.
    pub(super) fn meets(&self, other: &Area) -> bool {
        self.left <= other.right
            && other.left <= self.right
            && self.top <= other.bottom
            && other.top <= self.bottom
    }
}

impl Camera {
    /// The point of the graph under a point of the screen.
    pub(super) fn to_graph(self, (x, y): (f64, f64)) -> (f64, f64) {
        ((x - self.x) / self.scale, (y - self.y) / self.scale)
    }

    /// The point of the screen a point of the graph is at.
    pub(super) fn to_screen(self, (x, y): (f64, f64)) -> (f64, f64) {
        (x * self.scale + self.x, y * self.scale + self.y)
    }

    /// What of the graph is in view.
    pub(super) fn view(self, (width, height): (f64, f64)) -> Area {
        let (left, top) = self.to_graph((0.0, 0.0));
        let (right, bottom) = self.to_graph((width, height));
        Area { left, top, right, bottom }
    }

    /// Moves by screen pixels.
    pub(super) fn panned(self, dx: f64, dy: f64) -> Self {
        Self { x: self.x + dx, y: self.y + dy, ..self }
    }

    /// Scales by a factor; the point under `at` stays there.
    pub(super) fn zoomed(self, factor: f64, at: (f64, f64)) -> Self {
        let scale = (self.scale * factor).clamp(LEAST, MOST);
        let (x, y) = self.to_graph(at);
        Self { x: at.0 - x * scale, y: at.1 - y * scale, scale }
    }

    /// Shows the area as a whole, no larger than it is.
    pub(super) fn fitted(area: Area, (width, height): (f64, f64)) -> Self {
        const SIDE: f64 = 32.0;
        // Search and zoom stand in the corners.
        const ENDS: f64 = 56.0;
        let (w, h) = ((area.right - area.left).max(1.0), (area.bottom - area.top).max(1.0));
        let scale = ((width - 2.0 * SIDE) / w).min((height - 2.0 * ENDS) / h).clamp(LEAST, 1.0);
        let (x, y) = (
            (width - w * scale) / 2.0 - area.left * scale,
            (height - h * scale) / 2.0 - area.top * scale,
        );
        Self { x, y, scale }
    }

    /// Moves as little as needed so that the area is in view.
    pub(super) fn revealing(self, area: Area, (width, height): (f64, f64)) -> Self {
        const MARGIN: f64 = 24.0;
        let (left, top) = self.to_screen((area.left, area.top));
        let (right, bottom) = self.to_screen((area.right, area.bottom));
        let shift = |low: f64, high: f64, size: f64| {
            if low < MARGIN {
                MARGIN - low
            } else if high > size - MARGIN {
                (size - MARGIN - high).max(MARGIN - low)
            } else {
                0.0
            }
        };
        self.panned(shift(left, right, width), shift(top, bottom, height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: (f64, f64), b: (f64, f64)) -> bool {
        (a.0 - b.0).abs() < 1e-6 && (a.1 - b.1).abs() < 1e-6
    }

    #[test]
    fn zooming_keeps_the_point_under_the_pointer() {
        let camera = Camera { x: 31.0, y: -7.0, scale: 0.8 };
        let at = (400.0, 250.0);
        for factor in [0.5, 1.3, 100.0, 0.0001] {
            assert!(close(camera.zoomed(factor, at).to_graph(at), camera.to_graph(at)));
        }
    }

    #[test]
    fn fitting_shows_everything() {
        let area = Area { left: -50.0, top: 20.0, right: 4000.0, bottom: 900.0 };
        let size = (1000.0, 600.0);
        let view = Camera::fitted(area, size).view(size);
        assert!(
            view.left <= area.left
                && view.right >= area.right
                && view.top <= area.top
                && view.bottom >= area.bottom
        );
        assert!(
            Camera::fitted(Area { right: 10.0, bottom: 10.0, ..Area::default() }, size).scale
                <= 1.0
        );
    }

    #[test]
    fn revealing_moves_only_when_it_must() {
        let camera = Camera::default();
        let size = (1000.0, 600.0);
        let inside = Area { left: 100.0, top: 100.0, right: 300.0, bottom: 160.0 };
        assert_eq!(camera.revealing(inside, size), camera);
        let outside = Area { left: 1100.0, top: -300.0, right: 1300.0, bottom: -240.0 };
        let view = camera.revealing(outside, size).view(size);
        assert!(
            view.left <= outside.left && view.right >= outside.right && view.top <= outside.top
        );
    }
}
