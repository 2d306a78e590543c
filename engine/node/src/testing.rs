//! Running the tests of a project: what its pipes give, compared with what is
//! expected of them.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use pipewright_config::spec::{Endpoint, Spec};
use pipewright_entity::{Entity, Value, transit};
use pipewright_protocol::studio::{
    Json, PinsRequest, TestDifference, TestOutcome, TestReport, TestResult,
};
use pipewright_pump::{Plan, Progress};

use crate::api::Failed;
use crate::loaded::{Loaded, Unrunnable, plan_of};
use crate::node::NodeError;
use crate::preview::Edited;
use crate::run::Settled;
use crate::specs::{self, Difference, Rules};
use crate::tasks::Task;
use crate::{Ending, Node, Observer, Options, Permission, wire};

impl Node {
    /// What is not as a test expects.
    ///
    /// # Errors
    /// When it cannot be told: the test is broken, the file with what is
    /// expected cannot be read, or the pipe gives nothing.
    pub fn differences(&self, spec: &Spec) -> Result<Vec<Difference>, NodeError> {
        whole(spec)?;
        let produced = self.spec_output(spec)?;
        self.compared(spec, &produced)
    }

    fn compared(&self, spec: &Spec, produced: &[u8]) -> Result<Vec<Difference>, NodeError> {
        let file = self.root().join(spec.file.as_str());
        let refused =
            |why: &dyn std::fmt::Display| NodeError::Refused(format!("{}: {why}", spec.file));
        let expected = fs::read(&file).map_err(|error| refused(&error))?;
        if spec.endpoint != Endpoint::Entities {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Ok(specs::compare_text(&text(&expected), &text(produced)));
        }
        let rules = Rules {
            blacklist: spec.blacklist.iter().map(ToString::to_string).collect(),
            ignore_deletes: spec.ignore_deletes,
        };
        let expected = entities(&expected).map_err(|error| refused(&error))?;
        let produced = entities(produced).map_err(|error| {
            NodeError::Refused(format!("what the pipe {:?} gives: {error}", spec.pipe.as_str()))
        })?;
        Ok(specs::compare(&expected, &produced, &rules))
    }

    /// What a pinned sample becomes: what comes out of the pipe, filtered
    /// entities left out.
    pub(crate) fn pinned(
        &self,
        loaded: &Loaded,
        plan: &Arc<Plan>,
        sample: &[serde_json::Value],
    ) -> Result<Vec<Entity>, String> {
        let mut made = Vec::new();
        let surroundings = self.surroundings_of_look(loaded);
        for sample in sample {
            let value = Value::from_json(sample);
            let entity = Entity::from_value(value).map_err(|error| error.to_string())?;
            let id = entity.id().clone();
            let result = self.with_resources(loaded, &surroundings, |resources| {
                pipewright_pump::preview(plan, resources, entity)
            });
            let result = result.map_err(|error| error.to_string())?;
            if let Some((why, _)) = result.failure {
                return Err(format!("entity {:?}: {why}", id.as_str()));
            }
            let out = result.entities.into_iter();
            let out = out.filter(|it| it.get("_filtered") != Some(&Value::Bool(true)));
            made.extend(out.map(|entity| match plan.sink_dataset() {
                Some(_) => entity.content(),
                None => entity,
            }));
        }
        Ok(made)
    }

    /// The pinned samples of a pipe, sent through it as it is in an editor.
    pub(crate) fn pins(&self, request: PinsRequest) -> Result<TestReport, Failed> {
        let begin = Instant::now();
        let Edited { loaded, pipe, .. } = self.edited(&request.pipe, request.text);
        let specs = loaded.project.specs().iter();
        let pins: Vec<_> = specs
            .filter(|spec| *spec.pipe == *request.pipe && spec.sample.is_some())
            .cloned()
            .collect();
        let mut report = TestReport::default();
        if !pins.is_empty() {
            let plan = match pipe {
                Some(pipe) => plan_of(&loaded.project, &pipe).map_err(|why| why.to_string()),
                None => Err("the text is not a pipe yet".to_owned()),
            };
            for spec in pins {
                let made = plan.as_ref().map_err(Clone::clone).and_then(|plan| {
                    self.pinned(&loaded, plan, spec.sample.as_deref().unwrap_or_default())
                });
                report.tests.push(self.pin(&spec, made)?);
            }
        }
        report.took = micros(begin);
        Ok(report)
    }

    fn pin(&self, spec: &Spec, made: Result<Vec<Entity>, String>) -> Result<TestResult, Failed> {
        if spec.ignore {
            return result(spec, Ok(None));
        }
        let (found, produced) = match made {
            Err(why) => (Err(why), None),
            Ok(made) => {
                let bytes = serde_json::to_vec(&made)
                    .map_err(|error| Failed::internal(error.to_string()))?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let found = whole(spec).and_then(|()| self.compared(spec, &bytes));
                let found = found.map_err(|error| error.to_string());
                (found, Json::from_text(text).ok())
            }
        };
        Ok(TestResult { produced, ..result(spec, found.map(Some))? })
    }

