use pipewright_language::{Position, Range, Workspace};
use proptest::prelude::*;

use crate::{PATH, changed, with_rule, workspace};

/// A text in its layout.
fn formatted(text: &str) -> String {
    let workspace = Workspace::new([(PATH, text)], None);
    match workspace.format(PATH) {
        Some(change) => changed(text, &[change]),
        None => text.to_owned(),
    }
}

#[test]
fn one_layout() {
    let text = r#"// a pipe
{"_id":"a", // which
 "type" : "pipe","list":[ ],"object":{},

 /* where it
    comes from */
 "source":{"type":"embedded","entities":[{"_id":"1","n":1.50e2,"s":"\u00e5"},]},
 "transform":{"type":"dtl","rules":{"default":[
  ["add","::x",["concat","_S.first-name-of-the-person"," ","_S.last-name-of-the-person",["upper","_S.country"]]],
  ["add","o",["hops",{"datasets":["orders o"],"where":[["eq","_S._id","o.person"]]}]], // joined


  // the end
  ["copy","*"]
 ]}}
}"#;
    let wanted = r#"// a pipe
{
  "_id": "a", // which
  "type": "pipe",
  "list": [],
  "object": {},

  /* where it
    comes from */
  "source": {
    "type": "embedded",
    "entities": [
      {
        "_id": "1",
        "n": 1.50e2,
        "s": "\u00e5"
      }
    ]
  },
  "transform": {
    "type": "dtl",
    "rules": {
      "default": [
        ["add", "::x",
          ["concat", "_S.first-name-of-the-person", " ", "_S.last-name-of-the-person",
            ["upper", "_S.country"]
          ]
        ],
        ["add", "o",
          ["hops", {
            "datasets": ["orders o"],
            "where": [["eq", "_S._id", "o.person"]]
          }]
        ], // joined

        // the end
        ["copy", "*"]
      ]
    }
  }
}
"#;
    let found = formatted(text);
    assert_eq!(found, wanted, "\n{found}");
    assert_eq!(formatted(&found), found);
}

#[test]
fn what_is_broken_is_left_alone() {
    let text = r#"{"_id": "a" "type": "pipe"}"#;
    assert_eq!(formatted(text), text);
}

#[test]
fn line_ends_stay() {
    assert_eq!(
        formatted("{\"a\": 1,\r\n\"b\": [] /* x\r\ny */}"),
        "{\r\n  \"a\": 1,\r\n  \"b\": [] /* x\r\ny */\r\n}\r\n"
    );
}

/// JSON with comments and odd spellings.
fn json() -> impl Strategy<Value = String> {
    let gap = || {
        proptest::sample::select(vec![
            "",
            " ",
            "\n",
            "\n\n\n",
            " // note\n",
            "/* a */",
            "\n  /* b\n c */ \n",
            "\t",
            "\r\n",
        ])
    };
    let scalar = proptest::sample::select(vec![
        "1",
        "1.50",
        "-0",
        "2e+5",
        "\"a\"",
        "\"\\u00e5\\/\"",
        "\"// no comment\"",
        "\"/*\"",
        "true",
        "null",
        "\"a long text that takes much of the line it stands on\"",
        "\"å😀\"",
    ]);
    let leaf = (gap(), scalar, gap()).prop_map(|(a, b, c)| format!("{a}{b}{c}"));
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..6);
        let object = proptest::collection::vec((gap(), 0..9u8, gap(), inner), 0..5);
        prop_oneof![
            (gap(), list, gap(), proptest::bool::ANY).prop_map(|(a, items, b, comma)| {
                let comma = if comma && !items.is_empty() { "," } else { "" };
                format!("{a}[{}{comma}{b}]{a}", items.join(","))
            }),
            (gap(), object, gap()).prop_map(|(a, members, b)| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(c, key, d, value)| format!("{c}\"k{key}\"{d}:{value}"))
                    .collect();
                format!("{a}{{{}{b}}}{a}", members.join(","))
            }),
        ]
    })
}

