//! Properties by name.

use std::fmt;
use std::ops::Index;

use rustc_hash::FxHashMap;

use crate::{Text, Value};

/// Up to so many properties are looked through one by one, which is quicker
/// than a table, above all when the dict is made.
const FEW: usize = 32;

/// Properties by name, in the order in which they were written.
///
/// Two dicts with the same properties in another order are equal. Most have a
/// handful of properties and are made once and read once, so making and copying
/// them is what has to be cheap; many properties are found through a table.
#[derive(Clone, Default)]
pub struct Dict {
    properties: Vec<(Text, Value)>,
    /// Where each name stands, once there are more than [`FEW`].
    places: Option<Box<FxHashMap<Text, usize>>>,
}

impl Dict {
    /// Without properties.
    pub fn new() -> Dict {
        Dict::default()
    }

    /// Without properties, with room for some.
    pub fn with_capacity(capacity: usize) -> Dict {
        Dict { properties: Vec::with_capacity(capacity), places: None }
    }

    /// Makes room for more.
    pub fn reserve(&mut self, more: usize) {
        self.properties.reserve(more);
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.properties.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// The value of a property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).map(|place| &self.properties[place].1)
    }

    /// The value of a property, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.place(name).map(|place| &mut self.properties[place].1)
    }

    /// A property with the name that the dict holds.
    pub fn get_key_value(&self, name: &str) -> Option<(&Text, &Value)> {
        self.place(name).map(|place| pair(&self.properties[place]))
    }

    /// Whether there is such a property.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Sets a property; a new one becomes the last. Gives back what it was.
    pub fn insert(&mut self, name: Text, value: Value) -> Option<Value> {
        match self.place(&name) {
            Some(place) => Some(std::mem::replace(&mut self.properties[place].1, value)),
            None => {
                self.push(name, value);
                None
            }
        }
    }

    /// Sets those properties of another dict whose names are wanted.
    pub fn insert_from(&mut self, other: &Dict, wanted: impl Fn(&str) -> bool) {
        self.reserve(other.len());
        // The names of a dict differ, so each has to be told only from those
        // that are here already.
        let before = self.len();
        for (name, value) in other {
            if !wanted(name) {
                continue;
            }
            let known = match self.places {
                Some(_) => self.place(name),
                None => place_in(&self.properties[..before], name),
            };
            match known {
                Some(place) => self.properties[place].1 = value.clone(),
                None => self.push(name.clone(), value.clone()),
            }
        }
    }

    /// Takes a property out; those behind it move up.
    pub fn shift_remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name)?;
        let (_, value) = self.properties.remove(place);
        self.number();
        Some(value)
    }

    /// Keeps the properties for which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Text, &mut Value) -> bool) {
        self.properties.retain_mut(|(name, value)| keep(name, value));
        self.number();
    }

    /// All properties in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.properties.iter())
    }

    /// The names in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Text> + ExactSizeIterator + Clone {
        self.properties.iter().map(|(name, _)| name)
    }

    /// The values in order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.properties.iter().map(|(_, value)| value)
    }

    /// The values in order, without the names.
    pub fn into_values(self) -> impl Iterator<Item = Value> {
        self.properties.into_iter().map(|(_, value)| value)
    }

    /// Adds a property that is known not to be there.
    pub(crate) fn push(&mut self, name: Text, value: Value) {
        if let Some(places) = &mut self.places {
            places.insert(name.clone(), self.properties.len());
        }
        self.properties.push((name, value));
        if self.places.is_none() {
            self.number();
        }
    }

    /// Writes down anew where each name stands, if there are many.
    fn number(&mut self) {
        if self.properties.len() <= FEW {
            self.places = None;
            return;
        }
        let numbered = self.properties.iter().enumerate();
        self.places = Some(
            numbered
                .map(|(place, (name, _))| (name.clone(), place))
                .collect::<FxHashMap<_, _>>()
                .into(),
        );
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            None => place_in(&self.properties, name),
            Some(places) => places.get(name).copied(),
        }
    }
}

