use pipewright_component::{Failure, Sequence, Sink, Written};
use pipewright_entity::{Entity, Value};
use serde_json::{Value as Json, json};

use super::databases::{Database, all, mysql, postgresql, sqlite};

fn open(database: &Database, config: &Json, is_full: bool) -> Result<Box<dyn Sink>, Failure> {
    let mut config = config.clone();
    config["type"] = json!("sql");
    config["system"] = json!("sys");
    let mut sink = crate::sink(&config, &database.system(), &database.live())?;
    sink.begin(&Sequence { id: "run".into(), is_full })?;
    Ok(sink)
}

fn written(entities: &[Json]) -> Vec<Entity> {
    let entity = |json: &Json| Entity::from_value(Value::from_json(json)).unwrap();
    entities.iter().map(entity).collect()
}

fn write(database: &Database, config: &Json, entities: &[Json]) -> Result<Written, Failure> {
    let mut sink = open(database, config, false)?;
    let done = sink.write(&written(entities))?;
    sink.finish()?;
    Ok(done)
}

const PEOPLE: &str =
    "CREATE TABLE person (id integer PRIMARY KEY, name varchar(9) NOT NULL, town varchar(50))";

#[test]
fn rows_are_inserted_updated_and_deleted() {
    for database in all() {
        database.run(PEOPLE);
        let config = json!({"table": "person"});
        let people = [
            json!({"_id": "1", "id": 1, "name": "Ane", "town": "Oslo", "shoe": 38}),
            json!({"_id": "2", "id": 2, "name": "Bo"}),
            json!({"_id": "3", "id": 3, "name": "Cy", "town": null}),
            json!({"_id": "4", "id": 4, "name": "Di", "_filtered": true}),
        ];
        let done = write(&database, &config, &people).unwrap();
        assert_eq!((done.written, done.ignored), (3, 1));
        let rows = || database.run("SELECT id, name, town FROM person ORDER BY id");
        assert_eq!(rows(), ["1|Ane|Oslo", "2|Bo|NULL", "3|Cy|NULL"], "{}", database.name());
        let changes = [
            json!({"_id": "1", "id": 1, "name": "Anne"}),
            json!({"_id": "2", "_deleted": true, "id": 2, "name": "Bo"}),
            json!({"_id": "3", "id": 3, "name": "Cyd", "town": "Moss"}),
            json!({"_id": "3", "id": 3, "name": "Cyrus", "town": "Moss"}),
            json!({"_id": "9", "_deleted": true, "id": 9}),
        ];
        write(&database, &config, &changes).unwrap();
        assert_eq!(rows(), ["1|Anne|Oslo", "3|Cyrus|Moss"], "{}", database.name());
    }
}

/// Without a unique index that is the key alone, rows are looked for one by
/// one. In MySQL a second unique index must not redirect an update.
#[test]
fn any_column_can_be_the_key() {
    for database in all() {
        database.run(
            "CREATE TABLE t (nr integer, code varchar(9) NOT NULL, name varchar(9) UNIQUE);
             CREATE UNIQUE INDEX by_nr ON t (nr)",
        );
        let config = json!({"table": "t", "primary_key": "code"});
        let entity =
            |id: &str, nr: i64, name: &str| json!({"_id": id, "code": id, "nr": nr, "name": name});
        write(&database, &config, &[entity("a", 1, "x"), entity("b", 2, "y")]).unwrap();
        write(&database, &config, &[entity("a", 3, "x"), entity("c", 4, "z")]).unwrap();
        let by_nr = json!({"table": "t", "primary_key": "nr"});
        write(&database, &by_nr, &[json!({"_id": "4", "nr": 4, "code": "d"})]).unwrap();
        // The name is another row's.
        let other = [json!({"_id": "5", "nr": 5, "code": "e", "name": "y"})];
        let failure = write(&database, &by_nr, &other).unwrap_err();
        assert!(matches!(failure, Failure::Entity(_)), "{failure:?}");
        let rows = database.run("SELECT code, nr, name FROM t ORDER BY nr");
        assert_eq!(rows, ["b|2|y", "a|3|x", "d|4|z"], "{}", database.name());
        let pair = json!({"table": "t", "primary_key": ["code", "nr"]});
        let gone = json!({"_id": "b:2", "_deleted": true, "code": "b", "nr": 2});
        write(&database, &pair, &[gone]).unwrap();
        assert_eq!(database.run("SELECT count(*) FROM t"), ["2"]);
    }
}

