//! Every screen has an address.
//!
//! A [`Place`] is what an address means; the two convert into each other
//! without loss, so links, back and forward, and reloading all lead to the same
//! screen with the same thing selected.

use std::fmt;

use leptos::prelude::*;
use pipewright_protocol::studio::encode;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};

/// What the window shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The graph, with a card selected.
    Flow {
        /// Id of the selected card.
        select: Option<String>,
    },
    /// The list of pipes.
    Pipes,
    /// One pipe.
    Pipe {
        /// The pipe.
        id: String,
        /// Which side of it.
        tab: PipeTab,
    },
    /// The list of systems.
    Systems,
    /// One system.
    System {
        /// The system.
        id: String,
        /// Which side of it.
        tab: SystemTab,
    },
    /// One file of the project in the editor.
    File {
        /// Relative to the project folder.
        path: String,
    },
    /// The list of datasets.
    Datasets,
    /// One dataset, with an entity selected.
    Dataset {
        /// The dataset.
        id: String,
        /// `_id` of the selected entity.
        entity: Option<String>,
    },
    /// The merge pipes, or the clusters of one, with a cluster selected.
    Duplicates {
        /// The merge pipe.
        pipe: Option<String>,
        /// Id of the selected golden record.
        cluster: Option<String>,
    },
    /// How all pipes fare.
    Monitor,
    /// The runs of all pipes.
    MonitorRuns,
    /// What was told, and what holds now.
    Alerts,
    /// How the node itself fares.
    Node,
    /// The entities that failed, with one selected.
    Failed {
        /// Pipe and `_id` of the selected entity.
        entity: Option<(String, String)>,
    },
    /// Project, trust and other nodes.
    Connections,
    /// Every control on one page; in no menu.
    Design,
    /// The open connection beside another one.
    Compare {
        /// The other one; asked for when missing.
        with: Option<String>,
    },
    /// What the user prefers, and what the node keeps.
    Settings {
        /// Which of it.
        section: Section,
    },
}

/// Parts of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Section {
    /// Colours, density, text editor.
    #[default]
    Appearance,
    /// What the keys do.
    Keys,
    /// Metadata of the node.
    Metadata,
    /// Variables of the environment.
    Variables,
    /// Secrets.
    Secrets,
    /// Who may do what.
    Permissions,
    /// Tokens and users.
    Access,
    /// Backup and restore.
    Backup,
    /// Newer versions of the desktop program.
    Updates,
}

impl Section {
    /// All of them, in order.
    pub const ALL: [Section; 9] = [
        Section::Appearance,
        Section::Keys,
        Section::Metadata,
        Section::Variables,
        Section::Secrets,
        Section::Permissions,
        Section::Access,
        Section::Backup,
        Section::Updates,
    ];

    /// As the address has it.
    pub fn name(self) -> &'static str {
        match self {
            Section::Appearance => "appearance",
            Section::Keys => "keys",
            Section::Metadata => "metadata",
            Section::Variables => "variables",
            Section::Secrets => "secrets",
            Section::Permissions => "permissions",
            Section::Access => "access",
            Section::Backup => "backup",
            Section::Updates => "updates",
        }
    }
}

/// Sides of a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PipeTab {
    /// Config with live preview.
    #[default]
    Config,
    /// Its parts as forms.
    Settings,
    /// What it would change.
    Preview,
    /// Its tests.
    Tests,
    /// What it reads.
    Input,
    /// What it wrote.
    Output,
    /// Its execution log.
    Runs,
    /// What the entities look like, in and out.
    Schema,
    /// Where properties come from and go to, with one of them selected.
    Lineage,
    /// By what its dataset is looked up.
    Indexes,
    /// Who may do what.
    Permissions,
}

/// The sides of a pipe by their names in addresses.
const PIPE_TABS: [(PipeTab, &str); 10] = [
    (PipeTab::Settings, "settings"),
    (PipeTab::Preview, "preview"),
    (PipeTab::Tests, "tests"),
    (PipeTab::Input, "input"),
    (PipeTab::Output, "output"),
    (PipeTab::Runs, "runs"),
    (PipeTab::Schema, "schema"),
    (PipeTab::Lineage, "lineage"),
    (PipeTab::Indexes, "indexes"),
    (PipeTab::Permissions, "permissions"),
];

