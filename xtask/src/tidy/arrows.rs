//! The arrows between the rooms: which crate may use which.

use crate::metadata::{Dependency, Package};

/// One crate of ours.
pub(super) struct Room {
    pub(super) name: &'static str,
    pub(super) uses: Uses,
    /// What would be lost with one arrow more.
    reason: &'static str,
}

/// Which crates of ours a room may use.
pub(super) enum Uses {
    Nothing,
    Only(&'static [&'static str]),
    Everything,
}

const fn room(name: &'static str, uses: Uses, reason: &'static str) -> Room {
    Room { name, uses, reason }
}

/// The plan of the house, as `docs/architecture.md` tells it. Names are without
/// `pipewright-`.
pub(super) const ROOMS: &[Room] = &[
    room("entity", Uses::Nothing, "everything else stands on it"),
    room("dtl", Uses::Only(&["entity"]), "the language is pure and runs in the browser too"),
    room("config", Uses::Only(&["entity", "dtl"]), "config is pure and runs in the browser too"),
    room(
        "language",
        Uses::Only(&["entity", "dtl", "config"]),
        "the editor's answers come from the catalogues and run in the browser",
    ),
    room(
        "protocol",
        Uses::Only(&["entity", "config"]),
        "clients speak the API without bringing a node along",
    ),
    room(
        "component",
        Uses::Only(&["entity", "config"]),
        "a source or sink can be written without knowing what runs it",
    ),
    room("store", Uses::Only(&["entity"]), "what is on disk knows nothing of pipes"),
    room(
        "systems",
        Uses::Only(&["entity", "config", "component"]),
        "talking to the outside knows nothing of store and pump",
    ),
    room("sync", Uses::Only(&["entity", "dtl"]), "merging is decided without touching a disk"),
    room(
        "pump",
        Uses::Only(&["entity", "dtl", "config", "component", "store", "sync"]),
        "pipes run without network and threads of their own, so that they can be simulated",
    ),
    room(
        "node",
        Uses::Only(&[
            "entity",
            "dtl",
            "config",
            "language",
            "protocol",
            "component",
            "store",
            "systems",
            "sync",
            "pump",
        ]),
        "a node is the engine and neither its command line nor a desktop",
    ),
    room(
        "cli",
        Uses::Only(&["entity", "dtl", "config", "protocol", "node"]),
        "the command line is one client of the node among others",
    ),
    room(
        "studio",
        Uses::Only(&["protocol", "node"]),
        "the desktop shell holds no logic of the domain",
    ),
    room(
        "ui",
        Uses::Only(&["entity", "language", "protocol"]),
        "the screens know a node by its API alone, and the text in the editor by the language",
    ),
    room(
        "page",
        Uses::Only(&["language"]),
        "what it weighs and how quick it is are those of the language service",
    ),
    room("tests", Uses::Everything, "crossing rooms is what they are for"),
    room("xtask", Uses::Nothing, "tools build even when the product does not"),
    room("xtask-bindgen", Uses::Nothing, "tools build even when the product does not"),
];

/// A library that only some rooms may use. `tests` may use any.
struct Kept {
    library: &'static str,
    by: &'static [&'static str],
    /// These may use it behind a feature.
    optionally_by: &'static [&'static str],
    reason: &'static str,
}

const KEPT: &[Kept] = &[
    Kept {
        library: "rusqlite",
        by: &["store", "systems"],
        optionally_by: &[],
        reason: "no SQL crosses the store's trait, so that the store can be another database",
    },
    Kept {
        library: "reqwest",
        by: &["systems", "studio"],
        optionally_by: &["protocol"],
        reason: "the network is at the edge: systems for data, clients for the API",
    },
    Kept {
        library: "axum",
        by: &["node", "cli", "studio"],
        optionally_by: &[],
        reason: "there is one API: the node serves it, the studio and the command line hand \
                 requests to it",
    },
    Kept {
        library: "tokio",
        by: &["systems", "node", "cli", "studio"],
        optionally_by: &["protocol"],
        reason: "the core is synchronous and owns no threads",
    },
    Kept {
        library: "leptos",
        by: &["ui"],
        optionally_by: &[],
        reason: "only the screens are built for the browser with it",
    },
    Kept {
        library: "tauri",
        by: &["studio"],
        optionally_by: &[],
        reason: "everything but the desktop shell works without a desktop",
    },
];

