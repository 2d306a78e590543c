//! Entities that are posted to pipes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pipewright_component::{Cancel, Exchanges, TraceSettings};
use pipewright_config::Pipe;
use pipewright_entity::{Dict, Entity, Text, Value};
use pipewright_pump::{Plan, Post, PostError, Posted, Receiver};
use pipewright_store::StoreError;
use pipewright_systems::requests::{self, Request};
use serde_json::Value as Json;

use crate::Node;
use crate::api::Failed;

/// What pipes have received so far, each for as long as its plan is the same.
#[derive(Default)]
pub(crate) struct Receivers(Mutex<BTreeMap<Text, Known>>);

/// What the pipe with this plan has received.
struct Known {
    plan: Arc<Plan>,
    receiver: Arc<Receiver>,
}

impl Receivers {
    fn of(&self, plan: &Arc<Plan>) -> Arc<Receiver> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(plan.id()) {
            Some(known) if Arc::ptr_eq(&known.plan, plan) => known.receiver.clone(),
            _ => {
                let receiver = Arc::new(Receiver::new());
                let known = Known { plan: plan.clone(), receiver: receiver.clone() };
                all.insert(plan.id().clone(), known);
                receiver
            }
        }
    }

    /// Forgets sequences that are under way: their senders begin anew.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Node {
    /// Takes entities that are posted to a pipe.
    pub(crate) fn receive(
        &self,
        pipe: &str,
        entities: Vec<Entity>,
        post: &Post,
    ) -> Result<Result<Posted, PostError>, Failed> {
        // The transforms of the pipe run.
        if !self.is_trusted() {
            return Err(Failed::not_trusted());
        }
        let loaded = self.loaded();
        let config = loaded
            .project
            .pipe(pipe)
            .ok_or_else(|| Failed::not_found(format!("there is no pipe {pipe:?}")))?;
        let plan = loaded
            .plan(pipe)
            .map_err(|why| Failed::bad_request(format!("{pipe:?} cannot run: {why}")))?;
        if !plan.is_receiver() {
            return Err(Failed::bad_request(format!(
                "nothing can be posted to the pipe {pipe:?}: its source is no http_endpoint"
            )));
        }
        let numbers = Numbers::of(config);
        let entities = entities.into_iter().map(|entity| numbers.read(entity)).collect();
        let surroundings = self.surroundings(&loaded, Cancel::new());
        let receiver = self.receivers.of(&plan);
        let posted = self.with_resources(&loaded, &surroundings, |resources| {
            receiver.post(&plan, resources, entities, post)
        });
        if let (Ok(posted), Some(dataset)) = (&posted, plan.sink_dataset())
            && posted.written > 0
        {
            self.dataset_changed(dataset)?;
        }
        Ok(posted)
    }

    /// Why a request to a pipe is refused by its `validation_expression`.
    pub(crate) fn check_request(&self, pipe: &str, request: &Request) -> Result<(), Failed> {
        let loaded = self.loaded();
        let Some(source) = loaded.project.pipe(pipe).map(|pipe| &pipe.source) else {
            return Ok(());
        };
        let template = source.config.get("validation_expression").and_then(Json::as_str);
        let Some(template) = template else { return Ok(()) };
        // It sees secrets.
        if !self.is_trusted() {
            return Err(Failed::not_trusted());
        }
        let variables = self.surroundings(&loaded, Cancel::new()).variables;
        let system = source.config.get("system").and_then(Json::as_str).map(str::to_owned);
        let secret = move |name: &str| {
            let secret = variables.secret(system.as_deref(), name)?;
            secret.as_str().map(str::to_owned)
        };
        match requests::refusal(template, request, secret) {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(Failed::bad_request(reason)),
            Err(error) => {
                Err(Failed::bad_request(format!("validation_expression of {pipe:?}: {error}")))
            }
        }
    }

    /// What is to be noted of the requests to a pipe.
    pub(crate) fn trace_settings(&self, pipe: &str) -> Option<TraceSettings> {
        let loaded = self.loaded();
        TraceSettings::of(loaded.project.pipe(pipe)?.source.config.get("trace"))
    }

    /// Puts a request and its answer into the execution log of the pipe.
    pub(crate) fn note_request(
        &self,
        pipe: &str,
        started: i64,
        outcome: Result<&Posted, &str>,
        (request, response): (Value, Value),
    ) -> Result<(), Failed> {
        let loaded = self.loaded();
        let Ok(plan) = loaded.plan(pipe) else { return Ok(()) };
        let exchanges = Exchanges::default();
        exchanges.note(request, response);
        let trace = exchanges.take().unwrap_or(Value::Null);
        let surroundings = self.surroundings(&loaded, Cancel::new());
        self.with_resources(&loaded, &surroundings, |resources| {
            pipewright_pump::note_request(&plan, resources, started, outcome, trace)
        })?;
        Ok(())
    }

    /// Makes the datasets that entities are posted into, and that count as
    /// populated before the first post.
    pub(crate) fn ready_receivers(&self) -> Result<(), StoreError> {
        let loaded = self.loaded();
        let reader = self.store().reader()?;
        let mut batch = self.store().batch(self.now());
        for plan in loaded.project.pipes().filter_map(|pipe| loaded.plan(&pipe.id).ok()) {
            let Some(dataset) = plan.populated_from_start() else { continue };
            if !reader.dataset(dataset)?.is_some_and(|dataset| dataset.is_populated()) {
                batch.create(dataset);
                batch.set_populated(dataset);
            }
        }
        if !batch.is_empty() {
            self.store().commit(batch)?;
        }
        Ok(())
    }

    /// A dataset has versions that no run has written: tells those who read it
    /// and those who look.
    pub(crate) fn dataset_changed(&self, dataset: &str) -> Result<(), Failed> {
        self.conductor.changed(dataset);
        if let Some(dataset) = self.store().reader()?.dataset(dataset)? {
            self.hub().dataset(crate::status::dataset_status(&dataset));
        }
        Ok(())
    }
}