impl PipeTab {
    fn name(self) -> &'static str {
        PIPE_TABS.iter().find(|(tab, _)| *tab == self).map_or("", |(_, name)| name)
    }

    fn parse(name: &str) -> Self {
        PIPE_TABS.iter().find(|(_, known)| *known == name).map_or(PipeTab::Config, |(tab, _)| *tab)
    }
}

/// Sides of a system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemTab {
    /// Config as form and text.
    #[default]
    Config,
    /// What it offers.
    Contents,
}

/// Entries of the left rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Area {
    /// The graph.
    Flow,
    /// Pipes and their config.
    Pipes,
    /// Systems and the other files.
    Systems,
    /// Data.
    Datasets,
    /// Merged records.
    Duplicates,
    /// How all fares.
    Monitor,
    /// Project and nodes.
    Connections,
    /// Settings.
    Settings,
}

impl Place {
    /// The graph with nothing selected: where one starts.
    pub const START: Place = Place::Flow { select: None };

    /// A pipe's config.
    pub fn pipe(id: impl Into<String>) -> Self {
        Place::Pipe { id: id.into(), tab: PipeTab::Config }
    }

    /// A pipe's runs.
    pub fn runs(id: impl Into<String>) -> Self {
        Place::Pipe { id: id.into(), tab: PipeTab::Runs }
    }

    /// A system's config.
    pub fn system(id: impl Into<String>) -> Self {
        Place::System { id: id.into(), tab: SystemTab::Config }
    }

    /// A dataset with nothing selected.
    pub fn dataset(id: impl Into<String>) -> Self {
        Place::Dataset { id: id.into(), entity: None }
    }

