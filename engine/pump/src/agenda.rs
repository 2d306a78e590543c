//! When pipes run by themselves.
//!
//! An [`Agenda`] is a [`Flow`] with a clock: it marks pipes when their time has
//! come (`schedule_interval`, `cron_expression`, `rescan_cron_expression`,
//! `run_at_startup`), and says when the next one's will. It reads no clock
//! itself, so that a simulation of a year takes no longer than its runs.
//!
//! A time that has come starts a run only if there may be something to do: a
//! pipe whose source is outside the node looks there each time, one that reads
//! datasets waits until one of them has changed. Nothing is polled while
//! nothing changes.
//!
//! A closed agenda starts nothing by itself; it takes up what it hears, so that
//! it knows what is to be done once it is opened.

use pipewright_config::cron::Cron;
use pipewright_config::pipe::{self, Mode, Schedule};
use pipewright_entity::Text;
use pipewright_store::{Batch, Reader, StoreError};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::plan::{Plan, SourcePlan};
use crate::report::{Ending, Report, RunKind};
use crate::{Flow, FlowPipe, RunRequest};

/// Microseconds per second.
const SECOND: f64 = 1e6;
/// No interval is shorter, in microseconds.
const SHORTEST: i64 = 100_000;
/// Longer intervals are remembered across restarts, in microseconds.
const LONG: i64 = 3_600_000_000;

/// The space of a pipe's state for its times.
const SPACE: &str = "agenda";
const TIMES: &[u8] = b"times";

/// The note of a rescan that cannot go on in the background.
pub(crate) const NEEDLESS: &str = "rescan.needless";

/// When one pipe runs by itself. Made by [`Plan::timing`].
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    when: When,
    rescan: Option<Cron>,
    /// Whether rescans go on beside the runs that follow changes.
    rescans_aside: bool,
    at_start: bool,
    at_start_unless_populated: bool,
    /// Whether each time starts a run, whether or not something changed that
    /// is known here.
    polls: bool,
    /// Whether only someone waiting for completeness makes it look each time.
    lends_completeness: bool,
    /// The plan: another one may have something to do.
    fingerprint: Text,
}

#[derive(Clone, Debug, PartialEq)]
enum When {
    /// Microseconds from one run to the next, and how much that may vary.
    Every {
        interval: i64,
        jitter: i64,
    },
    Cron(Cron),
    Never,
}

/// What a pipe left in the store that concerns its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// When it was to run next, in microseconds since 1970.
    due: Option<i64>,
    /// When it was to run in full next.
    rescan: Option<i64>,
    /// Whether something waits for it.
    is_behind: bool,
    is_populated: bool,
    /// Whether a rescan in the background was wanted, or cut.
    is_rescan_pending: bool,
}

/// Who runs when; see the [module](self).
pub struct Agenda {
    flow: Flow,
    pipes: FxHashMap<Text, Entry>,
    /// Marked pipes that are to run in full.
    full: FxHashSet<Text>,
    /// Pipes that are to be rescanned in the background, in order.
    rescans: Vec<Text>,
    is_open: bool,
    chance: Box<dyn FnMut() -> f64 + Send>,
}

struct Entry {
    pipe: FlowPipe,
    timing: Timing,
    remembered: Remembered,
    /// When it is to run next, in microseconds since 1970.
    due: Option<i64>,
    rescan: Option<i64>,
    /// Whether something that it reads has changed since it ran, or it has
    /// something to try again.
    is_stale: bool,
    /// Whether a rescan failed, and is to be begun again once the pipe runs.
    is_rescan_pending: bool,
    /// Whether it would only do again what is held.
    is_held: bool,
}

impl Agenda {
    /// A closed agenda without pipes. `chance` gives numbers from 0 to 1, for
    /// intervals that vary.
    pub fn new(chance: impl FnMut() -> f64 + Send + 'static) -> Agenda {
        Agenda {
            flow: Flow::default(),
            pipes: FxHashMap::default(),
            full: FxHashSet::default(),
            rescans: Vec::new(),
            is_open: false,
            chance: Box::new(chance),
        }
    }

