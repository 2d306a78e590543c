//! The left rail: where one can go.

use leptos::prelude::*;

use crate::{
    commands::{named, use_commands},
    components::{Icon, Link, Sign},
    place::{Area, Place, Section, use_nav},
    state::use_alerts,
};

/// The screens of the rail.
pub const AREAS: [(Area, &str, Sign); 8] = [
    (Area::Flow, "Flow", Sign::Flow),
    (Area::Pipes, "Pipes", Sign::Pipe),
    (Area::Datasets, "Datasets", Sign::Dataset),
    (Area::Systems, "Systems", Sign::System),
    (Area::Duplicates, "Duplicates", Sign::Merge),
    (Area::Monitor, "Monitor", Sign::Monitor),
    (Area::Connections, "Connections", Sign::Connection),
    (Area::Settings, "Settings", Sign::Settings),
];

/// The command that leads to an area.
pub fn command_of(area: Area) -> &'static str {
    match area {
        Area::Flow => "go-flow",
        Area::Pipes => "go-pipes",
        Area::Systems => "go-systems",
        Area::Datasets => "go-datasets",
        Area::Duplicates => "go-duplicates",
        Area::Monitor => "go-monitor",
        Area::Connections => "go-connections",
        Area::Settings => "go-settings",
    }
}

/// Where an area begins.
pub fn start_of(area: Area) -> Place {
    match area {
        Area::Flow => Place::START,
        Area::Pipes => Place::Pipes,
        Area::Systems => Place::Systems,
        Area::Datasets => Place::Datasets,
        Area::Duplicates => Place::Duplicates { pipe: None, cluster: None },
        Area::Monitor => Place::Monitor,
        Area::Connections => Place::Connections,
        Area::Settings => Place::Settings { section: Section::default() },
    }
}

/// The rail.
#[component]
pub fn Rail() -> impl IntoView {
    let (nav, commands) = (use_nav(), use_commands());
    let area = Memo::new(move |_| nav.place().area());
    // Coming back to an area leads to where one was in it.
    let last = StoredValue::new(Vec::<(Area, Place)>::new());
    let version = RwSignal::new(0_u32);
    Effect::new(move || {
        let place = nav.place();
        last.update_value(|last| {
            last.retain(|(area, _)| *area != place.area());
            last.push((place.area(), place));
        });
        version.update(|version| *version += 1);
    });
    let to = move |wanted: Area| {
        version.track();
        let here = area.get() == wanted;
        let known = last.with_value(|last| {
            last.iter().find(|(area, _)| *area == wanted).map(|(_, place)| place.clone())
        });
        // Once more on the same entry leads to its beginning.
        if here { start_of(wanted) } else { known.unwrap_or_else(|| start_of(wanted)) }
    };
    view! {
        <nav class="rail" aria-label="Screens">
            {AREAS
                .map(|(wanted, name, sign)| {
                    let tip = move || match commands.keys_of(command_of(wanted)) {
                        Some(keys) => format!("{name} ({})", named(&keys)),
                        None => name.to_owned(),
                    };
                    view! {
                        <Link
                            to=Signal::derive(move || to(wanted))
                            class="rail-entry"
                            current=Signal::derive(move || area.get() == wanted)
                            tip=Signal::derive(tip)
                            id=format!("rail-{}", name.to_lowercase())
                        >
                            <Icon sign />
                            <span>{name}</span>
                            {(wanted == Area::Monitor).then(|| view! { <Badge /> })}
                        </Link>
                    }
                })}
        </nav>
    }
}

/// How many alerts nobody has looked at yet.
#[component]
fn Badge() -> impl IntoView {
    let alerts = use_alerts();
    let unseen = Memo::new(move |_| alerts.unseen());
    view! {
        <Show when=move || unseen.get() != 0>
            <b class="badge" data-testid="alerts-badge">
                {move || unseen.get()}
                <span class="unseen">" new alerts"</span>
            </b>
        </Show>
    }
}
