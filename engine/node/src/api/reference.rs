//! The OpenAPI document as a page to read: plain HTML, made once, that loads
//! nothing from anywhere.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;\
    padding:1rem;color:#1c2430;background:#fff}code,pre{font:13px/1.45 ui-monospace,monospace}\
    h2{margin:2rem 0 .5rem;border-bottom:1px solid #d5dbe3}details{border:1px solid #d5dbe3;\
    border-radius:6px;margin:.35rem 0;padding:.35rem .7rem}summary{cursor:pointer}\
    summary b{display:inline-block;min-width:4.5rem}summary span{color:#5a6675;margin-left:.7rem}\
    table{border-collapse:collapse;margin:.4rem 0}td,th{text-align:left;vertical-align:top;\
    padding:.15rem .8rem .15rem 0}pre{white-space:pre-wrap;background:#f4f6f9;padding:.6rem;\
    border-radius:6px}@media(prefers-color-scheme:dark){body{color:#dde3ec;background:#14181f}\
    pre{background:#1d232c}h2,details{border-color:#333c48}summary span{color:#96a2b3}a{color:#8ab4ff}}";

/// The page.
pub(super) fn page(document: &Value) -> String {
    let mut page = String::with_capacity(256 << 10);
    let about = &document["info"];
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
         <h1>{title} {version}</h1><p>The same for programs: <a href=openapi.json>openapi.json</a>.\
         </p><pre>{about}</pre>",
        title = text(&about["title"]),
        version = text(&about["version"]),
        about = text(&about["description"]),
    );
    for (tag, operations) in by_tag(document) {
        let _ = write!(page, "<h2>{}</h2>", escape(tag));
        for (method, path, operation) in operations {
            write_operation(&mut page, method, path, operation);
        }
    }
    page.push_str("<h2>Types</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let shown = serde_json::to_string_pretty(schema).unwrap_or_default();
        let name = escape(name);
        let _ = write!(
            page,
            "<details id=\"{name}\"><summary><code>{name}</code><span>{}</span></summary>\
             <pre>{}</pre></details>",
            text(&schema["description"]),
            escape(&shown),
        );
    }
    page
}

type Operations<'d> = Vec<(&'d str, &'d str, &'d Value)>;

fn by_tag(document: &Value) -> BTreeMap<&str, Operations<'_>> {
    let mut tags: BTreeMap<&str, Operations<'_>> = BTreeMap::new();
    for (path, item) in members(&document["paths"]) {
        for (method, operation) in members(item) {
            let tag = operation["tags"][0].as_str().unwrap_or("Others");
            tags.entry(tag).or_default().push((method, path, operation));
        }
    }
    tags
}

fn write_operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    let _ = write!(
        page,
        "<details><summary><b>{}</b><code>/api{}</code><span>{}</span></summary>",
        method.to_uppercase(),
        escape(path.trim_end_matches('/')),
        text(&operation["summary"]),
    );
    let more = text(&operation["description"]);
    if !more.is_empty() {
        let _ = write!(page, "<p>{more}</p>");
    }
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<table><tr><th>parameter<th>in<th>");
        for parameter in parameters {
            let _ = write!(
                page,
                "<tr><td><code>{}</code><td>{}<td>{}",
                text(&parameter["name"]),
                text(&parameter["in"]),
                text(&parameter["description"]),
            );
        }
        page.push_str("</table>");
    }
    page.push_str("<table><tr><th>body<th>kind<th>type");
    write_content(page, "request", &operation["requestBody"]["content"]);
    for (status, response) in members(&operation["responses"]) {
        write_content(page, status, &response["content"]);
        if response.get("content").is_none() {
            let _ = write!(
                page,
                "<tr><td>{}<td><td>{}",
                escape(status),
                text(&response["description"])
            );
        }
    }
    page.push_str("</table></details>");
}

fn write_content(page: &mut String, what: &str, content: &Value) {
    for (kind, body) in members(content) {
        let _ = write!(
            page,
            "<tr><td>{}<td><code>{}</code><td>{}",
            escape(what),
            escape(kind),
            type_of(&body["schema"]),
        );
    }
}

/// A type in a word, with a link to where it is described.
fn type_of(schema: &Value) -> String {
    if let Some(named) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        let named = escape(named);
        return format!("<a href=\"#{named}\">{named}</a>");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some(kind) => escape(kind),
        None => "any".to_owned(),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members: Option<&Map<String, Value>> = value.as_object();
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    value.as_str().map(escape).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
