//! Webhooks: other nodes subscribe to datasets of this one and are told when
//! there is something new, and pipes of this node that read another node's
//! datasets subscribe there, so that they run at once.
//!
//! A subscription lies in a file beside the store. It is told of again and again
//! for a while when the other side does not answer, and forgotten when it says
//! that it does not want to know, or never answers. Only the webhook of a pipe
//! of a node can be subscribed, nothing of the answer is read, and redirects are
//! not followed: nobody can make this node call what they like.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Uri;
use pipewright_component::Cancel;
use pipewright_store::names;
use pipewright_systems::Told;
use serde::{Deserialize, Serialize};

use crate::Node;
use crate::access::{KeyError, read_list, write_list};
use crate::api::Failed;

const FILE: &str = "webhooks.json";
/// Subscriptions of a node, and to one dataset.
const MOST: usize = 1_000;
const MOST_OF_ONE: usize = 50;
/// Longer addresses and tokens are refused, in bytes.
const LONGEST: usize = 2_000;
/// Changes that follow each other so closely are told of once.
const PAUSE: i64 = 200_000;
/// The wait after the first failure, which doubles with each, and its end.
const FIRST_WAIT: i64 = 1_000_000;
const LONGEST_WAIT: i64 = 600_000_000;
/// After so many failures in a row, some two hours, a subscription is forgotten.
const MOST_FAILURES: u32 = 20;
/// A pipe subscribes again after this long: the other side may have forgotten.
const RENEWAL: i64 = 600_000_000;

/// Someone who wants to know when a dataset has something new.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Subscription {
    dataset: String,
    url: String,
    token: String,
    /// Who subscribed.
    by: String,
    /// When it is to be told, if there is something new.
    #[serde(skip)]
    due: Option<i64>,
    #[serde(skip)]
    failures: u32,
}

impl Subscription {
    fn is(&self, dataset: &str, url: &str) -> bool {
        self.dataset == dataset && self.url == url
    }

    /// Whether nobody has subscribed anew since.
    fn is_same(&self, other: &Subscription) -> bool {
        self.is(&other.dataset, &other.url) && self.token == other.token
    }
}

/// The subscriptions of a node, and what waits to be done about them.
pub(crate) struct Webhooks {
    file: PathBuf,
    state: Mutex<State>,
    woken: Condvar,
    cancel: Cancel,
}

#[derive(Default)]
struct State {
    subscriptions: Vec<Subscription>,
    /// Pipes that have run and may want to subscribe.
    ran: VecDeque<String>,
    /// When which pipe has subscribed to what.
    subscribed: BTreeMap<String, (String, i64)>,
    closed: bool,
}

/// Something that is to be done.
enum Task {
    Tell(Subscription),
    Subscribe(String),
}

