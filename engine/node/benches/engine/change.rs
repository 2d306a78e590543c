//! How far one change has to travel.

use std::sync::Arc;
use std::time::Instant;

use pipewright_component::{Access, Cancel, NoVariables, Surroundings, SystemClock};
use pipewright_config::{Project, SourceFile};
use pipewright_entity::{Entity, Value};
use pipewright_pump::{Flow, Plan, Report, Resources, RunRequest, Silent, compile, run, settle};
use pipewright_store::{Store, Write};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::measure::time;

/// A store with pipes that this program drives.
struct Driven {
    store: Store,
    plans: Vec<Plan>,
    systems: Systems,
    surroundings: Surroundings,
    _dir: TempDir,
}

impl Driven {
    fn new(pipes: &[Json]) -> Driven {
        let dir = tempfile::tempdir().unwrap();
        let files = pipes.iter().map(|pipe| {
            let mut pipe = pipe.clone();
            pipe["type"] = json!("pipe");
            let id = pipe["_id"].as_str().unwrap().to_owned();
            SourceFile::new(format!("pipes/{id}.conf.json"), pipe.to_string())
        });
        let project = Project::load(files, None);
        Driven {
            store: Store::open(dir.path()).unwrap(),
            plans: project.pipes().map(|pipe| compile(pipe, &project).unwrap()).collect(),
            systems: Systems::new(),
            surroundings: Surroundings {
                access: Access::LIVE,
                cancel: Cancel::new(),
                clock: Arc::new(SystemClock),
                variables: Arc::new(NoVariables),
                folder: None,
            },
            _dir: dir,
        }
    }

    fn put(&self, dataset: &str, entities: impl Iterator<Item = Entity>) {
        let mut batch = self.store.batch(1);
        for entity in entities {
            batch.append(dataset, Write::new(entity));
        }
        self.store.commit(batch).unwrap();
    }

    fn run(&self, pipe: &str) -> Report {
        let plan = self.plans.iter().find(|plan| plan.id() == pipe).unwrap();
        let resources = Resources {
            store: &self.store,
            components: &self.systems,
            surroundings: &self.surroundings,
            metadata: None,
            random: &Uuid::new_v4,
        };
        let report = run(plan, &resources, RunRequest::default(), &Silent);
        assert!(report.is_success(), "{report:#?}");
        report
    }

    fn flow(&self) -> Flow {
        Flow::new(self.plans.iter().map(Plan::flow_pipe).collect())
    }

    /// Runs what is marked; how many runs that were.
    fn settle(&self, flow: &mut Flow) -> usize {
        let mut runs = 0;
        let restless = settle(flow, |pipe| {
            runs += 1;
            Some(self.run(pipe))
        });
        assert!(restless.is_empty());
        runs
    }
}

/// One change in a dataset that another looks up, which a second looks up, and
/// which is merged.
pub(crate) fn change(count: usize) {
    let hop = |id: &str, source: &str, into: &str, looked_up: &str| {
        json!({
            "_id": id,
            "source": {"type": "dataset", "dataset": source},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "*"],
                ["add", id, ["hops", {
                    "datasets": [format!("{into} h")], "where": [["eq", "_S.ref", "h._id"]],
                    "return": format!("h.{looked_up}"),
                }]],
            ]}},
        })
    };
    let node = Driven::new(&[
        hop("near", "a", "b", "value"),
        hop("far", "c", "near", "near"),
        json!({"_id": "merged", "source": {
            "type": "merge", "version": 2, "identity": "first", "datasets": ["far f", "a a"],
            "equality": [["eq", "f._id", "a._id"]],
        }}),
    ]);
    let entity = |n: usize, value: usize| {
        Entity::new(format!("e{n}"))
            .with("ref", Value::from(format!("e{}", (n * 7 + 1) % count).as_str()))
            .with("value", value as i64)
    };
    for dataset in ["a", "b", "c"] {
        for start in (0..count).step_by(50_000) {
            node.put(dataset, (start..(start + 50_000).min(count)).map(|n| entity(n, 0)));
        }
    }
    let mut flow = node.flow().with_all();
    flow.mark_all();
    let (_, took) = time(|| node.settle(&mut flow));
    println!(
        "{count} entities through two hops and a merge: {:.1} s passed",
        took.wall.as_secs_f64()
    );
    let mut times = Vec::new();
    for nth in 1..=9 {
        let begun = Instant::now();
        node.put("b", std::iter::once(entity(count / 2 + nth, nth)));
        flow.changed("b");
        assert_eq!(node.settle(&mut flow), 3, "the change goes all the way");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("change {:.2} ms in the middle of 9", times[4].as_secs_f64() * 1e3);
}
