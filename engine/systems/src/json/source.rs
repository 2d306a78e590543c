//! The JSON source: the reading side of the JSON pull protocol
//! (`hub/documentation/service-configuration/pipes/configuration-sources-json`).
//!
//! The binary source is the same between two nodes: the documentation says no
//! more of its own form than that it may change, and a node answers in JSON.

use std::io;

use pipewright_component::{
    Batch, Continuation, Coverage, EntityFailure, Failure, ReadRequest, Reading, Setting, Source,
};
use pipewright_entity::transit::{Entities, StreamError};
use pipewright_entity::{Entity, Value};
use reqwest::header::HeaderMap;

use crate::http::Body;
use crate::properties::Properties;
use crate::url::{Address, Target, UrlSystem};

/// Reads a JSON array of entities, from a file or by the JSON pull protocol.
pub(crate) struct JsonSource {
    system: UrlSystem,
    url: String,
    headers: Vec<(String, String)>,
    continuation: Continuation,
    initial_since: Option<Value>,
    page_size: Option<usize>,
    subset: Option<String>,
}

impl JsonSource {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<JsonSource, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let url = properties.required_text("url")?.to_owned();
        // A dataset of another node always knows what came when.
        let is_node = setting.kind() == "binary";
        let supports_since = properties.flag("supports_since", is_node)?;
        let is_chronological = properties.flag("is_chronological", is_node)?;
        let is_comparable = properties.flag("is_since_comparable", true)?;
        let page_size = properties.number("page_size")?;
        if page_size.is_some() && !(supports_since && is_chronological && is_comparable) {
            let message = "needs supports_since, is_chronological and is_since_comparable to be \
                           true: a page begins where the one before it ended";
            return Err(properties.failure("page_size", message));
        }
        if page_size == Some(0) {
            return Err(properties.failure("page_size", "must be at least 1"));
        }
        // A file has no way to hand out only what changed.
        let continuation = match system.is_file(&url)? {
            true => Continuation::None,
            false => Continuation::choose(supports_since, is_chronological, is_comparable),
        };
        Ok(JsonSource {
            url,
            headers: owned(properties.text_dict("headers")?),
            continuation,
            initial_since: properties.get("initial_since_value").map(Value::from_json),
            page_size: page_size.map(|size| usize::try_from(size).unwrap_or(usize::MAX)),
            subset: properties.get("subset").map(ToString::to_string),
            system,
        })
    }
}

pub(super) fn owned(pairs: Vec<(&str, &str)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Source for JsonSource {
    fn continuation(&self) -> Continuation {
        self.continuation
    }

    fn reports_deletes(&self) -> bool {
        // A stream since a marker always holds what was deleted after it.
        self.continuation != Continuation::None
    }

    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure> {
        let since = match self.continuation {
            Continuation::None => None,
            _ => request.since.clone().or_else(|| self.initial_since.clone()),
        };
        let coverage = match (&since, request.limit, &self.subset) {
            (None, None, None) => Coverage::Full,
            _ => Coverage::Partial,
        };
        let mut pages = Pages {
            target: self.system.locate(&self.url)?,
            source: self,
            largest: since.clone(),
            since,
            left: request.limit,
            batch_size: request.batch_size.max(1),
            page: None,
            on_page: 0,
            ended: false,
        };
        let headers = pages.turn()?;
        let about = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Ok(Reading {
            coverage,
            populated: about("x-dataset-populated").map(|text| text.eq_ignore_ascii_case("true")),
            completeness: about("x-dataset-completeness").and_then(|text| text.trim().parse().ok()),
            batches: Box::new(pages),
        })
    }
}

/// The batches of one reading, page after page. Without a page size there is
/// one page.
struct Pages<'a> {
    source: &'a JsonSource,
    target: Target,
    /// Where the next page begins.
    since: Option<Value>,
    /// The largest marker seen.
    largest: Option<Value>,
    /// How many entities are still wanted.
    left: Option<usize>,
    batch_size: usize,
    page: Option<Entities<Body>>,
    /// How many entities this page held so far.
    on_page: usize,
    ended: bool,
}