    /// Replaces the pipes. What was marked stays so, and pipes that are as
    /// they were keep their times.
    pub fn set_pipes(&mut self, pipes: Vec<(FlowPipe, Timing, Remembered)>, now: i64) {
        let mut flow = Flow::new(pipes.iter().map(|(pipe, _, _)| pipe.clone()).collect());
        for marked in self.flow.marked() {
            flow.mark(marked);
        }
        for running in self.flow.running() {
            flow.resume(running);
        }
        self.flow = flow;
        let mut known = std::mem::take(&mut self.pipes);
        for (pipe, timing, remembered) in pipes {
            let id = pipe.id.clone();
            let is_rescan_pending = remembered.is_rescan_pending;
            let entry = match known.remove(&id) {
                Some(entry) if entry.timing == timing && entry.pipe == pipe => entry,
                before => {
                    // Under another config everything runs again anyway.
                    self.rescans.retain(|queued| *queued != id);
                    let mut entry = Entry {
                        is_stale: remembered.is_behind,
                        is_rescan_pending,
                        is_held: false,
                        due: None,
                        rescan: None,
                        pipe,
                        timing,
                        remembered,
                    };
                    if self.is_open {
                        // Its start is not the start of the node.
                        let chance = (self.chance)();
                        entry.begin(now, chance, before.is_none());
                    }
                    entry
                }
            };
            self.pipes.insert(id, entry);
        }
        self.full.retain(|pipe| self.pipes.contains_key(pipe));
        self.rescans.retain(|pipe| self.pipes.contains_key(pipe));
    }

    /// From now on pipes run by themselves.
    pub fn open(&mut self, now: i64) {
        if std::mem::replace(&mut self.is_open, true) {
            return;
        }
        for (id, entry) in &mut self.pipes {
            entry.begin(now, (self.chance)(), true);
            let timing = &entry.timing;
            let at_start = timing.at_start
                || timing.at_start_unless_populated && !entry.remembered.is_populated;
            if at_start && entry.pipe.mode == Mode::Scheduled {
                self.flow.mark(id);
            }
            if std::mem::take(&mut entry.is_rescan_pending) && entry.pipe.mode != Mode::Off {
                self.rescans.push(id.clone());
            }
        }
        self.rescans.sort();
    }

    /// Whether pipes run by themselves.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// From now on no pipe runs; what was marked is forgotten.
    pub fn close(&mut self) {
        self.is_open = false;
        self.flow.unmark(|_| true);
        self.full.clear();
        for pipe in self.rescans.drain(..) {
            if let Some(entry) = self.pipes.get_mut(&pipe) {
                entry.is_rescan_pending = true;
            }
        }
    }

    /// The pipe to rescan in the background now.
    pub fn next_rescan(&mut self, now: i64) -> Option<Text> {
        if self.is_open {
            self.wake(now);
        }
        (!self.rescans.is_empty()).then(|| self.rescans.remove(0))
    }

    /// Whether a rescan waits.
    pub fn has_rescans(&self) -> bool {
        !self.rescans.is_empty()
    }

    /// Says how a rescan ended; `None`: the pipe could not be run.
    pub fn rescanned(&mut self, pipe: &str, report: Option<&Report>, now: i64) {
        let Some(report) = report else { return };
        for dataset in &report.changed {
            self.changed(dataset, now);
        }
        if report.notes.iter().any(|note| note.code == NEEDLESS) {
            // It was asked for: so it runs, though not in the background.
            if self.flow.mark(pipe) {
                self.full.insert(pipe.into());
            }
        } else if matches!(report.ending, Ending::Failed { .. })
            && let Some(entry) = self.pipes.get_mut(pipe)
        {
            entry.is_rescan_pending = true;
        }
    }

    fn want_rescan(&mut self, pipe: &Text) {
        if !self.rescans.contains(pipe) {
            self.rescans.push(pipe.clone());
        }
    }

    /// The pipe to run now and how, which counts as running from here on.
    pub fn next(&mut self, now: i64) -> Option<(Text, RunRequest)> {
        if self.is_open {
            self.wake(now);
        }
        let id = self.flow.next()?;
        if let Some(entry) = self.pipes.get_mut(&id) {
            entry.is_stale = false;
            entry.due = None;
        }
        let full = self.full.remove(&id);
        Some((id, RunRequest { full }))
    }

    /// Marks the pipes whose time has come.
    fn wake(&mut self, now: i64) {
        for (id, entry) in &mut self.pipes {
            if entry.pipe.mode != Mode::Scheduled {
                continue;
            }
            if entry.rescan.is_some_and(|rescan| rescan <= now) {
                entry.rescan = entry.timing.rescan_after(now);
                if entry.timing.rescans_aside {
                    if !self.rescans.contains(id) {
                        self.rescans.push(id.clone());
                    }
                } else {
                    self.full.insert(id.clone());
                    self.flow.mark(id);
                }
            }
            if entry.wants_to_run(&self.flow) && entry.due.is_some_and(|due| due <= now) {
                entry.due = None;
                self.flow.mark(id);
            }
        }
    }

    /// When the next pipe is due, in microseconds since 1970; `None` when none
    /// is unless something changes.
    pub fn next_due(&self) -> Option<i64> {
        if !self.is_open {
            return None;
        }
        let scheduled = self.pipes.values().filter(|entry| entry.pipe.mode == Mode::Scheduled);
        let times = scheduled.flat_map(|entry| {
            let due = entry.due.filter(|_| entry.wants_to_run(&self.flow));
            [due, entry.rescan]
        });
        times.flatten().min()
    }

