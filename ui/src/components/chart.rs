//! Charts: how numbers went, small enough to stand in a panel or a row.

use leptos::{ev, html, prelude::*};

/// One value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Where it stands from left to right, such as a time; bars stand side by
    /// side in their order and need none.
    pub at: f64,
    /// How much.
    pub value: f64,
    /// What it is, as the chart tells it: a time, a run.
    pub label: String,
    /// Its colour, if it is not that of its series.
    pub tone: Option<Tone>,
}

impl Point {
    /// A value in the colour of its series.
    pub fn new(at: f64, value: f64, label: impl Into<String>) -> Self {
        Point { at, value, label: label.into(), tone: None }
    }

    /// The same in a colour of its own.
    pub fn toned(self, tone: Tone) -> Self {
        Point { tone: Some(tone), ..self }
    }
}

/// Values that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What is counted.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// Its values from left to right.
    pub points: Vec<Point>,
}

/// The colours of charts: those of states, so that they mean the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// The usual one.
    #[default]
    Accent,
    /// Work in progress.
    Run,
    /// As it should be.
    Good,
    /// Wants a look.
    Warn,
    /// Failed.
    Bad,
    /// Nothing happened.
    Idle,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Tone::Accent => "tone-accent",
            Tone::Run => "tone-run",
            Tone::Good => "tone-good",
            Tone::Warn => "tone-warn",
            Tone::Bad => "tone-bad",
            Tone::Idle => "tone-idle",
        }
    }
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// A line through them, where each stands.
    #[default]
    Line,
    /// A bar for each; several series stand on each other.
    Bars,
}

/// The end of the scale: the least round number that nothing exceeds.
fn top_of(most: f64) -> f64 {
    if most <= 0.0 || !most.is_finite() {
        return 1.0;
    }
    let step = 10_f64.powf(most.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * step);
    round.into_iter().find(|end| *end >= most * 0.999_999).unwrap_or(10.0 * step)
}

/// A value as it is written where nothing else is asked for.
fn plain(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 {
        super::count(value.round().max(0.0) as u64)
    } else {
        format!("{value:.1}")
    }
}

/// Where a point stands from left to right, 0 to 100, within a range.
fn across(at: f64, (first, last): (f64, f64)) -> f64 {
    if last > first { (at - first) / (last - first) * 100.0 } else { 50.0 }
}

/// First and last place over all series.
fn range(all: &[Series]) -> (f64, f64) {
    all.iter()
        .flat_map(|series| &series.points)
        .fold((f64::MAX, f64::MIN), |(first, last), point| {
            (first.min(point.at), last.max(point.at))
        })
}

/// The most that stands at one place.
fn most(all: &[Series], draw: Draw) -> f64 {
    match draw {
        Draw::Line => {
            all.iter().flat_map(|series| &series.points).map(|p| p.value).fold(0.0, f64::max)
        }
        Draw::Bars => (0..length(all))
            .map(|index| at(all, index).map(|(_, p)| p.value).sum())
            .fold(0.0, f64::max),
    }
}

fn length(all: &[Series]) -> usize {
    all.iter().map(|series| series.points.len()).max().unwrap_or(0)
}

/// What the series hold at one place.
fn at(all: &[Series], index: usize) -> impl Iterator<Item = (&Series, &Point)> {
    all.iter().filter_map(move |series| Some((series, series.points.get(index)?)))
}

/// The way of a line, in hundredths of the width and height.
fn way(points: &[Point], range: (f64, f64), top: f64) -> String {
    let mut way = String::new();
    for (index, point) in points.iter().enumerate() {
        let (x, y) = (across(point.at, range), 100.0 - point.value.max(0.0) / top * 100.0);
        way.push_str(&format!("{}{x:.2} {y:.2}", if index == 0 { "M" } else { "L" }));
    }
    way
}

