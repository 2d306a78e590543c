//! What becomes of each type of column, as `hub/source-datatype-mapping` says.

use pipewright_component::Source;
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use super::databases::{Database, mysql, postgresql, sqlite};
use crate::{entities, read, request, source};

/// The one row of table `t`, without its ids.
fn row(database: &Database, config: Json) -> Json {
    let mut all = json!({"type": "sql", "system": "sys"});
    all.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let mut source = source(&Systems::new(), &all, &database.system(), &database.live()).unwrap();
    let batches = read(&mut *source as &mut dyn Source, &request(10)).unwrap();
    assert!(batches.iter().all(|batch| batch.unreadable.is_empty()), "{batches:?}");
    let mut all = entities(&batches);
    let mut row = all[0].take();
    let row = row.as_object_mut().unwrap();
    row.remove("_id");
    row.remove("id");
    Json::Object(row.clone())
}

#[test]
fn types_of_postgresql() {
    let database = postgresql();
    database.run(
        "CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE DOMAIN short AS varchar(3);
         CREATE TABLE t (id int PRIMARY KEY, i2 smallint, i4 integer, i8 bigint, n numeric(10,2),
           n0 numeric, big numeric, r real, d double precision, b boolean, c char(5),
           v varchar(9), x text, ts timestamp, tz timestamptz, dt date, tm time, tmz timetz,
           by bytea, m mood, u uuid, xm xml, j json, jb jsonb, dom short, arr int[], inet inet,
           nothing text);
         INSERT INTO t VALUES (1, -2, 3, 9223372036854775807, -12345.60, 0, 1e30, 0.1, 2.5, true,
           'ab', 'æøå', 'x', '2015-07-28 09:46:00.123456', '2015-07-28 09:46:00+02',
           '2015-12-31', '09:46:00.5', '09:46:00-02:30', '\\x00ff', 'glad',
           'c1d5a9a8-1b2c-4d3e-8f4a-0123456789ab', '<a/>', '{\"a\": [1, null]}',
           '{\"a\": 1.5}', 'abc', '{1,2}', '10.0.0.1/32', NULL)",
    );
    let expected = json!({
        "i2": -2, "i4": 3, "i8": 9223372036854775807_i64, "n": "~f-12345.60", "n0": "~f0",
        "big": "~f1000000000000000000000000000000", "r": 0.1, "d": 2.5, "b": true, "c": "ab   ",
        "v": "æøå", "x": "x", "ts": "~t2015-07-28T09:46:00.123456Z",
        "tz": "~t2015-07-28T07:46:00Z", "dt": "2015-12-31", "tm": "09:46:00.5",
        "tmz": "09:46:00-02:30", "by": "~bAP8=", "m": "glad",
        "u": "c1d5a9a8-1b2c-4d3e-8f4a-0123456789ab", "xm": "<a/>", "j": {"a": [1, null]},
        "jb": {"a": 1.5}, "dom": "abc", "arr": "{1,2}", "inet": "10.0.0.1/32",
    });
    assert_eq!(row(&database, json!({"table": "t"})), expected);
    let all = json!({"query": "select * from t", "primary_key": "id"});
    let without = json!({"query": "select id, i2, ts from t", "primary_key": "id"});
    let config = |config: &Json| {
        let mut config = config.clone();
        config["type"] = json!("sql");
        let mut source =
            source(&Systems::new(), &config, &database.system(), &database.live()).unwrap();
        read(&mut *source, &request(1)).map(|batches| entities(&batches))
    };
    // A query has to say itself what a type is to become.
    let message = config(&all).unwrap_err().to_string();
    assert!(message.contains("\"arr\"") && message.contains("_int4"), "{message}");
    let read = config(&without).unwrap();
    assert_eq!(read[0]["ts"], "~t2015-07-28T09:46:00.123456Z");
}

