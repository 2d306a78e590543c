//! A project whose pipes run over datasets into a table of PostgreSQL, its
//! input in several variants, and what it comes to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pipewright_node::{Node, Options, Settings};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::servers::postgresql_server;

/// How many variants of the input there are.
pub(crate) const VARIANTS: usize = 4;

const PEOPLE: usize = 240;
const ORDERS: usize = 300;

/// Entities by dataset, and rows by table.
pub(crate) type Contents = BTreeMap<String, BTreeMap<String, String>>;

pub(crate) struct Place {
    home: TempDir,
    database: String,
}

/// How a node opens the project of a folder.
pub(crate) fn options(home: &Path) -> Options {
    let mut options = Options::new(home.join("project"));
    options.store = Some(home.join("store"));
    options.settings = Some(Settings::in_folder(&home.join("settings")));
    options
}

fn pipes() -> Vec<Json> {
    let csv = |id: &str| {
        json!({
            "_id": id,
            "source": {
                "type": "csv", "system": "files", "url": format!("{id}.csv"), "primary_key": "id",
            },
        })
    };
    let orders_of = |person: &str| {
        json!(["hops", {
            "datasets": ["order o"], "where": [["eq", person, "o.person"]], "return": "o._id",
        }])
    };
    let dtl = |id: &str, dataset: &str, rules: Json| {
        json!({
            "_id": id,
            "source": {"type": "dataset", "dataset": dataset},
            "transform": {"type": "dtl", "rules": {"default": rules}},
        })
    };
    let into = |mut pipe: Json, table: &str| {
        pipe["sink"] = json!({
            "type": "sql", "system": "postgres", "table": table, "primary_key": ["id"],
            "batch_size": 7,
        });
        pipe
    };
    vec![
        csv("person"),
        csv("order"),
        // Looks up, so that changes of orders lead back to people.
        dtl(
            "person-orders",
            "person",
            json!([
                ["copy", "*"],
                ["add", "orders", ["sorted", "_.", orders_of("_S.id")]],
                ["add", "count", ["count", "_T.orders"]],
            ]),
        ),
        json!({"_id": "customer", "source": {
            "type": "merge", "version": 2, "identity": "first",
            "datasets": ["person p", "order o"], "equality": [["eq", "p.email", "o.email"]],
        }}),
        dtl(
            "family",
            "person-orders",
            json!([["copy", "_id"], ["filter", ["gt", "_S.count", 0]],]),
        ),
        into(
            dtl(
                "person-out",
                "person-orders",
                json!([["copy", ["list", "id", "name", "town"]], ["add", "orders", "_S.count"]]),
            ),
            "person",
        ),
        into(
            dtl(
                "customer-out",
                "customer",
                json!([
                    ["add", "id", "_S._id"],
                    ["add", "name", ["string", ["first", "_S.name"]]],
                    ["add", "members", ["count", "_S.$ids"]],
                ]),
            ),
            "customer",
        ),
    ]
}

impl Place {
    /// A folder and a database of its own. `name` is the database's.
    pub(crate) fn new(name: &str) -> Place {
        let place = Place { home: tempfile::tempdir().unwrap(), database: name.to_owned() };
        let server = postgresql_server();
        server.client("postgres", &format!("CREATE DATABASE {name}"));
        server.client(
            name,
            "CREATE TABLE person (id text PRIMARY KEY, name text, town text, orders integer); \
             CREATE TABLE customer (id text PRIMARY KEY, name text, members integer)",
        );
        let put = |path: String, json: Json| place.put(&path, &json.to_string());
        for mut pipe in pipes() {
            pipe["type"] = json!("pipe");
            pipe["batch_size"] = json!(20);
            pipe["checkpoint_interval"] = json!(1);
            put(format!("pipes/{}.conf.json", pipe["_id"].as_str().unwrap()), pipe);
        }
        put(
            "systems/files.conf.json".into(),
            json!({"_id": "files", "type": "system:url", "url_pattern": "file:%s"}),
        );
        put(
            "systems/postgres.conf.json".into(),
            json!({
                "_id": "postgres", "type": "system:postgresql", "host": "127.0.0.1",
                "port": server.port, "database": name, "username": "tester",
                "password": "pass;word'1",
            }),
        );
        place
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.home().join("store")
    }

    /// What a disk that loses power keeps of the store.
    pub(crate) fn kept(&self) -> PathBuf {
        self.home().join("kept")
    }

    fn put(&self, path: &str, text: &str) {
        let file = self.home().join("project").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// People come and go, change their names and share orders differently.
    pub(crate) fn set_input(&self, variant: usize) {
        let mut people = String::from("id,name,town,email\n");
        for n in (0..PEOPLE).filter(|n| n % VARIANTS != variant || n % 3 == 0) {
            let name = if n % 5 == variant { format!("N{n}-{variant}") } else { format!("N{n}") };
            let email = (n + variant * usize::from(n % 7 == 0)) % (PEOPLE - 9);
            people += &format!("p{n},{name},T{},e{email}\n", n % 11);
        }
        let mut orders = String::from("id,person,email,sum\n");
        for n in (0..ORDERS).filter(|n| n % 6 != variant) {
            let person = (n * 7 + variant * usize::from(n % 4 == 0)) % PEOPLE;
            orders += &format!("o{n},p{person},e{},{}\n", (n + variant) % PEOPLE, n * 3);
        }
        self.put("person.csv", &people);
        self.put("order.csv", &orders);
    }

    /// What the store and the tables hold; what is deleted is not there.
    pub(crate) fn contents(&self) -> Contents {
        let node = Node::open(options(self.home())).unwrap();
        let reader = node.store().reader().unwrap();
        let mut contents = Contents::new();
        for dataset in reader.datasets().unwrap().iter().filter(|dataset| !dataset.is_internal()) {
            let current = reader.current(&dataset.id).unwrap().map(|version| {
                let entity = version.unwrap().entity;
                (entity.id().to_string(), shown(entity.into_value().to_json()))
            });
            contents.insert(dataset.id.to_string(), current.collect());
        }
        for table in ["person", "customer"] {
            let rows = postgresql_server()
                .client(&self.database, &format!("SELECT * FROM {table} ORDER BY id"));
            let rows = rows.into_iter().map(|row| {
                let id = row.split('|').next().unwrap_or_default().to_owned();
                (id, row)
            });
            contents.insert(format!("table {table}"), rows.collect());
        }
        contents
    }
}

/// An entity in an order of its own; a parent remembers the children it lost,
/// which are not there for anyone else.
fn shown(mut entity: Json) -> String {
    if let Some(Json::Array(children)) = entity.get_mut("$children") {
        children.retain(|child| child["_deleted"] != json!(true));
        children.sort_by_key(Json::to_string);
    }
    let sorted: BTreeMap<&str, &Json> = entity
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, value)| *name != "$children" || **value != json!([]))
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    format!("{sorted:?}")
}

/// The first few differences.
pub(crate) fn difference(
    expected: &BTreeMap<String, String>,
    found: Option<&BTreeMap<String, String>>,
) -> String {
    let Some(found) = found else { return "it is not there".into() };
    let mut told: Vec<String> = expected
        .iter()
        .filter(|(id, entity)| found.get(*id) != Some(*entity))
        .map(|(id, entity)| format!("{id}: expected {entity}, found {:?}", found.get(id)))
        .collect();
    told.extend(
        found
            .iter()
            .filter(|(id, _)| !expected.contains_key(*id))
            .map(|(id, entity)| format!("{id}: not expected, found {entity}")),
    );
    format!("{} entities, such as\n{}", told.len(), told[..told.len().min(5)].join("\n"))
}
