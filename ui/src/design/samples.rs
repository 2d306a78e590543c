//! Every control, with data made up for it.

use leptos::prelude::*;
use pipewright_language::Path;
use pipewright_protocol::studio::{FileText, PipeState};

use super::Part;
use crate::{
    client::Failure,
    components::{
        Button, Chart, Column, Dialog, Draw, Empty, Field, Figure, Form, Icon, IconButton, Kind,
        Link, Menu, MenuItem, Point, Problem, Search, Select, Series, Sign, Sparkline, Split,
        StateChip, StateDot, Switch, Table, Tabs, Tone, count, duration, use_toasts,
    },
    forms::{ComponentForm, Target},
    json::{JsonView, Tree, print},
    place::Place,
    state::{OpenFile, use_language},
};

const SYSTEM: &str = r#"{
  "_id": "sample",
  "type": "system:postgresql",
  "host": "db.example.org",
  "port": 5432,
  "database": "orders",
  "username": "reader",
  "password": "$SECRET(password)"
}
"#;

const STATES: [PipeState; 8] = [
    PipeState::New,
    PipeState::Running,
    PipeState::Finished,
    PipeState::Failed,
    PipeState::Stopped,
    PipeState::Disabled,
    PipeState::Invalid,
    PipeState::Serving,
];

#[component]
pub(super) fn Samples() -> impl IntoView {
    view! {
        <Controls />
        <Over />
        <Part title="States">
            {STATES.map(|state| view! { <StateChip state /> }).collect_view()}
            {STATES.map(|state| view! { <StateDot state /> }).collect_view()}
            <span class="chip"><Icon sign=Sign::Lock />"held"</span>
            <span class="flag">"production"</span>
            <kbd>"Ctrl+K"</kbd>
        </Part>
        <Part title="Figures">
            <ul class="figures">
                <Figure name="Running" value=|| "3 of 27".into() />
                <Figure name="Waiting" value=|| count(48_213) />
                <Figure name="Failing" value=|| "1".into() bad=true />
            </ul>
        </Part>
        <Charts />
        <Lists />
        <Messages />
        <Part title="Form of a component"><ComponentSample /></Part>
    }
}

#[component]
fn Controls() -> impl IntoView {
    let (text, wrong, search) = (
        RwSignal::new("crm-person".to_owned()),
        RwSignal::new("a b".to_owned()),
        RwSignal::default(),
    );
    let choice = RwSignal::new("postgresql".to_owned());
    let on = RwSignal::new(true);
    let items = Signal::stored(vec![
        MenuItem::new("Run", || {}).sign(Sign::Play),
        MenuItem::new("Chosen now", || {}).checked(true),
        MenuItem::new("Cannot be chosen", || {}).held(Some("It says why.".into())),
    ]);
    let kinds = ["mysql", "postgresql", "sqlite"].map(str::to_owned).to_vec();
    view! {
        <Part title="Buttons">
            <Button label="Plain" on_click=|| {} />
            <Button label="Primary" kind=Kind::Primary sign=Sign::Check on_click=|| {} />
            <Button label="With a tip" sign=Sign::Play tip="What it does, and its key" on_click=|| {} />
            <Button label="Disabled" disabled=true on_click=|| {} />
            <IconButton sign=Sign::Refresh label="Again" on_click=|| {} />
            <IconButton sign=Sign::Columns label="Switched on" pressed=Signal::stored(true) on_click=|| {} />
            <IconButton sign=Sign::Lock label="Cannot be used" disabled=true on_click=|| {} />
            <Menu label="Menu" id="design-menu" items><Icon sign=Sign::More /></Menu>
            <Link to=Place::START class="button"><Icon sign=Sign::Flow /><span>"A link"</span></Link>
        </Part>
        <Part title="Fields">
            <Field label="Name" value=text />
            <Field label="With a problem" value=wrong problem=Signal::stored(Some("Use small letters, digits, - and _ only.".to_owned())) />
            <Select label="One of several" value=choice options=kinds />
            <Search value=search label="Find something" id="design-search" />
            <Switch label="On or off" on=on on_change=move |it| on.set(it) />
            <Switch label="Cannot be switched" on=false disabled=true on_change=|_| {} />
        </Part>
        <Part title="Tabs">
            <div class="design-tabs">
                <Tabs label="Sides" tabs=Signal::stored(vec![("Design", Place::Design), ("Flow", Place::START)]) current=Signal::stored(Place::Design) />
            </div>
        </Part>
    }
}

/// What lies over the page.
#[component]
fn Over() -> impl IntoView {
    let (open, toasts) = (RwSignal::new(false), use_toasts());
    let name = RwSignal::new(String::new());
    view! {
        <Part title="Dialogs, toasts, tips">
            <Button label="Dialog" id="design-dialog" on_click=move || open.set(true) />
            <Button label="Toast" on_click=move || toasts.done("Rename a to b: done. Ctrl+Z takes it back.") />
            <Button label="Toast of a failure" on_click=move || toasts.failed("The node does not answer.") />
            <span class="chip" tabindex="0" role="note" data-tip="It explains what it is about.">"Point at me"</span>
        </Part>
        <Dialog open title="A dialog" id="design-dialog-open">
            <Form label="Make it" sign=Sign::Plus id="design-make" on_submit=move || open.set(false) on_close=move || open.set(false)>
                <p>"What is made, in a sentence."</p>
                <Field label="Name" value=name focus=true />
            </Form>
        </Dialog>
    }
}

