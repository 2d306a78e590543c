//! What a pipe gives, without storing anything.

use std::collections::HashMap;
use std::sync::Arc;

use pipewright_component::{Cancel, Surroundings};
use pipewright_config::spec::{Endpoint, Spec, Stage as SpecStage};
use pipewright_entity::{Dict, Entity, Text, Value};
use pipewright_pump::{EvaluateRequest, Plan};
use pipewright_store::Select;
use pipewright_systems::excel;
use serde_json::{Map, Value as Json};

use crate::Node;
use crate::api::Failed;
use crate::loaded::{Loaded, plan_of};
use crate::node::NodeError;

/// Where in a pipe the entities are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// As the source gives them.
    Source,
    /// Behind the last transform, with namespaces.
    AfterTransforms,
    /// As the sink gets them; of a pipe that writes a dataset, what it wrote.
    Sink,
}

impl Node {
    /// The entities of a pipe at a stage, for a caller of the API. `bound` are
    /// parameters of the request, which DTL sees as `_B`.
    pub(crate) fn entities(
        &self,
        pipe: &str,
        stage: Stage,
        since: Option<String>,
        limit: Option<usize>,
        bound: HashMap<String, String>,
    ) -> Result<Vec<Entity>, Failed> {
        let loaded = self.loaded();
        let surroundings = self.surroundings_of_look(&loaded);
        self.entities_with(&loaded, &surroundings, pipe, stage, since, limit, bound)
    }

    #[expect(clippy::too_many_arguments, reason = "what a request says, once more")]
    fn entities_with(
        &self,
        loaded: &Loaded,
        surroundings: &Surroundings,
        pipe: &str,
        stage: Stage,
        since: Option<String>,
        limit: Option<usize>,
        bound: HashMap<String, String>,
    ) -> Result<Vec<Entity>, Failed> {
        let plan = loaded.plan(pipe).map_err(Failed::bad_request)?;
        if let (Stage::Sink, Some(dataset)) = (stage, plan.sink_dataset()) {
            return self.stored(dataset, since, limit);
        }
        let plan = at_stage(loaded, pipe, plan, stage)?;
        let bound = bound.into_iter().map(|(name, value)| (Text::from(name), Value::from(value)));
        let request = EvaluateRequest {
            since: since.map(|since| {
                Value::from_json(&serde_json::from_str(&since).unwrap_or(since.into()))
            }),
            limit,
            bound: Some(bound.collect::<Dict>()),
        };
        let evaluated = self.with_resources(loaded, surroundings, |resources| {
            pipewright_pump::evaluate(&plan, resources, &request)
        });
        let evaluated = evaluated.map_err(|error| Failed::bad_request(error.to_string()))?;
        match evaluated.failed.first() {
            None => Ok(evaluated.entities),
            Some((id, why)) => Err(Failed::bad_request(match id {
                Some(id) => format!("entity {id:?} of {pipe:?}: {why}"),
                None => format!("{pipe:?}: {why}"),
            })),
        }
    }

    fn stored(
        &self,
        dataset: &str,
        since: Option<String>,
        limit: Option<usize>,
    ) -> Result<Vec<Entity>, Failed> {
        let since = since.map(|since| {
            since.parse::<u64>().map_err(|_| {
                let why = format!("\"since\" {since:?} is no place in the dataset {dataset:?}");
                Failed::bad_request(why)
            })
        });
        let since = since.transpose()?;
        let reader = self.store().reader()?;
        if reader.dataset(dataset)?.is_none() {
            return Ok(Vec::new());
        }
        let limit = limit.map(|limit| limit as u64);
        let versions = reader.changes(dataset, since, limit, Select::default())?;
        versions.map(|version| Ok(version?.with_metadata())).collect()
    }

    /// The effective config of a pipe's sink.
    pub(crate) fn sink_config(&self, pipe: &str) -> Map<String, Json> {
        let loaded = self.loaded();
        let effective = loaded.project.pipe(pipe).map(|pipe| pipe.effective()).unwrap_or_default();
        effective["sink"].as_object().cloned().unwrap_or_default()
    }

