//! The REST sink
//! (`hub/documentation/service-configuration/pipes/configuration-sinks-rest`).

use std::collections::HashMap;

use pipewright_component::{EntityFailure, Failure, Sequence, Setting, Sink, Written};
use pipewright_entity::{Entity, Value};
use serde_json::json;

use super::payload::Payload;
use super::template::{plain_json, seen};
use super::{Operation, RestSystem};
use crate::properties::Properties;
use crate::url::UrlSystem;

/// Calls an operation for each entity.
///
/// The entity may name the operation, and bring `properties` for its templates
/// and the `payload`; the config gives what it lacks.
pub(crate) struct RestSink {
    rest: RestSystem,
    operation: Option<String>,
    known: HashMap<String, Operation>,
}

impl RestSink {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<RestSink, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let operation = properties.text("operation")?.map(str::to_owned);
        let mut sink =
            RestSink { rest: RestSystem::new(setting, system)?, operation, known: HashMap::new() };
        if let Some(name) = sink.operation.clone() {
            sink.know(&name)?;
        }
        Ok(sink)
    }

    fn know(&mut self, name: &str) -> Result<(), Failure> {
        if !self.known.contains_key(name) {
            let operation = self.rest.operation(name)?;
            self.known.insert(name.to_owned(), operation);
        }
        Ok(())
    }

    /// Sends one entity. The inner error is about the entity alone.
    fn send(&mut self, entity: &Entity) -> Result<Result<(), EntityFailure>, Failure> {
        let bad = |message: String| EntityFailure::new(Some(entity.id().clone()), message);
        let name = match entity.get("operation").and_then(Value::as_str) {
            Some(name) => name.to_owned(),
            None => match &self.operation {
                Some(name) => name.clone(),
                None => {
                    let message = "names no operation, and the sink has no default";
                    return Ok(Err(bad(message.to_owned())));
                }
            },
        };
        if let Err(failure) = self.know(&name) {
            return Ok(Err(bad(failure.to_string())));
        }
        let (rest, operation) = (&self.rest, &self.known[&name]);
        let mut context = plain_json(&Value::Dict(entity.dict().clone()));
        context["entity"] = context.clone();
        if entity.get("properties").is_none() {
            context["properties"] = rest.values(operation);
        }
        context["headers"] = json!({});
        let context = seen(&context);
        let filled;
        let payload = match entity.get("payload") {
            Some(payload) => Some(Payload::Value(payload)),
            None => match rest.given(operation, "payload") {
                Some(payload) => {
                    filled = match rest.templates.json(payload, &context) {
                        Ok(filled) => filled,
                        Err(message) => return Ok(Err(bad(message))),
                    };
                    filled.map(Payload::Json)
                }
                None => None,
            },
        };
        rest.sign_in()?;
        let build = || rest.request(operation, &context, None, payload.as_ref());
        let request = match build() {
            Ok(request) => request,
            Err(message) => return Ok(Err(bad(message))),
        };
        match rest.call(operation, request, true, None, build) {
            Ok(_) => Ok(Ok(())),
            Err(trouble) => trouble.for_entity(entity.id(), &operation.path).map(Err),
        }
    }
}

impl Sink for RestSink {
    fn is_outside(&self) -> bool {
        true
    }

    fn batch_size(&self) -> usize {
        1
    }

    fn begin(&mut self, _: &Sequence) -> Result<(), Failure> {
        Ok(())
    }

    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure> {
        let mut written = Written::default();
        for entity in entities {
            if entity.get("_filtered") == Some(&Value::Bool(true)) {
                written.ignored += 1;
                continue;
            }
            match self.send(entity)? {
                Ok(()) => written.written += 1,
                Err(failure) => written.rejected.push(failure),
            }
        }
        Ok(written)
    }

    fn finish(&mut self) -> Result<Written, Failure> {
        Ok(Written::default())
    }
}