/// Everything that points the wrong way, as text for people.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let name = short(&package.name);
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            problems.push(format!(
                "{} is not in the plan: say in xtask/src/tidy/arrows.rs what it may use and why",
                package.name
            ));
            continue;
        };
        for dependency in &package.dependencies {
            problems.extend(inside(room, dependency, packages));
            problems.extend(outside(room, dependency));
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

/// The room's name without the product's.
pub(super) fn short(package: &str) -> &str {
    package.strip_prefix("pipewright-").unwrap_or(package)
}

fn inside(room: &Room, dependency: &Dependency, packages: &[Package]) -> Option<String> {
    if !packages.iter().any(|ours| ours.name == dependency.name) {
        return None;
    }
    let used = short(&dependency.name);
    let may = match room.uses {
        Uses::Everything => true,
        Uses::Nothing => false,
        Uses::Only(names) => names.contains(&used),
    };
    let for_tests = if dependency.dev { " (not in its tests either)" } else { "" };
    (!may).then(|| format!("{} may not use {used}{for_tests}: {}", room.name, room.reason))
}

fn outside(room: &Room, dependency: &Dependency) -> Option<String> {
    let kept = KEPT.iter().find(|kept| kept.library == dependency.name)?;
    if matches!(room.uses, Uses::Everything) || dependency.dev || kept.by.contains(&room.name) {
        return None;
    }
    if !kept.optionally_by.contains(&room.name) {
        return Some(format!(
            "{} may not use {}, kept for {}: {}",
            room.name,
            kept.library,
            kept.by.join(", "),
            kept.reason
        ));
    }
    (!dependency.optional).then(|| {
        format!("{} may use {} only behind a feature: {}", room.name, kept.library, kept.reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Package {
        let dependencies = uses
            .iter()
            .map(|name| Dependency { name: (*name).into(), ..Dependency::default() })
            .collect();
        Package { name: name.into(), dependencies, ..Package::default() }
    }

    fn house(changed: Package) -> Vec<Package> {
        let mut packages = vec![
            package("pipewright-entity", &["serde"]),
            package("pipewright-dtl", &["pipewright-entity", "regex"]),
            package("pipewright-store", &["pipewright-entity", "rusqlite"]),
            package("pipewright-tests", &["pipewright-store", "pipewright-dtl", "rusqlite"]),
        ];
        packages.retain(|p| p.name != changed.name);
        packages.push(changed);
        packages
    }

    #[test]
    fn arrows_of_the_plan_are_fine() {
        assert_eq!(check(&house(package("pipewright-dtl", &["pipewright-entity"]))), [""; 0]);
    }

    #[test]
    fn an_arrow_against_the_plan_is_named_with_its_reason() {
        let problems = check(&house(package("pipewright-store", &["pipewright-dtl"])));
        assert_eq!(problems, ["store may not use dtl: what is on disk knows nothing of pipes"]);
    }

    #[test]
    fn tests_of_a_room_keep_to_the_plan() {
        let mut entity = package("pipewright-entity", &["pipewright-dtl"]);
        entity.dependencies[0].dev = true;
        let problems = check(&house(entity));
        assert_eq!(
            problems,
            ["entity may not use dtl (not in its tests either): everything else stands on it"]
        );
    }

    #[test]
    fn a_room_without_a_place_in_the_plan_is_refused() {
        let problems = check(&house(package("pipewright-attic", &[])));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("pipewright-attic is not in the plan"), "{problems:?}");
    }

    #[test]
    fn kept_libraries_stay_where_they_are_kept() {
        let problems = check(&house(package("pipewright-dtl", &["rusqlite"])));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("dtl may not use rusqlite, kept for store, systems"));
    }

    #[test]
    fn a_client_may_use_the_network_behind_a_feature_alone() {
        let mut protocol = package("pipewright-protocol", &["reqwest"]);
        assert_eq!(
            check(&house(protocol.clone())),
            ["protocol may use reqwest only behind a feature: \
              the network is at the edge: systems for data, clients for the API"]
        );
        protocol.dependencies[0].optional = true;
        assert_eq!(check(&house(protocol)), [""; 0]);
    }

    #[test]
    fn the_plan_has_no_circles() {
        // A room may only use rooms above it in the table.
        for (place, room) in ROOMS.iter().enumerate() {
            if let Uses::Only(names) = room.uses {
                for name in names {
                    assert!(
                        ROOMS[..place].iter().any(|above| above.name == *name),
                        "{} uses {name}, which is not above it",
                        room.name
                    );
                }
            }
        }
    }
}