    /// Runs the tests of a pipe, or all, as they are saved: with all pipes run
    /// on a store of their own, and nothing outside.
    pub(crate) fn run_tests(&self, pipe: Option<&str>, task: &Task) -> Result<TestReport, Failed> {
        let begin = Instant::now();
        let scratch = Scratch::new().map_err(|error| Failed::internal(error.to_string()))?;
        let node = self.aside(&scratch).map_err(|error| Failed::internal(error.to_string()))?;
        let specs: Vec<Arc<Spec>> = {
            let project = node.config();
            let wanted = project.specs().iter();
            wanted.filter(|spec| pipe.is_none_or(|pipe| *spec.pipe == *pipe)).cloned().collect()
        };
        let pipes = node.loaded().plans.len() as u64;
        task.set_total(pipes + specs.len() as u64);
        let mut done = 0;
        let mut count = |_: &pipewright_pump::Report| {
            done += 1;
            task.set_done(done.min(pipes));
        };
        let settled = node.run_until_stable(false, &task.cancel, &Quiet, &mut count);
        let mut report = TestReport { broken: broken(&settled), ..TestReport::default() };
        for (place, spec) in specs.iter().enumerate() {
            if task.cancel.is_stopped() {
                return Err(Failed::stopped());
            }
            let found = match spec.ignore {
                true => Ok(None),
                false => node.differences(spec).map(Some).map_err(|error| error.to_string()),
            };
            report.tests.push(result(spec, found)?);
            task.set_done(pipes + place as u64 + 1);
        }
        drop(node);
        report.took = micros(begin);
        Ok(report)
    }

    /// Another node on the same folder, with an empty store, that touches
    /// nothing outside.
    fn aside(&self, scratch: &Scratch) -> Result<Arc<Node>, NodeError> {
        Node::open(Options {
            store: Some(scratch.0.clone()),
            read_outside: Permission::Held,
            write_outside: Permission::Held,
            processes: Permission::Held,
            ..self.options().clone()
        })
    }
}

/// The pipes that failed in the runs before the tests, and why.
pub fn broken(settled: &Settled) -> Vec<String> {
    let mut broken = Vec::new();
    for report in &settled.reports {
        match &report.ending {
            Ending::Failed { reason, .. } => broken.push(format!("{}: {reason}", report.pipe)),
            _ => broken.extend(report.failures.first().map(|(id, why)| {
                format!("{}: entity {}: {why}", report.pipe, id.as_deref().unwrap_or("?"))
            })),
        }
    }
    for (pipe, why) in &settled.skipped {
        if let Unrunnable::Broken(why) = why {
            broken.push(format!("{pipe}: {why}"));
        }
    }
    broken
}

struct Quiet;

impl Observer for Quiet {
    fn progress(&self, _: &Progress<'_>) {}
}

fn entities(bytes: &[u8]) -> Result<Vec<Value>, transit::StreamError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    transit::Entities::new(bytes).map(|entity| Ok(entity?.into_value())).collect()
}

/// Whether a test says what it compares.
fn whole(spec: &Spec) -> Result<(), NodeError> {
    match &spec.broken {
        None => Ok(()),
        Some(why) => Err(NodeError::Refused(format!("{}: {why}", spec.origin.file.path))),
    }
}

/// How a test went: what differs, nothing when it is ignored, or why that cannot
/// be told.
fn result(
    spec: &Spec,
    found: Result<Option<Vec<Difference>>, String>,
) -> Result<TestResult, Failed> {
    let (outcome, found, why) = match found {
        Ok(None) => (TestOutcome::Ignored, Vec::new(), None),
        Ok(Some(found)) if found.is_empty() => (TestOutcome::Passed, found, None),
        Ok(Some(found)) => (TestOutcome::Failed, found, None),
        Err(why) => (TestOutcome::Failed, Vec::new(), Some(why)),
    };
    let more = found.len().saturating_sub(TestResult::SHOWN) as u64;
    let shown = found.into_iter().take(TestResult::SHOWN);
    let sample = spec.sample.as_deref().map(|sample| match sample {
        [one] => one.to_string(),
        several => serde_json::Value::from(several.to_vec()).to_string(),
    });
    Ok(TestResult {
        id: spec.id.to_string(),
        file: spec.origin.file.path.to_string(),
        expected: spec.file.to_string(),
        pipe: spec.pipe.to_string(),
        description: spec.description.clone(),
        sample: sample.and_then(|sample| Json::from_text(sample).ok()),
        outcome,
        differences: shown.map(difference).collect::<Result<_, _>>()?,
        more,
        why,
        produced: None,
    })
}

fn difference(found: Difference) -> Result<TestDifference, Failed> {
    let json = |value: Option<Value>| value.as_ref().map(wire::value).transpose();
    let text = |text: Option<String>| json(text.map(Value::from));
    Ok(match found {
        Difference::Missing { id, expected } => TestDifference {
            entity: id,
            path: String::new(),
            expected: json(Some(expected))?,
            actual: None,
        },
        Difference::Unexpected { id, actual } => TestDifference {
            entity: id,
            path: String::new(),
            expected: None,
            actual: json(Some(actual))?,
        },
        Difference::Property { id, path, expected, actual } => {
            TestDifference { entity: id, path, expected: json(expected)?, actual: json(actual)? }
        }
        Difference::Line { line, expected, actual } => TestDifference {
            entity: String::new(),
            path: format!("line {line}"),
            expected: text(expected)?,
            actual: text(actual)?,
        },
    })
}

fn micros(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A folder that goes away with its value.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Scratch> {
        let name = format!("pipewright-test-{}", uuid::Uuid::new_v4());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