#[test]
fn types_of_mysql() {
    let database = mysql();
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, i1 tinyint, i8 bigint unsigned, n decimal(10,2),
           f float, d double, bt bit(9), b boolean, c char(5), bi binary(2), v varchar(9),
           vb varbinary(9), x text, tt tinytext, dt datetime(6), da date, y year, tm time(1),
           ts timestamp, tb tinyblob, lb longblob, e enum('glad','sad'), s set('a','b'),
           nothing text);
         SET time_zone = '+02:00';
         INSERT INTO t VALUES (1, -2, 18446744073709551615, -12345.60, 0.1, 2.5, b'100000001',
           true, 'ab', x'00ff', 'æøå', x'01', 'x', 'y', '2015-07-28 09:46:00.123456',
           '2015-12-31', 2015, '-30:46:00.5', '2015-07-28 09:46:00', x'02', x'03', 'glad', 'a,b',
           NULL)",
    );
    let expected = json!({
        "i1": -2, "i8": "~f18446744073709551615", "n": "~f-12345.60", "f": 0.1, "d": "~f2.5",
        "bt": 257, "b": 1, "c": "ab", "bi": "~bAP8=", "v": "æøå", "vb": "~bAQ==", "x": "x",
        "tt": "y", "dt": "~t2015-07-28T09:46:00.123456Z", "da": "~t2015-12-31T00:00:00Z",
        "y": 2015, "tm": "-30:46:00.500000", "ts": "~t2015-07-28T07:46:00Z", "tb": "~bAg==",
        "lb": "~bAw==", "e": "glad", "s": ["a", "b"],
    });
    assert_eq!(row(&database, json!({"table": "t"})), expected);
    let query = json!({"query": ["select *", "from t"], "primary_key": ["id"]});
    assert_eq!(row(&database, query), expected);
}

#[test]
fn types_of_sqlite() {
    let database = sqlite();
    database.run(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, x TEXT, bl BLOB, b BOOLEAN,
           n DECIMAL(10,2), dt DATETIME, da DATE, odd DATETIME, j JSON, none TEXT);
         INSERT INTO t VALUES (1, 9223372036854775807, 2.5, 'æøå', x'00ff', 1, 12.6,
           '2015-07-28 09:46:00.5', '2015-12-31', 'soon', '{\"a\":1}', NULL)",
    );
    let expected = json!({
        "i": 9223372036854775807_i64, "r": 2.5, "x": "æøå", "bl": "~bAP8=", "b": true,
        "n": "~f12.6", "dt": "~t2015-07-28T09:46:00.5Z", "da": "~t2015-12-31", "odd": "soon",
        "j": "{\"a\":1}",
    });
    assert_eq!(row(&database, json!({"table": "t"})), expected);
    let query = json!({"query": "select * from t", "primary_key": "id"});
    assert_eq!(row(&database, query), expected);
}

/// What is written comes back as it was, where the table is made for it.
#[test]
fn times_without_a_zone_are_those_of_the_system() {
    for database in super::databases::all() {
        let kind = if database.name() == "mysql" { "datetime" } else { "timestamp" };
        database.run(&format!(
            "CREATE TABLE t (id integer PRIMARY KEY, ts {kind});
             INSERT INTO t VALUES (1, '2015-07-28 09:46:00'), (2, '2015-01-28 09:46:00')"
        ));
        let mut system = database.system();
        system["timezone"] = json!("Europe/Oslo");
        let config = json!({"type": "sql", "table": "t", "updated_column": "ts"});
        let mut source = source(&Systems::new(), &config, &system, &database.live()).unwrap();
        let found = entities(&read(&mut *source, &request(10)).unwrap());
        let expected = json!([
            {"_id": "2", "_updated": "~t2015-01-28T09:46:00Z", "id": 2,
             "ts": "~t2015-01-28T08:46:00Z"},
            {"_id": "1", "_updated": "~t2015-07-28T09:46:00Z", "id": 1,
             "ts": "~t2015-07-28T07:46:00Z"},
        ]);
        assert_eq!(found, expected, "{}", database.name());
    }
}
