//! Where properties come from and go to.

use pipewright_language::{ReadFor, Workspace};

const FILES: [(&str, &str); 4] = [
    (
        "pipes/people.conf.json",
        r#"{"_id": "people", "type": "pipe", "source": {"type": "embedded", "entities": []},
            "transform": {"type": "dtl", "rules": {"default": [
                ["add", "mail", ["lower", "_S.email"]], ["add", "name", "_S.name"]]}}}"#,
    ),
    (
        "pipes/known.conf.json",
        r#"{"_id": "known", "type": "pipe", "source": {"type": "dataset", "dataset": "people"},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "*"], ["add", "label", ["concat", "_S.name", " ", "_T.mail"]]]}}}"#,
    ),
    (
        "pipes/orders.conf.json",
        r#"{"_id": "orders", "type": "pipe", "source": {"type": "embedded", "entities": []},
            "transform": {"type": "dtl", "rules": {"default": [
                ["add", "buyer", ["hops", {"datasets": ["known k"],
                    "where": ["eq", "_S.who", "k._id"], "return": "k.label"}]]]}}}"#,
    ),
    (
        "pipes/all.conf.json",
        r#"{"_id": "all", "type": "pipe", "source": {"type": "merge", "version": 2,
            "datasets": ["known a", "people b"], "equality_sets": [["a.mail", "b.mail"]]}}"#,
    ),
];

#[test]
fn a_property_is_followed_up_and_down() {
    let workspace = Workspace::new(FILES, None);
    assert_eq!(workspace.lineage("nobody"), None);
    let known = workspace.lineage("known").unwrap();
    let names: Vec<&str> = known.properties.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["label", "mail", "name"]);
    assert!(!known.may_make_more);
    let of = |name: &str| known.properties.iter().find(|it| it.name == name).unwrap();

    let label = &of("label").made[0];
    assert_eq!(label.what, "add");
    assert_eq!(&FILES[1].1[label.span.clone()][..14], r#"["add", "label"#);
    let from: Vec<(String, &[String])> =
        label.from.iter().map(|it| (it.name.clone(), it.pipes.as_slice())).collect();
    assert_eq!(
        from,
        [("mail".to_owned(), &[][..]), ("name".to_owned(), &["people".to_owned()][..])]
    );

    let used: Vec<(&str, ReadFor, &[String])> =
        of("label").used.iter().map(|it| (it.pipe.as_str(), it.what, &it.makes[..])).collect();
    assert_eq!(used, [("orders", ReadFor::Lookup, &["buyer".to_owned()][..])]);
    let mail = of("mail");
    assert_eq!((mail.made[0].what.as_str(), mail.made[0].from[0].name.as_str()), ("copy", "mail"));
    assert_eq!((mail.used[0].pipe.as_str(), mail.used[0].what), ("all", ReadFor::Merge));

    let people = workspace.lineage("people").unwrap();
    let name = people.properties.iter().find(|it| it.name == "name").unwrap();
    let used: Vec<ReadFor> = name.used.iter().map(|it| it.what).collect();
    assert_eq!(used, [ReadFor::Source, ReadFor::Copy]);
}
