//! Cases that are whole pipes: run once on a store of their own, and what the
//! sink stores or serves is compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{
    Access, Cancel, Clock, FixedClock, NoComponents, Surroundings, Variables,
};
use pipewright_config::pipe::{Publication, SinkKind};
use pipewright_config::{Project, SourceFile};
use pipewright_dtl::syntax::Node;
use pipewright_entity::{Dict, Entity, Text, Value};
use pipewright_pump::{
    Ending, EvaluateRequest, Plan, Resources, RunRequest, Silent, compile, evaluate, run,
};
use pipewright_store::{Select, Store, Write};
use pipewright_systems::csv::Format;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::case::{Case, Stop};
use super::world;

/// Reserved properties that the node makes: compared only where a case says
/// what they are.
const GENERATED: [&str; 5] = ["_updated", "_ts", "_hash", "_previous", "_deleted"];

pub(super) fn check(case: &Case, folder: &Path) -> Result<(), Stop> {
    let found = results(case, folder);
    if case.is_true("expect_error") {
        return match found {
            Err(Ended::Stop(stop)) => Err(stop),
            Err(Ended::Failed(_)) => Ok(()),
            Ok(_) => Err(Stop::Failed("it should fail but does not".to_owned())),
        };
    }
    let found = found.map_err(|ended| match ended {
        Ended::Stop(stop) => stop,
        Ended::Failed(why) => Stop::Failed(why),
    })?;
    let comparison = case.comparison()?;
    if let Some(wanted) = case.value("expect")? {
        let last = found.last().map(|(_, given)| given.shown(&wanted));
        let last = last.unwrap_or_else(|| Value::list([]));
        comparison.check("what comes out", &wanted, &last)?;
    }
    for (pipe, wanted) in case.dict("expect_datasets")?.unwrap_or_default() {
        let Some((_, given)) = found.iter().find(|(id, _)| *id == pipe) else {
            return Err(Stop::Failed(format!("there is no pipe {pipe:?}")));
        };
        comparison.check(&format!("what {pipe:?} gives"), &wanted, &given.shown(&wanted))?;
    }
    Ok(())
}

/// Why there is nothing to compare.
enum Ended {
    /// The pipe does not compile, or its run fails.
    Failed(String),
    /// The case cannot be tried.
    Stop(Stop),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Ended {
        Ended::Stop(stop)
    }
}

/// What a pipe gives.
enum Given {
    Entities(Vec<Entity>),
    /// A document, from sinks that serve one.
    Text(String),
}