fn place_in(properties: &[(Text, Value)], name: &str) -> Option<usize> {
    properties.iter().position(|(known, _)| known == name)
}

fn pair(property: &(Text, Value)) -> (&Text, &Value) {
    (&property.0, &property.1)
}

impl PartialEq for Dict {
    fn eq(&self, other: &Dict) -> bool {
        self.len() == other.len()
            // Most stand in the same order.
            && (self.properties == other.properties
                || self.iter().all(|(name, value)| other.get(name) == Some(value)))
    }
}

impl Eq for Dict {}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Index<&str> for Dict {
    type Output = Value;
    fn index(&self, name: &str) -> &Value {
        match self.get(name) {
            Some(value) => value,
            None => panic!("there is no property \"{name}\""),
        }
    }
}

impl Extend<(Text, Value)> for Dict {
    fn extend<I: IntoIterator<Item = (Text, Value)>>(&mut self, properties: I) {
        let properties = properties.into_iter();
        self.reserve(properties.size_hint().0);
        for (name, value) in properties {
            self.insert(name, value);
        }
    }
}

impl FromIterator<(Text, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(properties: I) -> Dict {
        let mut dict = Dict::new();
        dict.extend(properties);
        dict
    }
}

impl<const N: usize> From<[(Text, Value); N]> for Dict {
    fn from(properties: [(Text, Value); N]) -> Dict {
        properties.into_iter().collect()
    }
}

impl IntoIterator for Dict {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.properties.into_iter()
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = (&'a Text, &'a Value);
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The properties of a dict in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(std::slice::Iter<'a, (Text, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Text, &'a Value);
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(pair)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(pair)
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: usize) -> Text {
        crate::format_text!("p{n}")
    }

    /// Few and many properties alike.
    #[test]
    fn a_dict_keeps_the_order_and_finds_what_it_holds() {
        for count in [0, 1, FEW - 1, FEW, FEW + 1, 3 * FEW] {
            let mut dict: Dict = (0..count).map(|n| (name(n), Value::Int(n as i64))).collect();
            assert!((0..count).all(|n| dict.get(&name(n)) == Some(&Value::Int(n as i64))));
            assert!(dict.keys().eq((0..count).map(name).collect::<Vec<_>>().iter()));
            let reversed: Dict = dict.clone().into_iter().rev().collect();
            assert_eq!(dict, reversed);
            if count > 0 {
                assert_eq!(dict.insert(name(0), Value::Null), Some(Value::Int(0)));
                assert_ne!(dict, reversed);
                assert_eq!((dict.len(), dict.keys().next()), (count, Some(&name(0))));
                assert_eq!(dict.shift_remove("p0"), Some(Value::Null));
            }
            assert_eq!(dict.shift_remove("p0"), None);
            assert!((1..count).all(|n| dict[&*name(n)] == Value::Int(n as i64)));
            dict.retain(|_, value| matches!(value, Value::Int(n) if n % 2 == 0));
            assert!((1..count).all(|n| dict.contains_key(&name(n)) == (n % 2 == 0)));
        }
    }

    #[test]
    fn what_is_taken_from_another_replaces_and_follows() {
        for count in [3, FEW - 1, 2 * FEW] {
            let other: Dict = (0..count).map(|n| (name(n), Value::Int(1))).collect();
            let mut dict: Dict = [(name(2), Value::Null), ("x".into(), Value::Null)].into();
            dict.insert_from(&other, |name| name != "p1");
            let names: Vec<&str> = dict.keys().map(Text::as_str).take(4).collect();
            assert_eq!(
                names,
                if count > 3 { vec!["p2", "x", "p0", "p3"] } else { vec!["p2", "x", "p0"] }
            );
            assert_eq!(dict.len(), count);
            assert_eq!(dict["p2"], Value::Int(1));
        }
    }
}
