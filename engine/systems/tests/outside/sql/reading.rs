use pipewright_component::{Batch, Continuation, Coverage, Failure, ReadRequest};
use pipewright_entity::Value;
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use super::databases::{Database, all, postgresql, sqlite};
use crate::{entities, read, request, source};

fn batches(
    database: &Database,
    config: &Json,
    request: &ReadRequest,
) -> Result<Vec<Batch>, Failure> {
    let mut config = config.clone();
    config["type"] = json!("sql");
    config["system"] = json!("sys");
    let mut source = source(&Systems::new(), &config, &database.system(), &database.live())?;
    read(&mut *source, request)
}

fn found(database: &Database, config: &Json) -> Json {
    entities(&batches(database, config, &request(100)).unwrap())
}

fn ids(batches: &[Batch]) -> Vec<&str> {
    batches.iter().flat_map(|batch| &batch.entities).map(|entity| entity.id().as_str()).collect()
}

#[test]
fn rows_are_entities() {
    for database in all() {
        database.run(
            "CREATE TABLE person (id integer PRIMARY KEY, name varchar(50), town varchar(50));
             INSERT INTO person VALUES (1, 'Ane', 'Oslo'), (2, 'Bo', NULL)",
        );
        assert_eq!(
            found(&database, &json!({"table": "person"})),
            json!([
                {"_id": "1", "id": 1, "name": "Ane", "town": "Oslo"},
                {"_id": "2", "id": 2, "name": "Bo"},
            ]),
            "{}",
            database.name()
        );
        let chosen = json!({
            "table": "person", "whitelist": ["name", "town"], "blacklist": ["name"],
            "preserve_null_values": true,
        });
        assert_eq!(
            found(&database, &chosen),
            json!([{"_id": "1", "town": "Oslo"}, {"_id": "2", "town": null}])
        );
        let query = json!({
            "query": ["select name, id * 2 as twice", "from person where id = 1"],
            "primary_key": ["name", "twice"],
        });
        let twice = found(&database, &query);
        assert_eq!(twice[0]["_id"], "Ane:2");
        let other = json!({"table": "person", "primary_key": "name"});
        assert_eq!(found(&database, &other)[1]["_id"], "Bo");
    }
}

#[test]
fn a_key_of_several_columns_is_joined() {
    for database in all() {
        database.run(
            "CREATE TABLE line (a varchar(9), n integer, b varchar(9), PRIMARY KEY (b, a));
             INSERT INTO line VALUES ('x', 1, 'y')",
        );
        assert_eq!(found(&database, &json!({"table": "line"}))[0]["_id"], "y:x");
    }
}

#[test]
fn names_need_no_care() {
    for database in all() {
        let quote = if database.name() == "mysql" { '`' } else { '"' };
        let table = format!("{quote}the select{quote}");
        let column = format!("{quote}from where{quote}");
        database.run(&format!(
            "CREATE TABLE {table} (id integer PRIMARY KEY, {column} integer);
             INSERT INTO {table} VALUES (1, 2)"
        ));
        let row = json!([{"_id": "1", "id": 1, "from where": 2}]);
        assert_eq!(found(&database, &json!({"table": "the select"})), row);
    }
}

#[test]
fn a_schema_other_than_the_default() {
    let database = postgresql();
    database.run(
        "CREATE SCHEMA \"Sales\"; CREATE TABLE \"Sales\".t (id int PRIMARY KEY);
         CREATE TABLE t (id text PRIMARY KEY); INSERT INTO \"Sales\".t VALUES (7)",
    );
    assert_eq!(found(&database, &json!({"table": "t", "schema": "Sales"}))[0]["_id"], "7");
    assert_eq!(found(&database, &json!({"table": "t"})), json!([]));
}

#[test]
fn changes_are_read_from_a_marker_on() {
    for database in all() {
        database.run(
            "CREATE TABLE t (id integer PRIMARY KEY, seen integer);
             INSERT INTO t VALUES (1, 30), (2, 10), (3, NULL), (4, 20)",
        );
        let config = json!({
            "type": "sql", "table": "t", "updated_column": "seen", "whitelist": ["id"],
        });
        let mut source =
            source(&Systems::new(), &config, &database.system(), &database.live()).unwrap();
        assert_eq!(source.continuation(), Continuation::Chronological);
        assert!(!source.reports_deletes());
        let all = read(&mut *source, &request(1)).unwrap();
        let marked = |id: &str, marker: i64| {
            let found = all.iter().find(|batch| batch.entities[0].id() == id).unwrap();
            assert_eq!(found.offset, Some(Value::Int(marker)), "{}", database.name());
        };
        marked("2", 10);
        marked("4", 20);
        marked("1", 30);
        assert_eq!(all[1].entities[0].get("seen"), None);
        let since = ReadRequest { since: Some(Value::Int(20)), ..request(10) };
        assert_eq!(source.open(&since).unwrap().coverage, Coverage::Partial);
        assert_eq!(ids(&read(&mut *source, &since).unwrap()), ["4", "1"]);
        database.run("UPDATE t SET seen = 40 WHERE id = 2");
        let since = ReadRequest { since: Some(Value::Int(30)), ..request(10) };
        assert_eq!(ids(&read(&mut *source, &since).unwrap()), ["1", "2"]);
    }
}

