//! What the editor asks about a text, answered by the language service: the
//! shapes of Monaco on one side, those of [`pipewright_language`] on the other.

use pipewright_language::{
    Action, Change, Completion, CompletionKind, Location, Position as At, Range as Place, Symbol,
    SymbolKind, Workspace,
};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};

use super::bindings::{Address, Model, Monaco, Position, Range, Registration, list, object};
use super::watch::value_at;
use crate::state::current_language;

const LANGUAGE: &str = "pipewright";
/// Where the models of the project's files have their addresses.
const ROOT: &str = "inmemory://project/";

/// Answers the editor as long as the page lives, for whichever session is
/// open.
pub(super) fn register(monaco: &Monaco) {
    let languages = monaco.languages();
    // Not what a line may end with: Enter there is a new line, and takes no
    // offer.
    let triggers = ["\"", ".", ":", "("].map(JsValue::from_str);
    languages.on_completion(
        LANGUAGE,
        &object(&[
            ("triggerCharacters", list(triggers)),
            ("provideCompletionItems", at_position(completions)),
        ]),
    );
    languages.on_hover(LANGUAGE, &object(&[("provideHover", at_position(hover))]));
    let triggers = [",", "[", " "].map(JsValue::from_str);
    languages.on_signature(
        LANGUAGE,
        &object(&[
            ("signatureHelpTriggerCharacters", list(triggers)),
            ("provideSignatureHelp", at_position(signature)),
        ]),
    );
    let uri = {
        let monaco = monaco.clone();
        move |path: &str| monaco.uri().parse(&format!("{ROOT}{path}"))
    };
    let here = uri.clone();
    languages.on_definition(
        LANGUAGE,
        &object(&[(
            "provideDefinition",
            at_position(move |workspace, path, at| {
                let Location { path, range } = workspace.definition(path, at)?;
                Some(object(&[("uri", here(&path)), ("range", area(range))]))
            }),
        )]),
    );
    let here = uri.clone();
    let rename = move |model: Model, at: Position, new: String| {
        let renamed = ask(&model, |workspace, path| {
            workspace.rename(path, place(&at), &new).map(|changes| edits(&here(path), &changes))
        });
        match renamed {
            Some(Ok(edits)) => object(&[("edits", edits)]),
            Some(Err(why)) => object(&[("edits", list([])), ("rejectReason", why.into())]),
            None => JsValue::UNDEFINED,
        }
    };
    let rename = Closure::<dyn Fn(Model, Position, String) -> JsValue>::new(rename);
    languages.on_rename(
        LANGUAGE,
        &object(&[
            ("provideRenameEdits", rename.into_js_value()),
            (
                "resolveRenameLocation",
                at_position(|workspace, path, at| {
                    Some(match workspace.renamable(path, at) {
                        Some((range, name)) => {
                            object(&[("range", area(range)), ("text", name.into())])
                        }
                        None => object(&[
                            ("range", area(Place { start: at, end: at })),
                            ("text", "".into()),
                            ("rejectReason", "Only rules can be given another name.".into()),
                        ]),
                    })
                }),
            ),
        ]),
    );
    languages.on_format(
        LANGUAGE,
        &object(&[(
            "provideDocumentFormattingEdits",
            on_model(|workspace, path| Some(list(workspace.format(path).iter().map(edit)))),
        )]),
    );
    languages.on_symbols(
        LANGUAGE,
        &object(&[(
            "provideDocumentSymbols",
            on_model(|workspace, path| Some(list(workspace.symbols(path).iter().map(symbol)))),
        )]),
    );
    let actions = move |model: Model, range: Range| {
        let offered = ask(&model, |workspace, path| {
            let range = Place {
                start: At {
                    line: range.start_line() as usize,
                    column: range.start_column() as usize,
                },
                end: At { line: range.end_line() as usize, column: range.end_column() as usize },
            };
            let all = workspace.actions(path, range);
            list(all.iter().enumerate().map(|(nth, it)| action(&uri(path), it, nth == 0)))
        });
        let dispose = Closure::<dyn Fn()>::new(|| {}).into_js_value();
        object(&[("actions", offered.unwrap_or_else(|| list([]))), ("dispose", dispose)])
    };
    let actions = Closure::<dyn Fn(Model, Range) -> JsValue>::new(actions).into_js_value();
    languages.on_actions(
        LANGUAGE,
        &object(&[("provideCodeActions", actions)]),
        &object(&[("providedCodeActionKinds", list([JsValue::from_str("quickfix")]))]),
    );
}