/// A chart with its scale. Pointing at it, or walking it with the arrow keys,
/// tells each value.
#[component]
pub fn Chart(
    /// What is shown.
    #[prop(into)]
    label: Signal<String>,
    /// Line or bars.
    #[prop(optional)]
    draw: Draw,
    /// The values. With several series the chart names them.
    #[prop(into)]
    series: Signal<Vec<Series>>,
    /// How a value is written.
    #[prop(default = plain)]
    format: fn(f64) -> String,
    /// Height of the plot in pixels.
    #[prop(default = 96)]
    height: u32,
    /// Told the position of a value that is clicked, or chosen by Enter.
    #[prop(optional, into)]
    on_pick: Option<Callback<usize>>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView {
    let plot = NodeRef::<html::Div>::new();
    let shown = RwSignal::new(None::<usize>);
    let count = Memo::new(move |_| series.with(|all| length(all)));
    let top = Memo::new(move |_| series.with(|all| top_of(most(all, draw))));
    // Where a value stands, in hundredths of the width.
    let place = move |index: usize| {
        series.with(|all| match draw {
            Draw::Bars => (index as f64 + 0.5) / length(all).max(1) as f64 * 100.0,
            Draw::Line => {
                let range = range(all);
                at(all, index).next().map_or(50.0, |(_, point)| across(point.at, range))
            }
        })
    };
    let nearest = move |event: &web_sys::MouseEvent| {
        let rect = plot.get_untracked()?.get_bounding_client_rect();
        let x = (f64::from(event.client_x()) - rect.left()) / rect.width().max(1.0) * 100.0;
        (0..count.get_untracked())
            .min_by(|a, b| (place(*a) - x).abs().total_cmp(&(place(*b) - x).abs()))
    };
    let pick = move |index: Option<usize>| {
        if let (Some(on_pick), Some(index)) = (on_pick, index) {
            on_pick.run(index);
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let last = count.get_untracked().saturating_sub(1);
        let now = shown.get_untracked();
        let next = match event.key().as_str() {
            "ArrowRight" => now.map_or(0, |now| (now + 1).min(last)),
            "ArrowLeft" => now.map_or(last, |now| now.saturating_sub(1)),
            "Home" => 0,
            "End" => last,
            "Enter" => return pick(now),
            _ => return,
        };
        event.prevent_default();
        shown.set(Some(next));
    };
    let told = Memo::new(move |_| {
        let index = shown.get()?;
        series.with(|all| {
            let many = all.len() > 1;
            let title = at(all, index).next()?.1.label.clone();
            let values = at(all, index).map(|(series, point)| match many {
                true => format!("{} {}", series.name, format(point.value)),
                false => format(point.value),
            });
            Some((place(index), title, values.collect::<Vec<_>>().join(" · ")))
        })
    });
    let lines = move || {
        series.with(|all| {
            let range = range(all);
            let one = |series: &Series| {
                let line = way(&series.points, range, top.get());
                let ends = series.points.first().zip(series.points.last());
                let under = ends.filter(|_| all.len() == 1).map(|(first, last)| {
                    let (from, to) = (across(first.at, range), across(last.at, range));
                    let area = format!("{line}L{to:.2} 100L{from:.2} 100Z");
                    view! { <path class="chart-area" d=area /> }
                });
                view! { <g class=series.tone.class()>{under}<path class="chart-line" d=line /></g> }
            };
            all.iter().map(one).collect_view()
        })
    };
    let bars = move || {
        series.with(|all| {
            let (count, top) = (length(all).max(1) as f64, top.get());
            let bar = |index: usize| {
                let mut under = 0.0;
                let parts = at(all, index).map(|(series, point)| {
                    let high = point.value.max(0.0) / top * 100.0;
                    under += high;
                    let tone = point.tone.unwrap_or(series.tone).class();
                    view! {
                        <rect
                            class=format!("chart-bar {tone}")
                            x=(index as f64 + 0.1) / count * 100.0
                            width=0.8 / count * 100.0
                            y=100.0 - under
                            height=high
                        />
                    }
                });
                parts.collect_view()
            };
            (0..length(all)).map(bar).collect_view()
        })
    };
    let ends = move || {
        series.with(|all| {
            let first = at(all, 0).next().map(|(_, point)| point.label.clone());
            let last = length(all).checked_sub(1).and_then(|last| at(all, last).next());
            (first.unwrap_or_default(), last.map(|(_, p)| p.label.clone()).unwrap_or_default())
        })
    };
    let legend = move || {
        series.with(|all| {
            (all.len() > 1).then(|| {
                let entry = |series: &Series| {
                    view! { <span class=format!("chart-key {}", series.tone.class())>{series.name.clone()}</span> }
                };
                view! { <div class="chart-legend">{all.iter().map(entry).collect_view()}</div> }
            })
        })
    };
    view! {
        <figure class="chart" data-testid=id>
            <figcaption class="chart-head">
                <span class="chart-name">{move || label.get()}</span>
                {legend}
                <span class="chart-told" aria-live="polite">
                    {move || told.get().map(|(_, title, values)| view! { <b>{values}</b> " " {title} })}
                </span>
            </figcaption>
            <div class="chart-scale" aria-hidden="true">
                <span>{move || format(top.get())}</span>
                <span>{move || format(top.get() / 2.0)}</span>
                <span>{move || format(0.0)}</span>
            </div>
            <div
                class="chart-plot"
                class:picks=on_pick.is_some()
                style=format!("height:{height}px")
                node_ref=plot
                tabindex="0"
                role="img"
                aria-label=move || {
                    let held = count.get();
                    format!("{}: {held} values, arrow keys tell each", label.get())
                }
                on:pointermove=move |event| shown.set(nearest(&event))
                on:pointerleave=move |_| shown.set(None)
                on:blur=move |_| shown.set(None)
                on:click=move |event| pick(nearest(&event))
                on:keydown=keys
            >
                <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
                    <path class="chart-grid" d="M0 0H100M0 50H100M0 100H100" />
                    {move || match draw {
                        Draw::Line => lines().into_any(),
                        Draw::Bars => bars().into_any(),
                    }}
                </svg>
                {move || told.get().map(|(x, ..)| view! { <i class="chart-at" style=format!("left:{x:.2}%")></i> })}
                <Show when=move || count.get() == 0>
                    <span class="chart-none">"Nothing yet"</span>
                </Show>
            </div>
            <div class="chart-ends" aria-hidden="true">
                <span>{move || ends().0}</span>
                <span>{move || ends().1}</span>
            </div>
        </figure>
    }
}

/// A line without a scale, for a row of a table: how it went lately.
#[component]
pub fn Sparkline(
    /// What is shown, with its newest value.
    #[prop(into)]
    label: Signal<String>,
    /// The values, newest last.
    #[prop(into)]
    values: Signal<Vec<f64>>,
    /// Its colour.
    #[prop(optional, into)]
    tone: Signal<Tone>,
) -> impl IntoView {
    let line = move || {
        values.with(|values| {
            let points: Vec<Point> = values
                .iter()
                .enumerate()
                .map(|(at, value)| Point::new(at as f64, *value, ""))
                .collect();
            let most = values.iter().copied().fold(0.0, f64::max);
            // One value is as flat as none.
            if points.len() < 2 {
                return String::from("M0 100H100");
            }
            way(&points, (0.0, (points.len() - 1) as f64), if most > 0.0 { most } else { 1.0 })
        })
    };
    view! {
        <svg class=move || format!("sparkline {}", tone.get().class()) viewBox="0 -6 100 112" preserveAspectRatio="none" role="img" aria-label=move || label.get()>
            <path class="chart-area" d=move || format!("{}L100 100L0 100Z", line()) />
            <path class="chart-line" d=line />
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        let points = values.iter().enumerate();
        let points = points.map(|(at, value)| Point::new(at as f64, *value, "x")).collect();
        Series { name: "n".into(), tone: Tone::default(), points }
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, top) in
            [(0.0, 1.0), (0.7, 1.0), (1.0, 1.0), (3.0, 5.0), (51.0, 100.0), (1999.0, 2000.0)]
        {
            assert!((top_of(most) - top).abs() < 1e-9, "{most}: {}", top_of(most));
        }
    }

    #[test]
    fn bars_stand_on_each_other_and_lines_do_not() {
        let all = [series(&[1.0, 4.0]), series(&[5.0, 3.0, 2.0])];
        assert!((most(&all, Draw::Line) - 5.0).abs() < 1e-9);
        assert!((most(&all, Draw::Bars) - 7.0).abs() < 1e-9);
        assert_eq!(length(&all), 3);
    }

    #[test]
    fn a_line_goes_from_side_to_side() {
        let one = series(&[0.0, 10.0]);
        assert_eq!(
            way(&one.points, range(std::slice::from_ref(&one)), 10.0),
            "M0.00 100.00L100.00 0.00"
        );
    }
}
