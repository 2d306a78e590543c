//! A text of the project in the editor.

use std::collections::HashMap;
use std::ops::Range as Bytes;

use leptos::{html, prelude::*, task::spawn_local};
use pipewright_language::Position as At;
use pipewright_protocol::studio::{Diagnostic, Severity};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};

use super::{
    bindings::{Editor, Model, Monaco, Registration, list, object},
    monaco,
    provide::{fields_of, on_open, point},
    theme,
    watch::Watch,
};
use crate::{
    components::Waiting,
    place::use_nav,
    state::{Language, OpenFile, use_language, use_live, use_prefs},
};

/// Puts the cursor somewhere, or selects something: bytes of the text, counted
/// so that the same place can be asked for twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Goto {
    /// What is selected; nothing in it puts the cursor there.
    pub bytes: Bytes<usize>,
    /// Differs from the last one when asked again.
    pub nth: u32,
}

/// The editor's side of the open files, kept while the session lasts so that
/// each text keeps its own undo and cursor.
#[derive(Clone, Copy)]
pub struct Models {
    known: StoredValue<HashMap<String, SendWrapper<Known>>>,
    /// The editor that shows one of them.
    shown: StoredValue<Option<SendWrapper<Editor>>>,
    /// The file it shows.
    file: StoredValue<Option<OpenFile>>,
    /// Where the cursor goes when a file is shown next.
    led_to: StoredValue<Option<(String, At)>>,
}

struct Known {
    model: Model,
    text: ArcRwSignal<String>,
    view: JsValue,
    replaced: u32,
}

/// The session's models.
pub fn use_models() -> Models {
    expect_context()
}

impl Models {
    /// None yet.
    pub fn start() -> Self {
        let models = Models {
            known: StoredValue::new(HashMap::new()),
            shown: StoredValue::new(None),
            file: StoredValue::new(None),
            led_to: StoredValue::new(None),
        };
        on_cleanup(move || {
            models.known.try_update_value(|known| {
                known.drain().for_each(|(_, known)| known.model.dispose_model())
            });
        });
        models
    }

    /// When this file is shown next, the cursor goes there.
    pub fn lead_to(self, path: &str, at: At) {
        self.led_to.set_value(Some((path.to_owned(), at)));
    }

    /// The file the editor shows, if there is an editor.
    pub fn file(self) -> Option<OpenFile> {
        self.file.get_value()
    }

    /// Runs one of the editor's own commands, such as `undo`.
    pub fn trigger(self, command: &str) {
        self.shown.with_value(|shown| {
            if let Some(editor) = shown {
                editor.trigger("studio", command, &JsValue::NULL);
            }
        });
    }

    fn model(self, monaco: &Monaco, file: &OpenFile) -> Model {
        let known = self.known.try_update_value(|known| match known.get(&file.path) {
            Some(known) if known.text == file.text => Some(known.model.clone()),
            // The file was closed and another one made in its place.
            Some(_) => {
                known.remove(&file.path).inspect(|stale| stale.model.dispose_model());
                None
            }
            None => None,
        });
        if let Some(model) = known.flatten() {
            return model;
        }
        let text = file.text.get_untracked();
        let uri = monaco.uri().parse(&format!("inmemory://project/{}", file.path));
        let model = monaco.editor().create_model(&text, "pipewright", &uri);
        let (read, file_text) = (model.clone(), file.text.clone());
        let changed = Closure::<dyn Fn()>::new(move || {
            let text = read.value();
            if file_text.with_untracked(|old| *old != text) {
                file_text.set(text);
            }
        });
        // Lives as long as the model does.
        model.on_change(changed.into_js_value().unchecked_ref());
        let replaced = file.replaced.get_untracked();
        let known =
            Known { model: model.clone(), text: file.text.clone(), view: JsValue::NULL, replaced };
        self.known.update_value(|all| drop(all.insert(file.path.clone(), SendWrapper::new(known))));
        model
    }

    /// Brings a text into the model that something else than typing replaced.
    fn follow(self, file: &OpenFile, replaced: u32) {
        let stale = self.known.try_update_value(|known| {
            let known = known.get_mut(&file.path)?;
            (std::mem::replace(&mut known.replaced, replaced) != replaced)
                .then(|| known.model.clone())
        });
        let Some(model) = stale.flatten() else { return };
        let text = file.text.get_untracked();
        if model.value() != text {
            let edit = object(&[("range", model.full_range()), ("text", JsValue::from_str(&text))]);
            model.push_stack_element();
            model.push_edits(&list([]), &list([edit]), &JsValue::NULL);
            model.push_stack_element();
        }
    }