/// The answer to a question about the text of a model.
fn ask<T>(model: &Model, answer: impl FnOnce(&Workspace, &str) -> T) -> Option<T> {
    let address = model.address().path();
    let path = address.trim_start_matches('/');
    current_language()?.ask(path, &model.value(), |workspace| answer(workspace, path))
}

/// A function of Monaco's about a place in a text.
fn at_position(answer: impl Fn(&Workspace, &str, At) -> Option<JsValue> + 'static) -> JsValue {
    let answer = move |model: Model, at: Position| {
        let answer = ask(&model, |workspace, path| answer(workspace, path, place(&at)));
        answer.flatten().unwrap_or(JsValue::UNDEFINED)
    };
    Closure::<dyn Fn(Model, Position) -> JsValue>::new(answer).into_js_value()
}

/// A function of Monaco's about a whole text.
fn on_model(answer: impl Fn(&Workspace, &str) -> Option<JsValue> + 'static) -> JsValue {
    let answer = move |model: Model| {
        let answer = ask(&model, |workspace, path| answer(workspace, path));
        answer.flatten().unwrap_or(JsValue::UNDEFINED)
    };
    Closure::<dyn Fn(Model) -> JsValue>::new(answer).into_js_value()
}

fn place(at: &Position) -> At {
    At { line: at.line() as usize, column: at.column() as usize }
}

/// A place as the editor takes it.
pub(super) fn point(at: At) -> JsValue {
    object(&[("lineNumber", number(at.line)), ("column", number(at.column))])
}

/// A range as the editor takes it.
fn area(range: Place) -> JsValue {
    object(&fields_of(range))
}

/// The fields of a range as the editor takes it.
pub(super) fn fields_of(range: Place) -> Vec<(&'static str, JsValue)> {
    vec![
        ("startLineNumber", number(range.start.line)),
        ("startColumn", number(range.start.column)),
        ("endLineNumber", number(range.end.line)),
        ("endColumn", number(range.end.column)),
    ]
}

fn number(value: usize) -> JsValue {
    u32::try_from(value).unwrap_or(u32::MAX).into()
}

fn markdown(text: &str) -> JsValue {
    object(&[("value", JsValue::from_str(text))])
}

fn completions(workspace: &Workspace, path: &str, at: At) -> Option<JsValue> {
    let offered = workspace.completions(path, at)?;
    let range = area(offered.range);
    let items = offered.items.iter().enumerate().map(|(nth, it)| completion(it, nth, &range));
    Some(object(&[("suggestions", list(items))]))
}

fn completion(item: &Completion, nth: usize, range: &JsValue) -> JsValue {
    // The numbers are those of `languages.CompletionItemKind`.
    let kind = match item.kind {
        CompletionKind::Function => 1,
        CompletionKind::Transform => 0,
        CompletionKind::Variable => 4,
        CompletionKind::Property => 3,
        CompletionKind::Key => 9,
        CompletionKind::Value => 13,
        CompletionKind::Type => 6,
        CompletionKind::Rule => 21,
        CompletionKind::Dataset => 5,
        CompletionKind::System => 8,
        CompletionKind::Setting => 14,
    };
    let mut fields = vec![
        (
            "label",
            object(&[("label", (&*item.label).into()), ("description", (&*item.detail).into())]),
        ),
        ("kind", kind.into()),
        ("insertText", (&*item.snippet).into()),
        // `CompletionItemInsertTextRule.InsertAsSnippet`
        ("insertTextRules", 4.into()),
        ("filterText", (&*item.filter).into()),
        ("sortText", format!("{nth:05}").into()),
        ("range", range.clone()),
    ];
    if !item.about.is_empty() {
        fields.push(("documentation", markdown(&item.about)));
    }
    if item.deprecated {
        // `CompletionItemTag.Deprecated`
        fields.push(("tags", list([1.into()])));
    }
    if item.goes_on {
        let command = [("id", "editor.action.triggerSuggest".into()), ("title", "".into())];
        fields.push(("command", object(&command)));
    }
    object(&fields)
}