    /// When a pipe is to run by itself next; `None` when it runs on changes
    /// only, or not at all.
    pub fn due(&self, pipe: &str) -> Option<i64> {
        let entry = self.pipes.get(pipe).filter(|_| self.is_open)?;
        let due = entry.due.filter(|_| entry.wants_to_run(&self.flow));
        due.into_iter().chain(entry.rescan).min()
    }

    /// Says how a run ended; `None`: the pipe could not be run.
    pub fn finished(&mut self, pipe: &str, report: Option<&Report>, now: i64) {
        if let Some(report) = report {
            for dataset in &report.changed {
                self.changed(dataset, now);
            }
            for dataset in &report.completed {
                self.completed(dataset, now);
            }
        }
        self.flow.finished(pipe, []);
        let chance = (self.chance)();
        let Some(entry) = self.pipes.get_mut(pipe) else { return };
        if let Some(report) = report {
            let is_cut = matches!(report.ending, Ending::Failed { .. } | Ending::Stopped);
            entry.is_stale |= is_cut || report.retries > 0;
            entry.is_held = report.ending == Ending::Held || report.counts.held > 0;
        }
        let completed = report.filter(|report| report.ending == Ending::Completed);
        let rescans = completed.is_some_and(|report| {
            let is_pending = std::mem::take(&mut entry.is_rescan_pending);
            // A full run is as good as a rescan.
            report.rescan_due || is_pending && report.kind != RunKind::Full
        });
        entry.due = entry.timing.after(now, chance);
        // What failed is not to wait for a whole interval when its delay is
        // shorter.
        if let (Some(retry), When::Every { .. }) =
            (report.and_then(|report| report.retry_at), &entry.timing.when)
        {
            entry.due = entry.due.map(|due| due.min(retry));
        }
        if rescans {
            self.want_rescan(&pipe.into());
        }
    }

    /// A dataset has new versions.
    pub fn changed(&mut self, dataset: &str, now: i64) {
        if self.is_open {
            self.flow.changed(dataset);
        }
        for entry in self.pipes.values_mut() {
            if entry.pipe.reads.iter().any(|read| read == dataset) {
                entry.touch(now);
            }
        }
    }

    /// A dataset is complete up to a later time.
    pub fn completed(&mut self, dataset: &str, now: i64) {
        let waiting = self.flow.completed(dataset, self.is_open);
        for pipe in waiting {
            if let Some(entry) = self.pipes.get_mut(&pipe) {
                entry.touch(now);
            }
        }
    }

    /// What was held may be done now.
    pub fn release(&mut self, now: i64) {
        for entry in self.pipes.values_mut().filter(|entry| entry.is_held) {
            entry.is_held = false;
            entry.is_stale = true;
            entry.due = Some(now);
        }
    }

    /// Marks a pipe because someone asks for it. Whether there is such a pipe
    /// and it is not off.
    pub fn mark(&mut self, pipe: &str, full: bool) -> bool {
        let aside = self
            .pipes
            .get(pipe)
            .is_some_and(|entry| entry.timing.rescans_aside && entry.pipe.mode != Mode::Off);
        if full && aside {
            self.want_rescan(&pipe.into());
            return true;
        }
        let may_run = self.flow.mark(pipe);
        if may_run && full {
            self.full.insert(pipe.into());
        }
        may_run
    }

    /// Marks every pipe that runs by itself, because someone asks for it.
    pub fn mark_all(&mut self, full: bool) {
        self.flow.mark_all();
        if full {
            self.full.extend(self.flow.marked().cloned());
        }
    }

    /// Takes marks back; a pipe that runs is the business of its runner.
    pub fn unmark(&mut self, named: impl Fn(&str) -> bool, now: i64) {
        let unmarked = self.flow.unmark(&named);
        self.full.retain(|pipe| !named(pipe));
        for pipe in unmarked {
            let chance = (self.chance)();
            if let Some(entry) = self.pipes.get_mut(&pipe) {
                entry.is_stale = true;
                entry.due = entry.timing.after(now, chance);
            }
        }
    }

    /// Takes back rescans that wait, and those that were to be begun again.
    pub fn forget_rescans(&mut self, named: impl Fn(&str) -> bool) {
        self.rescans.retain(|pipe| !named(pipe));
        for (pipe, entry) in &mut self.pipes {
            entry.is_rescan_pending &= !named(pipe);
        }
    }

    /// Whether nothing is marked and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.flow.is_stable()
    }

    /// Notes the times of a pipe that outlive a restart: those by cron
    /// expressions and of long intervals. Whether there are any.
    pub fn remember(&self, pipe: &str, batch: &mut Batch) -> bool {
        let Some(entry) = self.pipes.get(pipe) else { return false };
        let due = entry.due.filter(|_| entry.timing.is_long());
        if due.is_none() && entry.rescan.is_none() {
            return false;
        }
        let text = |time: Option<i64>| time.map_or_else(String::new, |time| time.to_string());
        let times = format!("{} {}", text(due), text(entry.rescan));
        batch.put_state(pipe, SPACE, TIMES, Some(times.as_bytes()));
        true
    }
}