#[test]
fn a_time_is_a_marker_as_exact_as_it_is() {
    for database in all() {
        let kind = match database.name() {
            "mysql" => "datetime(6)",
            _ => "timestamp",
        };
        database.run(&format!(
            "CREATE TABLE t (id integer PRIMARY KEY, seen {kind});
             INSERT INTO t VALUES (1, '2015-07-28 09:46:00.123456'),
                                  (2, '2015-07-28 09:46:00.123457')"
        ));
        let config = json!({"table": "t", "updated_column": "seen"});
        let all = batches(&database, &config, &request(10)).unwrap();
        assert_eq!(ids(&all), ["1", "2"]);
        let since = ReadRequest { since: all[0].offset.clone(), ..request(10) };
        let changed = batches(&database, &config, &since).unwrap();
        assert_eq!(ids(&changed), ["2"], "{}", database.name());
    }
}

#[test]
fn a_full_read_need_not_be_in_order() {
    let database = sqlite();
    database.run(
        "CREATE TABLE t (id integer PRIMARY KEY, seen integer);
         INSERT INTO t VALUES (1, 30), (2, 10), (3, 20)",
    );
    let config = json!({"table": "t", "updated_column": "seen", "is_chronological_full": false});
    let all = batches(&database, &config, &request(1)).unwrap();
    assert_eq!(ids(&all), ["1", "2", "3"]);
    let offsets: Vec<_> = all.iter().map(|batch| batch.offset.clone()).collect();
    assert_eq!(offsets, [None, None, None, Some(Value::Int(30))]);
}

#[test]
fn a_query_says_itself_what_changed() {
    for database in all() {
        database.run(
            "CREATE TABLE t (id integer PRIMARY KEY, seen integer);
             INSERT INTO t VALUES (1, 30), (2, 10), (3, 20)",
        );
        let mut config = json!({
            "query": "select * from t order by id", "primary_key": "id", "updated_column": "seen",
            "updated_query": ["select * from t", "where seen > :since order by id"],
        });
        let all = batches(&database, &config, &request(10)).unwrap();
        assert_eq!(ids(&all), ["1", "2", "3"]);
        assert_eq!(all[0].offset, Some(Value::Int(30)));
        let since = ReadRequest { since: Some(Value::Int(15)), ..request(10) };
        assert_eq!(ids(&batches(&database, &config, &since).unwrap()), ["1", "3"]);
        // Without such a query there is nothing to go on with.
        config["updated_query"] = Json::Null;
        assert_eq!(ids(&batches(&database, &config, &since).unwrap()), ["1", "2", "3"]);
    }
}

#[test]
fn many_rows_come_in_pieces_and_no_more_than_wanted() {
    for database in all() {
        let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
                    SELECT i FROM n";
        database.run(&format!("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t {rows}"));
        let config = json!({"table": "t", "fetch_size": 7});
        let all = batches(&database, &config, &request(100)).unwrap();
        assert_eq!(all.len(), 9);
        assert_eq!(ids(&all).len(), 900);
        let some = ReadRequest { limit: Some(10), ..request(4) };
        assert_eq!(ids(&batches(&database, &config, &some).unwrap()).len(), 10);
    }
}

/// A value that cannot be read costs its row and nothing else.
#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let database = postgresql();
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, seen timestamp);
         INSERT INTO t VALUES (1, '2015-01-01'), (2, 'infinity'), (3, '2015-01-02')",
    );
    let all = batches(&database, &json!({"table": "t"}), &request(10)).unwrap();
    assert_eq!(ids(&all), ["1", "3"]);
    assert_eq!(all[0].unreadable[0].id.as_deref(), Some("2"));
    assert!(all[0].unreadable[0].message.contains("\"seen\""), "{:?}", all[0].unreadable);
    let key = json!({"query": "select null::int as id union all select 2", "primary_key": "id"});
    let all = batches(&database, &key, &request(10)).unwrap();
    assert_eq!((ids(&all).len(), all[0].unreadable.len()), (1, 1));
}

#[test]
fn wrong_config_is_told_by_its_place() {
    let database = sqlite();
    database.run("CREATE TABLE t (a integer); CREATE VIEW v AS SELECT a FROM t");
    let cases = [
        (json!({}), "$.source.table"),
        (json!({"table": "none"}), "$.source.table"),
        (json!({"table": "t"}), "$.source.primary_key"),
        (json!({"table": "t", "primary_key": "b"}), "$.source.primary_key"),
        (json!({"table": "v", "primary_key": "a", "updated_column": "b"}), "updated_column"),
        (json!({"query": "select 1"}), "$.source.primary_key"),
        (json!({"query": "select 1 as a", "primary_key": "b"}), "$.source.primary_key"),
        (json!({"query": "selekt 1", "primary_key": "b"}), "syntax"),
    ];
    for (config, expected) in cases {
        let failure = batches(&database, &config, &request(1)).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}

#[test]
fn reading_writes_nothing() {
    for database in all() {
        database.run("CREATE TABLE t (id integer PRIMARY KEY)");
        let sneaky = match database.name() {
            "postgresql" => "with x as (insert into t values (1) returning id) select * from x",
            _ => "insert into t values (1) returning id",
        };
        let config = json!({"query": sneaky, "primary_key": "id"});
        let failure = batches(&database, &config, &request(1)).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
        assert_eq!(database.run("SELECT count(*) FROM t"), ["0"], "{}", database.name());
    }
}
