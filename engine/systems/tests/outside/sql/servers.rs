//! Database servers of Debian's packages, on free ports and in temporary folders.
//! Knows nothing of the systems: the tests of crashes use it, too.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A server of its own that ends with this process: its shell waits for the
/// end of its input.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: PathBuf,
    client: &'static str,
    _shell: Child,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Runs a script in a fresh folder until it says `ready`.
fn serve(script: &str, client: &'static str, encrypts: bool) -> Server {
    let port = free_port();
    let folder = tempfile::tempdir().unwrap().keep();
    let mut shell = Command::new("sh")
        .args(["-c", &format!("{CERTIFICATE}{script}{UNTIL_THE_END}")])
        .env("FOLDER", &folder)
        .env("PORT", port.to_string())
        .env("ENCRYPTS", if encrypts { "yes" } else { "" })
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

/// The beginning of each script: `certify` makes what a server encrypts with,
/// readable by its user, if it is to.
const CERTIFICATE: &str = r#"
certify() {
    if [ -z "$ENCRYPTS" ]; then return 1; fi
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -keyout "$FOLDER/key" -out "$FOLDER/certificate" > "$FOLDER/log" 2>&1 || { cat "$FOLDER/log"; exit 1; }
    if [ "$(id -u)" = 0 ]; then chown "$1" "$FOLDER/key"; fi
    chmod 600 "$FOLDER/key"
}
"#;

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

pub(crate) fn postgresql_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| postgresql(false))
}

pub(crate) fn mysql_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| mysql(false))
}

/// A server of its own.
pub(crate) fn postgresql(encrypts: bool) -> Server {
    let script = r#"
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
PATH="${bin:-/usr/bin}:$PATH"
as=""
if [ "$(id -u)" = 0 ]; then chown postgres "$FOLDER"; as="runuser -u postgres --"; fi
printf "%s" "pass;word'1" > "$FOLDER/password"; chmod 644 "$FOLDER/password"
$as initdb -D "$FOLDER/data" -U tester --pwfile="$FOLDER/password" -A scram-sha-256 -E UTF8 --locale=C -N > "$FOLDER/log" 2>&1 || { cat "$FOLDER/log"; exit 1; }
tls=""
if certify postgres; then tls="-c ssl=on -c ssl_cert_file=$FOLDER/certificate -c ssl_key_file=$FOLDER/key"; fi
$as postgres -D "$FOLDER/data" -p "$PORT" -k "$FOLDER" $tls -c listen_addresses=127.0.0.1 -c fsync=off >> "$FOLDER/log" 2>&1 &
server=$!
ping() { pg_isready -q -h 127.0.0.1 -p "$PORT"; }
end() { $as pg_ctl stop -D "$FOLDER/data" -m immediate; }
"#;
    serve(script, "psql", encrypts)
}

/// A server of its own.
pub(crate) fn mysql(encrypts: bool) -> Server {
    let script = r#"
PATH="$PATH:/usr/sbin"
user=$(id -un)
# A server that starts removes the temporary tables of all others in its folder for them.
export TMPDIR="$FOLDER/tmp"
mkdir "$TMPDIR"
if [ "$(id -u)" = 0 ]; then chown mysql "$FOLDER" "$TMPDIR"; user=mysql; fi
mariadb-install-db --no-defaults --user="$user" --datadir="$FOLDER/data" --auth-root-authentication-method=normal --skip-test-db > "$FOLDER/log" 2>&1 || { cat "$FOLDER/log"; exit 1; }
tls=""
if certify mysql; then tls="--ssl-cert=$FOLDER/certificate --ssl-key=$FOLDER/key"; fi
mariadbd --no-defaults $tls --user="$user" --datadir="$FOLDER/data" --socket="$FOLDER/socket" --port="$PORT" --bind-address=127.0.0.1 --pid-file="$FOLDER/pid" --innodb-flush-log-at-trx-commit=0 >> "$FOLDER/log" 2>&1 &
server=$!
ping() { mariadb --no-defaults -S "$FOLDER/socket" -u root -e "CREATE USER IF NOT EXISTS tester IDENTIFIED BY 'pass;word\\'1'; GRANT ALL ON *.* TO tester"; }
end() { kill -TERM $server; }
"#;
    serve(script, "mariadb", encrypts)
}

impl Server {
    /// Runs statements by the server's own client.
    pub(crate) fn client(&self, database: &str, sql: &str) -> Vec<String> {
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
