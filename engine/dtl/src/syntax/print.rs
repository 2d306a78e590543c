//! Text for values that were not there before.

use serde_json::Value;

/// How far a line may reach before a list is broken over several lines.
const WIDTH: usize = 100;

/// Writes a value the way config is usually written: objects with a line per
/// member, lists on one line while they fit. `unit` is what one level is
/// indented by, `base` is the indentation of the line the value begins on; the
/// first line is written without it.
pub fn print(value: &Value, unit: &str, base: &str) -> String {
    let mut text = String::new();
    write(&mut text, value, unit, base);
    text
}

/// Writes a value on one line.
pub(super) fn print_flat(value: &Value) -> String {
    let mut text = String::new();
    flat(&mut text, value);
    text
}

fn flat(text: &mut String, value: &Value) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                flat(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                text.push_str(&quoted(key));
                text.push_str(": ");
                flat(text, value);
            }
            text.push('}');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn write(text: &mut String, value: &Value, unit: &str, base: &str) {
    let below = format!("{base}{unit}");
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                text.push_str(if index > 0 { ",\n" } else { "\n" });
                text.push_str(&below);
                text.push_str(&quoted(key));
                text.push_str(": ");
                write(text, value, unit, &below);
            }
            text.push('\n');
            text.push_str(base);
            text.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            if !items.iter().any(has_members) {
                let line = print_flat(value);
                let column = text.len() - text.rfind('\n').map_or(0, |at| at + 1);
                if column + line.len() <= WIDTH {
                    text.push_str(&line);
                    return;
                }
            }
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ",\n" } else { "\n" });
                text.push_str(&below);
                write(text, item, unit, &below);
            }
            text.push('\n');
            text.push_str(base);
            text.push(']');
        }
        other => flat(text, other),
    }
}

fn has_members(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => items.iter().any(has_members),
        _ => false,
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_take_lines_and_short_lists_do_not() {
        let value = json!({"_id": "a", "rules": {"default": [["copy", "*"], ["add", "b", {}]]}});
        assert_eq!(
            print(&value, "  ", ""),
            "{\n  \"_id\": \"a\",\n  \"rules\": {\n    \"default\": [[\"copy\", \"*\"], [\"add\", \"b\", {}]]\n  }\n}"
        );
        let long = json!([["x".repeat(60)], ["y".repeat(60)]]);
        assert_eq!(print(&long, "\t", "\t").lines().count(), 4);
    }
}
