//! The HTTP transform: a service that is posted entities and answers with what
//! it makes of them
//! (`hub/documentation/service-configuration/pipes/configuration-transforms-http`).

use std::io::Read;

use pipewright_component::{EntityFailure, Failure, Setting, Transform};
use pipewright_entity::{Entity, Value};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};

use super::sink::array;
use super::source::owned;
use crate::http::{Answer, Body, CallError, put_headers};
use crate::properties::Properties;
use crate::url::{Address, Rendered, UrlSystem};

/// Posts entities as a JSON array and takes the array that comes back.
pub(crate) struct HttpTransform {
    system: UrlSystem,
    url: String,
    headers: Vec<(String, String)>,
    batch_size: usize,
    /// Whether calling it changes something outside.
    side_effects: bool,
}

impl HttpTransform {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<HttpTransform, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let batch_size = properties.number("batch_size")?.unwrap_or(100).max(1);
        Ok(HttpTransform {
            url: properties.required_text("url")?.to_owned(),
            headers: owned(properties.text_dict("headers")?),
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            side_effects: properties.flag("side_effects", true)?,
            system,
        })
    }

    fn post(&self, entities: &[&Entity]) -> Result<Vec<Entity>, Failure> {
        let target = self.system.locate(&self.url)?;
        let Address::Web(url) = &target.address else {
            let message = format!("{} is a file; a web service is needed", target.shown);
            return Err(Failure::config(self.system.path_of("url"), message));
        };
        let mut headers = HeaderMap::new();
        put_headers(&mut headers, [("Content-Type", "application/json")])?;
        put_headers(&mut headers, [("Accept", "application/json")])?;
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        put_headers(&mut headers, own)?;
        let body = array(entities);
        let request = Rendered {
            method: Method::POST,
            url,
            shown: &target.shown,
            headers: &headers,
            body: Some(&body),
            writes: self.side_effects,
            takes: None,
        };
        match self.system.exchange(&request)? {
            Ok(answer) => self.entities(answer, &target.shown, entities),
            Err(error) => Err(self.failure(error, entities)),
        }
    }

    fn failure(&self, error: CallError, entities: &[&Entity]) -> Failure {
        match error.status() {
            // What is wrong with the entities themselves.
            Some(
                StatusCode::BAD_REQUEST
                | StatusCode::CONFLICT
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::UNPROCESSABLE_ENTITY,
            ) => {
                let mut failure = EntityFailure::new(only(entities), error.to_string());
                failure.detail = error.answer().map(Value::from);
                failure.status = error.status().map(|status| status.as_u16());
                Failure::Entity(failure)
            }
            _ => error.into_failure(&self.system.path_of("url")),
        }
    }

    /// Reads an answer.
    fn entities(
        &self,
        answer: Answer,
        shown: &str,
        sent: &[&Entity],
    ) -> Result<Vec<Entity>, Failure> {
        let Answer { headers, mut body, .. } = answer;
        let mut bytes = Vec::new();
        if let Err(error) = body.read_to_end(&mut bytes) {
            let surroundings = self.system.surroundings();
            surroundings.cancel.check()?;
            return Err(match Body::failure_of(&error) {
                Some(call) => call.clone().into_failure(&self.system.path_of("url")),
                None => Failure::retryable(error.to_string()),
            });
        }
        let bad = |what: String| {
            let message = format!("POST {shown}: {what}");
            Failure::Entity(EntityFailure::new(only(sent), message))
        };
        let value = Value::from_transit(&bytes).map_err(|error| {
            let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            bad(format!("the answer ({}) is not JSON: {error}", kind.unwrap_or("of no type")))
        })?;
        let Value::List(list) = value else {
            return Err(bad("the answer must be a list of entities".to_owned()));
        };
        let entity = |value: &Value| {
            Entity::from_value(value.clone())
                .map_err(|error| bad(format!("the answer holds something else: {error}")))
        };
        list.iter().map(entity).collect()
    }
}

/// The id of an entity that was sent alone.
fn only(entities: &[&Entity]) -> Option<pipewright_entity::Text> {
    match entities {
        [only] => Some(only.id().clone()),
        _ => None,
    }
}

impl Transform for HttpTransform {
    fn is_outside(&self) -> bool {
        true
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn apply(&mut self, entities: Vec<Entity>) -> Result<Vec<Entity>, Failure> {
        self.post(&entities.iter().collect::<Vec<_>>())
    }
}
