//! What people are told about pipes.
//!
//! After each run of a pipe, and after what someone did to it, the rules about
//! it are looked at ([`Rule`]). A condition that holds is an alert for as long
//! as it does; it is told when it begins and when it is over. All that was told
//! is kept in [`names::NOTIFICATIONS`], one entity for each time that an alert
//! began, so that a node that is started again knows what is open and what mail
//! is not sent yet.

mod mail;

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pipewright_config::notifications::{Condition, Email, Rule};
use pipewright_dtl::{Severity, matches_wildcards};
use pipewright_entity::{Entity, Text, Value, format_text};
use pipewright_protocol::studio::{
    self, MailState, Notification, NotificationState, Notifications,
};
use pipewright_store::{Batch, Durability, Reader, Select, StoreError, names};

use crate::Node;
use crate::loaded::Loaded;
use crate::status::{self, Outcome};
use mail::Post;

/// The space of a pipe's state for where its log was looked at, and the key.
const SPACE: &str = "notifications";
const LOG: &[u8] = b"log";

/// How often the clock is looked at where a rule asks for it.
const LOOK: Duration = Duration::from_secs(1);

/// After this long what is over is forgotten, in microseconds.
const KEPT: i64 = 90 * 24 * 3_600_000_000;

/// What is watched, and what is to be sent.
#[derive(Default)]
pub(crate) struct Alerts {
    /// Held while rules are looked at: one look after the other.
    looking: Mutex<()>,
    work: Mutex<Work>,
    wake: Condvar,
}

#[derive(Default)]
struct Work {
    /// The rules that time alone breaks, with their pipes.
    overdue: Vec<(Text, Rule)>,
    post: Post,
    closed: bool,
}

