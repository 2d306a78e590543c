//! The calls of Monaco that the studio makes; see its API reference for what
//! they do.

use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen(inline_js = "export function load(url) { return import(url); }")]
extern "C" {
    /// Imports a module by its address.
    #[wasm_bindgen(catch)]
    pub(super) async fn load(url: &str) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    pub(super) type Monaco;

    #[wasm_bindgen(method, getter)]
    pub(super) fn editor(this: &Monaco) -> EditorApi;

    #[wasm_bindgen(method, getter, js_name = Uri)]
    pub(super) fn uri(this: &Monaco) -> UriApi;

    #[wasm_bindgen(method, getter)]
    pub(super) fn languages(this: &Monaco) -> LanguagesApi;

    pub(super) type LanguagesApi;

    #[wasm_bindgen(method, js_name = registerCompletionItemProvider)]
    pub(super) fn on_completion(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerHoverProvider)]
    pub(super) fn on_hover(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerSignatureHelpProvider)]
    pub(super) fn on_signature(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerDefinitionProvider)]
    pub(super) fn on_definition(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerRenameProvider)]
    pub(super) fn on_rename(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerDocumentFormattingEditProvider)]
    pub(super) fn on_format(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerDocumentSymbolProvider)]
    pub(super) fn on_symbols(this: &LanguagesApi, language: &str, provider: &JsValue);

    #[wasm_bindgen(method, js_name = registerCodeActionProvider)]
    pub(super) fn on_actions(
        this: &LanguagesApi,
        language: &str,
        provider: &JsValue,
        about: &JsValue,
    );

    pub(super) type UriApi;

    #[wasm_bindgen(method)]
    pub(super) fn parse(this: &UriApi, text: &str) -> JsValue;

    pub(super) type EditorApi;

    #[wasm_bindgen(method)]
    pub(super) fn create(this: &EditorApi, element: &HtmlElement, options: &JsValue) -> Editor;

    #[wasm_bindgen(method, js_name = createDiffEditor)]
    pub(super) fn create_diff_editor(
        this: &EditorApi,
        element: &HtmlElement,
        options: &JsValue,
    ) -> DiffEditor;

    #[wasm_bindgen(method, js_name = createModel)]
    pub(super) fn create_model(
        this: &EditorApi,
        text: &str,
        language: &str,
        uri: &JsValue,
    ) -> Model;

    #[wasm_bindgen(method, js_name = setModelMarkers)]
    pub(super) fn set_model_markers(
        this: &EditorApi,
        model: &Model,
        owner: &str,
        markers: &JsValue,
    );

    #[wasm_bindgen(method, js_name = registerEditorOpener)]
    pub(super) fn on_open(this: &EditorApi, opener: &JsValue) -> Registration;

    pub(super) type Registration;

    #[wasm_bindgen(method)]
    pub(super) fn dispose(this: &Registration);

    #[wasm_bindgen(method, js_name = defineTheme)]
    pub(super) fn define_theme(this: &EditorApi, name: &str, theme: &JsValue);

    #[wasm_bindgen(method, js_name = setTheme)]
    pub(super) fn set_theme(this: &EditorApi, name: &str);

    #[derive(Clone)]
    pub(super) type Editor;

    #[wasm_bindgen(method, js_name = setModel)]
    pub(super) fn set_model(this: &Editor, model: &Model);

    #[wasm_bindgen(method, js_name = saveViewState)]
    pub(super) fn save_view_state(this: &Editor) -> JsValue;

    #[wasm_bindgen(method, js_name = restoreViewState)]
    pub(super) fn restore_view_state(this: &Editor, state: &JsValue);

    #[wasm_bindgen(method, js_name = setPosition)]
    pub(super) fn set_position(this: &Editor, position: &JsValue);

    #[wasm_bindgen(method, js_name = revealPositionInCenterIfOutsideViewport)]
    pub(super) fn reveal_position(this: &Editor, position: &JsValue);

    #[wasm_bindgen(method, js_name = setSelection)]
    pub(super) fn set_selection(this: &Editor, range: &JsValue);

    #[wasm_bindgen(method, js_name = revealRangeInCenterIfOutsideViewport)]
    pub(super) fn reveal_range(this: &Editor, range: &JsValue);

    #[wasm_bindgen(method, js_name = onDidChangeCursorSelection)]
    pub(super) fn on_selection(this: &Editor, read: &js_sys::Function) -> JsValue;

    #[wasm_bindgen(method, js_name = onMouseDown)]
    pub(super) fn on_mouse_down(this: &Editor, read: &js_sys::Function) -> JsValue;

    #[wasm_bindgen(method, js_name = revealLineInCenterIfOutsideViewport)]
    pub(super) fn reveal_line(this: &Editor, line: u32);

    #[wasm_bindgen(method, js_name = createDecorationsCollection)]
    pub(super) fn decorations(this: &Editor) -> Decorations;

    #[wasm_bindgen(method)]
    pub(super) fn focus(this: &Editor);

    #[wasm_bindgen(method)]
    pub(super) fn trigger(this: &Editor, source: &str, command: &str, payload: &JsValue);

    #[wasm_bindgen(method, js_name = updateOptions)]
    pub(super) fn update_options(this: &Editor, options: &JsValue);

    #[wasm_bindgen(method)]
    pub(super) fn dispose(this: &Editor);

    #[derive(Clone)]
    pub(super) type Decorations;

    #[wasm_bindgen(method)]
    pub(super) fn set(this: &Decorations, decorations: &JsValue);

    #[wasm_bindgen(method, js_name = getRanges)]
    pub(super) fn ranges(this: &Decorations) -> Vec<Range>;

    #[wasm_bindgen(method, js_name = onDidChange)]
    pub(super) fn on_move(this: &Decorations, read: &js_sys::Function) -> JsValue;

    /// What the mouse did.
    pub(super) type Pointed;

    #[wasm_bindgen(method, getter)]
    pub(super) fn target(this: &Pointed) -> PointedAt;

    pub(super) type PointedAt;

    /// What was pointed at; the numbers are those of `MouseTargetType`.
    #[wasm_bindgen(method, getter, js_name = "type")]
    pub(super) fn kind(this: &PointedAt) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(super) fn position(this: &PointedAt) -> Option<Position>;

    #[derive(Clone)]
    pub(super) type DiffEditor;

    #[wasm_bindgen(method, js_name = setModel)]
    pub(super) fn set_models(this: &DiffEditor, models: &JsValue);

    #[wasm_bindgen(method, js_name = dispose)]
    pub(super) fn dispose_diff(this: &DiffEditor);

    #[derive(Clone)]
    pub(super) type Model;

    #[wasm_bindgen(method, js_name = getValue)]
    pub(super) fn value(this: &Model) -> String;

    #[wasm_bindgen(method, js_name = getFullModelRange)]
    pub(super) fn full_range(this: &Model) -> JsValue;

    #[wasm_bindgen(method, getter, js_name = uri)]
    pub(super) fn address(this: &Model) -> Address;

    #[wasm_bindgen(method, js_name = pushEditOperations)]
    pub(super) fn push_edits(
        this: &Model,
        before: &JsValue,
        edits: &JsValue,
        cursor: &JsValue,
    ) -> JsValue;

    #[wasm_bindgen(method, js_name = pushStackElement)]
    pub(super) fn push_stack_element(this: &Model);

    #[wasm_bindgen(method, js_name = onDidChangeContent)]
    pub(super) fn on_change(this: &Model, read: &js_sys::Function) -> JsValue;

    #[wasm_bindgen(method, js_name = dispose)]
    pub(super) fn dispose_model(this: &Model);

    pub(super) type Address;

    #[wasm_bindgen(method, getter)]
    pub(super) fn path(this: &Address) -> String;

    pub(super) type Position;

    #[wasm_bindgen(method, getter, js_name = lineNumber)]
    pub(super) fn line(this: &Position) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(super) fn column(this: &Position) -> u32;

    pub(super) type Selected;

    #[wasm_bindgen(method, getter)]
    pub(super) fn selection(this: &Selected) -> Range;

    pub(super) type Range;

    #[wasm_bindgen(method, getter, js_name = startLineNumber)]
    pub(super) fn start_line(this: &Range) -> u32;

    #[wasm_bindgen(method, getter, js_name = startColumn)]
    pub(super) fn start_column(this: &Range) -> u32;

    #[wasm_bindgen(method, getter, js_name = endLineNumber)]
    pub(super) fn end_line(this: &Range) -> u32;

    #[wasm_bindgen(method, getter, js_name = endColumn)]
    pub(super) fn end_column(this: &Range) -> u32;
}

/// A plain object of these fields.
pub(super) fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = js_sys::Object::new();
    for (name, value) in fields {
        // Setting a field of a new plain object cannot fail.
        let _ = js_sys::Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object.into()
}

/// A list of values.
pub(super) fn list(values: impl IntoIterator<Item = JsValue>) -> JsValue {
    values.into_iter().collect::<js_sys::Array>().into()
}
