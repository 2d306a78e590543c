//! The editor in the colours of the rest: its themes are made of our tokens.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use super::bindings::{EditorApi, list, object};

/// Token of the grammar, and the token of the design it is coloured with.
const RULES: [(&str, &str); 9] = [
    ("", "--text"),
    ("key", "--code-key"),
    ("string", "--code-string"),
    ("function", "--code-function"),
    ("variable", "--code-variable"),
    ("reference", "--code-reference"),
    ("number", "--code-number"),
    ("word", "--code-word"),
    ("comment", "--faint"),
];

/// Part of the editor, and the token of the design it is coloured with.
const COLOURS: [(&str, &str); 44] = [
    ("editor.background", "--surface"),
    ("editor.foreground", "--text"),
    ("editorLineNumber.foreground", "--faint"),
    ("editorLineNumber.activeForeground", "--muted"),
    ("editorCursor.foreground", "--accent"),
    ("editor.selectionBackground", "--select"),
    ("editor.inactiveSelectionBackground", "--hover"),
    ("editor.lineHighlightBackground", "--surface"),
    ("editor.lineHighlightBorder", "--surface"),
    ("editorGutter.background", "--surface"),
    ("editorIndentGuide.background1", "--line"),
    ("editorIndentGuide.activeBackground1", "--line-strong"),
    ("editorBracketMatch.background", "--hover"),
    ("editorBracketMatch.border", "--line-strong"),
    ("editorBracketHighlight.foreground1", "--muted"),
    ("editorBracketHighlight.foreground2", "--muted"),
    ("editorBracketHighlight.foreground3", "--muted"),
    ("editorError.foreground", "--bad"),
    ("editorWarning.foreground", "--warn"),
    ("editorInfo.foreground", "--run"),
    ("editorWidget.background", "--raised"),
    ("editorWidget.border", "--line-strong"),
    ("editorHoverWidget.background", "--raised"),
    ("editorHoverWidget.border", "--line-strong"),
    ("editorSuggestWidget.background", "--raised"),
    ("editorSuggestWidget.foreground", "--text"),
    ("editorSuggestWidget.selectedBackground", "--select"),
    ("editorSuggestWidget.selectedForeground", "--text"),
    ("editorSuggestWidget.selectedIconForeground", "--text"),
    ("editorSuggestWidget.highlightForeground", "--accent"),
    ("editorSuggestWidget.focusHighlightForeground", "--accent"),
    ("editorActionList.background", "--raised"),
    ("editorActionList.foreground", "--text"),
    ("editorActionList.focusBackground", "--select"),
    ("editorActionList.focusForeground", "--text"),
    ("textLink.foreground", "--accent"),
    ("editorOverviewRuler.border", "--surface"),
    ("focusBorder", "--accent"),
    ("input.background", "--surface"),
    ("list.hoverBackground", "--hover"),
    ("menu.background", "--raised"),
    ("menu.foreground", "--text"),
    ("scrollbarSlider.background", "--scroll"),
    ("scrollbarSlider.hoverBackground", "--scroll-strong"),
];

/// Makes the theme of the colours now shown and switches to it.
pub(super) fn apply(editor: &EditorApi, dark: bool) {
    let Some(style) = document()
        .document_element()
        .and_then(|root| window().get_computed_style(&root).ok().flatten())
    else {
        return;
    };
    let token = |name: &str| style.get_property_value(name).unwrap_or_default().trim().to_owned();
    let rule = |(grammar, name): &(&str, &str)| {
        let colour = token(name);
        object(&[
            ("token", JsValue::from_str(grammar)),
            ("foreground", JsValue::from_str(colour.trim_start_matches('#'))),
        ])
    };
    let rules = list(RULES.iter().map(rule));
    let colours: Vec<(&str, JsValue)> =
        COLOURS.iter().map(|(part, name)| (*part, JsValue::from_str(&token(name)))).collect();
    let (name, base) =
        if dark { ("pipewright-dark", "vs-dark") } else { ("pipewright-light", "vs") };
    let theme = object(&[
        ("base", JsValue::from_str(base)),
        ("inherit", JsValue::TRUE),
        ("rules", rules),
        ("colors", object(&colours)),
    ]);
    editor.define_theme(name, &theme);
    editor.set_theme(name);
}
