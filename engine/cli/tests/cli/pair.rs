//! Two nodes that read and write each other's datasets, each killed at random.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use pipewright_protocol::client::Client;
use serde_json::{Value, json};

use crate::Place;
use crate::attach::{Served, token};

/// How often something is posted and a node killed.
const ROUNDS: u64 = 6;
/// Entities posted in each.
const EACH: u64 = 150;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// A port that nobody has.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// One of the two, which comes back at the same port.
struct Side {
    place: Place,
    port: u16,
    /// The token for the other one.
    other: String,
    served: Option<Served>,
}

impl Side {
    fn start(&mut self) {
        let port = self.port.to_string();
        let secret = [("PIPEWRIGHT_SECRET_TOKEN", self.other.as_str())];
        self.served =
            Some(Served::start_with(&self.place, &["--port", &port, "--trust", "--live"], &secret));
    }

    fn kill(&mut self) {
        self.served = None;
    }

    fn client(&self) -> Client {
        let served = self.served.as_ref().unwrap();
        Client::new(&served.address, &served.token).unwrap()
    }

    /// What a dataset holds, without what its node says of it.
    fn holds(&self, dataset: &str) -> BTreeMap<String, Value> {
        let path = format!("/api/datasets/{dataset}/entities?history=false");
        let entities: Vec<Value> = self.client().get(&path).unwrap_or_default();
        let bare = entities.into_iter().map(|mut entity| {
            let id = entity["_id"].as_str().unwrap().to_owned();
            let members = entity.as_object_mut().unwrap();
            let deleted = members.get("_deleted") == Some(&Value::Bool(true));
            members.retain(|name, _| !name.starts_with('_'));
            // Of what is gone, only that it is.
            (id, if deleted { Value::Null } else { entity })
        });
        bare.collect()
    }

    /// The current versions of a dataset, deletions too, in order and with their
    /// places. Older ones each node removes in its own time.
    fn placed(&self, dataset: &str) -> Vec<(u64, Value)> {
        let path = format!("/api/datasets/{dataset}/entities?history=false");
        let entities: Vec<Value> = self.client().get(&path).unwrap_or_default();
        let placed = entities.into_iter().map(|mut entity| {
            let place = entity["_updated"].as_u64().unwrap();
            let kept = ["_id", "_deleted"];
            let members = entity.as_object_mut().unwrap();
            members.retain(|name, _| !name.starts_with('_') || kept.contains(&name.as_str()));
            (place, entity)
        });
        placed.collect()
    }
}

/// A node that can call the one at `port`.
fn side(port_of_other: u16) -> Place {
    let place = Place::empty();
    let system = json!({"_id": "other", "type": "system:url",
        "url_pattern": format!("http://127.0.0.1:{port_of_other}/api/%s"),
        "authentication": "jwt", "jwt_token": "$SECRET(token)"});
    place.write("systems/other.conf.json", &system.to_string());
    place
}

fn pipe(place: &Place, id: &str, source: Value, sink: Option<Value>) {
    let mut pipe = json!({"_id": id, "type": "pipe", "source": source,
        "pump": {"schedule_interval": 1}});
    if let Some(sink) = sink {
        pipe["sink"] = sink;
    }
    place.write(&format!("pipes/{id}.conf.json"), &pipe.to_string());
}

#[test]
fn both_end_equal_however_they_are_killed() {
    let (here, there) = (free_port(), free_port());
    let (near, far) = (side(there), side(here));
    // What is posted goes on by push, and is fetched by pull.
    pipe(&near, "letters", json!({"type": "http_endpoint"}), None);
    pipe(
        &near,
        "push",
        json!({"type": "dataset", "dataset": "letters"}),
        Some(json!({"type": "json", "system": "other", "url": "receivers/pushed/entities"})),
    );
    pipe(&far, "pushed", json!({"type": "http_endpoint"}), None);
    pipe(
        &far,
        "pulled",
        json!({"type": "json", "system": "other", "url": "datasets/letters/entities",
            "supports_since": true, "is_chronological": true, "is_since_comparable": true,
            "page_size": 40}),
        None,
    );
    // A copy, version by version, each at its place.
    pipe(
        &far,
        "mirror",
        json!({"type": "json", "system": "other", "url": "datasets/letters/entities",
            "supports_since": true, "is_chronological": true, "is_since_comparable": true,
            "page_size": 40}),
        Some(json!({"type": "replicated_dataset"})),
    );
    // And back again: what came by push is fetched from where it went.
    pipe(
        &near,
        "back",
        json!({"type": "json", "system": "other", "url": "datasets/pushed/entities",
            "supports_since": true, "is_chronological": true, "is_since_comparable": true}),
        None,
    );
    let tokens = (token(&near, "Developer"), token(&far, "Developer"));
    let mut near = Side { place: near, port: here, other: tokens.1, served: None };
    let mut far = Side { place: far, port: there, other: tokens.0, served: None };
    near.start();
    far.start();
    let mut chance: u64 = 0x2545_f491_4f6c_dd1d;
    let mut random = |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    for round in 0..ROUNDS {
        let letters: Vec<Value> = (0..EACH)
            .map(|_| {
                let id = random(EACH * 2);
                let gone = random(7) == 0;
                json!({"_id": id.to_string(), "round": round, "_deleted": gone})
            })
            .collect();
        near.client().post::<Value>("/api/receivers/letters/entities", &letters).unwrap();
        std::thread::sleep(Duration::from_millis(random(2500)));
        let side = if random(2) == 0 { &mut near } else { &mut far };
        side.kill();
        std::thread::sleep(Duration::from_millis(random(400)));
        side.start();
    }
    let begin = Instant::now();
    loop {
        let wanted = near.holds("letters");
        let copies = [far.holds("pushed"), far.holds("pulled"), near.holds("back")];
        // A delete of what never came there leaves nothing.
        let living = |all: &BTreeMap<String, Value>| -> BTreeMap<String, Value> {
            all.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        assert!(!wanted.is_empty());
        let placed = near.placed("letters");
        let is_mirrored = far.placed("mirror") == placed;
        if is_mirrored && copies.iter().all(|copy| living(copy) == living(&wanted)) {
            assert!(placed.len() as u64 > EACH, "{}", placed.len());
            break;
        }
        let sizes = copies.each_ref().map(|copy| living(copy).len());
        assert!(
            begin.elapsed() < PATIENCE,
            "{} letters, copies {sizes:?}, mirrored: {is_mirrored}",
            living(&wanted).len()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}