    /// Whether both show the same thing, whichever side of it.
    pub fn same_thing(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Pipe { id, .. }, Place::Pipe { id: other, .. })
            | (Place::System { id, .. }, Place::System { id: other, .. })
            | (Place::Dataset { id, .. }, Place::Dataset { id: other, .. }) => id == other,
            (Place::Duplicates { pipe, .. }, Place::Duplicates { pipe: other, .. }) => {
                pipe == other
            }
            _ => self == other,
        }
    }

    /// The entry of the rail it belongs to.
    pub fn area(&self) -> Area {
        match self {
            Place::Flow { .. } => Area::Flow,
            Place::Pipes | Place::Pipe { .. } => Area::Pipes,
            Place::Systems | Place::System { .. } | Place::File { .. } => Area::Systems,
            Place::Datasets | Place::Dataset { .. } => Area::Datasets,
            Place::Duplicates { .. } => Area::Duplicates,
            Place::Monitor
            | Place::MonitorRuns
            | Place::Alerts
            | Place::Node
            | Place::Failed { .. } => Area::Monitor,
            Place::Connections | Place::Compare { .. } | Place::Design => Area::Connections,
            Place::Settings { .. } => Area::Settings,
        }
    }

    /// Reads path and query of an address; anything unknown is the start.
    pub fn parse(address: &str) -> Place {
        let address = address.split('#').next().unwrap_or_default();
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let parts: Vec<String> =
            path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let field = |name: &str| {
            let mut fields = query.split('&').filter_map(|field| field.split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| decode(value))
        };
        match parts.as_slice() {
            ["flow"] => Place::Flow { select: field("select") },
            ["pipes"] => Place::Pipes,
            ["pipes", id] => {
                let tab = field("tab").map_or(PipeTab::Config, |tab| PipeTab::parse(&tab));
                Place::Pipe { id: (*id).to_owned(), tab }
            }
            ["systems"] => Place::Systems,
            ["systems", id] => {
                let tab = match field("tab").as_deref() {
                    Some("contents") => SystemTab::Contents,
                    _ => SystemTab::Config,
                };
                Place::System { id: (*id).to_owned(), tab }
            }
            ["files", path @ ..] if !path.is_empty() => Place::File { path: path.join("/") },
            ["datasets"] => Place::Datasets,
            ["datasets", id] => Place::Dataset { id: (*id).to_owned(), entity: field("entity") },
            ["duplicates"] => Place::Duplicates { pipe: None, cluster: None },
            ["duplicates", pipe] => {
                Place::Duplicates { pipe: Some((*pipe).to_owned()), cluster: field("cluster") }
            }
            ["monitor"] => Place::Monitor,
            ["monitor", "runs"] => Place::MonitorRuns,
            ["monitor", "alerts"] => Place::Alerts,
            ["monitor", "node"] => Place::Node,
            ["monitor", "failed"] => Place::Failed { entity: field("pipe").zip(field("entity")) },
            ["connections"] => Place::Connections,
            ["design"] => Place::Design,
            ["connections", "compare"] => Place::Compare { with: field("with") },
            ["settings"] => Place::Settings { section: Section::default() },
            ["settings", name] => {
                let found = Section::ALL.into_iter().find(|section| section.name() == *name);
                Place::Settings { section: found.unwrap_or_default() }
            }
            _ => Place::START,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = |f: &mut fmt::Formatter<'_>, name: &str, value: &Option<String>| match value {
            Some(value) => write!(f, "?{name}={}", encode(value)),
            None => Ok(()),
        };
        match self {
            Place::Flow { select } => {
                f.write_str("/flow")?;
                query(f, "select", select)
            }
            Place::Pipes => f.write_str("/pipes"),
            Place::Pipe { id, tab } => {
                write!(f, "/pipes/{}", encode(id))?;
                match tab {
                    PipeTab::Config => Ok(()),
                    tab => write!(f, "?tab={}", tab.name()),
                }
            }
            Place::Systems => f.write_str("/systems"),
            Place::System { id, tab } => {
                write!(f, "/systems/{}", encode(id))?;
                match tab {
                    SystemTab::Config => Ok(()),
                    SystemTab::Contents => f.write_str("?tab=contents"),
                }
            }
            Place::File { path } => {
                f.write_str("/files")?;
                path.split('/').try_for_each(|part| write!(f, "/{}", encode(part)))
            }
            Place::Datasets => f.write_str("/datasets"),
            Place::Dataset { id, entity } => {
                write!(f, "/datasets/{}", encode(id))?;
                query(f, "entity", entity)
            }
            Place::Duplicates { pipe: None, .. } => f.write_str("/duplicates"),
            Place::Duplicates { pipe: Some(pipe), cluster } => {
                write!(f, "/duplicates/{}", encode(pipe))?;
                query(f, "cluster", cluster)
            }
            Place::Monitor => f.write_str("/monitor"),
            Place::MonitorRuns => f.write_str("/monitor/runs"),
            Place::Alerts => f.write_str("/monitor/alerts"),
            Place::Node => f.write_str("/monitor/node"),
            Place::Failed { entity: None } => f.write_str("/monitor/failed"),
            Place::Failed { entity: Some((pipe, id)) } => {
                write!(f, "/monitor/failed?pipe={}&entity={}", encode(pipe), encode(id))
            }
            Place::Connections => f.write_str("/connections"),
            Place::Design => f.write_str("/design"),
            Place::Compare { with } => {
                f.write_str("/connections/compare")?;
                query(f, "with", with)
            }
            Place::Settings { section: Section::Appearance } => f.write_str("/settings"),
            Place::Settings { section } => write!(f, "/settings/{}", section.name()),
        }
    }
}

