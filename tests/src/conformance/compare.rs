//! Whether what came out is what a case says.

use pipewright_entity::{Dict, Text, Value};

/// How two values are compared.
pub(super) struct Comparison {
    mode: Mode,
    /// Properties left out on both sides, at every level.
    ignored: Vec<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// Same types and values.
    Exact,
    /// Numbers of any type by value, to nine digits.
    Numeric,
    /// Numbers of any type, at most so far apart.
    Approximate(f64),
    /// The items of the list in any order.
    Unordered,
    /// As XML documents.
    Xml,
    /// As CSV.
    Csv,
}

impl Comparison {
    pub(super) fn new(
        mode: &str,
        ignored: Vec<Text>,
        tolerance: Option<f64>,
    ) -> Result<Comparison, String> {
        let mode = match (mode, tolerance) {
            ("exact", _) => Mode::Exact,
            ("numeric", _) => Mode::Numeric,
            ("approx", Some(tolerance)) => Mode::Approximate(tolerance),
            ("unordered", _) => Mode::Unordered,
            ("xml", _) => Mode::Xml,
            ("csv", _) => Mode::Csv,
            ("approx", None) => return Err("\"approx\" needs a number as \"tol\"".to_owned()),
            (other, _) => return Err(format!("there is no way {other:?} to compare")),
        };
        Ok(Comparison { mode, ignored })
    }

    /// Says what differs, if anything does.
    pub(super) fn check(&self, what: &str, wanted: &Value, found: &Value) -> Result<(), String> {
        let (wanted, found) = (self.prepared(wanted), self.prepared(found));
        let same = match self.mode {
            Mode::Unordered => match (&wanted, &found) {
                (Value::List(a), Value::List(b)) => self.same_items(a, b),
                (a, b) => self.same(a, b),
            },
            _ => self.same(&wanted, &found),
        };
        match same {
            true => Ok(()),
            false => Err(format!("{what} is {}, not {}", found.to_transit(), wanted.to_transit())),
        }
    }

    /// The value as its JSON text gives it back, so that what cannot be told
    /// apart in a case is not told apart here; without what is ignored.
    fn prepared(&self, value: &Value) -> Value {
        let read = Value::from_transit(value.to_transit().as_bytes());
        self.pruned(read.as_ref().unwrap_or(value))
    }

    fn pruned(&self, value: &Value) -> Value {
        match value {
            Value::Dict(dict) => {
                let kept = dict.iter().filter(|(name, _)| !self.ignored.contains(name));
                let kept = kept.map(|(name, value)| (name.clone(), self.pruned(value)));
                Value::dict(kept.collect::<Dict>())
            }
            Value::List(items) => Value::list(items.iter().map(|item| self.pruned(item))),
            other => other.clone(),
        }
    }

    fn same(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Dict(a), Value::Dict(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| self.same(a, b)))
            }
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| self.same(a, b))
            }
            (a, b) if a.is_number() && b.is_number() => self.same_number(a, b),
            // How lines end is not compared.
            (Value::String(a), Value::String(b)) if self.mode == Mode::Csv => {
                a.lines().eq(b.lines())
            }
            (a, b) => a == b,
        }
    }

    fn same_number(&self, a: &Value, b: &Value) -> bool {
        let float = |value: &Value| match value {
            Value::Int(number) => *number as f64,
            Value::Float(number) => *number,
            // Decimals and large integers: by their digits.
            other => other.to_transit().trim_matches(['"', '~', 'f']).parse().unwrap_or(f64::NAN),
        };
        match self.mode {
            Mode::Numeric => {
                let (a, b) = (float(a), float(b));
                a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
            }
            Mode::Approximate(tolerance) => (float(a) - float(b)).abs() <= tolerance,
            // Decimals with other numbers of digits are one value.
            _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a.same(b),
        }
    }

    /// Whether two lists hold the same items, each as often as in the other.
    fn same_items(&self, a: &[Value], b: &[Value]) -> bool {
        let mut left: Vec<&Value> = b.iter().collect();
        a.len() == b.len()
            && a.iter().all(|a| match left.iter().position(|b| self.same(a, b)) {
                Some(at) => {
                    left.swap_remove(at);
                    true
                }
                None => false,
            })
    }
}
