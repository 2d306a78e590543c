//! Running all pipes until nothing changes, for a caller of the service API
//! who waits for it or asks later how it went.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use pipewright_component::{Cancel, Permission};
use pipewright_config::Project;
use pipewright_entity::Text;
use pipewright_protocol::service::RunnerLine;
use pipewright_pump::{Counts, Ending, Flow, Report, RunRequest};
use pipewright_store::names;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Node;
use crate::api::Failed;
use crate::conductor::Turn;
use crate::loaded::{Loaded, Unrunnable};
use crate::status;

/// The lines of the log that are kept.
const LINES: usize = 10_000;
/// The parts of a result that tell of pipes, by their ids.
const BY_PIPE: [&str; 3] = ["failed", "skipped", "pipes"];

/// What is to be run, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Everything {
    /// So many passes in a row that change nothing end the job.
    pub(crate) zero_runs: u64,
    /// More passes than this fail it.
    pub(crate) max_runs: u64,
    /// Longer than this fails it.
    pub(crate) max_time: Duration,
    /// Resets the pipes and drops their datasets first.
    pub(crate) reset: bool,
    /// The reset takes pipes along that do not read a dataset, and what was
    /// posted to them.
    pub(crate) reset_inputs: bool,
    /// A failing pipe that does not read a dataset fails the job.
    pub(crate) check_inputs: bool,
    /// The result tells what each pipe did.
    pub(crate) statistics: bool,
}

/// How a job fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobState {
    Running,
    Success,
    Failed,
}

impl JobState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            JobState::Running => "running",
            JobState::Success => "success",
            JobState::Failed => "failed",
        }
    }
}

/// One run of everything.
pub(crate) struct Job {
    pub(crate) token: String,
    cancel: Cancel,
    inner: Mutex<Inner>,
    ended: Condvar,
}

struct Inner {
    state: JobState,
    info: Value,
    lines: Vec<Line>,
}

/// A line of the log.
struct Line {
    at: i64,
    level: &'static str,
    /// The pipe that it is about.
    pipe: Option<Text>,
    text: String,
}

impl Job {
    fn new() -> Job {
        let inner = Inner { state: JobState::Running, info: json!({}), lines: Vec::new() };
        Job {
            token: Uuid::new_v4().to_string(),
            cancel: Cancel::new(),
            inner: Mutex::new(inner),
            ended: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has ended, at most so long. Whether it has.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let running = |inner: &mut Inner| inner.state == JobState::Running;
        let waited = self.ended.wait_timeout_while(self.lock(), patience, running);
        waited.unwrap_or_else(PoisonError::into_inner).0.state != JobState::Running
    }

    /// How it fares, and what else there is to say of the pipes that may be seen.
    pub(crate) fn outcome(&self, seen: impl Fn(&str) -> bool) -> (JobState, Value) {
        let inner = self.lock();
        let mut info = inner.info.clone();
        for part in BY_PIPE {
            if let Some(Value::Object(pipes)) = info.get_mut(part) {
                pipes.retain(|pipe, _| seen(pipe));
            }
        }
        (inner.state, info)
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&self) -> bool {
        self.lock().state == JobState::Running
    }

    /// Stops it at the end of the batch it is at.
    pub(crate) fn stop(&self) {
        self.cancel.stop();
    }

    /// The lines written after a time, as lines of the log show it, without
    /// those about pipes that may not be seen.
    pub(crate) fn lines(
        &self,
        since: Option<&str>,
        seen: impl Fn(&str) -> bool,
    ) -> Vec<RunnerLine> {
        let inner = self.lock();
        let lines = inner.lines.iter().filter(|line| line.pipe.as_deref().is_none_or(&seen));
        lines
            .map(|line| (timestamp(line.at), line))
            .filter(|(at, _)| since.is_none_or(|since| at.as_str() > since))
            .map(|(timestamp, line)| RunnerLine {
                timestamp,
                loglevel: line.level.to_owned(),
                logdata: match &line.pipe {
                    None => line.text.clone(),
                    Some(pipe) => format!("{pipe}: {}", line.text),
                },
            })
            .collect()
    }

    fn say(&self, at: i64, level: &'static str, text: impl Into<String>) {
        self.add(Line { at, level, pipe: None, text: text.into() });
    }

    fn say_of(&self, pipe: &Text, at: i64, level: &'static str, text: &str) {
        self.add(Line { at, level, pipe: Some(pipe.clone()), text: text.to_owned() });
    }

    fn add(&self, mut line: Line) {
        let mut inner = self.lock();
        if inner.lines.len() < LINES {
            // Times are what readers go on from: no two lines have the same.
            line.at = inner.lines.last().map_or(line.at, |last| line.at.max(last.at + 1));
            inner.lines.push(line);
        }
    }

    fn end(&self, state: JobState, info: Value) {
        let mut inner = self.lock();
        inner.state = state;
        inner.info = info;
        drop(inner);
        self.ended.notify_all();
    }
}

/// A time that sorts as text.
fn timestamp(at: i64) -> String {
    match jiff::Timestamp::from_microsecond(at) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        Err(_) => at.to_string(),
    }
}

