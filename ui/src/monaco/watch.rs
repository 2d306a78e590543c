//! What the editor shows while its text is tried out: values at the ends of
//! lines and at the pointer, the step at hand, and the lines to stop at.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range as Bytes;

use leptos::prelude::*;
use pipewright_language::Position as At;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};

use super::bindings::{Decorations, Editor, Monaco, Pointed, Selected, list, object};
use crate::state::{OpenFile, use_language};

/// What is told at the end of a line, beside the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A byte in the line.
    pub at: usize,
    /// What is told.
    pub text: String,
    /// Whether it is bad news.
    pub failed: bool,
}

/// A value that belongs to a part of a text: its bytes, and what is told.
pub type Value = (Bytes<usize>, String);

/// What is shown over a text while it is tried out. Copies show the same.
#[derive(Clone, Copy)]
pub struct Watch {
    /// What is told at the ends of lines, of the text as it is now; with `None`
    /// what was told stays where it is.
    pub notes: Signal<Option<Vec<Note>>>,
    /// What the cursor is on or in, as bytes of the text.
    pub selected: RwSignal<Bytes<usize>>,
    /// The step at hand, as bytes of the text.
    pub at: Signal<Option<Bytes<usize>>>,
    /// The lines to stop at, counted from 1. They go along with the text.
    pub stops: RwSignal<BTreeSet<usize>>,
    /// What is told of the place under the pointer.
    pub value: Callback<usize, Option<Value>>,
}

/// The editor, once it is there.
type There = RwSignal<Option<SendWrapper<(Monaco, Editor)>>>;

thread_local! {
    /// What the editor on screen tells of a place in a file.
    static TOLD: RefCell<Option<(String, Watch)>> = const { RefCell::new(None) };
}

/// What is known of a place in a file that is being tried out.
pub(super) fn value_at(path: &str, byte: usize) -> Option<Value> {
    let watch = TOLD.with_borrow(|told| told.as_ref().filter(|told| told.0 == path).map(|it| it.1));
    watch?.value.try_run(byte).flatten()
}

impl Watch {
    /// Shows it in an editor for as long as the present owner lives.
    pub(super) fn start(self, editor: There, file: Signal<Option<OpenFile>>) {
        Effect::new(move || {
            let path = file.get().map(|file| file.path);
            TOLD.set(path.map(|path| (path, self)));
        });
        on_cleanup(|| TOLD.set(None));
        self.tell(editor, file);
        self.follow_cursor(editor, file);
        self.mark_step(editor, file);
        self.keep_stops(editor, file);
    }

    /// What is told at the ends of lines.
    fn tell(self, editor: There, file: Signal<Option<OpenFile>>) {
        let language = use_language();
        let told = StoredValue::new(None::<SendWrapper<Decorations>>);
        Effect::new(move || {
            let (Some(editor), Some(file), Some(notes)) =
                (editor.get(), file.get(), self.notes.get())
            else {
                return;
            };
            let decorations = file.text.with_untracked(|text| {
                language.ask(&file.path, text, |workspace| {
                    let lines = notes.iter().filter_map(|note| {
                        let range = workspace.range(&file.path, note.at..note.at)?;
                        Some(decoration(note, range.start.line))
                    });
                    list(lines)
                })
            });
            told.update_value(|told| {
                let told = told.get_or_insert_with(|| SendWrapper::new(editor.1.decorations()));
                told.set(&decorations.unwrap_or_else(|| list([])));
            });
        });
    }

    /// What the cursor is on.
    fn follow_cursor(self, editor: There, file: Signal<Option<OpenFile>>) {
        let language = use_language();
        Effect::new(move || {
            let Some(editor) = editor.get() else { return };
            let read = move |event: Selected| {
                let Some(file) = file.try_get_untracked().flatten() else { return };
                let range = event.selection();
                let place =
                    |line: u32, column: u32| At { line: line as usize, column: column as usize };
                let bytes = file.text.with_untracked(|text| {
                    language.ask(&file.path, text, |workspace| {
                        let start = place(range.start_line(), range.start_column());
                        let end = place(range.end_line(), range.end_column());
                        let start = workspace.offset(&file.path, start)?;
                        Some(start..workspace.offset(&file.path, end)?)
                    })
                });
                if let Some(bytes) = bytes.flatten() {
                    self.selected.try_set(bytes);
                }
            };
            // Lives as long as the editor does.
            let read = Closure::<dyn Fn(Selected)>::new(read).into_js_value();
            editor.1.on_selection(read.unchecked_ref());
        });
    }