    fn keep_view(self, path: &str, editor: &Editor) {
        let view = editor.save_view_state();
        self.known.update_value(|known| {
            if let Some(known) = known.get_mut(path) {
                known.view = view;
            }
        });
    }

    fn view(self, path: &str) -> JsValue {
        self.known
            .with_value(|known| known.get(path).map_or(JsValue::NULL, |known| known.view.clone()))
    }
}

/// How every editor here looks and behaves.
pub(super) fn options(fields: &[(&str, JsValue)]) -> JsValue {
    let off = || object(&[("enabled", JsValue::FALSE)]);
    let mut all = vec![
        ("automaticLayout", JsValue::TRUE),
        ("fontFamily", JsValue::from_str("var(--mono)")),
        ("fontSize", JsValue::from_f64(12.5)),
        ("lineHeight", JsValue::from_f64(20.0)),
        ("minimap", off()),
        ("stickyScroll", off()),
        ("scrollBeyondLastLine", JsValue::FALSE),
        ("renderLineHighlight", JsValue::from_str("none")),
        ("lineNumbersMinChars", JsValue::from_f64(4.0)),
        ("lineDecorationsWidth", JsValue::from_f64(4.0)),
        ("glyphMargin", JsValue::FALSE),
        ("folding", JsValue::TRUE),
        ("tabSize", JsValue::from_f64(2.0)),
        // What is offered comes from the language alone.
        ("wordBasedSuggestions", JsValue::from_str("off")),
        ("quickSuggestions", object(&[("strings", JsValue::TRUE), ("other", JsValue::TRUE)])),
        ("overviewRulerLanes", JsValue::from_f64(0.0)),
        ("hideCursorInOverviewRuler", JsValue::TRUE),
        ("overviewRulerBorder", JsValue::FALSE),
        ("fixedOverflowWidgets", JsValue::TRUE),
        ("padding", object(&[("top", JsValue::from_f64(8.0)), ("bottom", JsValue::from_f64(8.0))])),
        (
            "scrollbar",
            object(&[
                ("verticalScrollbarSize", JsValue::from_f64(10.0)),
                ("horizontalScrollbarSize", JsValue::from_f64(10.0)),
                ("useShadows", JsValue::FALSE),
            ]),
        ),
        ("bracketPairColorization", off()),
        ("guides", object(&[("indentation", JsValue::TRUE)])),
    ];
    all.extend(fields.iter().map(|(name, value)| (*name, value.clone())));
    object(&all)
}

/// Follows the theme while the component lives.
pub(super) fn follow_theme(monaco: Monaco) {
    let prefs = use_prefs();
    let monaco = SendWrapper::new(monaco);
    Effect::new(move || {
        let dark = prefs.dark();
        // After the page itself has changed its colours.
        request_animation_frame({
            let editor = SendWrapper::new(monaco.editor());
            move || theme::apply(&editor, dark)
        });
    });
}