impl Pages<'_> {
    /// Asks for the next page.
    fn turn(&mut self) -> Result<HeaderMap, Failure> {
        let source = self.source;
        let mut query = Vec::new();
        if let Some(since) = &self.since {
            query.push(("since", marker_text(since)));
        }
        let limit = match (source.page_size, self.left) {
            (Some(page), Some(left)) => Some(page.min(left)),
            (page, left) => page.or(left),
        };
        query.extend(limit.map(|limit| ("limit", limit.to_string())));
        query.extend(source.subset.clone().map(|subset| ("subset", subset)));
        let headers: Vec<_> =
            source.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let opened = source.system.open(&self.target, &query, &headers)?;
        self.page = Some(Entities::new(opened.body));
        self.on_page = 0;
        Ok(opened.headers)
    }

    /// After the last entity of a page: whether there may be another page.
    fn turn_page(&mut self) -> Result<bool, Failure> {
        if self.source.page_size.is_none() || self.on_page == 0 || self.left == Some(0) {
            return Ok(false);
        }
        if self.largest == self.since {
            return Err(Failure::config(
                self.source.system.path_of("page_size"),
                format!(
                    "{}: the entities of a page have no _updated after {}, so the next page \
                     cannot be asked for",
                    self.target.shown,
                    self.since.as_ref().map_or_else(|| "the start".into(), marker_text)
                ),
            ));
        }
        self.since = self.largest.clone();
        self.turn().map(|_| true)
    }

    fn see(&mut self, entity: &Entity) {
        let Some(marker) = entity.get("_updated").filter(|marker| !marker.is_null()) else {
            return;
        };
        let is_later = match self.source.continuation {
            Continuation::None => return,
            Continuation::Chronological => true,
            Continuation::Max => {
                self.largest.as_ref().is_none_or(|largest| marker.compare(largest).is_gt())
            }
        };
        if is_later {
            self.largest = Some(marker.clone());
        }
    }

    fn failure(&self, error: StreamError) -> Result<EntityFailure, Failure> {
        let system = &self.source.system;
        let shown = &self.target.shown;
        match error {
            StreamError::Json { .. } | StreamError::NotAnEntity { .. } => {
                Ok(EntityFailure::new(None, format!("{shown}: {error}")))
            }
            _ if system.surroundings().cancel.is_stopped() => Err(Failure::Stopped),
            StreamError::Io { ref cause, .. } => Err(match Body::failure_of(cause) {
                Some(call) => call.clone().into_failure(&system.path_of("url")),
                None if cause.kind() == io::ErrorKind::PermissionDenied => {
                    Failure::config(system.path_of("url"), format!("{shown}: {error}"))
                }
                None => Failure::retryable(format!("{shown}: {error}")),
            }),
            // A server may have been cut off; a file stays as it is.
            StreamError::Shape { .. } => Err(match self.target.address {
                Address::Web(_) => Failure::retryable(format!("{shown}: {error}")),
                Address::File(_) => {
                    Failure::config(system.path_of("url"), format!("{shown}: {error}"))
                }
            }),
        }
    }

    fn batch(&mut self) -> Result<Batch, Failure> {
        self.source.system.surroundings().cancel.check()?;
        let mut batch = Batch::with_capacity(self.batch_size.min(1024));
        while batch.len() < self.batch_size {
            if self.left == Some(0) {
                self.ended = true;
                break;
            }
            match self.page.as_mut().and_then(Entities::next) {
                Some(Ok(entity)) => {
                    self.on_page += 1;
                    self.left = self.left.map(|left| left - 1);
                    self.see(&entity);
                    batch.entities.push(entity);
                }
                Some(Err(error)) => {
                    self.on_page += 1;
                    let failure = self.failure(error)?;
                    batch.unreadable.push(failure);
                }
                None => {
                    if !self.turn_page()? {
                        self.ended = true;
                        break;
                    }
                }
            }
        }
        batch.offset = match self.source.continuation {
            Continuation::None => None,
            _ => self.largest.clone(),
        };
        Ok(batch)
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.batch();
        self.ended |= batch.is_err();
        match batch {
            Ok(batch) if batch.is_empty() => None,
            other => Some(other),
        }
    }
}

/// A marker as it stands in a URL: it means something to the other side only.
fn marker_text(marker: &Value) -> String {
    match marker {
        Value::String(text) => text.to_string(),
        other => {
            let json = other.to_transit();
            match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inside) => inside.to_owned(),
                None => json,
            }
        }
    }
}
