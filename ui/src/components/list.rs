//! Lists and tables that mount only the rows in view.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use leptos::{ev, html, prelude::*};
use wasm_bindgen::{JsCast, prelude::Closure};

use super::{Icon, Sign};
use crate::state::use_prefs;

/// Rows mounted above and below the view, so that scrolling shows no gap.
const MARGIN: usize = 8;

/// The part of a list that is in view, with rows of a height.
fn visible(row: f64, top: f64, height: f64, count: usize) -> Range<usize> {
    let first = ((top / row).floor().max(0.0) as usize).saturating_sub(MARGIN).min(count);
    let last = (((top + height) / row).ceil().max(0.0) as usize + MARGIN).min(count);
    first..last.max(first)
}

/// Rows of equal height, of which only those in view are mounted.
#[component]
pub fn VirtualList(
    /// Number of rows.
    #[prop(into)]
    count: Signal<usize>,
    /// Makes the row at a position; called again when rows come into view.
    row: impl Fn(usize) -> AnyView + Send + Sync + 'static,
    /// Stays on top of the rows.
    #[prop(optional)]
    head: Option<AnyView>,
    /// The row to keep in view when it changes.
    #[prop(optional, into)]
    follow: Signal<Option<usize>>,
    /// Told which rows are in view.
    #[prop(optional, into)]
    on_view: Option<Callback<Range<usize>>>,
    /// What the list is called.
    #[prop(into)]
    label: Signal<String>,
    /// Width of the rows where they may be wider than the list.
    #[prop(optional, into)]
    width: Signal<Option<f64>>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView {
    let prefs = use_prefs();
    let tall = Signal::derive(move || prefs.row());
    let root = NodeRef::<html::Div>::new();
    let (top, height) = (RwSignal::new(0.0), RwSignal::new(0.0));
    let measure = move || {
        if let Some(root) = root.get_untracked() {
            top.set(f64::from(root.scroll_top()));
            height.set(f64::from(root.client_height()));
        }
    };
    // The list may become taller without the window changing: a pane is dragged.
    root.on_load(move |root| {
        let measured = Closure::<dyn Fn()>::new(measure);
        if let Ok(observer) = web_sys::ResizeObserver::new(measured.as_ref().unchecked_ref()) {
            observer.observe(&root);
            let kept = send_wrapper::SendWrapper::new((observer, measured));
            on_cleanup(move || kept.0.disconnect());
        }
        measure();
    });
    let view_range = Memo::new(move |_| visible(tall.get(), top.get(), height.get(), count.get()));
    if let Some(on_view) = on_view {
        Effect::new(move || on_view.run(view_range.get()));
    }
    Effect::new(move || {
        let (Some(at), Some(root)) = (follow.get(), root.get()) else { return };
        let tall = tall.get_untracked();
        let (at, seen) = (at as f64 * tall, f64::from(root.client_height()) - tall);
        let top = f64::from(root.scroll_top());
        if at < top {
            root.set_scroll_top(at as i32);
        } else if at + tall > top + seen {
            root.set_scroll_top((at + tall - seen) as i32);
        }
    });
    let row = Arc::new(row);
    view! {
        <div class="list" node_ref=root on:scroll=move |_| measure() role="grid" aria-label=move || label.get() aria-rowcount=move || count.get() data-testid=id tabindex="0">
            {head}
            <div
                class="list-space"
                style:height=move || format!("{}px", count.get() as f64 * tall.get())
                style:width=move || width.get().map(|width| format!("{width}px")).unwrap_or_default()
            >
                <For each=move || view_range.get() key=|index| *index children=move |index| {
                    let style = move || format!("transform:translateY({}px)", index as f64 * tall.get());
                    let row = row.clone();
                    view! { <div class="list-row" style=style>{row(index)}</div> }
                } />
            </div>
        </div>
    }
}

/// One column of a [`Table`].
#[derive(Clone)]
pub struct Column<T: 'static> {
    title: &'static str,
    /// Whether its cells say themselves what they are.
    untitled: bool,
    width: &'static str,
    number: bool,
    cell: fn(&T) -> AnyView,
    order: fn(&T, &T) -> Ordering,
}

impl<T> Column<T> {
    /// A column of words: its title, its width as CSS grid tracks know it, such
    /// as `2fr` or `96px`, what a row shows in it, and how rows stand by it.
    pub fn text(
        title: &'static str,
        width: &'static str,
        cell: fn(&T) -> AnyView,
        order: fn(&T, &T) -> Ordering,
    ) -> Self {
        Column { title, untitled: false, width, number: false, cell, order }
    }

    /// The same with a title for those only who do not see the column.
    pub fn untitled(self) -> Self {
        Column { untitled: true, ..self }
    }

    /// A column of numbers, which stand at its right side.
    pub fn number(
        title: &'static str,
        width: &'static str,
        cell: fn(&T) -> AnyView,
        order: fn(&T, &T) -> Ordering,
    ) -> Self {
        Column { number: true, ..Column::text(title, width, cell, order) }
    }
}

