//! What a pipe would make of one entity, before anything is saved.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use pipewright_config::{self as config, Pipe, Problem, Project};
use pipewright_dtl::Path;
use pipewright_entity::{Entity, Value};
use pipewright_protocol::studio::{
    Failure, Findings, Outcome, Preview, PreviewRequest, Produced, Sample,
};
use pipewright_pump::{EvaluateRequest, Plan};

use crate::Node;
use crate::api::Failed;
use crate::evaluate::{Stage, at_stage};
use crate::loaded::{Loaded, plan_of};
use crate::node::NodeError;
use crate::trace::traces;
use crate::wire;

/// What is said when a lookup without an index was cut short.
pub(crate) const PARTIAL: &str =
    "A lookup has no index yet and looked through a part of its dataset only.";

/// How many entities a sample is looked for among, where the source cannot be
/// asked for one.
const LOOKED_AT: usize = 1000;

/// A project with the text of an editor in it.
pub(crate) struct Edited {
    pub(crate) loaded: Arc<Loaded>,
    /// The pipe that the text is, if it is one.
    pub(crate) pipe: Option<Arc<Pipe>>,
    /// What is wrong with the text.
    pub(crate) diagnostics: Findings,
}

impl Node {
    /// What is wrong with a text that would be saved under a path.
    pub(crate) fn check(&self, path: &str, text: String) -> Findings {
        let loaded = self.loaded();
        let project = with_text(&loaded.project, path, text);
        findings(&config::validate_file(&project, path), path)
    }

    /// Runs the transforms of a pipe on one sample, for the command line.
    pub fn preview_once(&self, request: PreviewRequest) -> Result<Preview, NodeError> {
        self.preview(request).map_err(|failed| NodeError::Refused(failed.message()))
    }

    /// Runs the transforms of a pipe on one sample. Nothing is stored and
    /// nothing outside is called.
    pub(crate) fn preview(&self, request: PreviewRequest) -> Result<Preview, Failed> {
        let Edited { loaded, pipe, diagnostics } = self.edited(&request.pipe, request.text);
        let mut preview = Preview {
            source: None,
            produced: Vec::new(),
            diagnostics,
            failure: None,
            partial: None,
            no_sample: None,
            held: None,
            took: 0,
            trace: None,
        };
        let Some(pipe) = pipe else {
            preview.no_sample = Some("The text is not a pipe yet.".into());
            return Ok(preview);
        };
        let plan = match plan_of(&loaded.project, &pipe) {
            Ok(plan) => plan,
            Err(why) => {
                preview.held = Some(why.to_string());
                return Ok(preview);
            }
        };
        let plan = match request.trace {
            // It is the plan that was just compiled, with probes in it.
            true => pipewright_pump::compile_traced(&pipe, &loaded.project).map_or(plan, Arc::new),
            false => plan,
        };
        let sample = match self.sample(&loaded, &pipe, &plan, &request.sample)? {
            Ok(sample) => sample,
            Err(why) => {
                preview.no_sample = Some(why);
                return Ok(preview);
            }
        };
        preview.source = Some(wire::json(&sample)?);
        let begin = Instant::now();
        let surroundings = self.surroundings_of_look(&loaded);
        let result = self.with_resources(&loaded, &surroundings, |resources| {
            pipewright_pump::preview(&plan, resources, sample.clone())
        });
        preview.took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let result = result.map_err(|error| Failed::bad_request(error.to_string()))?;
        preview.partial = result.is_partial.then(|| PARTIAL.to_owned());
        preview.failure = result.failure.map(|(message, path)| located(&pipe, message, path));
        if request.trace {
            preview.trace = Some(traces(&pipe, &result.traces)?);
        }
        let reader = self.store().reader()?;
        for (place, entity) in result.entities.iter().enumerate() {
            let filtered = entity.get("_filtered") == Some(&Value::Bool(true));
            let stored = match plan.sink_dataset() {
                Some(dataset) if reader.dataset(dataset)?.is_some() => {
                    reader.get(dataset, entity.id())?
                }
                _ => None,
            };
            // A dataset keeps no reserved properties: neither side shows them.
            let shown =
                if plan.sink_dataset().is_some() { entity.content() } else { entity.clone() };
            preview.produced.push(Produced {
                outcome: match place {
                    _ if filtered => Outcome::Filtered,
                    0 => Outcome::Kept,
                    _ => Outcome::Emitted,
                },
                entity: wire::json(&shown)?,
                stored: stored.map(|version| wire::json(&version.entity)).transpose()?,
            });
        }
        Ok(preview)
    }