/// The job that runs or ran last.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<Option<Arc<Job>>>);

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Option<Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job with this token; without one, the last.
    pub(crate) fn find(&self, token: Option<&str>) -> Option<Arc<Job>> {
        let job = self.lock().clone();
        job.filter(|job| token.is_none_or(|token| job.token == token))
    }
}

impl Node {
    /// Starts to run everything, in a thread of its own.
    pub(crate) fn run_everything(
        self: &Arc<Node>,
        everything: Everything,
    ) -> Result<Arc<Job>, Failed> {
        if !self.is_trusted() {
            return Err(Failed::not_trusted());
        }
        let job = Arc::new(Job::new());
        {
            let mut last = self.jobs.lock();
            if last.as_ref().is_some_and(|job| job.is_running()) {
                return Err(Failed::new(
                    StatusCode::CONFLICT,
                    "running",
                    "all pipes are being run already: stop that first",
                ));
            }
            *last = Some(job.clone());
        }
        let (node, own) = (self.clone(), job.clone());
        let spawned = std::thread::Builder::new().name("run-all".into()).spawn(move || {
            let watched = own.clone();
            let patience = everything.max_time;
            // Ends a pipe that takes longer than everything may.
            let watch = std::thread::spawn(move || {
                if !watched.wait(patience) {
                    watched.stop();
                }
            });
            let begun = node.now();
            // What runs by itself makes way.
            node.conductor.make_way();
            // Whoever waits for the job must be told, whatever becomes of it.
            let result = catch_unwind(AssertUnwindSafe(|| {
                node.conductor.exclusively(|turn| node.work(turn, &own, &everything, begun))
            }));
            let result = result.unwrap_or_else(|_| {
                Err(Failed::internal("the run ended abnormally; see the log of the node"))
            });
            let (state, info) = result
                .unwrap_or_else(|failed| (JobState::Failed, json!({ "reason": failed.message() })));
            own.say(node.now(), "INFO", format!("ended: {}", state.name()));
            if let Err(error) = node.plan_runs() {
                tracing::error!(%error, "when pipes run next cannot be worked out");
            }
            node.publish();
            own.end(state, info);
            let _ = watch.join();
        });
        if let Err(error) = spawned {
            job.end(JobState::Failed, json!({ "reason": error.to_string() }));
            return Err(Failed::internal(format!("no thread can be started: {error}")));
        }
        Ok(job)
    }

