//! What a case puts around a program: other datasets, variables, metadata.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use pipewright_dtl::memory::MemoryDatasets;
use pipewright_dtl::{Context, Datasets};
use pipewright_entity::{DateTime, Dict, Entity, Text, Value};
use uuid::Uuid;

use super::case::{Case, Stop};
use super::keys;

/// The world of one case.
pub(super) struct World {
    datasets: MemoryDatasets,
    bound: Option<Arc<Dict>>,
    env: Dict,
    secrets: BTreeMap<String, Value>,
    previous: Option<Entity>,
    completeness: Dict,
    metadata: Option<Value>,
}

impl World {
    pub(super) fn of(case: &Case, folder: &Path) -> Result<World, Stop> {
        let mut datasets = MemoryDatasets::new();
        for (name, entities) in case.datasets()? {
            datasets.write(&name, entities);
        }
        let bound = match case.dict("vars")? {
            None => None,
            Some(variables) => match variables.get("_B") {
                Some(Value::Dict(bound)) if variables.len() == 1 => Some(bound.clone()),
                _ => return Err(Stop::Failed("only \"_B\" can be among the variables".into())),
            },
        };
        let config = |field| case.config(field).map(|node| case.data(node)).transpose();
        let dict = |value: Option<Value>| match value {
            Some(Value::Dict(dict)) => (*dict).clone(),
            _ => Dict::default(),
        };
        let previous = case.dict("previous")?.map(entity);
        Ok(World {
            datasets,
            bound,
            env: case.dict("env")?.unwrap_or_default(),
            secrets: secrets(case, folder)?,
            previous,
            completeness: dict(config("completeness")?),
            metadata: config("metadata")?,
        })
    }
}

/// A version of the source entity, which may lack an id in a case.
fn entity(mut dict: Dict) -> Entity {
    let id = match dict.get("_id") {
        Some(Value::String(id)) => id.clone(),
        _ => Text::new_static("1"),
    };
    dict.insert(Text::new_static("_id"), Value::String(id.clone()));
    Entity::from_dict(dict).unwrap_or_else(|_| Entity::new(id))
}

/// The secrets that a case gives, and those that it keeps in files.
pub(super) fn secrets(case: &Case, folder: &Path) -> Result<BTreeMap<String, Value>, Stop> {
    let mut secrets = BTreeMap::new();
    for member in case.config("secrets").map_or(&[][..], |node| node.members()) {
        secrets.insert(member.key.to_string(), case.data(&member.value)?);
    }
    for member in case.node("secrets_from").map_or(&[][..], |node| node.members()) {
        let file = member.value.as_str().unwrap_or_default();
        let text = match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => text,
            Err(_) => match keys::made(file) {
                Some(key) => key.to_owned(),
                None => return Err(Stop::Skipped(format!("there is no file {file}"))),
            },
        };
        secrets.insert(member.key.to_string(), Value::from(text));
    }
    Ok(secrets)
}

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.datasets
    }

    fn now(&self) -> DateTime {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i128::try_from(since.as_nanos()).ok().and_then(DateTime::from_nanosecond);
        now.unwrap_or_else(|| DateTime::new(Default::default()))
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn bound(&self) -> Option<&Arc<Dict>> {
        self.bound.as_ref()
    }

    fn env(&self, name: &str) -> Option<Value> {
        self.env.get(name).cloned()
    }

    fn secret(&self, name: &str) -> Option<Value> {
        self.secrets.get(name).cloned()
    }

    fn previous(&self) -> Option<Entity> {
        self.previous.clone()
    }

    fn completeness(&self, via: &str, dataset: &str) -> Option<DateTime> {
        match self.completeness.get(via)?.as_dict()?.get(dataset)? {
            Value::DateTime(time) => Some(*time),
            _ => None,
        }
    }

    fn metadata(&self) -> Option<&Value> {
        self.metadata.as_ref()
    }
}
