//! One layout for every text: the same for the same meaning, with the comments
//! and the spelling of strings and numbers as they were.
//!
//! Objects have a line per member. Lists stand on one line while they fit. A
//! call that does not fit has its name and the plain arguments that follow it
//! on the first line, and a line for each of the others.

use pipewright_dtl::syntax::{Document, Node, NodeKind};

/// How far a line may reach.
const WIDTH: usize = 100;
const UNIT: &str = "  ";

/// The text in its layout; `None` when its JSON is broken, so that something
/// could be lost.
pub(crate) fn format(document: &Document) -> Option<String> {
    let root = document.root.as_ref()?;
    if document.is_broken() {
        return None;
    }
    let mut layout = Layout { text: &document.text, new: String::new() };
    let mark = if document.text.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    let before = Gap::read(&document.text[mark.len()..root.span.start]);
    let mut after = Gap::read(&document.text[root.span.end..]);
    while after.own_lines.last() == Some(&"") {
        after.own_lines.pop();
    }
    layout.new.push_str(mark);
    let above = before.all();
    layout.own_lines(&above[above.iter().take_while(|comment| comment.is_empty()).count()..], "");
    layout.value(root, "", 0);
    for comment in &after.same_line {
        layout.new.push(' ');
        layout.new.push_str(comment);
    }
    layout.new.push('\n');
    layout.own_lines(&after.own_lines, "");
    let new = match layout.new.contains('\r') {
        true => layout.new.replace("\r\n", "\n"),
        false => layout.new,
    };
    let windows = document.text.find('\n').is_some_and(|at| document.text[..at].ends_with('\r'));
    Some(if windows { new.replace('\n', "\r\n") } else { new })
}

/// What stands between two values: comments, and whether there was an empty
/// line.
#[derive(Default)]
struct Gap<'a> {
    /// Comments that begin on the line of what comes before.
    same_line: Vec<&'a str>,
    /// Comments on lines of their own, an empty one for an empty line.
    own_lines: Vec<&'a str>,
}

impl<'a> Gap<'a> {
    /// Reads a text of blanks, comments, commas and colons.
    fn read(text: &'a str) -> Gap<'a> {
        let mut gap = Gap::default();
        let mut rest = text;
        // Whether a line has ended, and whether the present one is empty.
        let (mut below, mut empty) = (false, false);
        while let Some(first) = rest.chars().next() {
            let end = if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(inside) = rest.strip_prefix("/*") {
                inside.find("*/").map_or(rest.len(), |end| end + 4)
            } else {
                if first == '\n' {
                    if below && empty && gap.own_lines.last() != Some(&"") {
                        gap.own_lines.push("");
                    }
                    (below, empty) = (true, true);
                }
                rest = &rest[first.len_utf8()..];
                continue;
            };
            let comment = rest[..end].trim_end();
            if below {
                gap.own_lines.push(comment)
            } else {
                gap.same_line.push(comment)
            }
            empty = false;
            rest = &rest[end..];
        }
        gap
    }

    /// All comments, in order.
    fn all(&self) -> Vec<&'a str> {
        self.same_line.iter().chain(&self.own_lines).copied().collect()
    }

    fn is_empty(&self) -> bool {
        self.same_line.is_empty() && self.own_lines.iter().all(|comment| comment.is_empty())
    }
}

struct Layout<'a> {
    text: &'a str,
    new: String,
}

/// A child of a list or object.
struct Child<'a> {
    /// Its key, as it is spelled.
    key: Option<&'a str>,
    node: &'a Node,
    /// Comments on lines above it.
    above: Vec<&'a str>,
    /// Comments at the end of its line.
    beside: Vec<&'a str>,
}

impl<'a> Layout<'a> {
    /// Comments on lines of their own. The first line begins where the text
    /// is; the others are indented.
    fn own_lines(&mut self, comments: &[&str], indent: &str) {
        for comment in comments {
            self.new.push_str(comment.trim_end());
            self.new.push('\n');
            self.new.push_str(indent);
        }
    }

