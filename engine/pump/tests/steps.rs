//! Transforms other than DTL, and sources that compare.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, by_id};
use pipewright_pump::Ending;
use serde_json::{Value as Json, json};

/// What transforms make of one entity.
fn made(transform: Json, entity: Json) -> Vec<Json> {
    let node = TestNode::new([json!({
        "_id": "p",
        "source": {"type": "embedded", "entities": [entity]},
        "transform": transform,
    })]);
    let report = node.run("p");
    assert_eq!(report.ending, Ending::Completed);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    node.current("p").into_values().collect()
}

/// Why transforms refuse an entity.
fn refused(transform: Json, entity: Json) -> String {
    let node = TestNode::new([json!({
        "_id": "p",
        "source": {"type": "embedded", "entities": [entity]},
        "transform": transform,
    })]);
    node.run("p").failures[0].1.clone()
}

#[test]
fn names_change_case_at_the_root_or_everywhere() {
    let entity = json!({"_id": "1", "Aa": {"Bb": [{"Cc": 1}]}, "$Dd": 1});
    let lower = |config: Json| made(config, entity.clone());
    assert_eq!(
        lower(json!({"type": "lower_keys"})),
        [json!({"_id": "1", "aa": {"Bb": [{"Cc": 1}]}, "$Dd": 1})]
    );
    assert_eq!(
        lower(json!({"type": "lower_keys", "recurse": true})),
        [json!({"_id": "1", "aa": {"bb": [{"cc": 1}]}, "$Dd": 1})]
    );
    assert_eq!(
        lower(json!({"type": "upper_keys", "recurse": true})),
        [json!({"_id": "1", "AA": {"BB": [{"CC": 1}]}, "$Dd": 1})]
    );
}

#[test]
fn edges_join_all_that_is_named_once() {
    let graph = json!({"type": "undirected_graph", "nodes": ["_id", "map"], "from": "f"});
    let edges = made(graph.clone(), json!({"_id": "a", "map": ["b", "~rx:c", "b", null]}));
    assert_eq!(edges.len(), 6);
    assert!(edges.contains(&json!({"_id": "a.x:c", "f": "a", "to": "~rx:c"})));
    assert_eq!(made(graph.clone(), json!({"_id": "a"})), Vec::<Json>::new());
    assert!(refused(graph, json!({"_id": "a", "map": 1})).contains("strings or URIs"));
}

#[test]
fn schemas_say_what_is_wrong_in_known_words() {
    let check = |schema: Json, entity: Json| {
        let transform = json!({"type": "json_schema", "schema": schema});
        made(transform, entity)[0]["errors"].clone()
    };
    let property = |schema: Json| json!({"properties": {"a": schema}});
    for (schema, value, error) in [
        (json!({"type": "string"}), json!(5), "5 is not of type 'string'"),
        (json!({"type": ["string", "null"]}), json!(true), "True is not of type 'null', 'string'"),
        (json!({"enum": ["x", 1]}), json!("y"), "'y' is not one of ['x', 1]"),
        (json!({"minimum": 3}), json!(2), "2 is less than the minimum of 3"),
        (json!({"maximum": 3}), json!(4), "4 is greater than the maximum of 3"),
        (json!({"maxLength": 1}), json!("it's"), "\"it's\" is too long"),
        (json!({"pattern": "^b"}), json!("a"), "'a' does not match '^b'"),
        (json!({"const": null}), json!({"b": [1]}), "None was expected"),
        (json!({"uniqueItems": true}), json!([1, 1]), "[1, 1] has non-unique elements"),
    ] {
        assert_eq!(check(property(schema), json!({"_id": "1", "a": value})), json!([error]));
    }
    let closed = json!({"properties": {"_id": {}}, "additionalProperties": false});
    assert_eq!(
        check(closed, json!({"_id": "1", "b": 1})),
        json!(["Additional properties are not allowed ('b' was unexpected)"])
    );
    let config = json!({"type": "json_schema", "schema": {"required": ["a"]},
                        "key_valid": "ok", "key_errors": "why",
                        "trigger_on": {"key": "kind", "value": "x*"}});
    let fine = made(config.clone(), json!({"_id": "1", "a": 1, "kind": "xy", "why": "old"}));
    assert_eq!(fine, [json!({"_id": "1", "a": 1, "kind": "xy", "ok": true})]);
    let untouched = json!({"_id": "1", "kind": "y"});
    assert_eq!(made(config, untouched.clone()), [untouched]);
}

