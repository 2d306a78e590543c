//! What is asked of full text (documentation page
//! `hub/features/integrated-search`, section on the query syntax).
//!
//! | typed | means |
//! | --- | --- |
//! | `john doe`, `john \| doe` | one of them at least |
//! | `john + doe` | both |
//! | `john -doe` | the first without the second |
//! | `"john doe"` | the first directly followed by the second |
//! | `"john doe"~2` | with up to two words in between |
//! | `joh*` | words that begin so |
//! | `john~2` | words at most two edits away |
//! | `(a + b) \| c` | parentheses come first |
//!
//! `+` binds closer than `|`. What one cannot make sense of is read as words:
//! there is nothing to do wrong.

use pipewright_entity::{Entity, Text};

use super::words;

/// How many edits a word may be away at most.
const MOST_EDITS: usize = 2;
/// How deep parentheses may nest; those inside are read as none.
const DEEPEST: usize = 20;

/// A question to the words of entities.
#[derive(Clone, Debug, PartialEq)]
pub struct Query(pub(crate) Node);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Word(Text),
    /// A word that begins so.
    Begins(Text),
    /// A word at most so many edits away.
    Like(Text, usize),
    Phrase(Phrase),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
}

/// Words after each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phrase {
    pub(crate) words: Vec<Text>,
    /// The last one may go on.
    pub(crate) begins: bool,
    /// How many other words may stand in between, altogether.
    pub(crate) slop: usize,
}

impl Query {
    /// Reads what was typed; `None` when there is no word in it.
    pub fn parse(typed: &str) -> Option<Query> {
        let mut parser = Parser { rest: typed, depth: 0 };
        let mut parts = Vec::new();
        // A closing parenthesis too many ends nothing.
        while !parser.rest.is_empty() {
            parts.extend(parser.any());
            parser.rest = parser.rest.strip_prefix(')').unwrap_or(parser.rest);
        }
        group(parts).map(Query)
    }

    /// Whether an entity is what was asked for.
    pub fn fits(&self, entity: &Entity) -> bool {
        let mut texts: Vec<Vec<Text>> = Vec::new();
        words::texts(entity, &mut |text| {
            let mut all = Vec::new();
            words::words(text, &mut |word| all.push(Text::new(word)));
            texts.push(all);
        });
        self.0.fits(&texts)
    }
}

impl Node {
    fn fits(&self, texts: &[Vec<Text>]) -> bool {
        let has = |is: &dyn Fn(&Text) -> bool| texts.iter().flatten().any(is);
        match self {
            Node::Word(word) => has(&|other| other == word),
            Node::Begins(beginning) => has(&|other| other.starts_with(beginning.as_str())),
            Node::Like(word, edits) => has(&|other| is_like(word, other, *edits)),
            Node::Phrase(phrase) => texts.iter().any(|text| phrase.is_in(text)),
            Node::All(all) => all.iter().all(|node| node.fits(texts)),
            Node::Any(any) => any.iter().any(|node| node.fits(texts)),
            Node::Not(node) => !node.fits(texts),
        }
    }
}

/// Whether one word becomes the other by so many edits: a letter put in, taken
/// out, changed, or two beside each other exchanged.
pub(crate) fn is_like(word: &str, other: &str, edits: usize) -> bool {
    // Bytes are at most four to a letter.
    word.len().abs_diff(other.len()) <= 4 * edits && strsim::osa_distance(word, other) <= edits
}

impl Phrase {
    fn is_in(&self, text: &[Text]) -> bool {
        let Some((first, rest)) = self.words.split_first() else { return false };
        let is = |at: usize, wanted: &Text, is_last: bool| match self.begins && is_last {
            true => text[at].starts_with(wanted.as_str()),
            false => text[at] == *wanted,
        };
        (0..text.len()).filter(|start| is(*start, first, rest.is_empty())).any(|start| {
            // The next one each time: what comes later leaves less room.
            let (mut at, mut between) = (start, 0);
            rest.iter().enumerate().all(|(place, wanted)| {
                let is_last = place + 1 == rest.len();
                let left = self.slop - between;
                let end = text.len().min(at + 2 + left);
                let next = (at + 1..end).find(|next| is(*next, wanted, is_last));
                if let Some(next) = next {
                    between += next - at - 1;
                    at = next;
                }
                next.is_some()
            })
        })
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl Parser<'_> {
    /// Parts one of which is enough, up to a closing parenthesis.
    fn any(&mut self) -> Vec<Node> {
        let mut parts = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == '|');
            if self.rest.is_empty() || self.rest.starts_with(')') {
                return parts;
            }
            let mut all: Vec<Node> = self.one().into_iter().collect();
            loop {
                let rest = self.rest.trim_start();
                let Some(rest) = rest.strip_prefix('+') else { break };
                self.rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '+');
                all.extend(self.one());
            }
            match all.len() {
                0 => {}
                1 => parts.extend(all),
                _ => parts.push(Node::All(all)),
            }
        }
    }

    fn one(&mut self) -> Option<Node> {
        let rest = self.rest.trim_start_matches('-');
        if rest.len() < self.rest.len() {
            self.rest = rest;
            return self.one().map(|node| Node::Not(Box::new(node)));
        }
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            self.depth += 1;
            let parts = match self.depth > DEEPEST {
                true => Vec::new(),
                false => self.any(),
            };
            self.depth -= 1;
            self.rest = self.rest.strip_prefix(')').unwrap_or(self.rest);
            return group(parts);
        }
        if let Some(rest) = self.rest.strip_prefix('"') {
            let end = rest.find('"').unwrap_or(rest.len());
            let (text, rest) = rest.split_at(end);
            self.rest = rest.strip_prefix('"').unwrap_or(rest);
            let slop = self.number().unwrap_or(0).min(100);
            return phrase(text, text.trim_end().ends_with('*'), slop);
        }
        let ends = |c: char| c.is_whitespace() || "()|\"~*".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if text.is_empty() {
            // A sign that says nothing here; those that end something stay.
            self.rest = rest.strip_prefix(|c: char| c != ')').unwrap_or(rest);
            return None;
        }
        if let Some(rest) = rest.strip_prefix('*') {
            self.rest = rest;
            return phrase(text, true, 0);
        }
        match (self.number(), phrase(text, false, 0)?) {
            (Some(edits @ 1..), Node::Word(word)) => Some(Node::Like(word, edits.min(MOST_EDITS))),
            (_, node) => Some(node),
        }
    }

    /// `~2`, or `~` alone for the most.
    fn number(&mut self) -> Option<usize> {
        let rest = self.rest.strip_prefix('~')?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        self.rest = &rest[digits..];
        Some(rest[..digits].parse().unwrap_or(MOST_EDITS))
    }
}