    /// The children of a value with the comments between them, and those
    /// before the closing bracket.
    fn children(&self, node: &'a Node) -> (Vec<Child<'a>>, Vec<&'a str>) {
        let mut children: Vec<Child<'a>> = Vec::new();
        let mut at = node.span.start + 1;
        let parts: Vec<(Option<std::ops::Range<usize>>, &Node)> = match &node.kind {
            NodeKind::Object(members) => {
                members.iter().map(|it| (Some(it.key_span.clone()), &it.value)).collect()
            }
            _ => node.items().iter().map(|item| (None, item)).collect(),
        };
        for (key, value) in parts {
            let start = key.as_ref().map_or(value.span.start, |key| key.start);
            let gap = Gap::read(&self.text[at..start]);
            let mut above = Vec::new();
            match children.last_mut() {
                Some(last) => last.beside.extend(gap.same_line),
                None => above.extend(gap.same_line),
            }
            above.extend(gap.own_lines);
            if children.is_empty() {
                // No empty line after the opening bracket.
                while above.first() == Some(&"") {
                    above.remove(0);
                }
            }
            let key = key.map(|key| {
                // What stands between a key and its value goes above both.
                let between = Gap::read(&self.text[key.end..value.span.start]);
                above.extend(between.all().into_iter().filter(|comment| !comment.is_empty()));
                &self.text[key]
            });
            children.push(Child { key, node: value, above, beside: Vec::new() });
            at = value.span.end;
        }
        let gap = Gap::read(&self.text[at..node.span.end - 1]);
        let mut last = gap.own_lines;
        match children.last_mut() {
            Some(child) => child.beside.extend(gap.same_line),
            None => last.splice(0..0, gap.same_line).for_each(drop),
        }
        while last.last() == Some(&"") {
            last.pop();
        }
        (children, last)
    }

    /// A value, with what follows it on its line (`after` columns) in mind.
    fn value(&mut self, node: &'a Node, indent: &str, after: usize) {
        let room = match is_plain(node) {
            true => usize::MAX,
            false => WIDTH.saturating_sub(self.column() + after),
        };
        let start = self.new.len();
        if self.flat(node, room).is_some() {
            return;
        }
        self.new.truncate(start);
        let (children, last) = self.children(node);
        match &node.kind {
            NodeKind::Object(_) => self.lines('{', children, last, '}', indent),
            _ if hugs(&children) && last.is_empty() => self.hug(&children, indent),
            _ => self.list(children, last, indent),
        }
    }

    /// A value on one line, and the room left behind it, in characters. `None`
    /// when it has comments or members inside or there is too little room; some
    /// of it may have been written then.
    fn flat(&mut self, node: &'a Node, room: usize) -> Option<usize> {
        let (open, close) = match &node.kind {
            NodeKind::Object(members) if members.is_empty() => ("{", "}"),
            NodeKind::Object(_) => return None,
            NodeKind::Array(_) => ("[", "]"),
            _ => return self.piece(&self.text[node.span.clone()], room),
        };
        let mut room = self.piece(open, room)?;
        let mut at = node.span.start + 1;
        for (index, item) in node.items().iter().enumerate() {
            if !Gap::read(&self.text[at..item.span.start]).is_empty() {
                return None;
            }
            if index > 0 {
                room = self.piece(", ", room)?;
            }
            room = self.flat(item, room)?;
            at = item.span.end;
        }
        let gap = Gap::read(&self.text[at..node.span.end - 1]);
        let room = self.piece(close, room)?;
        gap.is_empty().then_some(room)
    }

    /// Writes a piece of a line if there is room for it; the room that is left.
    fn piece(&mut self, text: &str, room: usize) -> Option<usize> {
        let left = room.checked_sub(text.chars().count())?;
        self.new.push_str(text);
        Some(left)
    }

