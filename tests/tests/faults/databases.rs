//! Databases that fail, each of the kinds that are run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pipewright_node::{Ending, Node};
use serde_json::{Value as Json, json};

use crate::proxy::Proxy;
use crate::servers::{self, Server};
use crate::{Place, live, put, run, things, waiting};

/// A database of a test's own on a server.
struct Database {
    server: &'static Server,
    kind: &'static str,
    name: String,
}

/// One of each kind, with tables.
fn databases(name: &str, tables: &str) -> [Database; 2] {
    [("system:postgresql", servers::postgresql_server()), ("system:mysql", servers::mysql_server())]
        .map(|(kind, server)| {
            let database = Database { server, kind, name: name.to_owned() };
            let any = if kind == "system:mysql" { "mysql" } else { "postgres" };
            server.client(any, &format!("CREATE DATABASE {name}"));
            if !tables.is_empty() {
                database.client(tables);
            }
            database
        })
}

impl Database {
    fn client(&self, sql: &str) -> Vec<String> {
        self.server.client(&self.name, sql)
    }

    fn is_mysql(&self) -> bool {
        self.kind == "system:mysql"
    }

    /// The system, reached by another port than the server's own.
    fn system_by(&self, port: u16) -> Json {
        json!({
            "_id": "db", "type": self.kind, "host": "127.0.0.1", "port": port,
            "database": self.name, "username": "tester", "password": "pass;word'1",
        })
    }

    fn system(&self) -> Json {
        self.system_by(self.server.port)
    }

    /// Whether a transaction has changed a row and not ended.
    fn is_row_held(&self) -> bool {
        let held = self.client(match self.is_mysql() {
            true => {
                "SELECT count(*) FROM information_schema.INNODB_TRX t \
                 JOIN information_schema.PROCESSLIST p ON p.id = t.trx_mysql_thread_id \
                 WHERE p.db = database() AND t.trx_rows_modified > 0"
            }
            false => {
                "SELECT count(*) FROM pg_locks WHERE mode = 'RowExclusiveLock' \
                 AND relation = 'thing'::regclass AND pid <> pg_backend_pid()"
            }
        });
        held != ["0"]
    }

    fn ids(&self) -> Vec<String> {
        self.client("SELECT id FROM thing ORDER BY id")
    }
}

/// How often to look what waits: MariaDB looks anew only for those that do not
/// ask all the time.
const LOOK: Duration = Duration::from_millis(150);

/// For tests that change or watch how long the whole server waits.
static WAITS: Mutex<()> = Mutex::new(());

const THING: &str = "CREATE TABLE thing (id integer PRIMARY KEY, name varchar(40))";

fn into_table() -> Json {
    json!({
        "_id": "out", "type": "pipe",
        "source": {"type": "dataset", "dataset": "things"},
        "sink": {"type": "sql", "system": "db", "table": "thing", "primary_key": ["id"]},
        "pump": {"batch_retries": 0, "write_retry_delay": 0},
    })
}

fn from_table() -> Json {
    json!({
        "_id": "in", "type": "pipe",
        "source": {"type": "sql", "system": "db", "table": "thing", "primary_key": ["id"]},
        "pump": {"max_read_retries": 0},
    })
}

fn failed(node: &Arc<Node>, pipe: &str) -> String {
    let report = &run(node)[pipe];
    match &report.ending {
        Ending::Failed { reason, .. } => reason.clone(),
        _ => panic!("{report:#?}"),
    }
}

