//! Real databases for the tests: files for SQLite, servers of Debian's packages
//! on free ports and in temporary folders for the others.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use pipewright_component::Surroundings;
use serde_json::{Value as Json, json};

use crate::in_folder;

/// A fresh, empty database.
pub(crate) enum Database {
    Sqlite { folder: tempfile::TempDir },
    Postgresql { name: String },
    Mysql { name: String },
}

/// One of each kind.
pub(crate) fn all() -> [Database; 3] {
    [sqlite(), postgresql(), mysql()]
}

pub(crate) fn sqlite() -> Database {
    let database = Database::Sqlite { folder: tempfile::tempdir().unwrap() };
    database.run("PRAGMA journal_mode = WAL");
    database
}

pub(crate) fn postgresql() -> Database {
    let name = fresh_name();
    postgresql_server().client("postgres", &format!("CREATE DATABASE {name}"));
    Database::Postgresql { name }
}

pub(crate) fn mysql() -> Database {
    let name = fresh_name();
    mysql_server().client("", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
    Database::Mysql { name }
}

fn fresh_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Database {
    /// Its system.
    pub(crate) fn system(&self) -> Json {
        let server = |kind: &str, port: u16, name: &str| {
            json!({
                "_id": "sys", "type": kind, "host": "127.0.0.1", "port": port,
                "database": name, "username": "tester", "password": "pass;word'1",
            })
        };
        match self {
            Database::Sqlite { .. } => {
                json!({"_id": "sys", "type": "system:sqlite", "database": "test.db"})
            }
            Database::Postgresql { name } => {
                server("system:postgresql", postgresql_server().port, name)
            }
            Database::Mysql { name } => server("system:mysql", mysql_server().port, name),
        }
    }

    /// A run that may reach it.
    pub(crate) fn live(&self) -> Surroundings {
        match self {
            Database::Sqlite { folder } => Surroundings {
                access: pipewright_component::Access::LIVE,
                ..in_folder(folder.path())
            },
            _ => crate::live(),
        }
    }

    /// Runs statements and gives the rows of the last, values divided by `|`.
    pub(crate) fn run(&self, sql: &str) -> Vec<String> {
        match self {
            Database::Sqlite { folder } => sqlite_rows(&folder.path().join("test.db"), sql),
            Database::Postgresql { name } => postgresql_server().client(name, sql),
            Database::Mysql { name } => mysql_server().client(name, sql),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Database::Sqlite { .. } => "sqlite",
            Database::Postgresql { .. } => "postgresql",
            Database::Mysql { .. } => "mysql",
        }
    }
}

fn sqlite_rows(file: &Path, sql: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(file).unwrap();
    let (before, last) = sql.trim_end_matches(';').rsplit_once(';').unwrap_or(("", sql));
    connection.execute_batch(before).unwrap();
    let mut statement = connection.prepare(last).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let texts = (0..width).map(|at| match row.get_ref(at).unwrap() {
            rusqlite::types::ValueRef::Null => "NULL".to_owned(),
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            rusqlite::types::ValueRef::Real(number) => number.to_string(),
            rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            rusqlite::types::ValueRef::Blob(bytes) => format!("{bytes:?}"),
        });
        Ok(texts.collect::<Vec<_>>().join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// A server of its own that ends with this process: its shell waits for the
/// end of its input.
struct Server {
    port: u16,
    folder: PathBuf,
    client: &'static str,
    _shell: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a script in a fresh folder until it says `ready`.
fn serve(script: &str, port: u16, client: &'static str) -> Server {
    let folder = tempfile::tempdir().unwrap().keep();
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .env("FOLDER", &folder)
        .env("PORT", port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Whoever reads what the tests say would wait for the servers too.
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(shell.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if line == "ready" {
            return Server { port, folder, client, _shell: shell };
        }
        said.push(line);
    }
    shell.wait().unwrap();
    panic!("no database server: {}", said.join("\n"));
}

/// The end of each script: `$server` runs, `ping` says whether it answers, and
/// `end` ends it.
const UNTIL_THE_END: &str = r#"
for _ in $(seq 600); do
    if ping 2>/dev/null; then break; fi
    if ! kill -0 $server 2>/dev/null; then cat "$FOLDER/log"; exit 1; fi
    sleep 0.1
done
echo ready
read -r _
end >/dev/null 2>&1
wait $server
rm -rf "$FOLDER"
"#;

fn postgresql_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let script = r#"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
PATH="${bin:-/usr/bin}:$PATH"
as=""
if [ "$(id -u)" = 0 ]; then chown postgres "$FOLDER"; as="runuser -u postgres --"; fi
printf "%s" "pass;word'1" > "$FOLDER/password"; chmod 644 "$FOLDER/password"
$as initdb -D "$FOLDER/data" -U tester --pwfile="$FOLDER/password" -A scram-sha-256 -E UTF8 --locale=C -N > "$FOLDER/log" 2>&1 || { cat "$FOLDER/log"; exit 1; }
$as postgres -D "$FOLDER/data" -p "$PORT" -k "$FOLDER" -c listen_addresses=127.0.0.1 -c fsync=off >> "$FOLDER/log" 2>&1 &
server=$!
ping() { pg_isready -q -h 127.0.0.1 -p "$PORT"; }
end() { $as pg_ctl stop -D "$FOLDER/data" -m immediate; }
"#;
        serve(&format!("{script}{UNTIL_THE_END}"), free_port(), "psql")
    })
}

fn mysql_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let script = r#"
PATH="$PATH:/usr/sbin"
user=$(id -un)
if [ "$(id -u)" = 0 ]; then chown mysql "$FOLDER"; user=mysql; fi
mariadb-install-db --no-defaults --user="$user" --datadir="$FOLDER/data" --auth-root-authentication-method=normal --skip-test-db > "$FOLDER/log" 2>&1 || { cat "$FOLDER/log"; exit 1; }
mariadbd --no-defaults --user="$user" --datadir="$FOLDER/data" --socket="$FOLDER/socket" --port="$PORT" --bind-address=127.0.0.1 --pid-file="$FOLDER/pid" --innodb-flush-log-at-trx-commit=0 >> "$FOLDER/log" 2>&1 &
server=$!
ping() { mariadb --no-defaults -S "$FOLDER/socket" -u root -e "CREATE USER IF NOT EXISTS tester IDENTIFIED BY 'pass;word\\'1'; GRANT ALL ON *.* TO tester"; }
end() { kill -TERM $server; }
"#;
        serve(&format!("{script}{UNTIL_THE_END}"), free_port(), "mariadb")
    })
}

impl Server {
    /// Runs statements by the server's own client.
    fn client(&self, database: &str, sql: &str) -> Vec<String> {
        let mut command = Command::new(self.client);
        if self.client == "psql" {
            command
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-P", "null=NULL"])
                .args(["-h", "127.0.0.1", "-U", "tester", "-d", database, "-c", sql])
                .args(["-p", &self.port.to_string()])
                .env("PGPASSWORD", "pass;word'1");
        } else {
            command
                .args(["--no-defaults", "-N", "-B", "-u", "root", "-S"])
                .arg(self.folder.join("socket"))
                .args(["--default-character-set=utf8mb4", "-e", sql, database]);
        }
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {error}");
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| line.replace('\t', "|")).collect()
    }
}
