//! Values of a tree as text again, without comments and layout.

use super::{Document, Node, NodeKind};

impl Node {
    /// The value as JSON with every number spelled as it is written: for those
    /// who compare or carry on what a person wrote. On one line, or with
    /// `pretty` on one line per member and item. A missing value becomes null.
    /// `document` must be the one the node is of.
    pub fn to_json_text(&self, document: &Document, pretty: bool) -> String {
        let mut text = String::new();
        write(self, document, pretty.then_some("\n"), &mut text);
        text
    }
}

/// `line` is what a line begins with at this depth; `None` keeps to one line.
fn write(node: &Node, document: &Document, line: Option<&str>, to: &mut String) {
    let below = line.map(|line| format!("{line}  "));
    let begin = |to: &mut String, first: bool, below: &Option<String>| {
        if !first {
            to.push(',');
        }
        if let Some(below) = below {
            to.push_str(below);
        }
    };
    match &node.kind {
        NodeKind::Null | NodeKind::Missing => to.push_str("null"),
        NodeKind::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        NodeKind::Number => to.push_str(document.text_of(node)),
        NodeKind::String(text) => string(text, to),
        NodeKind::Array(items) if items.is_empty() => to.push_str("[]"),
        NodeKind::Array(items) => {
            to.push('[');
            for (place, item) in items.iter().enumerate() {
                begin(to, place == 0, &below);
                write(item, document, below.as_deref(), to);
            }
            to.push_str(line.unwrap_or_default());
            to.push(']');
        }
        NodeKind::Object(members) if members.is_empty() => to.push_str("{}"),
        NodeKind::Object(members) => {
            to.push('{');
            for (place, member) in members.iter().enumerate() {
                begin(to, place == 0, &below);
                string(&member.key, to);
                to.push_str(if line.is_some() { ": " } else { ":" });
                write(&member.value, document, below.as_deref(), to);
            }
            to.push_str(line.unwrap_or_default());
            to.push('}');
        }
    }
}

fn string(text: &str, to: &mut String) {
    to.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_order_stay_and_comments_go() {
        let text = "{\"b\": 1.0, // one\n \"a\": [1e3, 123456789012345678901234567890, \"å\\n\"], \"e\": {}, \"f\": []}";
        let document = Document::parse(text);
        let root = document.root.clone().unwrap_or(Node { span: 0..0, kind: NodeKind::Missing });
        let flat = root.to_json_text(&document, false);
        assert_eq!(
            flat,
            r#"{"b":1.0,"a":[1e3,123456789012345678901234567890,"å\n"],"e":{},"f":[]}"#
        );
        let pretty = root.to_json_text(&document, true);
        assert!(pretty.starts_with("{\n  \"b\": 1.0,\n  \"a\": [\n    1e3,"), "{pretty}");
        let again = Document::parse(pretty);
        let same = again.root.as_ref().map(|root| root.to_json_text(&again, false));
        assert_eq!(same, Some(flat));
    }
}
