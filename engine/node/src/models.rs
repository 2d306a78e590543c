//! Models: what people say that entities look like, and what they do look like.
//!
//! A model that was posted is kept as it is. The implicit one is called after the
//! node: a type for each pipe that writes a dataset, by a sample of what it
//! wrote. In effect both hold: what is posted comes first, property by property.

use std::collections::BTreeMap;

use pipewright_entity::{Entity, Value};
use pipewright_protocol::service::{Model, ModelType};
use pipewright_store::{Select, StoreError, names};
use serde_json::Value as Json;

use crate::api::Failed;
use crate::permissions::{self, Act, Resource};
use crate::{Claims, Node};

/// Models of a node.
const MOST: usize = 1_000;
/// So many entities of a dataset are looked at.
const SAMPLE: u64 = 100;

/// How a model is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// With what the data says.
    pub(crate) effective: bool,
    /// With more than ids and names.
    pub(crate) verbose: bool,
}

impl Node {
    /// The models, by their ids.
    pub(crate) fn models(&self, shown: Shown, to: &Claims) -> Result<Vec<Model>, Failed> {
        let mut models = self.kept_models()?;
        if shown.effective {
            let implicit = self.implicit_model(to)?;
            match models.iter_mut().find(|model| model.id == implicit.id) {
                Some(model) => merge(model, implicit),
                None => models.push(implicit),
            }
        }
        models.sort_by(|a, b| a.id.cmp(&b.id));
        if !shown.verbose {
            models.iter_mut().for_each(shorten);
        }
        Ok(models)
    }

    fn kept_models(&self) -> Result<Vec<Model>, Failed> {
        let reader = self.store().reader()?;
        if reader.dataset(names::MODELS)?.is_none() {
            return Ok(Vec::new());
        }
        let versions = reader.current(names::MODELS)?;
        let live = versions.filter(|version| {
            version.as_ref().map_or(true, |version| !version.entity.is_deleted())
        });
        let model = |version: Result<pipewright_entity::Version, StoreError>| {
            let entity = version?.entity;
            let text = entity.get("text").and_then(Value::as_str).unwrap_or_default();
            serde_json::from_str(text).map_err(|error| Failed::internal(error.to_string()))
        };
        live.map(model).collect()
    }

    fn implicit_model(&self, to: &Claims) -> Result<Model, Failed> {
        let (loaded, reader) = (self.loaded(), self.store().reader()?);
        let mut types = Vec::new();
        for pipe in loaded.project.pipes() {
            let seen = permissions::may(&loaded, to, Resource::Pipe(&pipe.id), Act::ReadData);
            let Some(dataset) = pipe.sink_dataset().filter(|_| seen) else { continue };
            if reader.dataset(dataset)?.is_none() {
                continue;
            }
            let select = Select { history: false, deleted: false, ..Select::default() };
            let sample = reader.changes(dataset, None, Some(SAMPLE), select)?;
            let sample = sample.map(|version| version.map(|version| version.entity));
            let sample = sample.collect::<Result<Vec<Entity>, _>>()?;
            let schema = match serde_json::to_value(crate::schema::infer(&sample)) {
                Ok(Json::Object(schema)) => schema.into_iter().collect(),
                _ => BTreeMap::new(),
            };
            types.push(ModelType { id: pipe.id.to_string(), name: None, schema });
        }
        Ok(Model { id: self.name(), name: None, entity_types: types, more: BTreeMap::new() })
    }

    /// Keeps models; those of the same ids are replaced.
    pub(crate) fn keep_models(&self, models: &[Model], by: &Claims) -> Result<(), Failed> {
        let new = models.iter().map(|model| &model.id);
        let mut ids: Vec<String> = self.kept_models()?.into_iter().map(|one| one.id).collect();
        ids.extend(new.cloned());
        ids.sort();
        ids.dedup();
        if ids.len() > MOST {
            return Err(Failed::bad_request(format!("a node keeps at most {MOST} models")));
        }
        let mut batch = self.store().batch(self.now());
        batch.create(names::MODELS);
        for model in models {
            let text = serde_json::to_string(model);
            let text = text.map_err(|error| Failed::internal(error.to_string()))?;
            let entity = Entity::new(model.id.as_str()).with("text", text.as_str());
            batch.append(names::MODELS, entity.with("changed_by", by.sub.as_str()));
        }
        self.store().commit(batch)?;
        Ok(())
    }

    /// Takes a model away. Whether there was one.
    pub(crate) fn remove_model(&self, id: &str) -> Result<bool, Failed> {
        if !self.kept_models()?.iter().any(|model| model.id == id) {
            return Ok(false);
        }
        let mut batch = self.store().batch(self.now());
        batch.append(names::MODELS, pipewright_store::Write::delete(id));
        self.store().commit(batch)?;
        Ok(true)
    }
}

/// What is wrong with a model, if anything.
pub(crate) fn wrong(model: &Model) -> Option<String> {
    if model.id.is_empty() {
        return Some("a model has an \"_id\" that is not empty".to_owned());
    }
    let mut ids: Vec<&str> = model.entity_types.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    if let Some(id) = twice {
        return Some(format!("the entity type {id:?} stands twice in the model {:?}", model.id));
    }
    let broken = model.entity_types.iter().find(|one| {
        one.id.is_empty() || one.schema.get("properties").is_some_and(|all| !all.is_object())
    });
    broken.map(|one| {
        format!(
            "the entity type {:?} of the model {:?} needs an \"_id\", and \"properties\" that are \
             an object",
            one.id, model.id
        )
    })
}

/// Whether a type of a model has a property.
pub(crate) fn has_property(model: &Model, property: &str) -> bool {
    let has = |one: &ModelType| {
        one.schema.get("properties").is_some_and(|all| all.get(property).is_some())
    };
    model.entity_types.iter().any(has)
}

/// Adds to what is said in words what the data says besides.
fn merge(model: &mut Model, implicit: Model) {
    for found in implicit.entity_types {
        let known = model.entity_types.iter_mut().find(|known| known.id == found.id);
        let Some(known) = known else {
            model.entity_types.push(found);
            continue;
        };
        for (key, value) in found.schema {
            match (known.schema.get_mut(&key), value) {
                (None, value) => {
                    known.schema.insert(key, value);
                }
                (Some(Json::Object(said)), Json::Object(seen)) => {
                    for (name, value) in seen {
                        said.entry(name).or_insert(value);
                    }
                }
                (Some(_), _) => {}
            }
        }
    }
}

/// Leaves ids and names.
pub(crate) fn shorten(model: &mut Model) {
    model.more.clear();
    model.entity_types.iter_mut().for_each(|one| one.schema.clear());
}