#[test]
fn a_row_that_a_database_refuses_waits_and_the_others_are_written() {
    let table = "CREATE TABLE thing (id integer PRIMARY KEY, name varchar(40), \
                 CONSTRAINT decent CHECK (name <> 'thing 2'))";
    for database in databases("refusing", table) {
        let place = Place::new(&[database.system()], &[into_table()]);
        let node = place.open();
        put(&node, "things", things(0..5));
        // A value that no column of the table can hold.
        put(&node, "things", [json!({"_id": "t5", "id": 5, "name": "x".repeat(50)})]);
        let report = &run(&node)["out"];
        assert_eq!(report.ending, Ending::Completed, "{}: {report:#?}", database.kind);
        assert_eq!((report.counts.written, report.counts.failed), (4, 2), "{}", database.kind);
        assert_eq!(waiting(&node, "out"), 2);
        assert_eq!(database.ids(), ["0", "1", "3", "4"]);
        database.client("ALTER TABLE thing DROP CONSTRAINT decent");
        put(&node, "things", [json!({"_id": "t5", "id": 5, "name": "short"})]);
        assert!(run(&node)["out"].is_success(), "{}", database.kind);
        assert_eq!(database.ids(), ["0", "1", "2", "3", "4", "5"]);
        assert_eq!(waiting(&node, "out"), 0);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_told_and_the_others_are_read() {
    for database in databases("unreadable", "") {
        // Times that no calendar here has.
        database.client(match database.is_mysql() {
            true => {
                "SET sql_mode = 'ALLOW_INVALID_DATES'; \
                 CREATE TABLE thing (id integer PRIMARY KEY, at datetime); \
                 INSERT INTO thing VALUES (0, '2020-01-01'), (1, '2020-02-31'), (2, NULL)"
            }
            false => {
                "CREATE TABLE thing (id integer PRIMARY KEY, at timestamp); \
                 INSERT INTO thing VALUES (0, '2020-01-01'), (1, 'infinity'), (2, NULL)"
            }
        });
        let place = Place::new(&[database.system()], &[from_table()]);
        let node = place.open();
        let report = &run(&node)["in"];
        assert_eq!(report.ending, Ending::Completed, "{}: {report:#?}", database.kind);
        assert_eq!(live(&node, "in"), ["0", "2"], "{}", database.kind);
        assert_eq!(report.counts.unreadable, 1, "{}: {report:#?}", database.kind);
        database.client("UPDATE thing SET at = '2021-01-01' WHERE id = 1");
        assert!(run(&node)["in"].is_success());
        assert_eq!(live(&node, "in"), ["0", "1", "2"], "{}", database.kind);
    }
}

#[test]
fn nobody_there_costs_nothing() {
    for database in databases("nobody", THING) {
        database.client("INSERT INTO thing VALUES (90, 'x'), (91, 'y')");
        let place = Place::new(&[database.system()], &[from_table(), into_table()]);
        let file = place.folder().join("systems/db.conf.json");
        let node = place.open();
        assert!(run(&node)["in"].is_success());
        drop(node);
        std::fs::write(&file, database.system_by(1).to_string()).unwrap();
        let node = place.open();
        put(&node, "things", things(0..3));
        let reports = run(&node);
        for pipe in ["in", "out"] {
            let report = &reports[pipe];
            assert!(matches!(report.ending, Ending::Failed { .. }), "{pipe}: {report:#?}");
        }
        assert_eq!((waiting(&node, "out"), live(&node, "in")), (0, vec!["90".into(), "91".into()]));
        drop(node);
        std::fs::write(&file, database.system().to_string()).unwrap();
        let node = place.open();
        let reports = run(&node);
        assert!(reports.values().all(|report| report.is_success()), "{reports:#?}");
        assert_eq!(database.ids(), ["0", "1", "2", "90", "91"], "{}", database.kind);
    }
}

#[test]
fn a_line_that_breaks_loses_nothing_wherever_it_breaks() {
    for database in databases("cut", THING) {
        let rows: Vec<_> = (1_000..3_000).map(|n| format!("({n}, 'row {n}')")).collect();
        database.client(&format!("INSERT INTO thing VALUES {}", rows.join(", ")));
        let proxy = Proxy::to(database.server.port);
        let place = Place::new(&[database.system_by(proxy.port)], &[from_table(), into_table()]);
        let node = place.open();
        assert!(run(&node)["in"].is_success());
        let read = live(&node, "in");
        assert_eq!(read.len(), 2_000);

        // While it reads: in the greeting, at the begin and far into the rows.
        for received in [10, 600, 5_000, 30_000] {
            proxy.cut_after(i64::MAX, received);
            let report = run(&node).remove("in").unwrap();
            assert!(proxy.mend(), "{} after {received}: {report:#?}", database.kind);
            assert_eq!(live(&node, "in"), read, "{} after {received}", database.kind);
            assert!(run(&node)["in"].is_success(), "{} after {received}", database.kind);
        }

        // While it writes.
        for (turn, sent) in [10, 200, 700, 1_500].into_iter().enumerate() {
            let first = turn * 100;
            put(&node, "things", things(first..first + 100));
            proxy.cut_after(sent, i64::MAX);
            run(&node);
            assert!(proxy.mend(), "{} after {sent} bytes", database.kind);
            let reports = run(&node);
            assert!(reports["out"].is_success(), "{} after {sent}: {reports:#?}", database.kind);
            assert_eq!(waiting(&node, "out"), 0);
            let written = database.client("SELECT count(*) FROM thing WHERE id < 1000");
            assert_eq!(written, [(first + 100).to_string()], "{} after {sent}", database.kind);
        }
    }
}

/// Someone else holds a row and waits for one that the pipe has: the server
/// ends the pipe's transaction.
#[test]
fn a_deadlock_is_tried_again() {
    let _alone = WAITS.lock();
    let table = format!("{THING}; CREATE TABLE ballast (id integer)");
    for database in databases("deadlock", &table) {
        let rows: Vec<_> = (0..5).map(|n| format!("({n}, 'old')")).collect();
        database.client(&format!("INSERT INTO thing VALUES {}", rows.join(", ")));
        let place = Place::new(&[database.system()], &[into_table()]);
        let node = place.open();
        put(&node, "things", things(0..5));

        // Locks the last row, waits until someone waits for it, asks for the
        // first; is the one of the two that the server lets live.
        let other = match database.is_mysql() {
            true => {
                "BEGIN; INSERT INTO ballast SELECT seq FROM seq_1_to_1000; \
                 UPDATE thing SET name = 'other' WHERE id = 4;\n\
                 DELIMITER //\n\
                 BEGIN NOT ATOMIC \
                   WHILE NOT EXISTS (SELECT 1 FROM information_schema.INNODB_TRX t \
                     JOIN information_schema.PROCESSLIST p ON p.id = t.trx_mysql_thread_id \
                     WHERE p.db = 'deadlock' AND t.trx_state = 'LOCK WAIT') \
                   DO DO SLEEP(0.3); END WHILE; \
                 END//\n\
                 DELIMITER ;\n\
                 UPDATE thing SET name = 'other' WHERE id = 0; COMMIT"
            }
            false => {
                "BEGIN; SET LOCAL deadlock_timeout = '1min'; \
                 UPDATE thing SET name = 'other' WHERE id = 4; \
                 DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_locks \
                   WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) \
                 LOOP PERFORM pg_sleep(0.05); END LOOP; END $$; \
                 UPDATE thing SET name = 'other' WHERE id = 0; COMMIT"
            }
        };
        let deadlocks = || -> u64 {
            let said = database.client(match database.is_mysql() {
                true => "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'",
                false => {
                    "SELECT pg_stat_clear_snapshot(); SELECT deadlocks FROM pg_stat_database \
                     WHERE datname = 'deadlock'"
                }
            });
            said.last().unwrap().rsplit('|').next().unwrap().parse().unwrap()
        };
        let before = deadlocks();
        let report = std::thread::scope(|scope| {
            let holder = scope.spawn(|| database.client(other));
            while !database.is_row_held() {
                assert!(!holder.is_finished());
                std::thread::sleep(LOOK);
            }
            run(&node).remove("out").unwrap()
        });
        assert_eq!(report.ending, Ending::Completed, "{}: {report:#?}", database.kind);
        // Statistics come a moment later.
        for _ in 0..100 {
            if deadlocks() > before {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(deadlocks() > before, "{}: there was no deadlock", database.kind);
        run(&node);
        assert_eq!(waiting(&node, "out"), 0);
        // Who came last to the first row is not said.
        let names = database.client("SELECT name FROM thing WHERE id > 0 ORDER BY id");
        assert_eq!(names, ["thing 1", "thing 2", "thing 3", "thing 4"], "{}", database.kind);
        assert_eq!(report.counts.written, 5, "{}: {report:#?}", database.kind);
    }
}

#[test]
fn a_statement_that_takes_too_long_is_tried_again() {
    let _alone = WAITS.lock();
    for database in databases("slow", THING) {
        // As the server says: a lock is waited for this long.
        let system = match database.is_mysql() {
            true => {
                database.client("SET GLOBAL innodb_lock_wait_timeout = 1");
                database.system()
            }
            false => {
                database.client("ALTER DATABASE slow SET statement_timeout = '500ms'");
                database.system()
            }
        };
        database.client("INSERT INTO thing VALUES (1, 'old')");
        let place = Place::new(&[system], &[into_table()]);
        let node = place.open();
        put(&node, "things", things(0..3));
        let hold = match database.is_mysql() {
            true => "BEGIN; UPDATE thing SET name = 'held' WHERE id = 1; DO SLEEP(8); ROLLBACK",
            false => {
                "BEGIN; SET LOCAL statement_timeout = 0; \
                 UPDATE thing SET name = 'held' WHERE id = 1; SELECT pg_sleep(4); ROLLBACK"
            }
        };
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| database.client(hold));
            while !database.is_row_held() {
                assert!(!holder.is_finished());
                std::thread::sleep(LOOK);
            }
            // The row that is held waits; the others get through.
            let report = run(&node).remove("out").unwrap();
            assert!(!holder.is_finished(), "{}: it was waited for", database.kind);
            assert_eq!(report.ending, Ending::Completed, "{}: {report:#?}", database.kind);
            assert_eq!((report.counts.written, report.counts.failed), (2, 1));
        });
        assert_eq!(waiting(&node, "out"), 1);
        let report = run(&node).remove("out").unwrap();
        assert!(report.is_success(), "{}: {report:#?}", database.kind);
        let names = database.client("SELECT name FROM thing ORDER BY id");
        assert_eq!(names, ["thing 0", "thing 1", "thing 2"]);
        if database.is_mysql() {
            database.client("SET GLOBAL innodb_lock_wait_timeout = 50");
        }
    }
}

#[test]
fn a_server_that_ends_its_connections_is_asked_anew() {
    for database in databases("ended", THING) {
        let place = Place::new(&[database.system()], &[into_table()]);
        let node = place.open();
        put(&node, "things", things(0..5));
        assert!(run(&node)["out"].is_success());
        match database.is_mysql() {
            true => {
                let all = database.client(
                    "SELECT id FROM information_schema.PROCESSLIST \
                     WHERE db = 'ended' AND id <> connection_id()",
                );
                assert!(!all.is_empty(), "a connection is kept");
                for id in all {
                    database.client(&format!("KILL {id}"));
                }
            }
            false => {
                let ended = database.client(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = 'ended' AND pid <> pg_backend_pid()",
                );
                assert_eq!(ended, ["t"], "a connection is kept");
            }
        }
        put(&node, "things", things(5..7));
        run(&node);
        assert!(run(&node)["out"].is_success());
        assert_eq!(database.ids().len(), 7, "{}", database.kind);
    }
}

#[test]
fn a_database_that_only_ever_deadlocks_ends_the_run_and_costs_nothing() {
    let database = &databases("locked", THING)[0];
    database.client(
        "CREATE FUNCTION victim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$; \
         CREATE TRIGGER victim BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION victim()",
    );
    let place = Place::new(&[database.system()], &[into_table()]);
    let node = place.open();
    put(&node, "things", things(0..5));
    assert!(failed(&node, "out").contains("deadlock detected"));
    assert_eq!(waiting(&node, "out"), 0, "nothing is wrong with the entities");
    database.client("DROP TRIGGER victim ON thing");
    assert!(run(&node)["out"].is_success());
    assert_eq!(database.ids().len(), 5);
}