    /// The project with a pipe as its text is in an editor, if one is given.
    pub(crate) fn edited(&self, pipe: &str, text: Option<String>) -> Edited {
        let saved = self.loaded();
        let file = saved.project.pipe(pipe).map(|pipe| pipe.origin.file.path.to_string());
        let mut diagnostics = Findings::new();
        let loaded = match text {
            None => saved.clone(),
            Some(text) => {
                let path = file.clone().unwrap_or_else(|| format!("pipes/{pipe}.conf.json"));
                let project = with_text(&saved.project, &path, text);
                let problems = config::validate_file(&project, &path);
                diagnostics = findings(&problems, &path);
                Arc::new(Loaded {
                    project,
                    problems,
                    plans: saved.plans.clone(),
                    flow: saved.flow.clone(),
                    metadata: saved.metadata.clone(),
                    stated: saved.stated.clone(),
                })
            }
        };
        if let Some(path) = &file
            && diagnostics.is_empty()
        {
            diagnostics = findings(&loaded.problems, path);
        }
        // The text may call the pipe something else by now.
        let in_file = |pipe: &&Arc<Pipe>| Some(pipe.origin.file.path.as_str()) == file.as_deref();
        let found = loaded.project.pipe(pipe).or_else(|| loaded.project.pipes().find(in_file));
        let pipe = found.cloned();
        Edited { loaded, pipe, diagnostics }
    }

    /// A sample of what the source gives, or why there is none.
    fn sample(
        &self,
        loaded: &Arc<Loaded>,
        pipe: &Pipe,
        plan: &Arc<Plan>,
        wanted: &Sample,
    ) -> Result<Result<Entity, String>, Failed> {
        if let Sample::Entity(text) = wanted {
            let value = Value::from_transit(text.text().as_bytes());
            let entity = value
                .map_err(|e| e.to_string())
                .and_then(|value| Entity::from_value(value).map_err(|error| error.to_string()));
            return Ok(entity);
        }
        if plan.is_receiver() {
            return Ok(Err("Entities are posted to this pipe: paste one as the sample.".into()));
        }
        let reader = self.store().reader()?;
        // A dataset can be asked for an entity; other sources are read.
        if let [dataset] = plan.source_datasets().as_slice()
            && let Sample::Id(id) = wanted
        {
            let found = match reader.dataset(dataset)? {
                Some(_) => reader.get(dataset, id)?,
                None => None,
            };
            return Ok(found
                .map(|version| version.with_metadata())
                .ok_or_else(|| format!("The dataset {dataset:?} has no entity {id:?}.")));
        }
        let limit = match wanted {
            Sample::First => 1,
            _ => LOOKED_AT,
        };
        let source = at_stage(loaded, &pipe.id, plan.clone(), Stage::Source)?;
        let surroundings = self.surroundings_of_look(loaded);
        let request = EvaluateRequest { limit: Some(limit), ..EvaluateRequest::default() };
        let evaluated = self.with_resources(loaded, &surroundings, |resources| {
            pipewright_pump::evaluate(&source, resources, &request)
        });
        let mut entities = match evaluated {
            Ok(evaluated) => evaluated.entities,
            Err(error) => return Ok(Err(format!("The source cannot be read: {error}"))),
        };
        entities.retain(|entity| !entity.is_deleted());
        let found = match wanted {
            Sample::Id(id) => entities.into_iter().find(|entity| entity.id() == id),
            Sample::Random if !entities.is_empty() => {
                let chance = uuid::Uuid::new_v4().as_u128() % entities.len() as u128;
                Some(entities.swap_remove(chance as usize))
            }
            _ => entities.into_iter().next(),
        };
        Ok(found.ok_or_else(|| match wanted {
            Sample::Id(id) => {
                format!("The source has no entity {id:?} among its first {LOOKED_AT}.")
            }
            _ => "The source holds nothing yet: run the pipes before this one.".into(),
        }))
    }
}

/// The project as if a file had another text.
fn with_text(project: &Project, path: &str, text: String) -> Project {
    project.with([config::Change::Put(config::SourceFile::new(path, text))])
}

fn findings(problems: &[Problem], path: &str) -> Findings {
    let ours = problems.iter().filter(|problem| problem.file == path);
    ours.map(|problem| wire::diagnostic(&problem.diagnostic)).collect()
}

/// A failure with its place in the text of the pipe's file.
fn located(pipe: &Pipe, message: String, path: Option<String>) -> Failure {
    let below: Option<Path> = path.as_deref().and_then(|path| path.parse().ok());
    let (at, span) = in_file(pipe, below.as_ref());
    Failure { message, path: at.to_string(), start: span.start, end: span.end }
}

/// A place in a pipe as a path and bytes of its file, in which other
/// components may stand.
pub(crate) fn in_file(pipe: &Pipe, below: Option<&Path>) -> (Path, Range<usize>) {
    let at = match below {
        Some(below) if below.starts_with(&pipe.origin.at) => below.clone(),
        Some(below) => pipe.origin.at.join(below),
        None => pipe.origin.at.clone(),
    };
    let span = pipe.origin.file.document.nearest_span(&at);
    (at, span)
}
