//! Property names and namespaces
//! (documentation pages `hub/features/namespaces`, `hub/dtl/namespaces`).

use pipewright_entity::{Dict, Text, Value, ni};

use crate::compute::wildcard::matches as wildcard;

/// The variables of the language and what they stand for
/// (documentation page `hub/dtl/index`, variables).
pub const VARIABLES: [(&str, &str); 6] = [
    ("_S", "The source entity of the rule."),
    ("_T", "The target entity, as far as it has been made."),
    ("_", "The item at hand, in functions that go over values."),
    ("_P", "The context of the rule that applied this one: _P._S and _P._T."),
    ("_R", "The context of the default rule: _R._S and _R._T."),
    ("_B", "What is bound around the rules, such as the parameters of a request."),
];

/// The namespaces a pipe works with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Namespaces {
    /// Whether names are namespaced identifiers (`namespaced_identifiers`).
    pub enabled: bool,
    /// Namespace of ids.
    pub identity: Text,
    /// Namespace of properties.
    pub property: Text,
}

/// A property as an expression names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// The property with just this name.
    Exact(Text),
    /// Every property with this identifier, in whatever namespace.
    Any(Text),
}

impl Namespaces {
    /// What a name means where a property is read: `::x` is `x` as it stands,
    /// `:x` is `x` in the pipe's property namespace, and an unqualified name
    /// stands for the property in every namespace.
    pub fn reading(&self, name: &str) -> Name {
        if !self.enabled {
            return Name::Exact(Text::new(name));
        }
        if let Some(rest) = name.strip_prefix("::") {
            Name::Exact(Text::new(rest))
        } else if let Some(rest) = name.strip_prefix(':') {
            Name::Exact(ni::join(&self.property, rest))
        } else if name.contains(':') || name.starts_with(['_', '$']) {
            Name::Exact(Text::new(name))
        } else {
            Name::Any(Text::new(name))
        }
    }

    /// The property that is written where an expression names `name`:
    /// unqualified names get the pipe's property namespace; those that start
    /// with `_` or `$` belong to no namespace.
    pub fn writing(&self, name: &str) -> Text {
        if !self.enabled {
            return Text::new(name);
        }
        if let Some(rest) = name.strip_prefix("::") {
            Text::new(rest)
        } else if let Some(rest) = name.strip_prefix(':') {
            ni::join(&self.property, rest)
        } else if name.contains(':') || name.starts_with(['_', '$']) {
            Text::new(name)
        } else {
            ni::join(&self.property, name)
        }
    }

    /// The id that is written for `id`: unqualified ones get the pipe's
    /// identity namespace.
    pub fn identifying(&self, id: &str) -> Text {
        if !self.enabled {
            return Text::new(id);
        }
        if let Some(rest) = id.strip_prefix("::") {
            Text::new(rest)
        } else if let Some(rest) = id.strip_prefix(':') {
            ni::join(&self.identity, rest)
        } else if id.contains(':') {
            Text::new(id)
        } else {
            ni::join(&self.identity, id)
        }
    }
}

impl Name {
    /// The properties of a dict that this name stands for.
    pub fn find<'a>(&'a self, dict: &'a Dict) -> impl Iterator<Item = (&'a Text, &'a Value)> {
        let (exact, any) = match self {
            Name::Exact(name) => (dict.get_key_value(name), None),
            Name::Any(identifier) => (None, Some(identifier)),
        };
        let any = any.into_iter().flat_map(move |identifier| {
            dict.iter().filter(move |(name, _)| is_identifier_of(identifier, name))
        });
        exact.into_iter().chain(any)
    }

    /// Whether the name stands for a property called `name`.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Name::Exact(exact) => exact == name,
            Name::Any(identifier) => is_identifier_of(identifier, name),
        }
    }
}

fn is_identifier_of(identifier: &str, name: &str) -> bool {
    name.strip_suffix(identifier).is_some_and(|before| before.is_empty() || before.ends_with(':'))
}

/// A pattern of property names with `*` (any run) and `?` (any one character).
///
/// With namespaces the last colon separates: the parts match apart, and a
/// pattern without colon matches in every namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    namespace: Option<Text>,
    identifier: Text,
    separate: bool,
}

impl Pattern {
    /// The pattern that `text` means to a pipe with these namespaces.
    pub fn new(text: &str, namespaces: &Namespaces) -> Pattern {
        let whole =
            |text: &str| Pattern { namespace: None, identifier: Text::new(text), separate: false };
        if !namespaces.enabled {
            return whole(text);
        }
        if let Some(rest) = text.strip_prefix("::") {
            return whole(rest);
        }
        let (namespace, identifier) = match text.strip_prefix(':') {
            Some(rest) => (Some(namespaces.property.clone()), rest),
            None => {
                let (namespace, identifier) = ni::split(text);
                (namespace.map(Text::new), identifier)
            }
        };
        Pattern { namespace, identifier: Text::new(identifier), separate: true }
    }

    /// Whether a property name matches as a whole.
    pub fn matches(&self, name: &str) -> bool {
        if !self.separate {
            return wildcard(&self.identifier, name);
        }
        let (namespace, identifier) = ni::split(name);
        wildcard(&self.identifier, identifier)
            && match (&self.namespace, namespace) {
                (None, _) => true,
                (Some(pattern), Some(namespace)) => wildcard(pattern, namespace),
                (Some(_), None) => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespaces() -> Namespaces {
        Namespaces { enabled: true, identity: "foo".into(), property: "bar".into() }
    }

    #[test]
    fn patterns_split_at_the_last_colon() {
        let pattern = |text| Pattern::new(text, &namespaces());
        assert!(pattern("age").matches("x:age") && pattern("age").matches("age"));
        assert!(pattern("x*:*e").matches("x:age") && !pattern("x*:*e").matches("age"));
        assert!(!pattern("x:age").matches("y:age"));
        assert!(pattern(":age").matches("bar:age") && !pattern(":age").matches("age"));
        assert!(pattern("::age").matches("age") && !pattern("::age").matches("bar:age"));
    }

    #[test]
    fn names_that_are_written() {
        let names = namespaces();
        assert_eq!(names.writing("age"), "bar:age");
        assert_eq!(names.writing("x:age"), "x:age");
        assert_eq!(names.writing("::age"), "age");
        assert_eq!(names.writing(":age"), "bar:age");
        assert_eq!(names.writing("_id"), "_id");
        assert_eq!(names.identifying("1"), "foo:1");
        assert_eq!(names.identifying("x:1"), "x:1");
    }
}