/// What becomes of JSON numbers with a decimal point.
struct Numbers {
    as_int: bool,
    as_decimal: bool,
}

impl Numbers {
    fn of(pipe: &Pipe) -> Numbers {
        let effective = pipe.effective();
        let is = |name: &str| effective["source"].get(name).and_then(Json::as_bool).unwrap_or(true);
        Numbers { as_int: is("do_float_as_int"), as_decimal: is("do_float_as_decimal") }
    }

    fn read(&self, entity: Entity) -> Entity {
        if !(self.as_int || self.as_decimal) || !entity.dict().iter().any(|(_, v)| has_float(v)) {
            return entity;
        }
        let id = entity.id().clone();
        let dict: Dict =
            entity.into_dict().into_iter().map(|(name, value)| (name, self.value(value))).collect();
        Entity::from_dict(dict).unwrap_or_else(|_| Entity::new(id))
    }

    fn value(&self, value: Value) -> Value {
        match value {
            // Below 2^53 every whole float is one number only.
            Value::Float(number) if self.as_int && number.fract() == 0.0 && number.abs() < 9e15 => {
                Value::Int(number as i64)
            }
            Value::Float(number) if self.as_decimal => {
                match pipewright_entity::number::parse_decimal(&number.to_string()) {
                    Some(decimal) => Value::decimal(decimal),
                    None => Value::Float(number),
                }
            }
            Value::List(items) => Value::list(items.iter().map(|item| self.value(item.clone()))),
            Value::Dict(dict) => Value::dict(
                dict.iter()
                    .map(|(name, value)| (name.clone(), self.value(value.clone())))
                    .collect(),
            ),
            other => other,
        }
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Float(_) => true,
        Value::List(items) => items.iter().any(has_float),
        Value::Dict(dict) => dict.iter().any(|(_, value)| has_float(value)),
        _ => false,
    }
}
