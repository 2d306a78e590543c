//! The left rail: where one can go.

use leptos::prelude::*;

use crate::{
    components::{Icon, Link, Sign},
    place::{Area, Place, use_nav},
    state::use_alerts,
};

/// The screens of the rail, with the key that leads to each.
pub const AREAS: [(Area, &str, Sign, &str); 7] = [
    (Area::Flow, "Flow", Sign::Flow, "Ctrl+1"),
    (Area::Pipes, "Pipes", Sign::Pipe, "Ctrl+2"),
    (Area::Datasets, "Datasets", Sign::Dataset, "Ctrl+3"),
    (Area::Systems, "Systems", Sign::System, "Ctrl+4"),
    (Area::Duplicates, "Duplicates", Sign::Merge, "Ctrl+5"),
    (Area::Monitor, "Monitor", Sign::Monitor, "Ctrl+6"),
    (Area::Connections, "Connections", Sign::Connection, "Ctrl+7"),
];

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
    }
}

/// The rail.
#[component]
pub fn Rail() -> impl IntoView {
    let nav = use_nav();
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
                .map(|(wanted, name, sign, keys)| {
                    view! {
                        <Link
                            to=Signal::derive(move || to(wanted))
                            class="rail-entry"
                            current=Signal::derive(move || area.get() == wanted)
                            tip=format!("{name} ({keys})")
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