#[component]
fn Charts() -> impl IntoView {
    let took: [f64; 14] =
        [820., 910., 760., 1_240., 900., 880., 2_350., 870., 860., 905., 640., 720., 980., 830.];
    let bars = took.iter().enumerate().map(|(run, took)| {
        let point = Point::new(0.0, took * 1e3, format!("run {}", run + 1));
        match run {
            3 => point.toned(Tone::Warn),
            6 => point.toned(Tone::Bad),
            10 => point.toned(Tone::Idle),
            _ => point,
        }
    });
    let bars = Series { name: "Took".into(), tone: Tone::Good, points: bars.collect() };
    let wave = |shift: f64, size: f64| {
        let value = move |at: i32| size * (1.0 + (f64::from(at) / 6.0 + shift).sin());
        (0..60).map(move |at| Point::new(f64::from(at), value(at), format!("minute {at}")))
    };
    let lines = vec![
        Series { name: "Read".into(), tone: Tone::Run, points: wave(0.0, 400.0).collect() },
        Series { name: "Written".into(), tone: Tone::Accent, points: wave(1.5, 220.0).collect() },
    ];
    let small: Vec<f64> = wave(0.5, 10.0).map(|point| point.value).collect();
    view! {
        <Part title="Charts">
            <div class="design-chart"><Chart label="Duration" draw=Draw::Bars series=Signal::stored(vec![bars]) format=|it| duration(it as u64) /></div>
            <div class="design-chart"><Chart label="Entities a second" series=Signal::stored(lines) /></div>
            <div class="design-chart"><Chart label="Queue" series=Signal::stored(Vec::new()) /></div>
            <Sparkline label="Queue, 12 now" values=Signal::stored(small) tone=Tone::Run />
        </Part>
    }
}

#[component]
fn Lists() -> impl IntoView {
    let rows: Vec<(String, u64)> =
        (1_u64..=400).map(|row| (format!("crm-person-{row}"), row * 37)).collect();
    let selected = RwSignal::new(Some("crm-person-3".to_owned()));
    let columns = vec![
        Column::text(
            "Name",
            "2fr",
            |row: &(String, u64)| view! { <b>{row.0.clone()}</b> }.into_any(),
            |a, b| a.0.cmp(&b.0),
        ),
        Column::number(
            "Entities",
            "1fr",
            |row: &(String, u64)| count(row.1).into_any(),
            |a, b| a.1.cmp(&b.1),
        ),
    ];
    let table = view! {
        <Table label="Sample rows" rows=Signal::stored(rows) columns key=|row: &(String, u64)| row.0.clone() selected on_open=move |row: &(String, u64)| selected.set(Some(row.0.clone())) />
    };
    let entity = r#"{"_id": "42", "name": "Ås Rør", "tags": ["new", "north"], "address": {"zip": "1430", "since": "~t2024-05-01T00:00:00Z"}, "deleted": false}"#;
    let lines = Tree::parse(entity).map(|tree| print(&tree)).unwrap_or_default();
    let panes = vec![
        table.into_any(),
        view! { <div class="pane-body" tabindex="0" role="region" aria-label="Sample entity"><JsonView lines id="design-json" /></div> }.into_any(),
    ];
    view! {
        <Part title="Table and tree in split panes">
            <div class="design-panes"><Split name="design" shares=&[1.0, 1.0] panes labels=&["Table", "Tree"] /></div>
        </Part>
    }
}

#[component]
fn Messages() -> impl IntoView {
    view! {
        <Part title="Messages">
            <div class="design-box"><Empty sign=Sign::Dataset title="No data yet" hint="Run the pipe that writes this dataset."><Button label="Run" sign=Sign::Play on_click=|| {} /></Empty></div>
            <div class="design-box"><Problem failure=Failure::Unreachable("connection refused".into()) /></div>
            <p class="notice"><Icon sign=Sign::Check />"Something worth knowing."</p>
            <p class="notice warning"><Icon sign=Sign::Warning />"Something to look at."</p>
            <p class="notice error"><Icon sign=Sign::Error />"Something that failed."</p>
        </Part>
    }
}

/// The form of a made-up system; what is entered goes into a text of the page's
/// own.
#[component]
fn ComponentSample() -> impl IntoView {
    // Where a system stands: only such a text has a form.
    const PATH: &str = "systems/design-sample.conf.json";
    let text = FileText { path: PATH.into(), text: SYSTEM.into(), hash: String::new() };
    let file = Signal::stored(Some(OpenFile::new(text)));
    let language = use_language();
    on_cleanup(move || language.forget(PATH));
    let target = Target::new(file, Signal::stored(None), Signal::stored(false));
    view! { <div class="design-form"><ComponentForm target at=Signal::stored(Some(Path::root())) /></div> }
}
