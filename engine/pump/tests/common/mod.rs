//! A node for tests: config and datasets in, entities out.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{
    Access, Cancel, Clock, Components, FixedClock, NoComponents, NoVariables, Surroundings,
};
use pipewright_config::{Project, SourceFile};
use pipewright_entity::{Entity, Text, Value};
use pipewright_pump::{
    Flow, FlowPipe, Observer, Plan, Report, Resources, RunRequest, Silent, compile, run, settle,
};
use pipewright_store::{Select, Store, Write};
use rustc_hash::FxHashMap;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use uuid::Uuid;

pub struct TestNode {
    pub store: Store,
    pub clock: FixedClock,
    pub components: Arc<dyn Components>,
    pub access: Access,
    pub cancel: Cancel,
    pipes: Vec<Json>,
    systems: Vec<Json>,
    plans: FxHashMap<Text, Plan>,
    _dir: TempDir,
}

impl TestNode {
    pub fn new(pipes: impl IntoIterator<Item = Json>) -> TestNode {
        let web = json!({"_id": "web", "type": "system:url", "url_pattern": "http://x/%s"});
        TestNode::with_systems(pipes, [web])
    }

    pub fn with_systems(
        pipes: impl IntoIterator<Item = Json>,
        systems: impl IntoIterator<Item = Json>,
    ) -> TestNode {
        let dir = tempfile::tempdir().unwrap();
        let mut node = TestNode {
            store: Store::open(dir.path()).unwrap(),
            clock: FixedClock::at(1_700_000_000_000_000),
            components: Arc::new(NoComponents),
            access: Access::LIVE,
            cancel: Cancel::new(),
            pipes: pipes.into_iter().collect(),
            systems: systems.into_iter().collect(),
            plans: FxHashMap::default(),
            _dir: dir,
        };
        node.compile();
        node
    }

    /// Replaces or adds a pipe.
    pub fn configure(&mut self, pipe: Json) {
        self.pipes.retain(|other| other["_id"] != pipe["_id"]);
        self.pipes.push(pipe);
        self.compile();
    }

    fn compile(&mut self) {
        let project = project(&self.pipes, &self.systems);
        self.plans = project
            .pipes()
            .map(|pipe| {
                let plan = compile(pipe, &project);
                (pipe.id.clone(), plan.unwrap_or_else(|found| panic!("{}: {found:#?}", pipe.id)))
            })
            .collect();
    }

    pub fn plan(&self, pipe: &str) -> &Plan {
        &self.plans[pipe]
    }

    /// Writes entities into a dataset as if a pipe had done so.
    pub fn put(&self, dataset: &str, entities: impl IntoIterator<Item = Json>) {
        self.clock.advance(Duration::from_millis(1));
        let mut batch = self.store.batch(self.clock.now());
        batch.create(dataset);
        for json in entities {
            batch.append(dataset, Write::new(entity(json)));
        }
        self.store.commit(batch).unwrap();
    }

    pub fn with_resources<T>(&self, with: impl FnOnce(&Resources<'_>) -> T) -> T {
        let surroundings = Surroundings {
            access: self.access,
            cancel: self.cancel.clone(),
            clock: Arc::new(self.clock.clone()),
            variables: Arc::new(NoVariables),
            ..Surroundings::held()
        };
        with(&Resources {
            store: &self.store,
            components: &*self.components,
            surroundings: &surroundings,
            metadata: None,
            random: &Uuid::new_v4,
        })
    }

    pub fn run(&self, pipe: &str) -> Report {
        self.run_with(pipe, RunRequest::default(), &Silent)
    }

    pub fn run_full(&self, pipe: &str) -> Report {
        self.run_with(pipe, RunRequest { full: true }, &Silent)
    }

    pub fn run_with(&self, pipe: &str, request: RunRequest, observer: &dyn Observer) -> Report {
        self.clock.advance(Duration::from_millis(1));
        self.with_resources(|resources| run(self.plan(pipe), resources, request, observer))
    }

    pub fn flow_pipes(&self) -> Vec<FlowPipe> {
        self.plans.values().map(Plan::flow_pipe).collect()
    }

    /// Runs everything until it is stable; every run, in order.
    pub fn settle(&self) -> Vec<Report> {
        let mut flow = Flow::new(self.flow_pipes()).with_all();
        flow.mark_all();
        let mut reports = Vec::new();
        let restless = settle(&mut flow, |id| {
            let report = self.run(id);
            assert!(report.is_success(), "{report:#?}");
            reports.push(report.clone());
            Some(report)
        });
        assert_eq!(restless, Vec::<Text>::new());
        assert!(flow.is_stable());
        reports
    }

    /// The entities of a dataset that are not deleted, by id, as JSON without
    /// reserved properties other than `_id`.
    pub fn live(&self, dataset: &str) -> BTreeMap<String, Json> {
        let all = self.current(dataset).into_iter();
        all.filter(|(_, entity)| entity["_deleted"] != json!(true)).collect()
    }

    /// The current versions of a dataset by id, deleted ones with `_deleted`.
    pub fn current(&self, dataset: &str) -> BTreeMap<String, Json> {
        let reader = self.store.reader().unwrap();
        if reader.dataset(dataset).unwrap().is_none() {
            return BTreeMap::new();
        }
        let changes = reader.changes(dataset, None, None, Select::default()).unwrap();
        changes
            .map(|version| {
                let entity = version.unwrap().entity;
                (entity.id().to_string(), entity.into_value().to_json())
            })
            .collect()
    }

    /// Every version that was ever stored.
    pub fn length(&self, dataset: &str) -> u64 {
        let reader = self.store.reader().unwrap();
        reader.dataset(dataset).unwrap().map_or(0, |dataset| dataset.length)
    }

    /// The newest line of each kind in the execution log.
    pub fn log(&self, pipe: &str) -> BTreeMap<String, Json> {
        self.current(&pipewright_pump::execution_log(pipe))
    }
}

pub fn project(pipes: &[Json], systems: &[Json]) -> Project {
    let pipes = pipes.iter().map(|pipe| {
        let mut pipe = pipe.clone();
        pipe["type"] = json!("pipe");
        let id = pipe["_id"].as_str().unwrap();
        SourceFile::new(format!("pipes/{id}.conf.json"), pipe.to_string())
    });
    let systems = systems.iter().map(|system| {
        let id = system["_id"].as_str().unwrap();
        SourceFile::new(format!("systems/{id}.conf.json"), system.to_string())
    });
    Project::load(pipes.chain(systems), None)
}

pub fn entity(json: Json) -> Entity {
    Entity::from_value(Value::from_json(&json)).unwrap()
}

/// A pipe from a dataset through DTL.
pub fn transform(id: &str, dataset: &str, rules: Json) -> Json {
    json!({
        "_id": id,
        "source": {"type": "dataset", "dataset": dataset},
        "transform": {"type": "dtl", "rules": {"default": rules}},
    })
}

/// A map of JSON values by key.
pub fn by_id(entities: impl IntoIterator<Item = Json>) -> BTreeMap<String, Json> {
    let id = |entity: &Json| entity["_id"].as_str().unwrap().to_owned();
    entities.into_iter().map(|entity| (id(&entity), entity)).collect()
}