    /// The lines of the step at hand. The cursor stays where it is.
    fn mark_step(self, editor: There, file: Signal<Option<OpenFile>>) {
        let language = use_language();
        let marked = StoredValue::new(None::<SendWrapper<Decorations>>);
        Effect::new(move || {
            let (Some(editor), Some(file)) = (editor.get(), file.get()) else { return };
            let at = self.at.get();
            let range = at.and_then(|bytes| {
                file.text.with_untracked(|text| {
                    language.ask(&file.path, text, |workspace| workspace.range(&file.path, bytes))
                })?
            });
            let marks = range.map(|range| {
                let (first, last) = (range.start.line, range.end.line);
                let whole = mark(first, last, &[("className", "step-line".into())]);
                let arrow = mark(first, first, &[("glyphMarginClassName", "step-arrow".into())]);
                editor.1.reveal_line(u32::try_from(first).unwrap_or(u32::MAX));
                [whole, arrow]
            });
            marked.update_value(|marked| {
                let marked = marked.get_or_insert_with(|| SendWrapper::new(editor.1.decorations()));
                marked.set(&list(marks.into_iter().flatten()));
            });
        });
    }

    /// The lines to stop at: a click beside a line sets or takes one, and they
    /// move with the text.
    fn keep_stops(self, editor: There, file: Signal<Option<OpenFile>>) {
        let stops = self.stops;
        let marked = StoredValue::new(None::<SendWrapper<Decorations>>);
        let shown = StoredValue::new(BTreeSet::new());
        Effect::new(move || {
            let Some(editor) = editor.get() else { return };
            file.track();
            let clicked = move |event: Pointed| {
                let target = event.target();
                // `GUTTER_GLYPH_MARGIN` and `GUTTER_LINE_NUMBERS`
                if let (2 | 3, Some(at)) = (target.kind(), target.position()) {
                    toggle(stops, at.line() as usize);
                }
            };
            let clicked = Closure::<dyn Fn(Pointed)>::new(clicked).into_js_value();
            let known = marked.with_value(Option::is_some);
            if known {
                return;
            }
            editor.1.on_mouse_down(clicked.unchecked_ref());
            let decorations = editor.1.decorations();
            let moved = move || -> Option<()> {
                let lines: BTreeSet<usize> = marked.try_with_value(|marked| {
                    let ranges = marked.as_ref()?.ranges();
                    Some(ranges.iter().map(|it| it.start_line() as usize).collect())
                })??;
                if shown.try_get_value()? != lines {
                    shown.try_set_value(lines.clone());
                    stops.try_set(lines);
                }
                Some(())
            };
            let moved = Closure::<dyn Fn()>::new(move || {
                moved();
            })
            .into_js_value();
            decorations.on_move(moved.unchecked_ref());
            marked.set_value(Some(SendWrapper::new(decorations)));
        });
        Effect::new(move || {
            let (Some(_), Some(_), lines) = (editor.get(), file.get(), stops.get()) else { return };
            if shown.get_value() == lines {
                return;
            }
            shown.set_value(lines.clone());
            let marks = lines
                .iter()
                .map(|line| mark(*line, *line, &[("glyphMarginClassName", "stop-mark".into())]));
            let marks = list(marks);
            // Taken out while it is told, since it may call back.
            let decorations = marked.with_value(|marked| marked.as_ref().map(|it| (**it).clone()));
            if let Some(decorations) = decorations {
                decorations.set(&marks);
            }
        });
    }
}

/// Stops at a line, or not any more.
pub fn toggle(stops: RwSignal<BTreeSet<usize>>, line: usize) {
    stops.update(|stops| {
        if !stops.remove(&line) {
            stops.insert(line);
        }
    });
}

/// Marks whole lines.
fn mark(first: usize, last: usize, fields: &[(&str, JsValue)]) -> JsValue {
    let range = object(&[
        ("startLineNumber", JsValue::from_f64(first as f64)),
        ("startColumn", 1.into()),
        ("endLineNumber", JsValue::from_f64(last as f64)),
        ("endColumn", 1.into()),
    ]);
    // `TrackedRangeStickiness.NeverGrowsWhenTypingAtEdges`
    let mut options = vec![("isWholeLine", JsValue::TRUE), ("stickiness", 1.into())];
    options.extend(fields.iter().map(|(name, value)| (*name, value.clone())));
    object(&[("range", range), ("options", object(&options))])
}

/// What is told at the end of a line, as the editor takes it.
fn decoration(note: &Note, line: usize) -> JsValue {
    // A column behind the end of every line is the end of the line.
    let end = |name| (name, JsValue::from_f64(1e9));
    let line = |name| (name, JsValue::from_f64(line as f64));
    let range = object(&[
        line("startLineNumber"),
        end("startColumn"),
        line("endLineNumber"),
        end("endColumn"),
    ]);
    let class = if note.failed { "note failed" } else { "note" };
    let after = object(&[
        // The distance is text, too: a margin would belong to what is marked
        // before it.
        ("content", JsValue::from_str(&format!("\u{a0}\u{a0}\u{a0}{}", note.text))),
        ("inlineClassName", class.into()),
        ("inlineClassNameAffectsLetterSpacing", JsValue::TRUE),
        // `InjectedTextCursorStops.None`
        ("cursorStops", 3.into()),
    ]);
    let options = object(&[
        ("after", after),
        ("showIfCollapsed", JsValue::TRUE),
        // `TrackedRangeStickiness.NeverGrowsWhenTypingAtEdges`
        ("stickiness", 1.into()),
    ]);
    object(&[("range", range), ("options", options)])
}