/// Every token but blanks and commas, in order: brackets, strings, numbers,
/// words. Comments are put at the end, sorted, as they may move past a comma.
fn tokens(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").unwrap() + 2
        } else if first == '"' {
            let mut end = 1;
            while rest.as_bytes()[end] != b'"' {
                end += if rest.as_bytes()[end] == b'\\' { 2 } else { 1 };
            }
            end + 1
        } else {
            let word = rest
                .find(|c: char| !c.is_alphanumeric() && !"+-.".contains(c))
                .unwrap_or(rest.len());
            word.max(first.len_utf8())
        };
        let token = &rest[..end];
        if token.starts_with('/') {
            comments.push(token.trim_end().replace("\r\n", "\n"));
        } else if !token.trim().is_empty() && token != "," {
            tokens.push(token.to_owned());
        }
        rest = &rest[end..];
    }
    comments.sort();
    (tokens, comments)
}

proptest! {
    #[test]
    fn format_keeps_every_token_and_is_stable(text in json()) {
        let new = formatted(&text);
        prop_assert_eq!(tokens(&new), tokens(&text));
        prop_assert_eq!(formatted(&new), new);
    }
}

/// The titles of what is offered at the cursor, and the text after the first.
fn offered(text: &str) -> (Vec<String>, String) {
    let (workspace, at) = workspace(text);
    let plain = text.replacen('‸', "", 1);
    let actions = workspace.actions(PATH, Range { start: at, end: at });
    let new = actions.first().map_or(plain.clone(), |action| changed(&plain, &action.changes));
    (actions.into_iter().map(|action| action.title).collect(), new)
}

#[test]
fn a_slip_is_mended() {
    for (wrong, right) in [
        (r#"["add", "x", ["cancat‸", "a"]]"#, r#"["add", "x", ["concat", "a"]]"#),
        (r#"["cop‸i", "*"]"#, r#"["copy", "*"]"#),
        (
            r#"["add", "x", ["apply", "odrer‸", "_S.x"]]"#,
            r#"["add", "x", ["apply", "order", "_S.x"]]"#,
        ),
        (
            r#"["add", "å😀", tr‸ue_], ["apply", "order"]"#,
            r#"["add", "å😀", "true_"], ["apply", "order"]"#,
        ),
        (r#"["copy", "*"]‸ ["add", "a", 1]"#, r#"["copy", "*"], ["add", "a", 1]"#),
        (r#"["copy", 'a‸']"#, r#"["copy", "a"]"#),
        (
            r#"["add", "x", ["hops", {"datasets": ["crm-oder‸ o"], "where": ["eq", "_S._id", "o.x"]}]]"#,
            r#"["add", "x", ["hops", {"datasets": ["crm-order o"], "where": ["eq", "_S._id", "o.x"]}]]"#,
        ),
    ] {
        let (titles, new) = offered(&with_rule(wrong));
        assert_eq!(new, with_rule(right), "{titles:?}");
    }
    let (_, new) = offered(
        r#"{"_id": "p", "type": "pipe", "source": {"type": "dataset", "datset‸": "crm-order"}}"#,
    );
    assert!(new.contains(r#""dataset": "crm-order""#), "{new}");
}

#[test]
fn a_rule_that_is_missing_is_made() {
    let (titles, new) = offered(&with_rule(r#"["add", "x", ["apply", "som‸ething", "_S.x"]]"#));
    assert_eq!(titles, [r#"Add a rule "something""#]);
    assert!(new.contains(r#""something": [["copy", "*"]]"#), "{new}");
}

#[test]
fn a_rule_that_nothing_uses_is_removed() {
    let text =
        with_rule(r#"["copy", "*"]"#).replacen("[[\"copy\", \"*\"]]", "[[\"co‸py\", \"*\"]]", 1);
    let (titles, new) = offered(&text);
    assert_eq!(titles, ["Remove the rule"]);
    assert!(!new.contains("order"), "{new}");
}

#[test]
fn there_is_nothing_to_mend_elsewhere() {
    let text = with_rule(r#"["add", "x", ["cancat", "a"]]"#);
    let workspace = Workspace::new([(PATH, text.as_str())], None);
    let at = Position { line: 1, column: 1 };
    assert_eq!(workspace.actions(PATH, Range { start: at, end: at }), []);
}