/// Undoes percent-encoding; what is not valid stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = (byte == b'%').then(|| tail.get(..2)).flatten();
        let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &tail[2..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where the window is and how to go elsewhere.
#[derive(Clone, Copy)]
pub struct Nav {
    place: RwSignal<Place>,
    /// Where one was, the latest last.
    visited: StoredValue<Vec<Place>>,
}

/// So many places are remembered.
const VISITED: usize = 12;

/// The window's navigation.
pub fn use_nav() -> Nav {
    expect_context()
}

impl Nav {
    /// Starts at the window's address and follows back and forward.
    pub fn start() -> Self {
        let nav = Nav { place: RwSignal::new(current()), visited: StoredValue::default() };
        let follow = Closure::<dyn Fn()>::new(move || {
            nav.visit();
            nav.place.set(current());
        });
        if let Some(window) = web_sys::window() {
            // Cannot fail: `window` is an event target like any other.
            let _ = window
                .add_event_listener_with_callback("popstate", follow.as_ref().unchecked_ref());
        }
        // Lives as long as the window.
        follow.forget();
        nav
    }

    /// The place, tracked.
    pub fn place(self) -> Place {
        self.place.get()
    }

    /// What the places of a screen say. On the way to another screen, whose
    /// places say nothing of it, it stays what it was.
    pub fn says<T>(self, of: impl Fn(Place) -> Option<T> + Send + Sync + 'static) -> Memo<T>
    where
        T: Clone + Default + PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |last: Option<&T>| {
            of(self.place()).or_else(|| last.cloned()).unwrap_or_default()
        })
    }

    /// The place as it is now, untracked.
    pub fn now(self) -> Place {
        self.place.get_untracked()
    }

    /// Where one was in this window, the latest last.
    pub fn visited(self) -> Vec<Place> {
        self.visited.get_value()
    }

    /// Remembers where one is now, before one leaves.
    fn visit(self) {
        let now = self.now();
        self.visited.update_value(|visited| {
            visited.retain(|known| !known.same_thing(&now));
            visited.push(now);
            let surplus = visited.len().saturating_sub(VISITED);
            visited.drain(..surplus);
        });
    }

    /// Goes there; back leads to where one is now.
    pub fn go(self, place: Place) {
        if self.now() != place {
            self.visit();
            write_address(&place, true);
            self.place.set(place);
        }
    }

    /// Goes there in place of where one is now.
    pub fn replace(self, place: Place) {
        if self.now() != place {
            write_address(&place, false);
            self.place.set(place);
        }
    }
}

fn current() -> Place {
    let location = web_sys::window().map(|window| window.location());
    let address =
        location.and_then(|at| Some(format!("{}{}", at.pathname().ok()?, at.search().ok()?)));
    Place::parse(&address.unwrap_or_default())
}

fn write_address(place: &Place, push: bool) {
    let Some(history) = web_sys::window().and_then(|window| window.history().ok()) else { return };
    let address = place.to_string();
    // Refused only when called far too often; the screen changes all the same.
    let _ = if push {
        history.push_state_with_url(&JsValue::NULL, "", Some(&address))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&address))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_leads_back_to_its_place() {
        let odd = "a/b %?#&=+~:æ";
        let places = [
            Place::START,
            Place::Flow { select: Some(format!("pipe:{odd}")) },
            Place::Pipes,
            Place::pipe(odd),
            Place::Pipe { id: "a".into(), tab: PipeTab::Runs },
            Place::Pipe { id: "a".into(), tab: PipeTab::Output },
            Place::Pipe { id: "a".into(), tab: PipeTab::Preview },
            Place::Pipe { id: "a".into(), tab: PipeTab::Settings },
            Place::Pipe { id: "a".into(), tab: PipeTab::Lineage },
            Place::Pipe { id: "a".into(), tab: PipeTab::Permissions },
            Place::Systems,
            Place::system(odd),
            Place::System { id: odd.into(), tab: SystemTab::Contents },
            Place::File { path: "pipes/a b.conf.json".into() },
            Place::Datasets,
            Place::dataset("system:pump:x"),
            Place::Dataset { id: odd.into(), entity: Some(odd.into()) },
            Place::Duplicates { pipe: None, cluster: None },
            Place::Duplicates { pipe: Some(odd.into()), cluster: Some(odd.into()) },
            Place::Monitor,
            Place::MonitorRuns,
            Place::Alerts,
            Place::Node,
            Place::Failed { entity: None },
            Place::Failed { entity: Some((odd.into(), odd.into())) },
            Place::Connections,
            Place::Design,
            Place::Compare { with: None },
            Place::Compare { with: Some(odd.into()) },
        ];
        let sections = Section::ALL.map(|section| Place::Settings { section });
        for place in places.into_iter().chain(sections) {
            assert_eq!(Place::parse(&place.to_string()), place, "{place}");
        }
    }

    #[test]
    fn an_unknown_address_is_the_start() {
        for address in ["", "/", "/nowhere", "/flow/x", "/files", "/pipes/%", "/pipes/a/b"] {
            let place = Place::parse(address);
            assert!(place == Place::START || place == Place::pipe("%"), "{address}: {place:?}");
        }
    }
}
