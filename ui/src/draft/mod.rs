//! Changes of the project that are more than typing: what is drafted in a
//! dialog, shown, and then made in one step that can be undone.

mod acts;
mod data_files;
mod maker;
mod merge;
mod review;
mod several;

use pipewright_protocol::studio::{Change, FileEdit, LAYOUT, Spot, Spots, SystemOffer};
use serde_json::{Value, json};

pub use acts::{Act, ActDialog, act_items};
pub use data_files::{DataFiles, NewDataFiles};
pub use maker::Maker;
pub use merge::NewMerge;
pub use review::Review;
pub use several::Several;

/// What is wrong with the name of a new component, if anything.
pub fn name_problem(id: &str, what: &str, taken: impl Fn(&str) -> bool) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if id.is_empty() {
        Some(format!("Give the {what} a name."))
    } else if !id.chars().all(fits) {
        Some("Use small letters, digits, - and _ only.".into())
    } else if taken(id) {
        Some(format!("The name {id} is taken already."))
    } else {
        None
    }
}

/// A name made to fit: small letters, digits and dashes.
pub fn fitting(name: &str) -> String {
    let mut fit = String::with_capacity(name.len());
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || c == '_' => fit.push(c),
            _ if !fit.is_empty() && !fit.ends_with('-') => fit.push('-'),
            _ => {}
        }
    }
    fit.trim_end_matches('-').to_owned()
}

/// Config as it is written into a new file.
pub fn text(config: &Value) -> String {
    // Values of JSON always have a text.
    let text = serde_json::to_string_pretty(config).unwrap_or_default();
    format!("{text}\n")
}

/// The step of making a file.
pub fn create(folder: &str, id: &str, config: &Value) -> FileEdit {
    FileEdit {
        path: format!("{folder}/{id}.conf.json"),
        change: Change::Create { text: text(config) },
    }
}

/// Puts the card of a new component somewhere, as part of the step that makes
/// it.
pub fn placed(card: String, spot: Option<Spot>) -> Option<FileEdit> {
    let cards = Spots::from([(card, Some(spot?))]);
    Some(FileEdit { path: LAYOUT.into(), change: Change::Place { cards } })
}

/// The pipe that reads one thing a system offers: into a dataset of its own
/// name, everything copied, what is no longer there marked as deleted.
pub fn pipe_of(id: &str, offer: &SystemOffer) -> Value {
    json!({
        "_id": id,
        "type": "pipe",
        "source": offer.source,
        "transform": { "type": "dtl", "rules": { "default": [["copy", "*"]] } },
    })
}

/// What such a pipe is called to begin with.
pub fn pipe_name(system: &str, offer: &SystemOffer) -> String {
    let name = offer.name.rsplit('/').next().unwrap_or(&offer.name);
    let name = match offer.kind.as_str() {
        "file" => name.rsplit_once('.').map_or(name, |(stem, _)| stem),
        // The usual schema says nothing.
        _ => name.strip_prefix("public.").or_else(|| name.strip_prefix("main.")).unwrap_or(name),
    };
    fitting(&format!("{system}-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(kind: &str, name: &str) -> SystemOffer {
        SystemOffer {
            kind: kind.into(),
            name: name.into(),
            columns: Vec::new(),
            about: None,
            source: Some(json!({"type": "sql", "system": "erp", "table": name})),
        }
    }

    #[test]
    fn names_are_made_to_fit() {
        assert_eq!(pipe_name("erp", &offer("table", "public.Order Lines")), "erp-order-lines");
        assert_eq!(
            pipe_name("crm", &offer("file", "export/Contacts.2024.csv")),
            "crm-contacts-2024"
        );
        assert_eq!(pipe_name("crm", &offer("operation", "list_People")), "crm-list_people");
        for name in ["erp-order-lines", "a"] {
            assert_eq!(name_problem(name, "pipe", |_| false), None);
        }
        for bad in ["", "a b", "../x", "Å"] {
            assert!(name_problem(bad, "pipe", |_| false).is_some(), "{bad}");
        }
        assert!(name_problem("a", "pipe", |id| id == "a").is_some());
    }

    #[test]
    fn a_pipe_of_an_offer_reads_it() {
        let pipe = pipe_of("erp-orders", &offer("table", "orders"));
        assert_eq!(pipe["source"]["table"], "orders");
        assert!(text(&pipe).starts_with("{\n  \"_id\": \"erp-orders\",\n  \"type\": \"pipe\""));
    }
}