/// A table that can be sorted by a click on a column's name and walked with the
/// arrow keys.
#[component]
pub fn Table<T>(
    /// What is in the table.
    label: &'static str,
    /// The rows, in the order to begin with.
    #[prop(into)]
    rows: Signal<Vec<T>>,
    /// The columns.
    columns: Vec<Column<T>>,
    /// Tells rows apart.
    key: fn(&T) -> String,
    /// The row that is selected.
    #[prop(optional, into)]
    selected: Signal<Option<String>>,
    /// Opens a row.
    on_open: impl Fn(&T) + Send + Sync + 'static,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let columns = Arc::new(columns);
    let sort = RwSignal::new(None::<(usize, bool)>);
    let sorted = Memo::new({
        let columns = columns.clone();
        move |_| {
            let mut rows = rows.get();
            if let Some((column, down)) = sort.get() {
                let order = columns[column].order;
                rows.sort_by(|a, b| if down { order(b, a) } else { order(a, b) });
            }
            rows
        }
    });
    let count = Signal::derive(move || sorted.with(Vec::len));
    let tracks = columns.iter().map(|column| column.width).collect::<Vec<_>>().join(" ");
    let grid = format!("grid-template-columns:{tracks}");
    let head_cells = columns.iter().enumerate().map(|(index, column)| {
        let direction = move || sort.get().filter(|(column, _)| *column == index).map(|(_, down)| down);
        let turn = move |_| {
            sort.update(|sort| {
                *sort = match *sort {
                    Some((column, false)) if column == index => Some((index, true)),
                    Some((column, true)) if column == index => None,
                    _ => Some((index, false)),
                }
            });
        };
        let sorted_by = move || match direction() {
            None => "none",
            Some(false) => "ascending",
            Some(true) => "descending",
        };
        view! {
            <div role="columnheader" aria-sort=sorted_by>
                <button type="button" class="table-title" class:number=column.number on:click=turn>
                    <span class:unseen=column.untitled>{column.title}</span>
                    <span class="table-sort" class:up=move || direction() == Some(false) class:on=move || direction().is_some()>
                        <Icon sign=Sign::Down />
                    </span>
                </button>
            </div>
        }
    });
    let head = view! { <div class="table-head" role="row" style=grid.clone()>{head_cells.collect_view()}</div> }.into_any();
    let at = RwSignal::new(None::<usize>);
    let follow = Signal::derive(move || {
        at.get().or_else(|| {
            selected.get().and_then(|wanted| {
                sorted.with(|rows| rows.iter().position(|row| key(row) == wanted))
            })
        })
    });
    let on_open = Arc::new(on_open);
    let open = {
        let on_open = on_open.clone();
        move |index: usize| {
            sorted.with_untracked(|rows| rows.get(index).inspect(|row| on_open(row)).is_some())
        }
    };
    let keys = {
        let open = open.clone();
        move |event: ev::KeyboardEvent| {
            let last = count.get_untracked().saturating_sub(1);
            let now = follow.get_untracked();
            let next = match event.key().as_str() {
                "ArrowDown" => now.map_or(0, |at| (at + 1).min(last)),
                "ArrowUp" => now.map_or(0, |at| at.saturating_sub(1)),
                "Home" => 0,
                "End" => last,
                "Enter" => {
                    now.map(&open);
                    return;
                }
                _ => return,
            };
            event.prevent_default();
            at.set(Some(next));
        }
    };
    let row = move |index: usize| {
        let columns = columns.clone();
        let open = open.clone();
        let grid = grid.clone();
        let value = Memo::new(move |_| sorted.with(|rows| rows.get(index).cloned()));
        let is_selected = move || {
            value.with(|value| {
                value.as_ref().is_some_and(|value| selected.get().as_deref() == Some(&key(value)))
            })
        };
        view! {
            <div
                class="table-row"
                role="row"
                style=grid
                aria-selected=move || is_selected().to_string()
                class:at=move || at.get() == Some(index)
                data-key=move || value.with(|value| value.as_ref().map(key))
                on:click=move |_| {
                    at.set(Some(index));
                    open(index);
                }
            >
                {move || {
                    value
                        .with(|value| {
                            value
                                .as_ref()
                                .map(|value| {
                                    columns
                                        .iter()
                                        .map(|column| view! { <div class="cell" class:number=column.number role="gridcell">{(column.cell)(value)}</div> })
                                        .collect_view()
                                })
                        })
                }}
            </div>
        }
        .into_any()
    };
    view! {
        <div class="table" on:keydown=keys data-testid=id>
            <VirtualList count row head follow label />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_in_view_are_mounted() {
        const ROW: f64 = 28.0;
        assert_eq!(visible(ROW, 0.0, 280.0, 5), 0..5);
        assert_eq!(visible(ROW, 0.0, 280.0, 100_000), 0..18);
        assert_eq!(visible(ROW, ROW * 1000.0, 280.0, 100_000), 992..1018);
        assert_eq!(visible(ROW, ROW * 1000.0, 280.0, 10), 10..10);
        assert_eq!(visible(ROW, 0.0, 0.0, 0), 0..0);
    }
}