    fn work(
        &self,
        turn: &Turn<'_>,
        job: &Job,
        everything: &Everything,
        begun: i64,
    ) -> Result<(JobState, Value), Failed> {
        let loaded = self.loaded();
        if everything.reset {
            let count = self.reset_pipes(&loaded.project, everything.reset_inputs)?;
            job.say(self.now(), "INFO", format!("{count} pipes are reset"));
        }
        let mut tally = Tally::default();
        let (mut passes, mut quiet) = (0, 0);
        let late = || self.now() - begun > everything.max_time.as_micros() as i64;
        let why = loop {
            if passes == everything.max_runs {
                break Some(format!("after {passes} passes there are still changes"));
            }
            let changed = self.pass(turn, job, &mut tally);
            passes += 1;
            if job.cancel.is_stopped() || late() {
                break Some(if late() {
                    format!("it takes longer than {} s", everything.max_time.as_secs())
                } else {
                    "it was stopped".to_owned()
                });
            }
            quiet = if changed { 0 } else { quiet + 1 };
            let line = format!(
                "pass {passes}: {}",
                if changed { "something changed" } else { "nothing changed" }
            );
            job.say(self.now(), "INFO", line);
            if quiet >= everything.zero_runs.max(1) {
                break None;
            }
        };
        let is_input =
            |pipe: &Text| loaded.project.pipe(pipe).is_some_and(|pipe| reads_no_dataset(pipe));
        let counts = |pipe: &Text| everything.check_inputs || !is_input(pipe);
        let why_by_pipe = |(pipe, why): (&'_ Text, &'_ String)| (pipe.to_string(), why.clone());
        let (failed, passed_over): (Vec<_>, Vec<_>) =
            tally.failed.iter().partition(|(pipe, _)| counts(pipe));
        let failed: BTreeMap<String, String> = failed.into_iter().map(why_by_pipe).collect();
        // What does not count is not kept quiet.
        let skipped: BTreeMap<String, String> =
            tally.skipped.iter().chain(passed_over).map(why_by_pipe).collect();
        let state = match why.is_none() && failed.is_empty() {
            true => JobState::Success,
            false => JobState::Failed,
        };
        let mut info = json!({ "passes": passes, "failed": failed });
        if !skipped.is_empty() {
            info["skipped"] = json!(skipped);
        }
        if let Some(why) = why {
            info["reason"] = why.into();
        }
        if everything.statistics {
            info["pipes"] =
                tally.ran.iter().map(|(pipe, ran)| (pipe.to_string(), ran.show())).collect();
        }
        Ok((state, info))
    }

    /// Runs every pipe that writes a dataset, and again whatever their changes
    /// mark. Whether anything changed.
    fn pass(&self, turn: &Turn<'_>, job: &Job, tally: &mut Tally) -> bool {
        let loaded = self.loaded();
        let mut pipes = Vec::new();
        for (id, plan) in &loaded.plans {
            match plan {
                Ok(plan) if plan.writes_outside() || self.is_disabled(id) => {}
                Ok(plan) => pipes.push(plan.flow_pipe()),
                Err(why) => {
                    // A pipe that only writes outside would not be run anyway.
                    let stores =
                        loaded.project.pipe(id).is_some_and(|pipe| pipe.sink_dataset().is_some());
                    let to = match why {
                        Unrunnable::NotYet(_) => &mut tally.skipped,
                        Unrunnable::Broken(_) => &mut tally.failed,
                    };
                    if stores {
                        to.insert(id.clone(), why.to_string());
                    }
                }
            }
        }
        let mut flow = Flow::new(pipes).with_all();
        flow.mark_all();
        let mut surroundings = self.surroundings(&loaded, job.cancel.clone());
        surroundings.access.write_outside = Permission::Held;
        let mut changed = false;
        while let Some(id) = flow.next() {
            if job.cancel.is_stopped() || !self.is_trusted() {
                break;
            }
            for restless in flow.exhausted() {
                let why = "it is part of a circle of pipes that does not settle";
                tally.failed.insert(restless.clone(), why.to_owned());
            }
            let Ok(plan) = loaded.plan(&id) else { continue };
            let report = turn.run(&id, &job.cancel, || {
                self.with_resources(&loaded, &surroundings, |resources| {
                    self.run_once(&plan, resources, RunRequest::default(), &self.told())
                })
            });
            changed |= !report.changed.is_empty();
            flow.finished(&id, report.changed.iter().map(Text::as_str));
            self.compact(&loaded, &plan, &report, &surroundings);
            self.note(job, tally, &loaded, &report);
        }
        changed
    }

