//! CURIEs: `<prefix:name>` for URIs (`hub/deprecations`, `properties_to_curies`,
//! `uris_to_curies` and the RDF registry, which is `rdf` in the metadata of the
//! node).

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pipewright_config::Metadata;
use pipewright_entity::{Dict, Text, Value, format_text};
use serde_json::Value as Json;

use super::{Settings, Step, deep, is_reserved};

/// Names after rules: each gives a prefix to the properties that it is for.
pub(super) struct ToCuries {
    id: Option<Text>,
    /// Prefixes and what they are for, from the root of the entity; the first
    /// that fits counts.
    rules: Vec<(Text, Vec<Text>)>,
    /// Characters that are not quoted.
    safe: Text,
}

impl ToCuries {
    pub(super) fn new(settings: &Settings<'_>, metadata: &Metadata) -> Result<ToCuries, String> {
        let entry = settings.text("rule").map(|rule| {
            let entry = metadata.config.get("rdf").and_then(|all| all.get(rule));
            entry.ok_or_else(|| format!("\"rdf\" in the metadata of the node has no \"{rule}\""))
        });
        let entry = entry.transpose()?;
        let rules = entry.and_then(|entry| entry.get("prefix_rules"));
        let (id, properties) = match rules {
            Some(rules) => (rules.get("id"), rules.get("properties")),
            None => (settings.get("id"), settings.get("properties")),
        };
        let safe = settings.text("quote_safe_characters").or_else(|| {
            entry.and_then(|entry| entry.get("quote_safe_characters")).and_then(Json::as_str)
        });
        let broken = || "\"properties\" is a list of prefixes, each followed by a list of patterns";
        let mut pairs = Vec::new();
        for pair in properties.and_then(Json::as_array).into_iter().flat_map(|all| all.chunks(2)) {
            let [Json::String(prefix), Json::Array(patterns)] = pair else {
                return Err(broken().into());
            };
            let patterns: Option<Vec<Text>> =
                patterns.iter().map(|pattern| pattern.as_str().map(Text::new)).collect();
            pairs.push((Text::new(prefix), patterns.ok_or_else(broken)?));
        }
        Ok(ToCuries {
            id: id.and_then(Json::as_str).map(Text::new),
            rules: pairs,
            safe: Text::new(safe.unwrap_or("/")),
        })
    }

    fn dict(&self, dict: &Dict, path: &mut Vec<Text>) -> Dict {
        let mut named = Dict::with_capacity(dict.len());
        for (name, value) in dict {
            path.push(name.clone());
            let value = match value {
                Value::String(id) if name == "_id" => match &self.id {
                    Some(prefix) if !is_curie(id) => Value::String(self.curie(prefix, id)),
                    _ => value.clone(),
                },
                other => self.value(other, path),
            };
            named.insert(self.name(name, path), value);
            path.pop();
        }
        named
    }

    fn value(&self, value: &Value, path: &mut Vec<Text>) -> Value {
        match value {
            Value::Dict(dict) => Value::dict(self.dict(dict, path)),
            Value::List(items) => Value::list(items.iter().map(|item| self.value(item, path))),
            other => other.clone(),
        }
    }

    fn name(&self, name: &Text, path: &[Text]) -> Text {
        if is_reserved(name) || is_curie(name) {
            return name.clone();
        }
        // A rule may begin anywhere above the property.
        let is_for = |patterns: &[Text]| (0..path.len()).any(|from| fits(patterns, &path[from..]));
        let rule = self.rules.iter().find(|(_, patterns)| is_for(patterns));
        rule.map_or_else(|| name.clone(), |(prefix, _)| self.curie(prefix, name))
    }

    fn curie(&self, prefix: &str, name: &str) -> Text {
        let mut quoted = String::with_capacity(name.len());
        for character in name.chars() {
            let mut bytes = [0; 4];
            let text = character.encode_utf8(&mut bytes);
            let is_kept = character.is_ascii_alphanumeric()
                || matches!(character, '-' | '.' | '_' | '~')
                || self.safe.contains(character);
            match is_kept {
                true => quoted.push(character),
                false => quoted.extend(utf8_percent_encode(text, NON_ALPHANUMERIC)),
            }
        }
        format_text!("<{prefix}:{quoted}>")
    }
}

impl Step for ToCuries {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        to.push(Arc::new(self.dict(entity, &mut Vec::new())));
        Ok(())
    }
}

fn is_curie(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>')
}

/// Whether the names of a path fit patterns; `**` stands for any names, `*` in
/// a pattern for any text.
fn fits(patterns: &[Text], path: &[Text]) -> bool {
    match patterns.split_first() {
        None => path.is_empty(),
        Some((any, rest)) if any == "**" => (0..=path.len()).any(|from| fits(rest, &path[from..])),
        Some((pattern, rest)) => path
            .split_first()
            .is_some_and(|(name, below)| crate::chain::matches(pattern, name) && fits(rest, below)),
    }
}

/// URIs that begin with what a prefix stands for, shortened.
pub(super) struct Compress {
    /// Prefixes and URIs, the longest URI first.
    prefixes: Vec<(Text, Text)>,
}

impl Compress {
    pub(super) fn new(settings: &Settings<'_>, metadata: &Metadata) -> Compress {
        let mut prefixes = Vec::new();
        let mut seen = Vec::new();
        let mut open = settings.texts("prefix_includes");
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            let entry = metadata.config.get("rdf").and_then(|all| all.get(name.as_str()));
            let declared = entry.and_then(|entry| entry.get("prefixes")).and_then(Json::as_object);
            for (prefix, uri) in declared.into_iter().flatten() {
                prefixes.extend(uri.as_str().map(|uri| (Text::new(prefix), Text::new(uri))));
            }
            let further = entry.and_then(|entry| entry.get("prefix_includes")?.as_array());
            open.extend(further.into_iter().flatten().filter_map(Json::as_str).map(Text::new));
            seen.push(name);
        }
        prefixes.extend(Metadata::built_in_namespaces());
        prefixes.retain(|(_, uri)| !uri.is_empty());
        prefixes.sort_by_key(|(_, uri)| std::cmp::Reverse(uri.len()));
        Compress { prefixes }
    }

    fn short(&self, uri: &str) -> Option<Text> {
        let found = |(prefix, whole): &(Text, Text)| {
            Some((prefix.clone(), uri.strip_prefix(whole.as_str())?))
        };
        let (prefix, rest) = self.prefixes.iter().find_map(found)?;
        Some(format_text!("{prefix}:{rest}"))
    }

    fn bracketed(&self, uri: &Text) -> Text {
        self.short(uri).map_or_else(|| uri.clone(), |curie| format_text!("<{curie}>"))
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.bracketed(&text)),
            Value::Uri(uri) => Value::Uri(self.short(&uri).unwrap_or(uri)),
            Value::List(items) => Value::list(items.iter().map(|item| match item {
                // Dicts were done on the way here.
                Value::Dict(_) => item.clone(),
                other => self.value(other.clone()),
            })),
            other => other,
        }
    }
}

impl Step for Compress {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        let shortened = deep(&Value::Dict(entity.clone()), &|name, value| {
            (self.bracketed(name), self.value(value))
        });
        if let Value::Dict(dict) = shortened {
            to.push(dict);
        }
        Ok(())
    }
}
