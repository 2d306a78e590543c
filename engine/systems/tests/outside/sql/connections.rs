use std::sync::Arc;

use pipewright_component::{
    Access, Cancel, Components, Failure, OfferKind, Sequence, Surroundings, SystemClock,
};
use pipewright_entity::{Entity, Value};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};

use super::databases::{Database, all, mysql, postgresql, sqlite};
use crate::{Secrets, object, read, request, source};

fn test(system: &Json, surroundings: &Surroundings) -> Result<String, Failure> {
    Systems::new().system("sys", object(system), surroundings)?.unwrap().test()
}

#[test]
fn a_system_can_be_tested_and_tells_what_it_has() {
    for database in all() {
        database.run(
            "CREATE TABLE person (id integer PRIMARY KEY, name varchar(9) NOT NULL);
             CREATE VIEW names AS SELECT name FROM person",
        );
        let said = test(&database.system(), &database.live()).unwrap();
        assert!(said.contains("2 tables"), "{said}");
        let systems = Systems::new();
        let mut system =
            systems.system("sys", object(&database.system()), &database.live()).unwrap().unwrap();
        let offers = system.offers().unwrap();
        let told: Vec<_> = offers.iter().map(|offer| (offer.kind, offer.name.as_str())).collect();
        assert_eq!(told, [(OfferKind::View, "names"), (OfferKind::Table, "person")]);
        let columns = &offers[1].columns;
        assert_eq!((columns[0].name.as_str(), columns[0].is_key), ("id", true));
        assert_eq!((columns[1].is_key, columns[1].is_nullable), (false, false));
        assert!(columns[1].type_name.contains("char"), "{columns:?}");
        // The config it offers reads the table.
        let config = Json::Object(offers[1].source.clone().unwrap());
        let mut source = source(&systems, &config, &database.system(), &database.live()).unwrap();
        assert_eq!(read(&mut *source, &request(1)).unwrap().len(), 0);
    }
}

#[test]
fn who_is_turned_away_is_told_without_the_password() {
    for database in [postgresql(), mysql()] {
        let secrets = Secrets(&[("password", "not-the-right-one")]);
        let surroundings = Surroundings { variables: Arc::new(secrets), ..database.live() };
        let mut system = database.system();
        system["password"] = json!("$SECRET(password)");
        let failure = test(&system, &surroundings).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
        let message = failure.to_string();
        assert!(message.contains("tester") && message.contains("\"sys\""), "{message}");
        assert!(!message.contains("not-the-right-one"), "{message}");
        system["password"] = json!("$SECRET(unknown)");
        let message = test(&system, &surroundings).unwrap_err().to_string();
        assert!(message.contains("\"unknown\" is not set"), "{message}");
    }
}

#[test]
fn a_server_that_is_not_there_may_come_back() {
    for database in [postgresql(), mysql()] {
        let mut system = database.system();
        system["port"] = json!(1);
        let failure = test(&system, &database.live()).unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
        assert!(failure.to_string().contains("127.0.0.1:1"), "{failure}");
        system["port"] = database.system()["port"].clone();
        system["database"] = json!("nowhere");
        let failure = test(&system, &database.live()).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
        assert!(failure.to_string().contains("nowhere"), "{failure}");
    }
    let database = sqlite();
    let mut system = database.system();
    system["database"] = json!("nowhere.db");
    let failure = test(&system, &database.live()).unwrap_err();
    assert!(failure.to_string().contains("nowhere.db"), "{failure}");
}

#[test]
fn encryption_is_used_where_it_is_offered_and_asked_for() {
    // Neither server of the tests has a certificate.
    let modes = [
        (postgresql(), "require", &["disable", "allow", "prefer"]),
        (mysql(), "required", &["disabled", "preferred", "preferred"]),
    ];
    for (database, needed, plain) in modes {
        let mut system = database.system();
        for mode in plain {
            system["sslmode"] = json!(mode);
            test(&system, &database.live()).unwrap();
        }
        system["sslmode"] = json!(needed);
        let failure = test(&system, &database.live()).unwrap_err();
        assert!(matches!(failure, Failure::Config { .. }), "{failure:?}");
    }
}

fn person() -> Entity {
    Entity::from_value(Value::from_json(&json!({"_id": "1", "id": 1}))).unwrap()
}

#[test]
fn a_connection_that_breaks_is_no_fault_of_the_entities() {
    for database in [postgresql(), mysql()] {
        database.run("CREATE TABLE t (id integer PRIMARY KEY)");
        let config = json!({"type": "sql", "table": "t"});
        let mut sink = crate::sink(&config, &database.system(), &database.live()).unwrap();
        sink.begin(&Sequence { id: "run".into(), is_full: true }).unwrap();
        break_connections(&database);
        let failure = sink.write(&[person()]).unwrap_err();
        assert!(failure.is_retryable(), "{failure:?}");
    }
}

