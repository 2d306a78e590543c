//! Which words an entity has, for full text.
//!
//! A word is a run of letters and digits, in small letters and without
//! accents. The same function cuts what is stored and what is asked for, so
//! that both agree whatever the index does.

use pipewright_entity::{Entity, Value};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer words are cut here: nobody types them, and coded bytes have them.
const LONGEST: usize = 64;

/// The words of a text, in order.
pub(crate) fn words(text: &str, each: &mut impl FnMut(&str)) {
    let mut word = String::new();
    for part in text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)) {
        if part.is_empty() {
            continue;
        }
        word.clear();
        if part.is_ascii() {
            word.push_str(&part[..part.len().min(LONGEST)]);
            word.make_ascii_lowercase();
        } else {
            let letters = part.nfd().filter(|c| !is_combining_mark(*c));
            word.extend(letters.flat_map(char::to_lowercase).take(LONGEST));
        }
        if !word.is_empty() {
            each(&word);
        }
    }
}

/// The texts of an entity, one per value: its id, and every value that people
/// would read as text. Coded bytes and yes or no are none.
pub(crate) fn texts(entity: &Entity, each: &mut impl FnMut(&str)) {
    each(entity.id());
    for (name, value) in entity.dict().iter() {
        if !name.starts_with('_') {
            of_value(value, each);
        }
    }
}

fn of_value(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Null | Value::Bool(_) | Value::Bytes(_) => {}
        Value::String(text) | Value::Uri(text) | Value::Ni(text) => each(text),
        Value::List(items) | Value::Tuple(items) => {
            items.iter().for_each(|item| of_value(item, each));
        }
        Value::Dict(members) => members.iter().for_each(|(_, value)| of_value(value, each)),
        // Date and time are two things.
        Value::DateTime(at) => each(&at.to_string().replace('T', " ")),
        Value::Int(number) => each(&number.to_string()),
        other => {
            let transit = other.to_transit().to_string();
            let shown = transit.trim_matches('"');
            each(shown.strip_prefix('~').and_then(|typed| typed.get(1..)).unwrap_or(shown));
        }
    }
}

/// All words of an entity in the form that the index takes: separated by
/// blanks.
pub(crate) fn line(entity: &Entity) -> String {
    let mut line = String::new();
    texts(entity, &mut |text| {
        words(text, &mut |word| {
            line.push_str(word);
            line.push(' ');
        });
    });
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn words_are_in_small_letters_without_accents() {
        let json = r#"{"_id": "crm:1", "_ts": 5, "name": "Ånn-Marié O'Neil", "age": 41,
            "since": "~t2020-03-01T00:00:00Z", "of": "~:ns:Ref", "in": [{"a": "x@y.example"}],
            "on": true, "raw": "~bYWJj", "price": "~f1.50"}"#;
        let value = Value::from_transit(json.as_bytes()).unwrap();
        let line = line(&Entity::from_value(value).unwrap());
        assert_eq!(line, "crm 1 ann marie o neil 41 2020 03 01 00 00 00z ns ref x y example 1 50 ");
    }
}