/// A text as words after each other; one is no phrase.
fn phrase(text: &str, begins: bool, slop: usize) -> Option<Node> {
    let mut all = Vec::new();
    words::words(text, &mut |word| all.push(Text::new(word)));
    match (all.len(), begins) {
        (0, _) => None,
        (1, false) => all.pop().map(Node::Word),
        (1, true) => all.pop().map(Node::Begins),
        _ => Some(Node::Phrase(Phrase { words: all, begins, slop })),
    }
}

/// Parts beside each other: one of them is enough, but none of those that are
/// not to be there may be.
fn group(parts: Vec<Node>) -> Option<Node> {
    let (without, mut any): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| matches!(part, Node::Not(_)));
    let any = match any.len() {
        0 => None,
        1 => any.pop(),
        _ => Some(Node::Any(any)),
    };
    let mut all: Vec<Node> = any.into_iter().chain(without).collect();
    match all.len() {
        0 => None,
        1 => all.pop(),
        _ => Some(Node::All(all)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn fits(typed: &str, text: &str) -> bool {
        let entity = Entity::new("1").with("text", text).with("other", "somewhere else");
        Query::parse(typed).unwrap().fits(&entity)
    }

    #[test]
    fn the_documented_syntax() {
        // What is typed, what it finds, what it does not.
        for (typed, found, not) in [
            ("John + Doe", "doe, john", "john"),
            ("John | Doe", "doe", "jane"),
            ("John Doe", "doe", "jane"),
            ("John -Doe", "john", "john doe"),
            ("\"John Doe\"", "Mr John Doe", "John A Doe"),
            ("\"John Doe\"~2", "John A B Doe", "John A B C Doe"),
            ("\"Joh*\"", "Johanna", "jo"),
            ("Joh*", "Johanna", "jo"),
            ("John~2", "jhn", "jane"),
            ("John~1", "jonh", "jhan"),
            ("(John + Doe) | (Jane Doe)", "jane", "john"),
            ("(John + Doe) | Jane", "jane", "doe"),
            ("a + b c", "c", "a"),
            ("-john", "jane", "john"),
            ("a + -b", "a", "a b"),
            ("-(a b)", "c", "b"),
        ] {
            assert!(fits(typed, found), "{typed} finds {found}");
            assert!(!fits(typed, not), "{typed} does not find {not}");
        }
    }

    #[test]
    fn a_text_of_several_words_is_a_phrase() {
        assert!(fits("b@x.example", "a@x.example, b@x.example"));
        assert!(!fits("b@x.example", "b x and example"));
        assert!(fits("O'Neil", "Ann O'Neil") && fits("2020-03", "2020-03-01"));
        // Not across values.
        assert!(!fits("\"doe somewhere\"", "john doe"));
        // What follows may stand further away as long as it is near enough.
        assert!(fits("\"a b c\"~1", "a x b c") && !fits("\"a b c\"~1", "a x b x c"));
    }

    #[test]
    fn nothing_can_be_typed_wrong() {
        for nothing in ["", "  ", "+", "-", "()", "\"\"", "|", "***", "~", "-(", "((((", ")))"] {
            assert_eq!(Query::parse(nothing), None, "{nothing}");
        }
        for odd in ["(john", "john)", "\"john", "john +", "+john", "| john", "john))((", ") john"] {
            assert!(fits(odd, "john") && !fits(odd, "jane"), "{odd}");
        }
        let deep = "(".repeat(10_000) + "john";
        Query::parse(&deep);
    }
}
