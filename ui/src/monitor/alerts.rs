//! What was told: what holds now, and what came and went.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    MailState, NOTIFICATIONS, Notification, NotificationState, Notifications, Severity,
};

use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Icon, Problem, Sign, Switch, Table, Waiting, clock, count},
    connections::use_desk,
    place::{Place, use_nav},
    state::{Permission, use_alerts},
};

/// How many of those told are read.
const LIMIT: usize = 500;

fn state(row: &Notification) -> &'static str {
    match row.state {
        NotificationState::Open => "Holds",
        NotificationState::Recovered => "Over",
        NotificationState::Happened => "Happened",
    }
}

fn mail(row: &Notification) -> String {
    match &row.mail {
        None => String::new(),
        Some(MailState::Waiting) => "to be sent".to_owned(),
        Some(MailState::Sent) => "sent".to_owned(),
        Some(MailState::Held) => "held".to_owned(),
        Some(MailState::Failed(why)) => why.clone(),
    }
}

fn columns() -> Vec<Column<Notification>> {
    vec![
        Column::text("Told", "128px", |row| clock(row.ts).into_any(), |a, b| a.ts.cmp(&b.ts)),
        Column::text(
            "State",
            "96px",
            |row| {
                let bad = row.state == NotificationState::Open && row.severity == Severity::Error;
                view! { <span class:bad-text=bad class:faint=row.state == NotificationState::Recovered>{state(row)}</span> }
                    .into_any()
            },
            |a, b| state(a).cmp(state(b)),
        ),
        Column::text(
            "Pipe",
            "minmax(140px,2fr)",
            |row| {
                let sign = match row.severity {
                    Severity::Error => Sign::Error,
                    Severity::Warning => Sign::Warning,
                    Severity::Info => Sign::Bell,
                };
                view! {
                    <Icon sign />
                    <b>{row.pipe.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.pipe.cmp(&b.pipe),
        ),
        Column::text(
            "What",
            "minmax(200px,4fr)",
            |row| {
                let message = row.message.clone();
                view! { <span data-tip=message.clone()>{message.clone()}</span> }.into_any()
            },
            |a, b| a.message.cmp(&b.message),
        ),
        Column::text(
            "Rule",
            "minmax(128px,1fr)",
            |row| row.rule.clone().into_any(),
            |a, b| a.rule.cmp(&b.rule),
        ),
        Column::text(
            "Since",
            "128px",
            |row| clock(row.since).into_any(),
            |a, b| a.since.cmp(&b.since),
        ),
        Column::text("Mail", "96px", |row| mail(row).into_any(), |a, b| mail(a).cmp(&mail(b))),
    ]
}

/// The alerts: those that hold first, then what was told before.
#[component]
pub(super) fn AlertList() -> impl IntoView {
    let (alerts, nav) = (use_alerts(), use_nav());
    let client = StoredValue::new(use_client());
    let told = RwSignal::new(None::<Result<Notifications, Failure>>);
    Effect::new(move || {
        alerts.told.track();
        let client = client.get_value();
        spawn_local(async move {
            let path = format!("{NOTIFICATIONS}?limit={LIMIT}");
            let answer = client.get::<Notifications>(&path).await;
            told.try_set(Some(answer));
        });
    });
    // Who looks at the list has seen them.
    Effect::new(move || alerts.look());
    let rows = Memo::new(move |_| {
        told.with(|told| {
            let Some(Ok(told)) = told else { return Vec::new() };
            let past = told.recent.iter().filter(|row| {
                // The one that holds stands above.
                !told.alerts.iter().any(|alert| alert.id == row.id && alert.since == row.since)
            });
            told.alerts.iter().chain(past).cloned().collect::<Vec<_>>()
        })
    });
    let state = Memo::new(move |_| {
        told.with(|told| told.as_ref().map(|told| told.as_ref().err().cloned()))
    });
    let none = Memo::new(move |_| rows.with(Vec::is_empty));
    let desktop = alerts.desktop();
    let in_window = use_desk().is_desktop();
    let hint = move || match desktop.permission() {
        Permission::Denied if in_window => "This window cannot show notifications",
        Permission::Missing => "This window cannot show notifications",
        Permission::Denied => {
            "Notifications are blocked for this page; the browser's settings allow them"
        }
        Permission::Unasked => "The browser asks whether it may",
        Permission::Granted => "",
    };
    let open = move |row: &Notification| nav.go(Place::runs(&row.pipe));
    view! {
        <div class="pane-head">
            <span class="pane-note" data-testid="alerts-open">
                {move || match alerts.open.with(|open| open.len()) {
                    0 => "Nothing needs a look now".to_owned(),
                    1 => "1 holds now".to_owned(),
                    many => format!("{} hold now", count(many as u64)),
                }}
            </span>
            <span class="hint">{hint}</span>
            <Switch
                label="Notify on this desktop"
                on=Signal::derive(move || desktop.is_on())
                disabled=Signal::derive(move || matches!(desktop.permission(), Permission::Missing | Permission::Denied))
                id="desktop-alerts"
                on_change=move |on| desktop.switch(on)
            />
        </div>
        {move || match state.get() {
            None => view! { <Waiting /> }.into_any(),
            Some(Some(failure)) => view! { <Problem failure /> }.into_any(),
            Some(None) if none.get() => {
                view! { <Empty sign=Sign::Bell title="Nothing was told yet" hint="A pipe that fails, or entities that fail in one, are told here, and again when they work. Rules of your own stand in the node's metadata and in each pipe." /> }
                    .into_any()
            }
            Some(None) => {
                view! { <Table label="Alerts" rows columns=columns() key=|row| format!("{}@{}", row.id, row.ts) on_open=open id="alerts" /> }
                    .into_any()
            }
        }}
    }
}
