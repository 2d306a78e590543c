//! Where people put cards of the flow: a file beside the config that is kept in
//! version control, one card a line so that changes of several people merge.

use std::collections::BTreeMap;
use std::path::Path;

use pipewright_protocol::studio::{LAYOUT, Spot, Spots};
use serde::{Deserialize, Serialize};

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
struct Layout {
    #[serde(default)]
    cards: BTreeMap<String, Spot>,
}

fn parse(text: &str) -> serde_json::Result<Layout> {
    if text.trim().is_empty() { Ok(Layout::default()) } else { serde_json::from_str(text) }
}

fn print(layout: &Layout) -> String {
    let lines: Vec<String> = layout
        .cards
        .iter()
        .map(|(id, [x, y])| format!("    {}: [{x}, {y}]", serde_json::Value::from(id.as_str())))
        .collect();
    format!("{{\n  \"cards\": {{\n{}\n  }}\n}}\n", lines.join(",\n"))
}

/// The text of the file after cards were moved; `None` when none is left.
pub(crate) fn with(text: &str, cards: &Spots) -> serde_json::Result<Option<String>> {
    let mut layout = parse(text)?;
    for (id, spot) in cards {
        match spot {
            Some(spot) => drop(layout.cards.insert(id.clone(), *spot)),
            None => drop(layout.cards.remove(id)),
        }
    }
    Ok((!layout.cards.is_empty()).then(|| print(&layout)))
}

/// Where these cards stood before.
pub(crate) fn were(text: &str, cards: &Spots) -> Spots {
    let layout = parse(text).unwrap_or_default();
    cards.keys().map(|id| (id.clone(), layout.cards.get(id).copied())).collect()
}

/// Where all cards stand that somebody put somewhere. A file that cannot be
/// read counts as none: the picture is drawn all the same.
pub(crate) fn read(folder: &Path) -> BTreeMap<String, Spot> {
    let Ok(text) = std::fs::read_to_string(folder.join(LAYOUT)) else { return BTreeMap::new() };
    parse(&text)
        .unwrap_or_else(|error| {
            tracing::warn!(file = LAYOUT, %error, "the places of cards cannot be read");
            Layout::default()
        })
        .cards
}

/// What leads from one state to the other.
pub(crate) fn difference(old: &BTreeMap<String, Spot>, new: &BTreeMap<String, Spot>) -> Spots {
    let gone = old.keys().filter(|id| !new.contains_key(*id)).map(|id| (id.clone(), None));
    let moved = new.iter().filter(|(id, spot)| old.get(*id) != Some(spot));
    gone.chain(moved.map(|(id, spot)| (id.clone(), Some(*spot)))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_card_is_one_line() {
        let cards =
            |x| Spots::from([("pipe:a".into(), Some([x, 2])), ("system:\"".into(), Some([3, -4]))]);
        let text = with("", &cards(1)).unwrap().unwrap();
        assert_eq!(text.lines().count(), 6, "{text}");
        let again = with(&text, &cards(7)).unwrap().unwrap();
        let other = text.lines().zip(again.lines()).filter(|(a, b)| a != b).count();
        assert_eq!(other, 1);
        assert_eq!(were(&text, &cards(7)), cards(1));
        let (old, new) = (parse(&text).unwrap().cards, parse(&again).unwrap().cards);
        assert_eq!(difference(&old, &new), Spots::from([("pipe:a".into(), Some([7, 2]))]));
        assert_eq!(difference(&old, &BTreeMap::new()).values().flatten().count(), 0);
    }
}