/// The editor with one file in it.
#[component]
pub fn Code(
    /// The file.
    #[prop(into)]
    file: Signal<Option<OpenFile>>,
    /// What is marked in it.
    #[prop(into)]
    diagnostics: Signal<Vec<Diagnostic>>,
    /// Where to put the cursor.
    #[prop(into)]
    goto: Signal<Option<Goto>>,
    /// What is shown while the text is tried out.
    watch: Option<Watch>,
    /// Whether the text can only be read.
    #[prop(into)]
    read_only: Signal<bool>,
) -> impl IntoView {
    let (models, language) = (use_models(), use_language());
    let element = NodeRef::<html::Div>::new();
    let failed = RwSignal::new(None::<String>);
    let editor = RwSignal::new(None::<SendWrapper<(Monaco, Editor)>>);
    let (nav, live, prefs) = (use_nav(), use_live(), use_prefs());
    let opened = StoredValue::new(None::<SendWrapper<Registration>>);
    let owner = Owner::current();
    element.on_load(move |element| {
        spawn_local(async move {
            match monaco().await {
                Err(why) => drop(failed.try_set(Some(why))),
                // The screen may be gone by now.
                Ok(_) if editor.is_disposed() => {}
                Ok(monaco) => {
                    let monaco = monaco.take();
                    let margin = ("glyphMargin", JsValue::from_bool(watch.is_some()));
                    let own = options(&[("model", JsValue::NULL), margin]);
                    let made = monaco.editor().create(&element, &own);
                    if let Some(owner) = owner {
                        owner.with(|| follow_theme(monaco.clone()));
                    }
                    models.shown.set_value(Some(SendWrapper::new(made.clone())));
                    let opener = on_open(&monaco, move |path, at| {
                        models.lead_to(&path, at);
                        nav.go(live.place_of_file(&path));
                    });
                    opened.set_value(Some(SendWrapper::new(opener)));
                    editor.set(Some(SendWrapper::new((monaco, made))));
                }
            }
        });
    });
    // Which file is shown.
    let shown = StoredValue::new(None::<String>);
    Effect::new(move || {
        let (Some(editor), Some(file)) = (editor.get(), file.get()) else { return };
        let (monaco, editor) = &*editor;
        models.file.set_value(Some(file.clone()));
        if let Some(path) = shown.get_value() {
            models.keep_view(&path, editor);
        }
        editor.set_model(&models.model(monaco, &file));
        editor.restore_view_state(&models.view(&file.path));
        shown.set_value(Some(file.path));
    });
    Effect::new(move || {
        let Some(file) = file.get() else { return };
        models.follow(&file, file.replaced.get());
    });
    Effect::new(move || {
        let Some(editor) = editor.get() else { return };
        let (size, wrap) = (prefs.text_size(), if prefs.wrap() { "on" } else { "off" });
        editor.1.update_options(&object(&[
            ("readOnly", JsValue::from_bool(read_only.get())),
            ("fontSize", JsValue::from_f64(size)),
            ("lineHeight", JsValue::from_f64((size * 1.6).round())),
            ("wordWrap", JsValue::from_str(wrap)),
        ]));
    });
    Effect::new(move || {
        let (Some(editor), Some(file), diagnostics) = (editor.get(), file.get(), diagnostics.get())
        else {
            return;
        };
        let model = models.model(&editor.0, &file);
        let markers = diagnostics.iter().filter_map(|it| marker(language, &file, it));
        editor.0.editor().set_model_markers(&model, "pipewright", &list(markers));
    });
    Effect::new(move || {
        let (Some(editor), Some(file), Some(goto)) = (editor.get(), file.get(), goto.get()) else {
            return;
        };
        let range = file.text.with_untracked(|text| {
            language.ask(&file.path, text, |workspace| workspace.range(&file.path, goto.bytes))
        });
        let Some(range) = range.flatten() else { return };
        let range = object(&fields_of(range));
        editor.1.set_selection(&range);
        editor.1.reveal_range(&range);
        editor.1.focus();
    });
    if let Some(watch) = watch {
        watch.start(editor, file);
    }
    // Where a definition in another file has led.
    Effect::new(move || {
        let (Some(editor), Some(file)) = (editor.get(), file.get()) else { return };
        let there = models.led_to.try_update_value(|led_to| {
            led_to.take_if(|(path, _)| *path == file.path).map(|(_, at)| at)
        });
        if let Some(at) = there.flatten() {
            show(&editor.1, &point(at));
        }
    });
    on_cleanup(move || {
        models.shown.set_value(None);
        models.file.set_value(None);
        if let Some(opener) = opened.try_update_value(Option::take).flatten() {
            opener.dispose();
        }
        if let Some(editor) = editor.try_get_untracked().flatten() {
            if let Some(path) = shown.try_get_value().flatten() {
                models.keep_view(&path, &editor.1);
            }
            editor.1.dispose();
        }
    });
    view! {
        <div class="code" data-testid="editor">
            <div class="code-host" node_ref=element></div>
            <Show when=move || editor.with(Option::is_none) && failed.with(Option::is_none)>
                <Waiting />
            </Show>
            {move || failed.get().map(|why| view! { <p class="code-failed" role="alert">{why}</p> })}
        </div>
    }
}

/// Puts the cursor somewhere and shows it.
fn show(editor: &Editor, at: &JsValue) {
    editor.set_position(at);
    editor.reveal_position(at);
    editor.focus();
}

fn marker(language: Language, file: &OpenFile, diagnostic: &Diagnostic) -> Option<JsValue> {
    // What is about one point is marked on the character there.
    let bytes = diagnostic.start..diagnostic.end.max(diagnostic.start + 1);
    let range = file.text.with_untracked(|text| {
        language.ask(&file.path, text, |workspace| workspace.range(&file.path, bytes))
    })??;
    let severity = match diagnostic.severity {
        Severity::Error => 8,
        Severity::Warning => 4,
        Severity::Info => 2,
    };
    let message = match &diagnostic.suggestion {
        Some(suggestion) => format!("{}\n{suggestion}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut fields = fields_of(range);
    fields.extend([
        ("severity", severity.into()),
        ("message", JsValue::from_str(&message)),
        ("code", JsValue::from_str(&diagnostic.code)),
        ("source", JsValue::from_str("pipewright")),
    ]);
    Some(object(&fields))
}
