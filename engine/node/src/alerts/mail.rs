//! Telling by mail.
//!
//! What is told at about the same time to the same people goes out as one
//! mail. A mail that cannot be sent now is tried again for some hours.

use std::time::Duration;

use pipewright_component::{Cancel, Components, Failure, Sequence, Setting};
use pipewright_config::notifications::{Email, Rule};
use pipewright_entity::Entity;
use pipewright_protocol::studio::{MailState, Notification, NotificationState};
use pipewright_store::{Durability, StoreError, names};
use serde_json::json;

use super::{entity, kept_as};
use crate::Node;
use crate::loaded::Loaded;

/// What happens at about the same time is told together, in microseconds.
const TOGETHER: i64 = 2_000_000;
/// The first time to wait after a mail that could not be sent, in microseconds;
/// it doubles each time.
const PAUSE: i64 = 60_000_000;
/// After so many tries in vain nothing is sent: about eight hours.
const TRIES: u32 = 10;

/// What is to be sent.
#[derive(Default)]
pub(super) struct Post {
    waiting: Vec<Notification>,
    /// When to send, in microseconds since 1970.
    at: Option<i64>,
    /// Tries in vain.
    tried: u32,
}

impl Post {
    pub(super) fn extend(&mut self, told: impl IntoIterator<Item = Notification>) {
        self.waiting.extend(told);
    }

    /// How long until there is something to do.
    pub(super) fn wait(&self, now: i64) -> Option<Duration> {
        if self.waiting.is_empty() {
            return None;
        }
        let left = self.at.map_or(TOGETHER, |at| at - now).max(0);
        Some(Duration::from_micros(left.unsigned_abs()))
    }

    /// Takes what is to be sent now.
    fn take(&mut self, now: i64) -> Vec<Notification> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        match self.at {
            Some(at) if at <= now => {
                self.at = None;
                std::mem::take(&mut self.waiting)
            }
            Some(_) => Vec::new(),
            None => {
                self.at = Some(now.saturating_add(TOGETHER));
                Vec::new()
            }
        }
    }

    /// They could not be sent; whether to try again.
    fn put_back(&mut self, told: Vec<Notification>, now: i64) -> Option<Vec<Notification>> {
        self.tried += 1;
        if self.tried >= TRIES {
            self.tried = 0;
            return Some(told);
        }
        let pause = PAUSE.saturating_mul(1 << (self.tried - 1));
        self.at = Some(now.saturating_add(pause));
        let later = std::mem::replace(&mut self.waiting, told);
        self.waiting.extend(later);
        None
    }
}

/// Who gets a mail by a rule; `None` when nobody does.
pub(super) fn to<'r>(rule: &'r Rule, email: Option<&'r Email>) -> Option<&'r [String]> {
    let email = email?;
    let to = rule.recipients.as_deref().unwrap_or(&email.recipients);
    (!to.is_empty()).then_some(to)
}

impl Node {
    /// Sends the mail that is to be sent now.
    pub(crate) fn send_mail(&self) {
        let told = self.alerts.lock().post.take(self.now());
        if told.is_empty() {
            return;
        }
        let loaded = self.loaded();
        let mut groups: Vec<(Vec<String>, Vec<Notification>)> = Vec::new();
        for one in told {
            let to = recipients(&loaded, &one);
            match groups.iter_mut().find(|(known, _)| *known == to) {
                Some((_, told)) => told.push(one),
                None => groups.push((to, vec![one])),
            }
        }
        for (to, told) in groups {
            let state = match self.send_one(&loaded, &to, &told) {
                Ok(()) => {
                    self.alerts.lock().post.tried = 0;
                    MailState::Sent
                }
                Err(Failure::Held { .. }) => MailState::Held,
                Err(failure) if failure.is_retryable() || failure.wait().is_some() => {
                    tracing::warn!(%failure, "notifications cannot be mailed now");
                    let given_up = self.alerts.lock().post.put_back(told, self.now());
                    let Some(told) = given_up else { continue };
                    self.note_mail(told, &MailState::Failed(failure.to_string()));
                    continue;
                }
                Err(failure) => {
                    tracing::error!(%failure, "notifications cannot be mailed");
                    MailState::Failed(failure.to_string())
                }
            };
            self.note_mail(told, &state);
        }
    }

