//! What everything is made of: colours, type, spacing.

use leptos::prelude::*;

use super::Part;

/// Colours by what they are for, as in `style/tokens.css`.
const COLOURS: [(&str, &[&str]); 5] = [
    ("Surfaces", &["bg", "surface", "raised", "card", "hover", "select", "line", "line-strong"]),
    ("Text", &["text", "muted", "faint", "on-accent"]),
    (
        "Meaning",
        &[
            "accent",
            "accent-strong",
            "good",
            "bad",
            "warn",
            "run",
            "idle",
            "good-soft",
            "bad-soft",
            "warn-soft",
        ],
    ),
    ("Flow", &["edge", "edge-hop"]),
    (
        "Code",
        &[
            "code-key",
            "code-string",
            "code-function",
            "code-variable",
            "code-reference",
            "code-number",
            "code-word",
        ],
    ),
];

const TYPE: [(&str, &str); 5] = [
    ("Title", "font-size:14px;font-weight:550"),
    ("Text", "font-size:var(--size)"),
    ("Small", "font-size:var(--small)"),
    ("Tiny", "font-size:var(--tiny)"),
    ("Code", "font:400 var(--small)/18px var(--mono)"),
];

#[component]
pub(super) fn Tokens() -> impl IntoView {
    let swatch = |name: &'static str| {
        view! {
            <li class="swatch">
                <i style=format!("background:var(--{name})")></i>
                <code>{name}</code>
            </li>
        }
    };
    let colours = COLOURS.map(|(title, names)| {
        view! {
            <div class="swatches">
                <h3>{title}</h3>
                <ul>{names.iter().copied().map(swatch).collect_view()}</ul>
            </div>
        }
    });
    let kinds = TYPE.map(|(name, style)| {
        view! { <p style=style>{name} " — Kundeservice 4 210 øre, 12 pipes, 0.4 s"</p> }
    });
    let steps = [4, 8, 12, 16, 24, 32].map(|step| {
        view! { <div class="step"><i style=format!("width:{step}px")></i><code>{step}</code></div> }
    });
    let corners =
        [("round", "var(--round)"), ("card", "8px"), ("dialog", "10px")].map(|(name, it)| {
            view! { <div class="corner" style=format!("border-radius:{it}")>{name}</div> }
        });
    view! {
        <Part title="Colours">{colours.collect_view()}</Part>
        <Part title="Type"><div class="design-stack">{kinds.collect_view()}</div></Part>
        <Part title="Spacing and corners">{steps.collect_view()} {corners.collect_view()}</Part>
    }
}