fn hover(workspace: &Workspace, path: &str, at: At) -> Option<JsValue> {
    let found = workspace.hover(path, at);
    // What it gave comes first, where the text is being tried out.
    let value = workspace.offset(path, at).and_then(|byte| value_at(path, byte));
    let (range, value) = match value {
        Some((bytes, value)) => (workspace.range(path, bytes), Some(markdown(&value))),
        None => (None, None),
    };
    let range = found.as_ref().map(|found| found.range).or(range)?;
    let about = found.map(|found| markdown(&found.text));
    let contents = list(value.into_iter().chain(about));
    Some(object(&[("range", area(range)), ("contents", contents)]))
}

fn signature(workspace: &Workspace, path: &str, at: At) -> Option<JsValue> {
    let found = workspace.signature(path, at)?;
    let parameters = found.parameters.iter().map(|parameter| {
        let (start, end) = parameter.label;
        object(&[
            ("label", list([number(start), number(end)])),
            ("documentation", markdown(&parameter.about)),
        ])
    });
    let signature = object(&[
        ("label", (&*found.label).into()),
        ("documentation", markdown(&found.about)),
        ("parameters", list(parameters)),
    ]);
    let value = object(&[
        ("signatures", list([signature])),
        ("activeSignature", 0.into()),
        ("activeParameter", number(found.active)),
    ]);
    let dispose = Closure::<dyn Fn()>::new(|| {}).into_js_value();
    Some(object(&[("value", value), ("dispose", dispose)]))
}

fn edit(change: &Change) -> JsValue {
    object(&[("range", area(change.range)), ("text", (&*change.text).into())])
}

/// Changes of a file, as a workspace edit has them.
fn edits(uri: &JsValue, changes: &[Change]) -> JsValue {
    list(changes.iter().map(|change| {
        object(&[
            ("resource", uri.clone()),
            ("textEdit", edit(change)),
            ("versionId", JsValue::UNDEFINED),
        ])
    }))
}

fn action(uri: &JsValue, action: &Action, preferred: bool) -> JsValue {
    object(&[
        ("title", (&*action.title).into()),
        ("kind", "quickfix".into()),
        ("isPreferred", preferred.into()),
        ("edit", object(&[("edits", edits(uri, &action.changes))])),
    ])
}

fn symbol(symbol: &Symbol) -> JsValue {
    // The numbers are those of `languages.SymbolKind`.
    let kind = match symbol.kind {
        SymbolKind::Component => 1,
        SymbolKind::Part => 18,
        SymbolKind::Rule => 11,
    };
    object(&[
        ("name", (&*symbol.name).into()),
        ("detail", (&*symbol.detail).into()),
        ("kind", kind.into()),
        ("tags", list([])),
        ("range", area(symbol.range)),
        ("selectionRange", area(symbol.selection)),
        ("children", list(symbol.children.iter().map(self::symbol))),
    ])
}

/// What opens a file of the project in the screens when a definition leads to
/// it: gets its path and the place in it.
pub(super) fn on_open(monaco: &Monaco, open: impl Fn(String, At) + 'static) -> Registration {
    let open = move |_: JsValue, address: JsValue, at: JsValue| -> bool {
        let address: Address = address.unchecked_into();
        let path = address.path();
        let field = |name: &str| {
            let value = js_sys::Reflect::get(&at, &name.into()).ok()?;
            Some(value.as_f64()? as usize)
        };
        // A place, or a range.
        let line = field("lineNumber").or_else(|| field("startLineNumber")).unwrap_or(1);
        let column = field("column").or_else(|| field("startColumn")).unwrap_or(1);
        open(path.trim_start_matches('/').to_owned(), At { line, column });
        true
    };
    let open = Closure::<dyn Fn(JsValue, JsValue, JsValue) -> bool>::new(open).into_js_value();
    monaco.editor().on_open(&object(&[("openCodeEditor", open)]))
}