    /// `["hops", {` with the members of the object below and `}]` at the end.
    fn hug(&mut self, children: &[Child<'a>], indent: &str) {
        self.new.push('[');
        for (index, child) in children.iter().enumerate() {
            if index > 0 {
                self.new.push_str(", ");
            }
            if index + 1 == children.len() {
                let (inside, last) = self.children(child.node);
                self.lines('{', inside, last, '}', indent);
            } else {
                self.new.push_str(&self.text[child.node.span.clone()]);
            }
        }
        self.new.push(']');
    }

    fn list(&mut self, children: Vec<Child<'a>>, last: Vec<&'a str>, indent: &str) {
        // A call keeps its plain arguments beside its name.
        let is_call = children.first().is_some_and(|child| child.node.as_str().is_some());
        let plain = |child: &&Child<'_>| {
            is_plain(child.node) && child.above.is_empty() && child.beside.is_empty()
        };
        let beside = if is_call { children.iter().take_while(plain).count() } else { 0 };
        let long = children[..beside].iter().map(|child| child.node.span.len() + 2).sum::<usize>();
        // All plain, or too many beside the name: a line for each.
        if beside == 0 || beside == children.len() || self.column() + long > WIDTH {
            return self.lines('[', children, last, ']', indent);
        }
        self.new.push('[');
        let mut children = children;
        let rest = children.split_off(beside);
        for (index, child) in children.iter().enumerate() {
            self.new.push_str(if index > 0 { ", " } else { "" });
            self.new.push_str(&self.text[child.node.span.clone()]);
        }
        self.new.push(',');
        self.rows(rest, last, indent);
        self.new.push(']');
    }

    fn lines(
        &mut self,
        open: char,
        children: Vec<Child<'a>>,
        last: Vec<&'a str>,
        close: char,
        indent: &str,
    ) {
        self.new.push(open);
        if !children.is_empty() || !last.is_empty() {
            self.rows(children, last, indent);
        }
        self.new.push(close);
    }

    /// Each child on a line of its own, one level further in.
    fn rows(&mut self, children: Vec<Child<'a>>, last: Vec<&'a str>, indent: &str) {
        let below = format!("{indent}{UNIT}");
        let count = children.len();
        for (index, child) in children.into_iter().enumerate() {
            self.break_line(&below);
            for comment in child.above {
                self.new.push_str(comment);
                self.break_line(&below);
            }
            if let Some(key) = child.key {
                self.new.push_str(key);
                self.new.push_str(": ");
            }
            self.value(child.node, &below, 1);
            if index + 1 < count {
                self.new.push(',');
            }
            for comment in child.beside {
                self.new.push(' ');
                self.new.push_str(comment);
            }
        }
        for comment in last {
            self.break_line(&below);
            self.new.push_str(comment);
        }
        self.break_line(indent);
    }

    /// A new line; nothing is left at the end of the one before.
    fn break_line(&mut self, indent: &str) {
        let kept = self.new.trim_end_matches([' ', '\t']).len();
        self.new.truncate(kept);
        self.new.push('\n');
        self.new.push_str(indent);
    }

    fn column(&self) -> usize {
        let line = self.new.rfind('\n').map_or(0, |at| at + 1);
        self.new[line..].chars().count()
    }
}

/// Whether nothing is inside a value.
fn is_plain(node: &Node) -> bool {
    node.items().is_empty() && node.members().is_empty()
}

/// Whether a list is plain values before one object.
fn hugs(children: &[Child<'_>]) -> bool {
    let Some((last, others)) = children.split_last() else { return false };
    let bare = |child: &Child<'_>| child.above.is_empty() && child.beside.is_empty();
    !others.is_empty()
        && !last.node.members().is_empty()
        && children.iter().all(bare)
        && others.iter().all(|child| is_plain(child.node))
}