    fn note(&self, job: &Job, tally: &mut Tally, loaded: &Loaded, report: &Report) {
        status::after_run(self, loaded, report);
        self.look_after(loaded, &report.pipe);
        tally.ran.entry(report.pipe.clone()).or_default().add(report);
        let failed = match &report.ending {
            Ending::Completed => report.counts.failed > 0,
            Ending::Failed { .. } | Ending::Held => true,
            Ending::Stopped => false,
        };
        let message = status::message(report);
        if failed {
            job.say_of(&report.pipe, self.now(), "ERROR", &message);
            tally.failed.insert(report.pipe.clone(), message);
            return;
        }
        if !report.changed.is_empty() {
            job.say_of(&report.pipe, self.now(), "INFO", &message);
        }
        // What waits to be tried again has failed, whatever else went well.
        let waits = self.store().reader().and_then(|reader| reader.retry_counts(&report.pipe));
        match waits {
            Ok(counts) if counts.waiting + counts.dead > 0 => {
                let many = counts.waiting + counts.dead;
                let why = || format!("{many} entities failed and wait to be tried again");
                tally.failed.entry(report.pipe.clone()).or_insert_with(why);
            }
            _ => {
                tally.failed.remove(&report.pipe);
            }
        }
    }

    /// Stops everything, and sets every pipe back to its beginning.
    pub(crate) fn reset_all(&self) -> Result<usize, Failed> {
        if let Some(job) = self.jobs.find(None) {
            job.stop();
        }
        self.conductor.stop_and_wait(&[]);
        let count = self.conductor.exclusively(|_| self.reset_pipes(&self.config(), true))?;
        self.plan_runs()?;
        self.publish();
        Ok(count)
    }

    /// Sets pipes back to their beginning and drops the datasets they write.
    /// With `inputs`, those that read no dataset too. Gives how many.
    pub(crate) fn reset_pipes(&self, project: &Project, inputs: bool) -> Result<usize, Failed> {
        let mut batch = self.store().batch(self.now());
        let mut datasets = BTreeSet::new();
        let mut count = 0;
        for pipe in project.pipes().filter(|pipe| inputs || !reads_no_dataset(pipe)) {
            batch.drop_pipe(&pipe.id);
            count += 1;
            if let Some(dataset) = pipe.sink_dataset() {
                datasets.insert(names::uncommitted(dataset));
                datasets.insert(dataset.clone());
            }
        }
        // What pipes that stay as they are have written stays, too.
        for pipe in project.pipes().filter(|pipe| !inputs && reads_no_dataset(pipe)) {
            if let Some(dataset) = pipe.sink_dataset() {
                datasets.remove(dataset);
                datasets.remove(&names::uncommitted(dataset));
            }
        }
        let reader = self.store().reader()?;
        for dataset in datasets {
            if reader.dataset(&dataset)?.is_some() {
                self.store().drop_dataset(&dataset)?;
            }
        }
        self.store().commit(batch)?;
        self.receivers.clear();
        Ok(count)
    }
}

/// Whether the data of a pipe comes from elsewhere than the node's datasets.
fn reads_no_dataset(pipe: &pipewright_config::Pipe) -> bool {
    pipe.source_datasets().is_empty()
}

/// What became of the pipes.
#[derive(Default)]
struct Tally {
    ran: BTreeMap<Text, Ran>,
    /// Why the last run of a pipe failed.
    failed: BTreeMap<Text, String>,
    /// Pipes that use what this program does not run yet.
    skipped: BTreeMap<Text, String>,
}

#[derive(Default)]
struct Ran {
    runs: u64,
    counts: Counts,
    microseconds: i64,
}

impl Ran {
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.counts.read += report.counts.read;
        self.counts.written += report.counts.written;
        self.counts.failed = report.counts.failed;
        self.microseconds += report.ended - report.started;
    }

    fn show(&self) -> Value {
        let Counts { read, written, failed, .. } = self.counts;
        let time = self.microseconds as f64 / 1e6;
        json!({ "runs": self.runs, "read": read, "written": written, "failed": failed, "time": time })
    }
}
