//! What the shell tells the pages without being asked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{Stream, stream::unfold};
use pipewright_protocol::shell::Happening;
use tauri::{AppHandle, Manager};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::way::Lost;

/// The pages that listen, by window, and what nobody has heard yet.
#[derive(Default)]
pub(crate) struct Happenings(Mutex<State>);

#[derive(Default)]
struct State {
    listening: HashMap<String, UnboundedSender<Vec<u8>>>,
    waiting: Vec<Vec<u8>>,
}

impl Happenings {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens from now on, and what happened while no page was there, as
    /// lines. A window that listens again is told only there.
    pub(crate) fn listen(
        &self,
        window: &str,
    ) -> impl Stream<Item = Result<Vec<u8>, Lost>> + Send + use<> {
        let (sender, receiver) = unbounded_channel();
        let mut state = self.state();
        for line in state.waiting.drain(..) {
            // The receiver is right here.
            let _ = sender.send(line);
        }
        state.listening.insert(window.to_owned(), sender);
        unfold(receiver, |mut receiver: UnboundedReceiver<Vec<u8>>| async {
            Some((Ok(receiver.recv().await?), receiver))
        })
    }

    /// Tells the page of a window; `false` when it does not listen.
    pub(crate) fn tell(&self, window: &str, happening: &Happening) -> bool {
        let sender = self.state().listening.get(window).cloned();
        sender.is_some_and(|sender| sender.send(line(happening)).is_ok())
    }

    /// Tells the page the user is at, or the first that comes when there is
    /// none yet.
    pub(crate) fn tell_user(&self, app: &AppHandle, happening: &Happening) {
        let windows = app.webview_windows();
        let focused = windows.values().find(|window| window.is_focused().unwrap_or_default());
        let at = focused.or_else(|| windows.values().next());
        if !at.is_some_and(|window| self.tell(window.label(), happening)) {
            self.state().waiting.push(line(happening));
        }
    }
}

fn line(happening: &Happening) -> Vec<u8> {
    // Names and texts always have a JSON form.
    let mut line = serde_json::to_vec(happening).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::pin::pin;

    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_page_hears_what_happened_before_it_listened() {
        let happenings = Happenings::default();
        let chosen = |id: &str| Happening::Command(id.into());
        assert!(!happenings.tell("main", &chosen("a")));
        happenings.state().waiting.push(line(&chosen("b")));
        let mut heard = pin!(happenings.listen("main"));
        assert!(happenings.tell("main", &chosen("c")));
        for id in ["b", "c"] {
            let line = heard.next().await.unwrap().unwrap();
            assert_eq!(serde_json::from_slice::<Happening>(&line).unwrap(), chosen(id));
        }
    }

    #[tokio::test]
    async fn a_page_that_is_loaded_anew_takes_the_place_of_the_old_one() {
        let happenings = Happenings::default();
        let mut old = pin!(happenings.listen("main"));
        let mut new = pin!(happenings.listen("main"));
        assert!(happenings.tell("main", &Happening::Failed("x".into())));
        assert!(new.next().await.is_some());
        assert!(old.next().await.is_none());
    }
}