    fn send_one(
        &self,
        loaded: &Loaded,
        to: &[String],
        told: &[Notification],
    ) -> Result<(), Failure> {
        const PATH: &str = "$.notifications.email";
        let email = loaded.project.metadata().notification_email();
        let Some(email) = email.filter(|_| !to.is_empty()) else {
            return Err(Failure::config(PATH, "nobody is to get mails any more"));
        };
        let Some(system) = loaded.project.system(&email.system) else {
            let message = format!("there is no system \"{}\"", email.system);
            return Err(Failure::config(format!("{PATH}.system"), message));
        };
        let config = json!({
            "type": "mail",
            "system": email.system.as_str(),
            "mail_from": email.sender,
            "recipients": to.join(","),
            "subject_template": "{{ subject }}",
            "body_template": "{{ body }}",
        });
        let Some(config) = config.as_object() else { return Ok(()) };
        let setting = Setting {
            pipe: "",
            config,
            system: Some((email.system.as_str(), &system.config)),
            path: PATH,
        };
        let surroundings = self.surroundings(loaded, Cancel::new());
        let Some(mut sink) = self.systems.sink(&setting, &surroundings)? else {
            let message = format!("a {} cannot send mails", system.kind);
            return Err(Failure::config(format!("{PATH}.system"), message));
        };
        let mail = Entity::new("notifications")
            .with("subject", subject(&self.name(), told).as_str())
            .with("body", body(told).as_str());
        sink.begin(&Sequence { id: "notifications".into(), is_full: false })?;
        let written = sink.write(&[mail])?;
        sink.finish()?;
        match written.rejected.into_iter().next() {
            None => Ok(()),
            Some(failure) if failure.wait.is_some() => Err(Failure::retryable(failure.message)),
            Some(failure) => Err(Failure::Entity(failure)),
        }
    }

    /// Keeps what became of the mail about each.
    fn note_mail(&self, told: Vec<Notification>, state: &MailState) {
        if let Err(error) = self.try_note_mail(told, state) {
            tracing::error!(%error, "what became of a mail cannot be kept");
        }
    }

    fn try_note_mail(&self, told: Vec<Notification>, state: &MailState) -> Result<(), StoreError> {
        let _looking =
            self.alerts.looking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let reader = self.store().reader()?;
        let mut batch = self.store().batch(self.now());
        batch.set_durability(Durability::Normal);
        let mut changed = Vec::new();
        for mut one in told {
            // It may have gone on since.
            let known = reader.get(names::NOTIFICATIONS, &kept_as(&one))?;
            let known = known.and_then(|known| super::notification(&known.entity));
            let Some(known) = known.filter(|known| known.state == one.state) else { continue };
            one = Notification { mail: Some(state.clone()), ..known };
            batch.append(names::NOTIFICATIONS, entity(&one));
            changed.push(one);
        }
        self.store().commit(batch)?;
        for one in changed.into_iter().filter(|one| one.state == NotificationState::Open) {
            self.hub().notification(one);
        }
        Ok(())
    }
}

/// Who is to get it, as the config says now.
fn recipients(loaded: &Loaded, told: &Notification) -> Vec<String> {
    let email = loaded.project.metadata().notification_email();
    let pipe = loaded.project.pipe(&told.pipe);
    let rules = pipe.map(|pipe| loaded.project.notification_rules(pipe)).unwrap_or_default();
    let rule = rules.iter().find(|rule| rule.name == told.rule);
    rule.and_then(|rule| to(rule, email.as_ref())).unwrap_or_default().to_vec()
}

fn subject(node: &str, told: &[Notification]) -> String {
    let word = |told: &Notification| match told.state {
        NotificationState::Open | NotificationState::Happened => told.rule.clone(),
        NotificationState::Recovered => format!("{} is over", told.rule),
    };
    match told {
        [one] => format!("[{node}] {}: {}", one.pipe, word(one)),
        all => {
            let open = all.iter().filter(|one| one.state == NotificationState::Open).count();
            let over = all.iter().filter(|one| one.state == NotificationState::Recovered).count();
            format!("[{node}] {} notifications: {open} new, {over} over", all.len())
        }
    }
}

fn body(told: &[Notification]) -> String {
    let mut text = String::new();
    for one in told {
        let time = jiff::Timestamp::from_microsecond(one.ts).map_or_else(
            |_| String::new(),
            |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        );
        let state = if one.state == NotificationState::Recovered { " (over)" } else { "" };
        text.push_str(&format!(
            "{time}  {}  {}{state}\n    {}\n\n",
            one.pipe, one.rule, one.message
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pipewright_protocol::studio::Severity;

    fn told() -> Notification {
        Notification {
            id: "r:p".into(),
            rule: "r".into(),
            kind: "pump-failed".into(),
            pipe: "p".into(),
            severity: Severity::Error,
            state: NotificationState::Open,
            since: 0,
            ts: 0,
            message: "m".into(),
            mail: Some(MailState::Waiting),
        }
    }

    #[test]
    fn what_cannot_be_sent_is_tried_again_for_hours_and_not_for_ever() {
        let mut post = Post::default();
        post.extend([told()]);
        let (mut now, mut tries) = (0, 0);
        let given_up = loop {
            now += post.wait(now).unwrap().as_micros() as i64;
            let taken = post.take(now);
            if taken.is_empty() {
                continue;
            }
            tries += 1;
            if let Some(given_up) = post.put_back(taken, now) {
                break given_up;
            }
        };
        assert_eq!((tries, given_up.len()), (TRIES, 1));
        assert!((3_600_000_000 * 8..3_600_000_000 * 10).contains(&now), "{now}");
        assert_eq!(post.wait(now), None);
    }
}