impl Webhooks {
    pub(crate) fn open(store: &Path) -> Result<Webhooks, KeyError> {
        let subscriptions = read_list(store, FILE)?;
        Ok(Webhooks {
            file: store.to_path_buf(),
            state: Mutex::new(State { subscriptions, ..State::default() }),
            woken: Condvar::new(),
            cancel: Cancel::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up that a dataset has something new.
    pub(crate) fn changed(&self, dataset: &str, now: i64) {
        let mut state = self.lock();
        let mut any = false;
        for one in state.subscriptions.iter_mut().filter(|one| one.dataset == dataset) {
            one.due.get_or_insert(now + PAUSE);
            any = true;
        }
        if any {
            self.woken.notify_all();
        }
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.cancel.stop();
        self.woken.notify_all();
    }

    /// Keeps a subscription; the one of the same address is replaced.
    fn add(&self, new: Subscription) -> Result<(), Failed> {
        let mut state = self.lock();
        let others = |one: &&Subscription| !one.is(&new.dataset, &new.url);
        let of_dataset = state.subscriptions.iter().filter(|one| one.dataset == new.dataset);
        if of_dataset.filter(others).count() >= MOST_OF_ONE
            || state.subscriptions.iter().filter(others).count() >= MOST
        {
            return Err(Failed::bad_request(format!(
                "there are as many subscriptions as can be: {MOST_OF_ONE} to one dataset and \
                 {MOST} to all"
            )));
        }
        let known = state.subscriptions.iter_mut().find(|one| one.is(&new.dataset, &new.url));
        let is_same = known.as_ref().is_some_and(|known| known.token == new.token);
        match known {
            Some(known) => *known = Subscription { due: known.due.or(new.due), ..new },
            None => state.subscriptions.push(new),
        }
        if !is_same {
            self.keep(&state).map_err(|error| Failed::internal(error.to_string()))?;
        }
        self.woken.notify_all();
        Ok(())
    }

    fn remove(&self, gone: &Subscription) {
        let mut state = self.lock();
        state.subscriptions.retain(|one| !one.is_same(gone));
        if let Err(error) = self.keep(&state) {
            tracing::error!(%error, "the subscriptions cannot be written");
        }
    }

    fn keep(&self, state: &State) -> Result<(), KeyError> {
        write_list(&self.file, FILE, &state.subscriptions)
    }

    /// Waits for something to do. `None` when the node ends.
    fn next(&self, now: impl Fn() -> i64) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(pipe) = state.ran.pop_front() {
                return Some(Task::Subscribe(pipe));
            }
            let waiting = state.subscriptions.iter_mut().filter(|one| one.due.is_some());
            let next = waiting.min_by_key(|one| one.due);
            let left = next.as_ref().and_then(|one| one.due).map(|due| due - now());
            match (next, left) {
                (Some(one), Some(left)) if left <= 0 => {
                    // What changes from now on is told of once more.
                    one.due = None;
                    return Some(Task::Tell(one.clone()));
                }
                (_, Some(left)) => {
                    let left = Duration::from_micros(left.unsigned_abs());
                    let waited = self.woken.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                _ => state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Takes up how telling went.
    fn told(&self, one: &Subscription, told: Told, now: i64) {
        let why = match told {
            Told::Taken => None,
            Told::Gone => {
                tracing::info!(dataset = one.dataset, "a subscription is taken back");
                return self.remove(one);
            }
            Told::Failed(why) => Some(why),
        };
        if why.is_some() && one.failures >= MOST_FAILURES {
            tracing::warn!(dataset = one.dataset, why, "a subscription is forgotten");
            return self.remove(one);
        }
        let mut state = self.lock();
        let Some(known) = state.subscriptions.iter_mut().find(|known| known.is_same(one)) else {
            return;
        };
        match why {
            None => known.failures = 0,
            Some(why) => {
                known.failures += 1;
                let wait = FIRST_WAIT << known.failures.saturating_sub(1).min(20);
                known.due = Some(now + wait.min(LONGEST_WAIT));
                tracing::warn!(dataset = one.dataset, why, "a webhook cannot be told");
            }
        }
    }
}

/// The address of a webhook of a pipe of a node, and nothing else.
fn check_address(url: &str) -> Result<(), Failed> {
    let parts = url.parse::<Uri>().ok().filter(|_| url.len() <= LONGEST);
    let fits = parts.is_some_and(|uri| {
        let pipe = uri.path().rsplit_once("/api/pipes/").map(|(_, rest)| rest);
        let pipe = pipe.and_then(|rest| rest.strip_suffix("/webhook"));
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|at| !at.as_str().contains('@'))
            && uri.query().is_none()
            && pipe.is_some_and(|pipe| !pipe.is_empty() && !pipe.contains('/'))
    });
    match fits && !url.contains('#') {
        true => Ok(()),
        false => Err(Failed::bad_request(
            "\"webhook\" is the address of the webhook of a pipe, such as \
             https://node.example.org/api/pipes/ID/webhook",
        )),
    }
}

impl Node {
    /// Subscribes an address to a dataset, for a caller who may read it. It is
    /// told at once when there is something after `since` already.
    pub(crate) fn subscribe(
        &self,
        dataset: &str,
        url: &str,
        token: Option<String>,
        since: Option<u64>,
        by: &str,
    ) -> Result<(), Failed> {
        let plain = |token: &String| {
            (1..=LONGEST).contains(&token.len())
                && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let token = token.filter(plain).ok_or_else(|| {
            Failed::bad_request("\"token\" is needed with \"webhook\": plain characters")
        })?;
        check_address(url)?;
        if !self.calls_webhooks() {
            return Err(Failed::new(
                axum::http::StatusCode::FORBIDDEN,
                "held",
                "this node calls no webhooks: its owner starts it with --webhooks to allow it",
            ));
        }
        let last = self.store().reader()?.dataset(dataset)?.and_then(|known| known.last_offset());
        let is_behind = since.is_some_and(|since| last.is_some_and(|last| last > since));
        self.webhooks.add(Subscription {
            dataset: dataset.to_owned(),
            url: url.to_owned(),
            token,
            by: by.to_owned(),
            due: is_behind.then(|| self.now()),
            failures: 0,
        })
    }

    /// What another node has to say to be heard about a pipe; `None` when the
    /// pipe reads no other node.
    fn webhook_token(&self, pipe: &str) -> Option<String> {
        let plan = self.loaded().plan(pipe).ok()?;
        let source = plan.outside_source()?;
        let system = source.system.map(|(id, config)| (id, config.clone()));
        let read = serde_json::to_string(&(source.config, system)).ok()?;
        Some(self.tokens().webhook_token(pipe, &read))
    }

    /// Runs a pipe because the node that it reads has something new.
    pub(crate) fn heard(&self, pipe: &str, token: &str) -> Result<(), Failed> {
        let unknown = || Failed::not_found("there is no such pipe or webhook");
        let known = self.webhook_token(pipe).ok_or_else(unknown)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(known.as_bytes(), token.as_bytes())
            .map_err(|_| unknown())?;
        if self.is_trusted() {
            // One that is switched off stays so.
            self.conductor.mark(&[pipe.to_owned()], false);
        }
        Ok(())
    }

    /// Takes up that a pipe has run: it may read another node.
    pub(crate) fn ran(&self, pipe: &str) {
        if self.public_url().is_some() {
            let mut state = self.webhooks.lock();
            if !state.ran.iter().any(|known| known == pipe) {
                state.ran.push_back(pipe.to_owned());
                self.webhooks.woken.notify_all();
            }
        }
        self.webhooks.changed(&names::execution_log(pipe), self.now());
    }

    /// Has a pipe subscribe to what it reads, if that is of another node.
    fn subscribe_pipe(&self, pipe: &str) {
        let Some(public) = self.public_url() else { return };
        let loaded = self.loaded();
        let Ok(plan) = loaded.plan(pipe) else { return };
        let (Some(source), Some(token)) = (plan.outside_source(), self.webhook_token(pipe)) else {
            return;
        };
        let now = self.now();
        if let Some((known, at)) = self.webhooks.lock().subscribed.get(pipe)
            && *known == token
            && now - at < RENEWAL
        {
            return;
        }
        let surroundings = self.surroundings(&loaded, self.webhooks.cancel.clone());
        if !self.is_trusted() || !self.systems.reads_node(&source, &surroundings) {
            return;
        }
        let part = percent_encoding::utf8_percent_encode(pipe, percent_encoding::NON_ALPHANUMERIC);
        let webhook = format!("{public}/api/pipes/{part}/webhook");
        let since = self.store().reader().and_then(|reader| reader.offset(pipe)).ok().flatten();
        let hook = (webhook.as_str(), token.as_str());
        match self.systems.subscribe(&source, &surroundings, hook, since.as_ref()) {
            Ok(done) => tracing::debug!(pipe, done, "subscribed"),
            // The pipe runs at its own times all the same.
            Err(why) => tracing::info!(pipe, %why, "the node it reads tells nothing"),
        }
        self.webhooks.lock().subscribed.insert(pipe.to_owned(), (token, now));
    }

    /// Starts the thread that tells and subscribes, if there is anything for
    /// it to do.
    pub(crate) fn start_webhooks(self: &Arc<Node>) -> std::io::Result<()> {
        if !self.calls_webhooks() && self.public_url().is_none() {
            return Ok(());
        }
        let (node, webhooks) = (Arc::downgrade(self), self.webhooks.clone());
        let clock = self.clock();
        let work = move || {
            while let Some(task) = webhooks.next(|| clock.now()) {
                let Some(node) = node.upgrade() else { return };
                match task {
                    Task::Subscribe(pipe) => node.subscribe_pipe(&pipe),
                    Task::Tell(one) if node.calls_webhooks() => {
                        let systems = &node.systems;
                        let told = systems.tell_webhook(&one.url, &one.token, &webhooks.cancel);
                        webhooks.told(&one, told, clock.now());
                    }
                    Task::Tell(_) => {}
                }
            }
        };
        std::thread::Builder::new().name("webhooks".into()).spawn(work).map(drop)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn subscription(dataset: &str, url: &str) -> Subscription {
        Subscription {
            dataset: dataset.into(),
            url: url.into(),
            token: "t".into(),
            by: "me".into(),
            due: None,
            failures: 0,
        }
    }

    #[test]
    fn only_a_webhook_of_a_pipe_can_be_subscribed() {
        for url in [
            "http://127.0.0.1:9042/api/pipes/a/webhook",
            "https://node.example.org/under/api/pipes/a%2Fb/webhook",
        ] {
            check_address(url).unwrap();
        }
        for url in [
            "",
            "/api/pipes/a/webhook",
            "ftp://node.example.org/api/pipes/a/webhook",
            "http://me:you@node.example.org/api/pipes/a/webhook",
            "http://node.example.org/api/pipes/a/b/webhook",
            "http://node.example.org/api/pipes//webhook",
            "http://node.example.org/latest/meta-data",
            "http://node.example.org/latest?x=/api/pipes/a/webhook",
            "http://node.example.org/api/pipes/a/webhook?x=1",
            "http://node.example.org/x#/api/pipes/a/webhook",
            "http://node.example.org/api/pipes/a/webhook#x",
        ] {
            assert!(check_address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_told_later_and_forgotten_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let webhooks = Webhooks::open(folder.path()).unwrap();
        webhooks.add(subscription("d", "u")).unwrap();
        webhooks.changed("other", 0);
        assert!(webhooks.lock().subscriptions[0].due.is_none());
        webhooks.changed("d", 0);
        let mut now = PAUSE;
        let mut times = 0;
        let due = || webhooks.lock().subscriptions.first().and_then(|one| one.due);
        while let Some(next) = due() {
            now = next;
            let Some(Task::Tell(one)) = webhooks.next(|| now) else { panic!() };
            webhooks.told(&one, Told::Failed("no".into()), now);
            times += 1;
        }
        assert_eq!(times, MOST_FAILURES + 1);
        assert!(now > 3_600_000_000 && webhooks.lock().subscriptions.is_empty());

        webhooks.add(subscription("d", "u")).unwrap();
        webhooks.add(Subscription { token: "new".into(), ..subscription("d", "u") }).unwrap();
        let again = Webhooks::open(folder.path()).unwrap();
        assert_eq!(again.lock().subscriptions.len(), 1);
        assert_eq!(again.lock().subscriptions[0].token, "new");
        again.changed("d", 0);
        let Some(Task::Tell(one)) = again.next(|| PAUSE) else { panic!() };
        again.changed("d", PAUSE);
        again.told(&one, Told::Taken, PAUSE);
        // What came meanwhile is told, too.
        let Some(Task::Tell(one)) = again.next(|| 2 * PAUSE) else { panic!() };
        again.told(&one, Told::Gone, PAUSE);
        assert!(Webhooks::open(folder.path()).unwrap().lock().subscriptions.is_empty());
    }

    #[test]
    fn a_dataset_has_so_many_subscriptions() {
        let folder = tempfile::tempdir().unwrap();
        let webhooks = Webhooks::open(folder.path()).unwrap();
        for at in 0..MOST_OF_ONE {
            webhooks.add(subscription("d", &at.to_string())).unwrap();
        }
        assert!(webhooks.add(subscription("d", "one more")).is_err());
        webhooks.add(subscription("d", "0")).unwrap();
        webhooks.add(subscription("e", "one more")).unwrap();
    }
}