impl Given {
    fn shown(&self, wanted: &Value) -> Value {
        match self {
            Given::Entities(entities) => shown(entities, wanted),
            Given::Text(text) => Value::string(text),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> Ended {
    Ended::Stop(Stop::Failed(error.to_string()))
}

/// What each pipe of the case gives, by its id, in the order of the case.
fn results(case: &Case, folder: &Path) -> Result<Vec<(Text, Given)>, Ended> {
    let pipes = pipes(case).map_err(broken)?;
    let project = project(case, &pipes)?;
    let dir = tempfile::tempdir().map_err(broken)?;
    let store = Store::open(dir.path()).map_err(broken)?;
    let clock = FixedClock::at(1_700_000_000_000_000);
    for (dataset, entities) in case.datasets()? {
        for entity in entities {
            clock.advance(Duration::from_millis(1));
            let ts = match entity.get("_ts") {
                Some(Value::Int(ts)) => *ts,
                _ => clock.now(),
            };
            let mut batch = store.batch(ts);
            batch.append(&dataset, Write::new(entity));
            store.commit(batch).map_err(broken)?;
        }
    }
    let variables = CaseVariables {
        env: case.dict("env")?.unwrap_or_default(),
        secrets: world::secrets(case, folder)?,
    };
    let surroundings = Surroundings {
        access: Access::HELD,
        cancel: Cancel::new(),
        clock: Arc::new(clock.clone()),
        variables: Arc::new(variables),
        folder: None,
    };
    let resources = Resources {
        store: &store,
        components: &NoComponents,
        surroundings: &surroundings,
        metadata: None,
        random: &Uuid::new_v4,
    };
    let mut results = Vec::with_capacity(pipes.len());
    for pipe in &pipes {
        clock.advance(Duration::from_millis(1));
        let id = pipe["_id"].as_str().unwrap_or_default();
        let Some(pipe) = project.pipe(id) else {
            return Err(Ended::Failed(format!("pipe {id:?} cannot be read")));
        };
        let plan = compile(pipe, &project).map_err(|found| {
            let found: Vec<String> = found.iter().map(|found| found.message.clone()).collect();
            Ended::Failed(found.join("; "))
        })?;
        let entities = result(&plan, &resources, case)?;
        let given = match pipe.sink.kind {
            SinkKind::Published(Publication::Csv) => {
                let format = Format::from_config(&pipe.sink.config, "$.sink");
                let format = format.map_err(|error| Ended::Failed(error.to_string()))?;
                Given::Text(String::from_utf8_lossy(&format.render(&entities)).into_owned())
            }
            SinkKind::Published(Publication::Xml) => {
                let format = pipewright_pump::xml::Format::from_config(&pipe.sink.config);
                Given::Text(
                    format.and_then(|format| format.render(&entities)).map_err(Ended::Failed)?,
                )
            }
            _ => Given::Entities(entities),
        };
        results.push((Text::from(id), given));
    }
    Ok(results)
}

/// What a pipe's sink stores, or serves.
fn result(plan: &Plan, resources: &Resources<'_>, case: &Case) -> Result<Vec<Entity>, Ended> {
    let Some(dataset) = plan.sink_dataset() else {
        let vars = case.dict("vars")?.unwrap_or_default();
        let bound = vars.get("_B").and_then(Value::as_dict).map(|bound| Dict::clone(bound));
        let request = EvaluateRequest { bound, ..EvaluateRequest::default() };
        let found =
            evaluate(plan, resources, &request).map_err(|e| Ended::Failed(e.to_string()))?;
        fails_with(found.failed.first())?;
        return Ok(found.entities);
    };
    let report = run(plan, resources, RunRequest::default(), &Silent);
    if let Ending::Failed { reason, .. } = report.ending {
        return Err(Ended::Failed(reason));
    }
    fails_with(report.failures.first())?;
    let reader = resources.store.reader().map_err(broken)?;
    if reader.dataset(dataset).map_err(broken)?.is_none() {
        return Ok(Vec::new());
    }
    let changes = reader.changes(dataset, None, None, Select::default()).map_err(broken)?;
    changes.map(|version| Ok(version.map_err(broken)?.with_metadata())).collect()
}

fn fails_with(failure: Option<&(Option<Text>, String)>) -> Result<(), Ended> {
    match failure {
        Some((id, why)) => {
            Err(Ended::Failed(format!("{}: {why}", id.as_deref().unwrap_or("an entity"))))
        }
        None => Ok(()),
    }
}

/// Entities as a list, without generated properties that are not asked for.
fn shown(entities: &[Entity], wanted: &Value) -> Value {
    let wanted: Vec<&Dict> =
        wanted.as_slice().iter().filter_map(|entity| Some(&**entity.as_dict()?)).collect();
    let is_wanted = |name: &str| wanted.iter().any(|entity| entity.contains_key(name));
    Value::list(entities.iter().map(|entity| {
        let kept = entity.dict().iter().filter(|(name, value)| {
            let is_plain = !GENERATED.contains(&name.as_str());
            // Only what is deleted is shown as such.
            let is_deleted = *name == "_deleted" && **value == Value::Bool(true);
            is_plain || is_deleted || (*name != "_deleted" && is_wanted(name))
        });
        Value::dict(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }))
}

/// The pipes of a case: one or several whole ones, or one made of parts.
fn pipes(case: &Case) -> Result<Vec<Json>, serde_json::Error> {
    let json = |node: &Node| serde_json::from_str::<Json>(case.text(node));
    let mut pipes = match (case.node("pipes"), case.node("pipe")) {
        (Some(several), _) => several.items().iter().map(json).collect::<Result<_, _>>()?,
        (None, Some(one)) => vec![json(one)?],
        (None, None) => vec![made(case)?],
    };
    for pipe in &mut pipes {
        pipe["type"] = json!("pipe");
    }
    Ok(pipes)
}

fn made(case: &Case) -> Result<Json, serde_json::Error> {
    let json = |field: &str| match case.node(field) {
        Some(node) => serde_json::from_str::<Json>(case.text(node)).map(Some),
        None => Ok(None),
    };
    let mut pipe = Map::new();
    for field in ["namespaced_identifiers", "namespaces", "add_namespaces", "remove_namespaces"] {
        if let Some(node) = case.config(field) {
            pipe.insert(field.into(), serde_json::from_str(case.text(node))?);
        }
    }
    let id = case.config("pipe_id").and_then(Node::as_str).unwrap_or("conformance");
    pipe.insert("_id".into(), id.into());
    let entities = json("source")?.unwrap_or_else(|| json!([]));
    pipe.insert("source".into(), json!({"type": "embedded", "entities": entities}));
    let rules = json("rules")?.map(|rules| json!({"type": "dtl", "rules": rules}));
    let transform = json("transform")?.or(rules);
    pipe.extend(transform.map(|transform| ("transform".to_owned(), transform)));
    pipe.extend(json("sink")?.map(|sink| ("sink".to_owned(), sink)));
    Ok(pipe.into())
}

/// The pipes in a project with the environment and metadata of the case.
fn project(case: &Case, pipes: &[Json]) -> Result<Project, Stop> {
    let mut files: Vec<SourceFile> = pipes
        .iter()
        .enumerate()
        .map(|(place, pipe)| SourceFile::new(format!("pipes/p{place}.conf.json"), pipe.to_string()))
        .collect();
    if let Some(env) = case.node("env") {
        files.push(SourceFile::new("test-env.json", case.text(env)));
    }
    if let Some(metadata) = case.config("metadata") {
        let metadata = serde_json::from_str::<Json>(case.text(metadata));
        let mut metadata = metadata.map_err(|error| Stop::Failed(error.to_string()))?;
        metadata["_id"] = json!("node");
        metadata["type"] = json!("metadata");
        files.push(SourceFile::new("node-metadata.conf.json", metadata.to_string()));
    }
    Ok(Project::load(files, case.node("env").map(|_| "test")))
}

/// What `$ENV()` and secrets are in a case.
struct CaseVariables {
    env: Dict,
    secrets: BTreeMap<String, Value>,
}

impl Variables for CaseVariables {
    fn env(&self, name: &str) -> Option<Value> {
        self.env.get(name).cloned()
    }

    fn secret(&self, _: Option<&str>, name: &str) -> Option<Value> {
        self.secrets.get(name).cloned()
    }
}