impl Alerts {
    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to do. Whether there will be.
    fn sleep(&self, now: i64) -> bool {
        let work = self.lock();
        if work.closed {
            return false;
        }
        let look = (!work.overdue.is_empty()).then_some(LOOK);
        let wait = work.post.wait(now).into_iter().chain(look).min();
        let work = match wait {
            Some(wait) => {
                self.wake.wait_timeout(work, wait).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.wake.wait(work).unwrap_or_else(PoisonError::into_inner),
        };
        !work.closed
    }
}

/// Whether a condition holds.
enum Holds {
    /// It does, and what is to be said about it.
    Yes(String),
    No,
    /// It cannot be told now: what was so, is.
    Unknown,
}

impl Node {
    /// Starts the thread that looks at the clock and sends mail.
    pub(crate) fn start_telling(self: &Arc<Node>) -> std::io::Result<()> {
        let (alerts, node) = (self.alerts.clone(), Arc::downgrade(self));
        let work = move || {
            loop {
                let Some(now) = tend(&node) else { return };
                if !alerts.sleep(now) {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("notifications".into()).spawn(work).map(drop)
    }

    /// Takes up the alerts that were open and the mail that was not sent when
    /// the node was last closed.
    pub(crate) fn recall_alerts(&self) -> Result<(), StoreError> {
        let reader = self.store().reader()?;
        if reader.dataset(names::NOTIFICATIONS)?.is_none() {
            return Ok(());
        }
        let mut batch = self.store().batch(self.now());
        let mut waiting = Vec::new();
        for version in reader.current(names::NOTIFICATIONS)? {
            let entity = version?.entity;
            let Some(told) = notification(&entity) else { continue };
            if told.mail == Some(MailState::Waiting) {
                waiting.push(told.clone());
            }
            if told.state == NotificationState::Open {
                self.hub().notification(told);
            } else if told.ts < self.now() - KEPT {
                batch.append(
                    names::NOTIFICATIONS,
                    pipewright_store::Write::delete(entity.id().clone()),
                );
            }
        }
        self.alerts.lock().post.extend(waiting);
        if !batch.is_empty() {
            self.store().commit(batch)?;
        }
        Ok(())
    }

    /// Takes up the rules of a config that is new: alerts that nobody asks for
    /// any more are over, and logs are looked at from here on.
    pub(crate) fn watch_anew(&self, loaded: &Loaded) -> Result<(), StoreError> {
        let _looking = self.alerts.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = self.store().reader()?;
        let mut batch = self.store().batch(self.now());
        let (mut known, mut overdue) = (BTreeSet::new(), Vec::new());
        for pipe in loaded.project.pipes() {
            let rules = loaded.project.notification_rules(pipe);
            if rules.iter().any(|rule| rule.condition.is_about_lines())
                && reader.state(&pipe.id, SPACE, LOG)?.is_none()
            {
                let log = reader.dataset(&names::execution_log(&pipe.id))?;
                if let Some(last) = log.and_then(|log| log.last_offset()) {
                    batch.put_state(&pipe.id, SPACE, LOG, Some(last.to_string().as_bytes()));
                }
            }
            for rule in rules {
                known.insert(id_of(&rule, &pipe.id));
                if matches!(rule.condition, Condition::Overdue(_)) {
                    overdue.push((pipe.id.clone(), rule));
                }
            }
        }
        let mut told = Vec::new();
        for mut alert in self.hub().alerts() {
            if !known.contains(&alert.id) {
                alert.state = NotificationState::Recovered;
                alert.ts = self.now();
                alert.message = "Nothing watches for this any more.".into();
                alert.mail = None;
                told.push(alert);
            }
        }
        self.tell(batch, told)?;
        self.alerts.lock().overdue = overdue;
        self.alerts.wake.notify_all();
        Ok(())
    }

    /// Looks whether there is something to tell about a pipe, after a run of it
    /// or after what someone did to it.
    pub(crate) fn look_after(&self, loaded: &Loaded, pipe: &str) {
        if let Err(error) = self.try_look_after(loaded, pipe) {
            tracing::error!(%pipe, %error, "what is to be told about the pipe cannot be found out");
        }
    }

    fn try_look_after(&self, loaded: &Loaded, id: &str) -> Result<(), StoreError> {
        let Some(pipe) = loaded.project.pipe(id) else { return Ok(()) };
        let rules = loaded.project.notification_rules(pipe);
        if rules.is_empty() {
            return Ok(());
        }
        let _looking = self.alerts.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let email = loaded.project.metadata().notification_email();
        let reader = self.store().reader()?;
        let mut batch = self.store().batch(self.now());
        let mut told = Vec::new();
        for rule in rules.iter().filter(|rule| !rule.condition.is_about_lines()) {
            let holds = self.holds(&rule.condition, &reader, &pipe.id)?;
            told.extend(self.change(rule, &pipe.id, holds, email.as_ref()));
        }
        if rules.iter().any(|rule| rule.condition.is_about_lines()) {
            self.look_at_log(&rules, &reader, &pipe.id, email.as_ref(), &mut batch, &mut told)?;
        }
        self.tell(batch, told)
    }

    /// Looks for runs that take too long, or are late.
    pub(crate) fn look_at_clock(&self) {
        let overdue = self.alerts.lock().overdue.clone();
        if overdue.is_empty() {
            return;
        }
        let loaded = self.loaded();
        let _looking = self.alerts.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let email = loaded.project.metadata().notification_email();
        let mut told = Vec::new();
        for (pipe, rule) in &overdue {
            let Condition::Overdue(seconds) = rule.condition else { continue };
            let holds = self.is_overdue(pipe, seconds);
            // That it is over is told when the run has ended.
            if let Holds::Yes(_) = holds {
                told.extend(self.change(rule, pipe, holds, email.as_ref()));
            }
        }
        if let Err(error) = self.tell(self.store().batch(self.now()), told) {
            tracing::error!(%error, "that pipes are late cannot be told");
        }
    }

    fn is_overdue(&self, pipe: &str, seconds: f64) -> Holds {
        let late = self.conductor.late(pipe).filter(|late| *late as f64 > seconds * 1e6);
        match late {
            Some(_) => Holds::Yes(format!("Has not ended within {seconds} seconds.")),
            None => Holds::No,
        }
    }

    fn holds(
        &self,
        condition: &Condition,
        reader: &Reader,
        pipe: &Text,
    ) -> Result<Holds, StoreError> {
        Ok(match condition {
            Condition::Failed => {
                let run = match status::last_run(reader, pipe)? {
                    Some(last) => match last.outcome {
                        Outcome::Failed => {
                            Holds::Yes(last.message.unwrap_or_else(|| "The run failed.".into()))
                        }
                        Outcome::Completed => Holds::No,
                        Outcome::Stopped | Outcome::Cut => Holds::Unknown,
                    },
                    None => Holds::No,
                };
                match (run, status::failed_rescan(reader, pipe)?) {
                    (Holds::No, Some(why)) => Holds::Yes(format!("The rescan failed: {why}")),
                    (run, _) => run,
                }
            }
            Condition::EntitiesFailed => {
                let counts = reader.retry_counts(pipe)?;
                match (counts.waiting, counts.dead) {
                    (0, 0) => Holds::No,
                    (waiting, 0) => Holds::Yes(format!(
                        "{} to be tried again.",
                        counted(waiting, "entity waits", "entities wait")
                    )),
                    (0, dead) => Holds::Yes(format!(
                        "{} given up.",
                        counted(dead, "entity was", "entities were")
                    )),
                    (waiting, dead) => Holds::Yes(format!(
                        "{} to be tried again, {} given up.",
                        counted(waiting, "entity waits", "entities wait"),
                        counted(dead, "was", "were")
                    )),
                }
            }
            Condition::Overdue(seconds) => self.is_overdue(pipe, *seconds),
            Condition::OffsetSet | Condition::Pattern(_) => Holds::Unknown,
        })
    }

    /// What is to be told when a condition holds, or does not.
    fn change(
        &self,
        rule: &Rule,
        pipe: &Text,
        holds: Holds,
        email: Option<&Email>,
    ) -> Option<Notification> {
        let known = self.hub().alert(&id_of(rule, pipe));
        let now = self.now();
        Some(match (known, holds) {
            (None, Holds::Yes(message)) => Notification {
                mail: mail::to(rule, email).map(|_| MailState::Waiting),
                ..new(rule, pipe, NotificationState::Open, now, message)
            },
            (Some(known), Holds::Yes(message)) if known.message != message => {
                Notification { ts: now, message, ..known }
            }
            (Some(known), Holds::No) => Notification {
                state: NotificationState::Recovered,
                ts: now,
                message: match rule.condition {
                    Condition::EntitiesFailed => "No entity waits or is given up any more.",
                    Condition::Overdue(_) => "The run has ended.",
                    _ => "Runs again.",
                }
                .into(),
                mail: mail::to(rule, email).filter(|_| rule.recovery).map(|_| MailState::Waiting),
                ..known
            },
            _ => return None,
        })
    }

    /// Looks at the lines of a log that were not looked at yet.
    fn look_at_log(
        &self,
        rules: &[Rule],
        reader: &Reader,
        pipe: &Text,
        email: Option<&Email>,
        batch: &mut Batch,
        told: &mut Vec<Notification>,
    ) -> Result<(), StoreError> {
        let log = names::execution_log(pipe);
        if reader.dataset(&log)?.is_none() {
            return Ok(());
        }
        let since = reader.state(pipe, SPACE, LOG)?;
        let since = since.and_then(|text| std::str::from_utf8(&text).ok()?.parse().ok());
        let mut last: Option<u64> = None;
        let select = Select { history: true, ..Select::default() };
        for line in reader.changes(&log, since, None, select)? {
            let line = line?;
            last = Some(line.updated);
            for rule in rules {
                let message = match &rule.condition {
                    Condition::OffsetSet if line.entity.id() == "pump-offset-set" => {
                        offset_set(&line.entity)
                    }
                    Condition::Pattern(pattern) if fits(pattern, &line.entity) => {
                        described(&line.entity)
                    }
                    _ => continue,
                };
                // Of what happens there may be more than one at a time.
                told.push(Notification {
                    id: format!("{}:{}", id_of(rule, pipe), line.updated),
                    mail: mail::to(rule, email).map(|_| MailState::Waiting),
                    ..new(rule, pipe, NotificationState::Happened, line.ts, message)
                });
            }
        }
        if let Some(last) = last {
            batch.put_state(pipe, SPACE, LOG, Some(last.to_string().as_bytes()));
        }
        Ok(())
    }

    /// Keeps what is told, and tells it.
    fn tell(&self, mut batch: Batch, told: Vec<Notification>) -> Result<(), StoreError> {
        for one in &told {
            batch.append(names::NOTIFICATIONS, entity(one));
        }
        if batch.is_empty() {
            return Ok(());
        }
        batch.set_durability(Durability::Normal);
        self.store().commit(batch)?;
        for one in told {
            if one.mail == Some(MailState::Waiting) {
                self.alerts.lock().post.extend([one.clone()]);
                self.alerts.wake.notify_all();
            }
            self.hub().notification(one);
        }
        Ok(())
    }

    /// The alerts that are open, and what was told lately about pipes that may
    /// be seen.
    pub(crate) fn notifications(
        &self,
        limit: usize,
        seen: &dyn Fn(&str) -> bool,
    ) -> Result<Notifications, StoreError> {
        let mut all = Notifications { alerts: self.hub().alerts(), recent: Vec::new() };
        all.alerts.retain(|alert| seen(&alert.pipe));
        let reader = self.store().reader()?;
        if reader.dataset(names::NOTIFICATIONS)?.is_none() {
            return Ok(all);
        }
        let select = Select { history: true, reverse: true, deleted: false, ..Select::default() };
        // What became of a mail, and a message that changes, are versions of
        // what was told.
        let mut known = BTreeSet::new();
        for version in reader.changes(names::NOTIFICATIONS, None, None, select)? {
            if all.recent.len() >= limit {
                break;
            }
            let version = version?;
            let Some(told) = notification(&version.entity) else { continue };
            let is_new = known.insert((version.entity.id().clone(), told.state as u8));
            if is_new && seen(&told.pipe) {
                all.recent.push(told);
            }
        }
        Ok(all)
    }
}

/// What the thread does each time it wakes. `None` when the node is gone.
fn tend(node: &Weak<Node>) -> Option<i64> {
    let node = node.upgrade()?;
    node.look_at_clock();
    node.send_mail();
    Some(node.now())
}

/// Names a rule and a pipe.
fn id_of(rule: &Rule, pipe: &str) -> String {
    format!("{}:{pipe}", rule.name)
}

fn new(
    rule: &Rule,
    pipe: &Text,
    state: NotificationState,
    at: i64,
    message: String,
) -> Notification {
    Notification {
        id: id_of(rule, pipe),
        rule: rule.name.to_string(),
        kind: rule.condition.name().to_owned(),
        pipe: pipe.to_string(),
        severity: match rule.severity {
            Severity::Info => studio::Severity::Info,
            Severity::Warning => studio::Severity::Warning,
            Severity::Error => studio::Severity::Error,
        },
        state,
        since: at,
        ts: at,
        message,
        mail: None,
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn offset_set(line: &Entity) -> String {
    let by = line.get("user").and_then(Value::as_dict).and_then(|user| user.get("user_id"));
    let by = by.and_then(Value::as_str).unwrap_or("someone");
    match line.get("is_reset") {
        Some(Value::Bool(true)) => format!("Was set back to the beginning by {by}."),
        _ => format!("Was set to another place in its source by {by}."),
    }
}

/// A line of a log in a sentence.
fn described(line: &Entity) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str);
    let kind = text("event_type").unwrap_or_else(|| line.id());
    match text("reason_why_stopped").or(text("original_error_message")) {
        Some(why) => format!("{kind}: {why}"),
        None => kind.to_owned(),
    }
}

/// Whether a line of a log matches all the patterns.
fn fits(patterns: &[(String, String)], line: &Entity) -> bool {
    patterns.iter().all(|(path, pattern)| {
        let mut keys = path.split('.');
        let first = keys.next().and_then(|key| line.get(key));
        let found =
            first.and_then(|value| keys.try_fold(value, |value, key| value.as_dict()?.get(key)));
        found.is_some_and(|found| match found {
            Value::String(text) => matches_wildcards(pattern, text),
            other => matches_wildcards(pattern, &other.to_transit().to_string()),
        })
    })
}

/// How a notification is kept.
fn entity(told: &Notification) -> Entity {
    let text =
        |value: Option<String>| value.map_or(Value::Null, |text| Value::string(text.as_str()));
    let name = |value: serde_json::Result<serde_json::Value>| {
        text(value.ok().and_then(|value| value.as_str().map(str::to_owned)))
    };
    let (mail, why) = match &told.mail {
        None => (Value::Null, None),
        Some(MailState::Failed(why)) => (Value::string("failed"), Some(why.clone())),
        Some(state) => (name(serde_json::to_value(state)), None),
    };
    Entity::new(kept_as(told))
        .with("alert", told.id.as_str())
        .with("rule", told.rule.as_str())
        .with("kind", told.kind.as_str())
        .with("pipe", told.pipe.as_str())
        .with("severity", name(serde_json::to_value(told.severity)))
        .with("state", name(serde_json::to_value(told.state)))
        .with("since", told.since)
        .with("told", told.ts)
        .with("message", told.message.as_str())
        .with("mail", mail)
        .with("mail_error", text(why))
}

/// The id of the entity: one for each time that an alert begins.
fn kept_as(told: &Notification) -> Text {
    format_text!("{}:{}", told.id, told.since)
}

/// The way back.
fn notification(entity: &Entity) -> Option<Notification> {
    let text = |name: &str| entity.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| match entity.get(name) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    Some(Notification {
        id: text("alert")?,
        rule: text("rule")?,
        kind: text("kind")?,
        pipe: text("pipe")?,
        severity: serde_json::from_value(text("severity")?.into()).ok()?,
        state: serde_json::from_value(text("state")?.into()).ok()?,
        since: number("since")?,
        ts: number("told")?,
        message: text("message")?,
        mail: match text("mail").as_deref() {
            None => None,
            Some("failed") => Some(MailState::Failed(text("mail_error").unwrap_or_default())),
            Some(other) => serde_json::from_value(other.into()).ok(),
        },
    })
}
