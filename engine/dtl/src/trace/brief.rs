//! Values cut down to what a person looks at.

use pipewright_entity::{Dict, Text, Value, format_text};

use super::secret::{SECRET, Secrets};

/// Bytes of one string.
const TEXT: usize = 300;
/// Items of one list, members of one dict.
const ITEMS: usize = 20;
/// Values in all.
const NODES: usize = 100;
/// How deep lists and dicts nest.
const DEPTH: usize = 6;

/// A value, cut down where it is large.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief {
    /// The value; a string with `…` in place of what is too deep or too much.
    pub value: Value,
    /// Whether something was left out.
    pub is_cut: bool,
    /// The memory it takes, in bytes, roughly.
    pub(super) weight: usize,
}

impl Brief {
    /// A value cut down to a size that no value exceeds, without secrets.
    pub(super) fn of(value: &Value, secrets: &Secrets) -> Brief {
        Brief::with(secrets, |cut| cut.value(value, 0))
    }

    /// The properties of a dict, cut down. `hidden` says which of them came
    /// from secrets, besides those whose values show it.
    pub(super) fn of_dict(dict: &Dict, secrets: &Secrets, hidden: impl Fn(&Text) -> bool) -> Brief {
        Brief::with(secrets, |cut| cut.dict(dict, 0, hidden))
    }

    /// In place of a secret value.
    pub(super) fn secret() -> Brief {
        Brief { value: Value::String(SECRET), is_cut: false, weight: size_of::<Value>() }
    }

    /// In place of a value for which there is no room.
    pub(super) fn nothing() -> Brief {
        Brief { value: Value::String(Text::new_static("…")), is_cut: true, weight: 0 }
    }

    fn with(secrets: &Secrets, value: impl FnOnce(&mut Cut<'_>) -> Value) -> Brief {
        let mut cut = Cut { secrets, left: NODES, is_cut: false, weight: 0 };
        let value = value(&mut cut);
        Brief { value, is_cut: cut.is_cut, weight: cut.weight }
    }
}

struct Cut<'a> {
    secrets: &'a Secrets,
    left: usize,
    is_cut: bool,
    weight: usize,
}

impl Cut<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Value {
        self.left = self.left.saturating_sub(1);
        self.weight += size_of::<Value>();
        match value {
            value if self.secrets.is_one(value) => Value::String(SECRET),
            Value::String(text) => self.text(text, Value::String),
            Value::Ni(text) => self.text(text, Value::Ni),
            Value::Uri(text) => self.text(text, Value::Uri),
            Value::List(items) if !items.is_empty() => match depth {
                DEPTH => self.instead(format_text!("… {} items", items.len())),
                _ => self.items(items, depth, Value::List),
            },
            Value::Tuple(items) => self.items(items, depth, Value::Tuple),
            Value::Dict(dict) if !dict.is_empty() => match depth {
                DEPTH => self.instead(format_text!("… {} properties", dict.len())),
                _ => self.dict(dict, depth, |_| false),
            },
            Value::Bytes(bytes) if bytes.len() > TEXT => {
                self.instead(format_text!("… {} bytes", bytes.len()))
            }
            Value::BigInt(number) if number.bits() > 1024 => {
                self.instead(format_text!("… an integer of {} bits", number.bits()))
            }
            Value::Decimal(number) if number.as_bigint_and_scale().0.bits() > 1024 => {
                self.instead(Text::new_static("… a decimal of very many digits"))
            }
            other => other.clone(),
        }
    }

    fn instead(&mut self, text: Text) -> Value {
        self.is_cut = true;
        Value::String(text)
    }

    fn text(&mut self, text: &Text, make: fn(Text) -> Value) -> Value {
        self.weight += text.len().min(TEXT);
        if text.len() <= TEXT {
            return make(text.clone());
        }
        self.is_cut = true;
        make(format_text!("{}…", &text[..text.floor_char_boundary(TEXT)]))
    }

    fn items(
        &mut self,
        items: &std::sync::Arc<Vec<Value>>,
        depth: usize,
        make: fn(std::sync::Arc<Vec<Value>>) -> Value,
    ) -> Value {
        let mut brief = Vec::with_capacity(items.len().min(ITEMS));
        for item in items.iter() {
            if brief.len() == ITEMS || self.left == 0 {
                let rest = items.len() - brief.len();
                brief.push(self.instead(format_text!("… {rest} more")));
                break;
            }
            brief.push(self.value(item, depth + 1));
        }
        make(std::sync::Arc::new(brief))
    }

    fn dict(&mut self, dict: &Dict, depth: usize, hidden: impl Fn(&Text) -> bool) -> Value {
        let mut brief = Dict::default();
        for (name, value) in dict {
            if brief.len() == ITEMS * 2 || self.left == 0 {
                let rest = dict.len() - brief.len();
                let more = self.instead(format_text!("{rest} more"));
                brief.insert(Text::new_static("…"), more);
                break;
            }
            self.weight += size_of::<Text>() + name.len().min(TEXT);
            let value = match hidden(name) {
                true => Value::String(SECRET),
                false => self.value(value, depth + 1),
            };
            let name = match name.len() > TEXT {
                true => format_text!("{}…", &name[..name.floor_char_boundary(TEXT)]),
                false => self.secrets.shown(name),
            };
            brief.insert(name, value);
        }
        Value::dict(brief)
    }
}