impl Entry {
    /// Sets the times at the start of the node, or of the pipe.
    fn begin(&mut self, now: i64, chance: f64, remembers: bool) {
        let remembered = Some(&self.remembered).filter(|_| remembers);
        let due = remembered.and_then(|remembered| remembered.due);
        let rescan = remembered.and_then(|remembered| remembered.rescan);
        self.due = due.filter(|_| self.timing.is_long()).or(self.timing.after(now, chance));
        self.rescan = rescan
            .filter(|_| self.timing.rescan.is_some())
            .or_else(|| self.timing.rescan_after(now));
    }

    /// Something that it reads has changed.
    fn touch(&mut self, now: i64) {
        if !self.is_stale && self.due.is_some_and(|due| due <= now) {
            // The time that passed had nothing to do. An interval is over, so
            // that the pipe may run at once; cron times are what they are.
            if let When::Cron(_) = self.timing.when {
                self.due = self.timing.after(now, 0.0);
            }
        }
        self.is_stale = true;
        self.is_held = false;
    }

    fn wants_to_run(&self, flow: &Flow) -> bool {
        let looks = self.timing.polls
            || self.timing.lends_completeness && flow.lends_completeness(&self.pipe.id);
        !self.is_held && (self.is_stale || looks)
    }
}

impl Timing {
    /// The next time after a run, or after the start.
    fn after(&self, now: i64, chance: f64) -> Option<i64> {
        match &self.when {
            When::Every { interval, jitter } => {
                let varied = (chance * 2.0 - 1.0) * *jitter as f64;
                Some(now.saturating_add((*interval + varied as i64).max(SHORTEST)))
            }
            When::Cron(cron) => next_of(cron, now),
            When::Never => None,
        }
    }

    fn rescan_after(&self, now: i64) -> Option<i64> {
        next_of(self.rescan.as_ref()?, now)
    }

    fn is_long(&self) -> bool {
        match &self.when {
            When::Every { interval, .. } => *interval > LONG,
            When::Cron(_) => true,
            When::Never => false,
        }
    }
}

fn next_of(cron: &Cron, now: i64) -> Option<i64> {
    let now = jiff::Timestamp::from_microsecond(now).ok()?;
    Some(cron.next_after(now)?.as_microsecond())
}

fn micros(seconds: f64) -> i64 {
    (seconds * SECOND) as i64
}

impl Plan {
    /// When the pipe runs by itself.
    pub fn timing(&self) -> Timing {
        let pump = &self.pump;
        // What is no cron expression is an error of the config that says so.
        let when = match &pump.schedule {
            Schedule::Interval { seconds, jitter } => {
                When::Every { interval: micros(*seconds).max(SHORTEST), jitter: micros(*jitter) }
            }
            Schedule::Cron(text) => text.parse().map_or(When::Never, When::Cron),
            Schedule::Never => When::Never,
        };
        let rescan = match &pump.rescan {
            Some(pipe::Rescan::Cron(text)) => text.parse().ok(),
            _ => None,
        };
        let counts_runs =
            matches!(pump.rescan, Some(pipe::Rescan::Runs(_))) || pump.partial_rescan.is_some();
        Timing {
            when,
            rescan,
            rescans_aside: self.rescans_aside(),
            at_start: pump.run_at_startup,
            at_start_unless_populated: pump.run_at_startup_if_not_populated,
            polls: self.reads_outside() || counts_runs || self.waits_for_time(),
            lends_completeness: self.source_datasets().is_empty(),
            fingerprint: self.fingerprint.clone(),
        }
    }

    /// Whether what the source gives depends on the time.
    fn waits_for_time(&self) -> bool {
        matches!(&self.source, SourcePlan::Dataset(source) if source.until.is_some())
    }

    /// What the pipe left in the store that concerns its times.
    pub fn remembered(&self, reader: &Reader) -> Result<Remembered, StoreError> {
        let times = reader.state(self.id(), SPACE, TIMES)?;
        let times = times.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let mut times = times.unwrap_or_default().split(' ').map(|time| time.parse().ok());
        let is_populated = match self.sink_dataset() {
            Some(sink) => reader.dataset(sink)?.is_some_and(|dataset| dataset.is_populated()),
            None => false,
        };
        Ok(Remembered {
            due: times.next().flatten(),
            rescan: times.next().flatten(),
            is_behind: crate::run::is_behind(self, reader)?,
            is_populated,
            is_rescan_pending: crate::run::is_rescan_pending(self.id(), reader)?,
        })
    }
}
