//! A long config, as one file of a project.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// How long it is.
pub(crate) const LINES: usize = 2000;

/// Transforms that differ in what they ask of who reads them.
const TRANSFORMS: [&str; 10] = [
    r#"["add", "name-{n}", ["concat", "_S.first-name", " ", ["upper", "_S.last-name"]]]"#,
    r#"["add", "day-{n}", ["datetime-format", "%Y-%m-%d", ["datetime-parse", "%d.%m.%Y", "_S.birthday"]]]"#,
    r#"["if", ["and", ["is-not-null", "_S.email"], ["matches", "*@example.org", "_S.email"]], [["add", "own-{n}", true]], [["add", "own-{n}", false]]]"#,
    r#"["add", "orders-{n}", ["sorted", "_.placed", ["hops", {"datasets": ["shop-order o"], "where": [["eq", "_S._id", "o.person"]]}]]]"#,
    r#"["add", "total-{n}", ["sum", ["map", ["decimal", "_.amount"], "_T.orders-{last}"]]]"#,
    r#"["add", "address-{n}", ["apply", "rule-{rule}", "_S.addresses"]]"#,
    r#"["remove", "draft-{n}"]"#,
    r#"["rename", "old-{n}", "new-{n}"]"#,
    r#"["add", "key-{n}", ["ni", "shop-person", ["string", "_S.number"]]]"#,
    r#"["add", "kind-{n}", ["coalesce", "_S.kind", ["case-eq", "_S.code", "a", "private", "b", "business", "unknown"]]]"#,
];

/// How many transforms a rule has.
const PER_RULE: usize = 25;

pub(crate) struct Config {
    pub(crate) text: String,
}

impl Config {
    /// A pipe with many rules and two mistakes, which is being written in one
    /// line of them.
    pub(crate) fn new() -> Config {
        let head = "{\n  \"_id\": \"shop-person-enrich\",\n  \"type\": \"pipe\",\n  \"source\": {\n    \
                    \"type\": \"dataset\",\n    \"dataset\": \"shop-person\"\n  },\n  \
                    \"transform\": {\n    \"type\": \"dtl\",\n    \"rules\": {\n      \
                    \"default\": [\n        [\"copy\", \"*\"],\n        \
                    [\"add\", \"loud\", [\"uper\", \"_S.name\"]],\n        \
                    [\"add\", \"home\", [\"apply\", \"no-such-rule\", \"_S.addresses\"]],\n        \
                    [\"comment\", \"key typed\"],\n        \
                    [\"add\", \"all\", [\"apply\", \"rule-1\", \"_S.addresses\"]]\n      ]";
        let mut text = head.to_owned();
        let tail = "\n    }\n  }\n}";
        let left = LINES - text.lines().count() - tail.matches('\n').count();
        let rules = left / (PER_RULE + 2);
        let (mut n, mut lines) = (0, left);
        for rule in 1..=rules {
            // The last one fills what is left.
            let transforms = if rule == rules { lines - 2 } else { PER_RULE };
            lines -= transforms + 2;
            // Texts take whatever is written to them.
            let _ = write!(text, ",\n      \"rule-{rule}\": [");
            for at in 0..transforms {
                let transform = TRANSFORMS[n % TRANSFORMS.len()]
                    .replace("{n}", &n.to_string())
                    .replace("{last}", &n.saturating_sub(1).to_string())
                    .replace("{rule}", &(rule % rules + 1).to_string());
                let _ = write!(text, "{}\n        {transform}", if at == 0 { "" } else { "," });
                n += 1;
            }
            text.push_str("\n      ]");
        }
        Config { text: text + tail }
    }

    pub(crate) fn path(&self) -> &'static str {
        "pipes/shop-person-enrich.conf.json"
    }

    /// Its file and those it names, by path.
    pub(crate) fn project(&self) -> Value {
        let source = |id| json!({ "_id": id, "type": "pipe", "source": { "type": "empty" } });
        json!({
            self.path(): self.text,
            "pipes/shop-person.conf.json": source("shop-person").to_string(),
            "pipes/shop-order.conf.json": source("shop-order").to_string(),
        })
    }

    /// The first line that holds something.
    pub(crate) fn line(&self, part: &str) -> u64 {
        (1..).zip(self.text.lines()).find(|(_, line)| line.contains(part)).map_or(0, |(at, _)| at)
    }

    /// Line and column behind the first place where something is written.
    pub(crate) fn behind(&self, part: &str) -> [u64; 2] {
        let at = self.line(part);
        let line = self.text.lines().nth(at as usize - 1).unwrap_or_default();
        let column = line.find(part).map_or(0, |start| start + part.len() + 1);
        [at, column as u64]
    }
}