#[test]
fn triples_have_types_and_blank_nodes() {
    let rdf = json!({"type": "rdf", "rdf-property": "nt"});
    let entity = json!({"_id": "_:1", "foaf:name": ["a \"b\"\n", "c"], "plain": 1, "$x": 1,
        "_:n": {"_:age": 4, "_:list": [[true], {"_:in": "~t2020-01-02"}]},
        "_:at": "~:foaf:x", "_:u": "~rhttp://x.example/a b"});
    let xsd = "http://www.w3.org/2001/XMLSchema#";
    let expected = format!(
        "<http://example.org/1> <http://xmlns.com/foaf/0.1/name> \"a \\\"b\\\"\\n\".\n\
         <http://example.org/1> <http://xmlns.com/foaf/0.1/name> \"c\".\n\
         <http://example.org/1> <http://example.org/n> _:x1.\n\
         <http://example.org/1> <http://example.org/at> <http://xmlns.com/foaf/0.1/x>.\n\
         <http://example.org/1> <http://example.org/u> <http://x.example/a%20b>.\n\
         _:x1 <http://example.org/age> \"4\"^^<{xsd}integer>.\n\
         _:x1 <http://example.org/list> \"true\"^^<{xsd}boolean>.\n\
         _:x1 <http://example.org/list> _:x2.\n\
         _:x2 <http://example.org/in> \"2020-01-02\"^^<{xsd}date>.\n"
    );
    assert_eq!(made(rdf.clone(), entity)[0]["nt"], json!(expected));
    assert!(refused(rdf, json!({"_id": "1"})).contains("no URI"));
}

#[test]
fn xml_has_one_element_for_each_dict() {
    let xml = json!({"type": "xml", "xml-property": "xml", "include-xml-decl": true,
                     "root-attributes": {"xmlns": "urn:a"}});
    let entity = json!({"_id": "1", "a": "<&\"", "skip": [1], "_b": 2,
                        "<t>": [{"n": 1.5, "<c>": null}, 7, {"<d>": {"<e>": "~:x:y"}}]});
    assert_eq!(
        made(xml.clone(), entity)[0]["xml"],
        json!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
             <t xmlns=\"urn:a\" a=\"&lt;&amp;&quot;\"><c n=\"1.5\"/><d><e>x:y</e></d></t>"
        )
    );
    assert!(refused(xml.clone(), json!({"_id": "1"})).contains("exactly one"));
    assert!(refused(xml.clone(), json!({"_id": "1", "<a>": 1, "<b>": 1})).contains("exactly one"));
    assert!(refused(xml.clone(), json!({"_id": "1", "<a b>": 1})).contains("no name"));
    let deleted = json!({"_id": "1", "_deleted": true, "<t>": 1});
    assert_eq!(made(xml, deleted.clone()), [deleted]);
}

#[test]
fn what_differs_between_datasets_comes_and_goes() {
    let source = json!({"type": "diff_datasets", "datasets": ["a", "b"], "blacklist": ["skip"],
                        "treat_lists_as_sets": true, "ignore_deletes": true});
    let node = TestNode::new([json!({"_id": "d", "source": source})]);
    let same = json!({"_id": "same", "n": 1, "l": [1, 2, 2], "skip": 1});
    node.put("a", [same, json!({"_id": "x", "n": 1}), json!({"_id": "dead", "_deleted": true})]);
    node.put("b", [json!({"_id": "same", "n": 1.0, "l": [2, 1]}), json!({"_id": "x", "n": 2})]);
    node.run("d");
    let diff = |n: Json| json!({"n": {"a": 1, "b": n}});
    let x = |n: i64| json!({"_id": "x", "a": {"_id": "x", "n": 1}, "b": {"_id": "x", "n": n}, "$diff": diff(json!(n))});
    assert_eq!(node.current("d"), by_id([x(2)]));
    node.put("b", [json!({"_id": "x", "n": 3})]);
    node.run("d");
    assert_eq!(node.live("d"), by_id([x(3)]));
    node.put("b", [json!({"_id": "x", "n": 1})]);
    node.run("d");
    assert_eq!(node.live("d"), by_id([]));
    node.put("b", [json!({"_id": "x", "_deleted": true, "n": 1})]);
    node.run("d");
    let alone = json!({"_id": "x", "a": {"_id": "x", "n": 1}, "$diff": {"n": {"a": 1}}});
    assert_eq!(node.live("d"), by_id([alone]));
}

#[test]
fn the_first_version_of_merge_joins_any_number() {
    let source = |version: Json| {
        json!({"type": "merge", "datasets": ["a a", "b b"], "equality": [["eq", "a.k", "b.k"]],
               "max_merged": 2, "version": version})
    };
    let mut node = TestNode::new([json!({"_id": "m", "source": source(json!(1))})]);
    node.put("a", [json!({"_id": "1", "k": 1}), json!({"_id": "2", "k": 1})]);
    node.put("b", [json!({"_id": "1", "k": 1})]);
    node.run("m");
    let merged = json!({"_id": "0|1|0|2|1|1", "k": [1, 1, 1], "$ids": ["1", "2"]});
    assert_eq!(node.live("m"), by_id([merged]));
    node.configure(json!({"_id": "m", "source": source(json!(2))}));
    let Ending::Failed { reason, .. } = node.run("m").ending else {
        panic!("more than two are one")
    };
    assert!(reason.contains("max_merged"), "{reason}");
}
