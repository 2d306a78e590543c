//! What the node tells without being asked: pipes that fail, and that they work
//! again. Shown as a list and a badge, and by the desktop where its user wants
//! that.

use std::collections::BTreeMap;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    NOTIFICATIONS, Notification, NotificationState, Notifications, Severity,
};
use wasm_bindgen::{JsCast, prelude::Closure};

use super::{remember, remembered};
use crate::{
    client::Client,
    place::{Nav, Place},
};

/// The alerts of one node. Copies are the same.
#[derive(Clone, Copy)]
pub struct Alerts {
    /// What holds now, by [`Notification::id`].
    pub open: RwSignal<BTreeMap<String, Notification>>,
    /// Counts what was told, so that lists of it are read again.
    pub told: RwSignal<u64>,
    /// When the list was last looked at, microseconds.
    seen: RwSignal<i64>,
    desktop: Desktop,
}

/// The alerts of the session this component belongs to.
pub fn use_alerts() -> Alerts {
    expect_context()
}

impl Alerts {
    /// Nothing yet.
    pub fn start(nav: Nav) -> Self {
        let seen = remembered("alerts.seen").and_then(|seen| seen.parse().ok());
        Alerts {
            open: RwSignal::default(),
            told: RwSignal::new(0),
            seen: RwSignal::new(seen.unwrap_or_default()),
            desktop: Desktop::start(nav),
        }
    }

    /// Reads what holds now, in place of what was known; what changes from here
    /// on is told. What began since then is no news for the desktop.
    pub fn read(self, client: &Client) {
        let client = client.clone();
        spawn_local(async move {
            let path = format!("{NOTIFICATIONS}?limit=0");
            loop {
                let Some(before) = self.told.try_get_untracked() else { return };
                // Why they cannot be read is said where they are listed.
                let Ok(answer) = client.get::<Notifications>(&path).await else { return };
                // What was told meanwhile may be newer than the answer.
                if self.told.try_get_untracked() == Some(before) {
                    let by_id = |alert: Notification| (alert.id.clone(), alert);
                    self.open.set(answer.alerts.into_iter().map(by_id).collect());
                    self.told.update(|told| *told += 1);
                    return;
                }
            }
        });
    }

    /// What changed, in order.
    pub fn take(self, told: Vec<Notification>) {
        for notification in told {
            let known = self.open.with_untracked(|open| {
                open.get(&notification.id).is_some_and(|known| known.since == notification.since)
            });
            match notification.state {
                NotificationState::Open => {
                    if !known {
                        self.desktop.tell(&notification);
                    }
                    self.open.update(|open| {
                        open.insert(notification.id.clone(), notification);
                    });
                }
                NotificationState::Recovered => {
                    self.desktop.tell(&notification);
                    self.open.update(|open| drop(open.remove(&notification.id)));
                }
                NotificationState::Happened => self.desktop.tell(&notification),
            }
        }
        self.told.update(|told| *told += 1);
    }

    /// How many hold that began after the list was last looked at, tracked.
    pub fn unseen(self) -> usize {
        let seen = self.seen.get();
        self.open.with(|open| open.values().filter(|alert| alert.since > seen).count())
    }

    /// The list is being looked at.
    pub fn look(self) {
        let newest = self.open.with(|open| open.values().map(|alert| alert.since).max());
        if let Some(newest) = newest.filter(|newest| *newest > self.seen.get_untracked()) {
            remember("alerts.seen", &newest.to_string());
            self.seen.set(newest);
        }
    }

    /// How the desktop is told.
    pub fn desktop(self) -> Desktop {
        self.desktop
    }
}

/// Whether the desktop shows notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// There is nothing that could show them.
    Missing,
    /// The user has not said.
    Unasked,
    /// The user does not want them; only they can change it, in the browser.
    Denied,
    /// It does.
    Granted,
}

/// Notifications of the desktop. They are asked for when the user switches them
/// on, never before.
#[derive(Clone, Copy)]
pub struct Desktop {
    /// Whether the user wants them.
    wanted: RwSignal<bool>,
    permission: RwSignal<Permission>,
    nav: Nav,
}

impl Desktop {
    fn start(nav: Nav) -> Self {
        let wanted = remembered("alerts.desktop").as_deref() == Some("on");
        Desktop { wanted: RwSignal::new(wanted), permission: RwSignal::new(permission()), nav }
    }

    /// Whether they are shown, tracked.
    pub fn is_on(self) -> bool {
        self.wanted.get() && self.permission.get() == Permission::Granted
    }

    /// What the browser says, tracked.
    pub fn permission(self) -> Permission {
        self.permission.get()
    }

    /// Shows them, or no longer; asks the user when they have not said yet.
    pub fn switch(self, on: bool) {
        remember("alerts.desktop", if on { "on" } else { "off" });
        self.wanted.set(on);
        if on && self.permission.get_untracked() == Permission::Unasked {
            spawn_local(async move {
                if let Ok(asked) = web_sys::Notification::request_permission() {
                    // Whatever came of it, the permission says.
                    let _ = wasm_bindgen_futures::JsFuture::from(asked).await;
                }
                self.permission.try_set(permission());
            });
        }
    }

    fn tell(self, told: &Notification) {
        if !untrack(|| self.is_on()) {
            return;
        }
        let title = match (told.state, told.severity) {
            (NotificationState::Recovered, _) => format!("{} works again", told.pipe),
            (_, Severity::Error) => format!("{} fails", told.pipe),
            _ => told.pipe.clone(),
        };
        let options = web_sys::NotificationOptions::new();
        options.set_body(&told.message);
        // A later one about the same takes its place.
        options.set_tag(&told.id);
        let Ok(shown) = web_sys::Notification::new_with_options(&title, &options) else { return };
        let (nav, pipe, kept) = (self.nav, told.pipe.clone(), shown.clone());
        let open = Closure::once_into_js(move || {
            if let Some(window) = web_sys::window() {
                let _ = window.focus();
            }
            nav.go(Place::runs(&pipe));
            kept.close();
        });
        shown.set_onclick(Some(open.unchecked_ref()));
    }
}

/// What the page may do; asked of the window by hand, as not every one has
/// notifications.
fn permission() -> Permission {
    let Some(window) = web_sys::window() else { return Permission::Missing };
    match js_sys::Reflect::get(&window, &"Notification".into()) {
        Ok(class) if !class.is_falsy() => match web_sys::Notification::permission() {
            web_sys::NotificationPermission::Granted => Permission::Granted,
            web_sys::NotificationPermission::Denied => Permission::Denied,
            _ => Permission::Unasked,
        },
        _ => Permission::Missing,
    }
}
