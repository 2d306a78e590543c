//! The JSON push sink: the sending side of the JSON push protocol
//! (`hub/documentation/service-configuration/pipes/configuration-sinks-json`).

use pipewright_component::{EntityFailure, Failure, Sequence, Setting, Sink, Written};
use pipewright_entity::{Entity, Value};
use reqwest::StatusCode;

use super::source::owned;
use crate::http::CallError;
use crate::properties::Properties;
use crate::url::UrlSystem;

/// Posts entities as JSON arrays.
///
/// Every request carries the `sequence_id` of its run and a `request_id`, and
/// those after the first the `previous_request_id`. Only a full run has a
/// first and a last request that mean something: the receiver deletes what it
/// did not see between them. Its last request is an empty array, since only
/// the end of the source tells which one is last.
pub(crate) struct JsonSink {
    system: UrlSystem,
    url: String,
    headers: Vec<(String, String)>,
    batch_size: usize,
    sequence: Option<Sequence>,
    requests: u64,
    /// The last request that the receiver took.
    previous: Option<u64>,
}

impl JsonSink {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<JsonSink, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let url = properties.required_text("url")?.to_owned();
        let batch_size = properties.number("batch_size")?.unwrap_or(100).max(1);
        Ok(JsonSink {
            headers: owned(properties.text_dict("headers")?),
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            sequence: None,
            requests: 0,
            previous: None,
            url,
            system,
        })
    }

    fn sequence(&self) -> Result<Sequence, Failure> {
        self.sequence
            .clone()
            .ok_or_else(|| Failure::config(self.system.path_of("type"), "the run has not begun"))
    }

    /// Makes one request.
    fn post(&mut self, entities: &[&Entity], is_last: bool) -> Result<(), Failure> {
        let sequence = self.sequence()?;
        self.requests += 1;
        let mut query = vec![
            ("is_full", sequence.is_full.to_string()),
            ("sequence_id", sequence.id.to_string()),
            ("request_id", self.requests.to_string()),
        ];
        match self.previous {
            Some(previous) => query.push(("previous_request_id", previous.to_string())),
            None if sequence.is_full => query.push(("is_first", "true".to_owned())),
            None => {}
        }
        if is_last {
            query.push(("is_last", "true".to_owned()));
        }
        let body = array(entities);
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // Only now, so that a sink can be built while its secrets are not set.
        let target = self.system.locate(&self.url)?;
        match self.system.post(&target, &query, &headers, body)? {
            Ok(_) => {
                self.previous = Some(self.requests);
                Ok(())
            }
            Err(error) => Err(self.failure(error, sequence.is_full, entities)),
        }
    }

    fn failure(&self, error: CallError, is_full: bool, entities: &[&Entity]) -> Failure {
        match error.status() {
            Some(StatusCode::CONFLICT) if is_full => Failure::StartOver {
                message: format!(
                    "{error}. The receiver follows another full sequence; the next run sends \
                     everything again"
                ),
            },
            // What is wrong with the entities themselves.
            Some(
                StatusCode::BAD_REQUEST
                | StatusCode::CONFLICT
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY,
            ) => {
                let id = match entities {
                    [only] => Some(only.id().clone()),
                    _ => None,
                };
                let mut failure = EntityFailure::new(id, error.to_string());
                failure.detail = error.answer().map(Value::from);
                failure.status = error.status().map(|status| status.as_u16());
                Failure::Entity(failure)
            }
            _ => error.into_failure(&self.system.path_of("url")),
        }
    }
}

/// Entities as a JSON array.
pub(super) fn array(entities: &[&Entity]) -> Vec<u8> {
    let mut body = Vec::with_capacity(entities.len() * 256 + 2);
    body.push(b'[');
    for (at, entity) in entities.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let dict = Value::Dict(entity.dict().clone());
        body.extend_from_slice(dict.to_transit().as_bytes());
    }
    body.push(b']');
    body
}

fn is_filtered(entity: &Entity) -> bool {
    entity.get("_filtered") == Some(&Value::Bool(true))
}

impl Sink for JsonSink {
    fn is_outside(&self) -> bool {
        true
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn begin(&mut self, sequence: &Sequence) -> Result<(), Failure> {
        self.sequence = Some(sequence.clone());
        self.requests = 0;
        self.previous = None;
        Ok(())
    }

    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure> {
        let sent: Vec<&Entity> = entities.iter().filter(|entity| !is_filtered(entity)).collect();
        for chunk in sent.chunks(self.batch_size) {
            self.post(chunk, false)?;
        }
        Ok(Written {
            written: sent.len(),
            ignored: entities.len() - sent.len(),
            ..Written::default()
        })
    }

    fn finish(&mut self) -> Result<Written, Failure> {
        if self.sequence()?.is_full {
            self.post(&[], true)?;
        }
        self.sequence = None;
        Ok(Written::default())
    }
}