fn break_connections(database: &Database) {
    match database {
        Database::Postgresql { name } => {
            database.run(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = '{name}' AND pid <> pg_backend_pid()"
            ));
        }
        Database::Mysql { name } => {
            let mine = format!(
                "SELECT id FROM information_schema.processlist
                 WHERE db = '{name}' AND user = 'tester'"
            );
            for id in database.run(&mine) {
                database.run(&format!("KILL {id}"));
            }
        }
        Database::Sqlite { .. } => {}
    }
}

/// A connection is kept for the next run; one that broke meanwhile is not
/// used.
#[test]
fn connections_are_used_again() {
    for database in [postgresql(), mysql()] {
        let systems = Systems::new();
        let query = match database.name() {
            "mysql" => "select connection_id() as id",
            _ => "select pg_backend_pid() as id",
        };
        let config = json!({"type": "sql", "query": query, "primary_key": "id"});
        let who = || {
            let mut source =
                source(&systems, &config, &database.system(), &database.live()).unwrap();
            let batches = read(&mut *source, &request(1)).unwrap();
            batches[0].entities[0].id().clone()
        };
        let first = who();
        assert_eq!(who(), first, "{}", database.name());
        break_connections(&database);
        assert_ne!(who(), first);
    }
}

#[test]
fn a_pool_has_an_end() {
    let database = postgresql();
    let mut system = database.system();
    system["pool_size"] = json!(1);
    system["pool_max_overflow"] = json!(0);
    let systems = Systems::new();
    let config = json!({"type": "sql", "query": "select 1 as id", "primary_key": "id"});
    let mut first = source(&systems, &config, &system, &database.live()).unwrap();
    let reading = first.open(&request(1)).unwrap();
    // The clock of the tests waits in no time.
    let mut second = source(&systems, &config, &system, &database.live()).unwrap();
    let failure = second.open(&request(1)).err().unwrap();
    assert!(failure.is_retryable() && failure.to_string().contains("pool_timeout"), "{failure}");
    drop(reading);
    drop(first);
    second.open(&request(1)).unwrap();
}

#[test]
fn a_stop_ends_a_query_that_takes_long() {
    for database in all() {
        let long = match database.name() {
            "mysql" => "select sleep(1000) as id",
            "postgresql" => "select pg_sleep(1000)::text as id",
            _ => {
                "with recursive n (i) as (select 1 union all select i + 1 from n)
                  select count(*) as id from n"
            }
        };
        let cancel = Cancel::new();
        let surroundings = Surroundings {
            cancel: cancel.clone(),
            clock: Arc::new(SystemClock),
            ..database.live()
        };
        let config = json!({"type": "sql", "query": long, "primary_key": "id"});
        let mut source =
            source(&Systems::new(), &config, &database.system(), &surroundings).unwrap();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            cancel.stop();
        });
        let failure = read(&mut *source, &request(1)).unwrap_err();
        assert_eq!(failure, Failure::Stopped, "{}", database.name());
        stopper.join().unwrap();
    }
}

#[test]
fn held_connections_touch_nothing() {
    for database in all() {
        database.run("CREATE TABLE t (id integer PRIMARY KEY)");
        let held = Surroundings { access: Access::HELD, ..database.live() };
        let config = json!({"type": "sql", "table": "t"});
        let mut source = source(&Systems::new(), &config, &database.system(), &held).unwrap();
        let read = read(&mut *source, &request(1));
        match database.name() {
            // A file of the project.
            "sqlite" => assert_eq!(read.unwrap().len(), 0),
            _ => assert!(matches!(read.unwrap_err(), Failure::Held { .. })),
        }
        let reads = Surroundings {
            access: Access { read_outside: Access::LIVE.read_outside, ..Access::HELD },
            ..held
        };
        let mut sink = crate::sink(&config, &database.system(), &reads).unwrap();
        let begun = sink.begin(&Sequence { id: "run".into(), is_full: true });
        assert!(matches!(begun.unwrap_err(), Failure::Held { .. }));
    }
}

#[test]
fn a_file_outside_the_project_is_outside() {
    let database = sqlite();
    database.run("CREATE TABLE t (id integer PRIMARY KEY)");
    let Database::Sqlite { folder } = &database else { unreachable!() };
    let mut system = database.system();
    system["database"] = json!(folder.path().join("test.db").to_str().unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let held = crate::in_folder(elsewhere.path());
    assert!(matches!(test(&system, &held).unwrap_err(), Failure::Held { .. }));
    test(&system, &Surroundings { access: Access::LIVE, ..held }).unwrap();
}

#[test]
fn another_kind_of_system_is_told() {
    let config = json!({"type": "sql", "table": "t"});
    let system = json!({"_id": "sys", "type": "system:url"});
    let failure = source(&Systems::new(), &config, &system, &crate::live()).err().unwrap();
    assert!(failure.to_string().contains("$.source.system"), "{failure}");
}
