//! JSON on the screen.

use leptos::prelude::*;

use crate::components::count;

use super::{
    diff::{Kind, Line, Mark},
    tree::Tree,
};

fn kind_class(kind: Kind) -> &'static str {
    match kind {
        Kind::Punctuation => "json-mark",
        Kind::String => "json-string",
        Kind::Number => "json-number",
        Kind::Word => "json-word",
        Kind::Time => "json-time",
        Kind::Reference => "json-reference",
    }
}

fn line_class(mark: Mark) -> &'static str {
    match mark {
        Mark::Same => "json-line",
        Mark::Added => "json-line added",
        Mark::Removed => "json-line removed",
    }
}

/// Lines mounted at the most: more would make the whole window slow.
const MOST: usize = 3_000;

/// Printed lines, coloured by kind, with added and removed ones marked.
#[component]
pub fn JsonView(
    /// The lines.
    mut lines: Vec<Line>,
    /// Name for tests and scripts.
    #[prop(default = "json")]
    id: &'static str,
    /// What a click on a property does: gets the keys that lead to it, lists
    /// left out.
    #[prop(optional)]
    on_key: Option<Callback<Vec<String>>>,
) -> impl IntoView {
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    let rest = (more > 0)
        .then(|| view! { <p class="hint">{format!("and {} more lines", count(more as u64))}</p> });
    let mut around: Vec<(u16, String)> = Vec::new();
    let rows = lines
        .into_iter()
        .map(|line| {
            around.retain(|(indent, _)| *indent < line.indent);
            if let Some(key) = &line.key {
                around.push((line.indent, serde_json::from_str(key).unwrap_or_default()));
            }
            let keys = || around.iter().map(|(_, key)| key.clone()).collect::<Vec<String>>();
            // What is gone was made by nothing.
            let made = on_key.filter(|_| line.mark != Mark::Removed);
            let style = format!("padding-left:{}ch", 2 + 2 * line.indent);
            let key = line.key.map(|key| match made {
                Some(on_key) => {
                    let keys = keys();
                    view! { <button type="button" class="json-key" data-tip="Where it comes from" on:click=move |_| on_key.run(keys.clone())>{key}</button>": " }
                        .into_any()
                }
                None => view! { <span class="json-key">{key}</span>": " }.into_any(),
            });
            view! {
                <div class=line_class(line.mark) style=style>
                    {key}
                    <span class=kind_class(line.kind)>{line.value}</span>
                    {line.comma.then_some(",")}
                </div>
            }
        })
        .collect_view();
    view! { <div class="json" data-testid=id tabindex="0">{rows}{rest}</div> }
}

/// A value on one line, for a cell of a table: text without quotes, the rest as
/// JSON.
pub fn short(tree: &Tree) -> AnyView {
    let class = match tree {
        Tree::Null | Tree::Bool(_) => "json-word",
        Tree::Number(_) => "json-number",
        Tree::List(_) | Tree::Object(_) => "json-mark",
        Tree::String(text) => match text.as_bytes() {
            [b'~', b'f', ..] => "json-number",
            [b'~', b't', ..] => "json-time",
            [b'~', b':' | b'r' | b'u', ..] => "json-reference",
            _ => "",
        },
    };
    // A cell shows no more than this anyway.
    let text: String = match tree {
        Tree::String(text) => text.chars().take(200).collect(),
        other => other.to_string().chars().take(200).collect(),
    };
    view! { <span class=class>{text}</span> }.into_any()
}