    /// Entities as the XML that an `xml_endpoint` sink describes, and its
    /// content type.
    pub(crate) fn xml(&self, pipe: &str, entities: &[Entity]) -> Result<(String, Vec<u8>), Failed> {
        let format = pipewright_pump::xml::Format::from_config(&self.sink_config(pipe));
        let text = format.and_then(|format| format.render(entities));
        let text = text.map_err(|why| Failed::bad_request(format!("{pipe:?}: {why}")))?;
        Ok(("application/xml; charset=utf-8".into(), text.into_bytes()))
    }

    /// Entities as the CSV that a `csv_endpoint` sink describes, and its
    /// content type.
    pub(crate) fn csv(&self, pipe: &str, entities: &[Entity]) -> Result<(String, Vec<u8>), Failed> {
        let sink = self.sink_config(pipe);
        let format = pipewright_systems::csv::Format::from_config(&sink, "$.sink")
            .map_err(|error| Failed::bad_request(error.to_string()))?;
        let encoding = sink.get("encoding").and_then(|name| name.as_str()).unwrap_or("utf-8");
        Ok((format!("text/csv; charset={encoding}"), format.render(entities)))
    }

    /// Entities as an Excel workbook, and its content type.
    pub(crate) fn excel(
        &self,
        pipe: &str,
        entities: &[Entity],
    ) -> Result<(String, Vec<u8>), Failed> {
        let format = excel::Format::from_config(&self.sink_config(pipe), "$.sink")
            .map_err(|error| Failed::bad_request(error.to_string()))?;
        let book = format.render(pipe, entities);
        let book = book.map_err(|why| Failed::bad_request(format!("{pipe:?}: {why}")))?;
        Ok((excel::CONTENT_TYPE.to_owned(), book))
    }
}

/// The pipe cut off at a stage.
pub(crate) fn at_stage(
    loaded: &Loaded,
    pipe: &str,
    plan: Arc<Plan>,
    stage: Stage,
) -> Result<Arc<Plan>, Failed> {
    let Some(config) = loaded.project.pipe(pipe).filter(|_| stage != Stage::Sink) else {
        return Ok(plan);
    };
    let mut cut = (**config).clone();
    cut.namespaces.remove = false;
    if stage == Stage::Source {
        cut.transforms.clear();
        cut.namespaces.add = false;
    }
    plan_of(&loaded.project, &cut).map_err(|why| Failed::bad_request(why.to_string()))
}

impl Node {
    /// What a test compares: the entities of a pipe as JSON, or the bytes of
    /// its endpoint.
    pub fn spec_output(&self, spec: &Spec) -> Result<Vec<u8>, NodeError> {
        let stage = match spec.stage {
            SpecStage::Source | SpecStage::BeforeTransform => Stage::Source,
            SpecStage::AfterTransform => Stage::AfterTransforms,
            SpecStage::Sink => Stage::Sink,
        };
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let bound = spec.parameters.iter().map(|(name, value)| (name.clone(), text(value)));
        let refused = |failed: Failed| NodeError::Refused(failed.message());
        let loaded = self.loaded();
        if let Some(sample) = &spec.sample {
            let plan = loaded.plan(&spec.pipe).map_err(NodeError::Refused)?;
            let made = self.pinned(&loaded, &plan, sample).map_err(NodeError::Refused)?;
            return serde_json::to_vec(&made)
                .map_err(|error| NodeError::Refused(error.to_string()));
        }
        // Who runs tests has asked for what they need, trusted or not.
        let around = self.surroundings(&loaded, Cancel::new());
        let entities = self
            .entities_with(&loaded, &around, &spec.pipe, stage, None, None, bound.collect())
            .map_err(refused)?;
        match &spec.endpoint {
            Endpoint::Entities => {
                serde_json::to_vec(&entities).map_err(|error| NodeError::Refused(error.to_string()))
            }
            Endpoint::Published(form) if form == "csv" => {
                Ok(self.csv(&spec.pipe, &entities).map_err(refused)?.1)
            }
            Endpoint::Published(form) if form == "xml" => {
                Ok(self.xml(&spec.pipe, &entities).map_err(refused)?.1)
            }
            Endpoint::Published(form) => {
                Err(NodeError::Refused(format!("nothing is published as {form:?} yet")))
            }
        }
    }
}