/// The pump tries the entities of a refused call one by one.
#[test]
fn a_bad_record_is_told_from_its_neighbours() {
    for database in all() {
        database.run(PEOPLE);
        let mut sink = open(&database, &json!({"table": "person"}), false).unwrap();
        let good = json!({"_id": "good", "id": 1, "name": "Ane"});
        let bad = [
            json!({"_id": "bad", "id": 2}),
            json!({"_id": "bad", "id": 2, "name": null}),
            json!({"_id": "bad", "id": "x", "name": "Bo"}),
        ];
        for bad in &bad {
            let both = written(&[good.clone(), bad.clone()]);
            let failure = sink.write(&both).unwrap_err();
            assert!(matches!(&failure, Failure::Entity(one) if one.id.is_none()), "{failure:?}");
            let rows = database.run("SELECT count(*) FROM person");
            assert_eq!(rows, ["0"], "{}", database.name());
            let failure = sink.write(&both[1..]).unwrap_err();
            let Failure::Entity(one) = &failure else { panic!("{failure:?}") };
            assert_eq!(one.id.as_deref(), Some("bad"));
            assert!(one.message.contains("person"), "{failure}");
        }
        // What is seen before the database is asked is told of each.
        let seen = [
            good,
            json!({"_id": "no key", "name": "Bo"}),
            json!({"_id": "list", "id": 3, "name": ["Bo"]}),
        ];
        let done = sink.write(&written(&seen)).unwrap();
        assert_eq!(done.written, 1);
        let ids: Vec<_> = done.rejected.iter().map(|one| one.id.clone().unwrap()).collect();
        assert_eq!(ids, ["no key", "list"]);
        assert_eq!(database.run("SELECT name FROM person"), ["Ane"]);
    }
}

#[test]
fn a_text_that_is_too_long_is_not_cut() {
    for database in [postgresql(), mysql()] {
        database.run(PEOPLE);
        let long = json!({"_id": "1", "id": 1, "name": "a name too long"});
        let failure = write(&database, &json!({"table": "person"}), &[long]).unwrap_err();
        assert!(matches!(failure, Failure::Entity(_)), "{failure:?}");
    }
}

fn definition() -> Json {
    json!([
        {"name": "id", "type": "integer", "max_value": 1000, "primary_key": true},
        {"name": "full_name", "source_property": "name", "type": "string", "max_size": 40,
         "allow_null": false, "index": true},
        {"name": "price", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "height", "type": "float"},
        {"name": "born", "type": "date"},
        {"name": "wakes", "type": "time"},
        {"name": "seen", "type": "datetime"},
        {"name": "active", "type": "boolean", "default": true},
        {"name": "key", "type": "uuid"},
        {"name": "face", "type": "binary"},
        {"name": "notes", "type": "string"},
    ])
}

/// What a table is made for comes back as it was written.
#[test]
fn a_table_is_made_by_its_definition() {
    for database in all() {
        let config = json!({
            "table": "made", "create_table_if_missing": true, "schema_definition": definition(),
        });
        let entity = json!({
            "_id": "1", "id": 1, "name": "Ane", "price": "~f12.50", "height": 1.75,
            "born": "~t1990-05-17", "wakes": "06:30:00", "seen": "~t2015-07-28T09:46:00.5Z",
            "key": "~uc1d5a9a8-1b2c-4d3e-8f4a-0123456789ab", "face": "~bAP8=", "notes": "æøå",
        });
        let failure = open(&database, &config, false).err().unwrap();
        assert!(failure.to_string().contains("$.sink.table"), "{failure}");
        let mut sink = open(&database, &config, true).unwrap();
        sink.write(&written(&[entity])).unwrap();
        sink.finish().unwrap();
        let source = json!({"type": "sql", "system": "sys", "table": "made"});
        let systems = pipewright_systems::Systems::new();
        let mut source =
            crate::source(&systems, &source, &database.system(), &database.live()).unwrap();
        let found = crate::entities(&crate::read(&mut *source, &crate::request(9)).unwrap());
        let born = match database.name() {
            "postgresql" => "1990-05-17",
            "mysql" => "~t1990-05-17T00:00:00Z",
            _ => "~t1990-05-17",
        };
        let is_mysql = database.name() == "mysql";
        let expected = json!([{
            "_id": "1", "id": 1, "full_name": "Ane",
            "price": if database.name() == "sqlite" { "~f12.5" } else { "~f12.50" },
            "height": if is_mysql { json!("~f1.75") } else { json!(1.75) }, "born": born,
            "wakes": "06:30:00", "seen": "~t2015-07-28T09:46:00.5Z",
            "active": if is_mysql { json!(1) } else { json!(true) },
            "key": "c1d5a9a8-1b2c-4d3e-8f4a-0123456789ab", "face": "~bAP8=", "notes": "æøå",
        }]);
        assert_eq!(found, expected, "{}", database.name());
    }
}

#[test]
fn a_run_from_the_start_may_begin_with_an_empty_table() {
    for database in all() {
        database.run(&format!("{PEOPLE}; INSERT INTO person VALUES (7, 'Old', NULL)"));
        let count = || database.run("SELECT count(*) FROM person");
        let config = json!({"table": "person", "truncate_table_on_first_run": true});
        open(&database, &config, false).unwrap();
        assert_eq!(count(), ["1"]);
        open(&database, &config, true).unwrap();
        assert_eq!(count(), ["0"]);
        let mut config = json!({
            "table": "person", "create_table_if_missing": true, "schema_definition": definition(),
        });
        open(&database, &config, true).err().unwrap();
        config["recreate_table_on_first_run"] = json!(true);
        open(&database, &config, true).unwrap();
        database.run("SELECT full_name FROM person");
    }
}

#[test]
fn columns_of_the_databases_own() {
    let database = postgresql();
    database.run(
        "CREATE TABLE t (nr serial PRIMARY KEY, code char(4) UNIQUE, j jsonb,
                         \"sesam-timestamp\" timestamp with time zone)",
    );
    let config = json!({"table": "t", "primary_key": "code", "skip_identity_columns": true, "blacklist": ["x"]});
    let entity = json!({"_id": "a", "code": "a  ", "nr": 70, "j": {"b": [1]}, "x": 1});
    write(&database, &config, std::slice::from_ref(&entity)).unwrap();
    write(&database, &config, &[entity]).unwrap();
    let rows = database.run("SELECT nr, code, j, \"sesam-timestamp\" = 'epoch' FROM t");
    assert_eq!(rows, ["1|a   |{\"b\": [1]}|t"]);
}

#[test]
fn many_rows_go_in_few_statements() {
    for database in all() {
        database.run(PEOPLE);
        let many: Vec<Json> =
            (0..2000).map(|id| json!({"_id": id.to_string(), "id": id, "name": "x"})).collect();
        write(&database, &json!({"table": "person"}), &many).unwrap();
        assert_eq!(database.run("SELECT count(*) FROM person"), ["2000"]);
        let gone: Vec<Json> =
            (1..2000).map(|id| json!({"_id": "x", "_deleted": true, "id": id})).collect();
        write(&database, &json!({"table": "person"}), &gone).unwrap();
        assert_eq!(database.run("SELECT id FROM person"), ["0"]);
    }
}

#[test]
fn wrong_config_is_told_by_its_place() {
    let database = sqlite();
    database.run("CREATE TABLE t (a integer)");
    let cases = [
        (json!({}), "$.sink.table"),
        (json!({"table": "none"}), "$.sink.table"),
        (json!({"table": "t"}), "$.sink.primary_key"),
        (json!({"table": "t", "primary_key": "b"}), "$.sink.primary_key"),
        (json!({"table": "t", "create_table_if_missing": true}), "$.sink.schema_definition"),
        (
            json!({"table": "t", "schema_definition": [{"name": "a", "type": "thing"}]}),
            "$.sink.schema_definition[0].type",
        ),
    ];
    for (config, expected) in cases {
        let failure = open(&database, &config, true).err().unwrap();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}
