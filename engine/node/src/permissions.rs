//! Who may do what to which pipe, system and dataset.
//!
//! A role allows what it allows everywhere; `permissions` of a pipe or system
//! in config add to that and take from it:
//!
//! ```json
//! "permissions": [["allow", ["group:Anonymous"], ["write_data"]],
//!                 ["deny", ["group:Reader"], ["read_data"]]]
//! ```
//!
//! The first entry that names the caller's group and the permission decides;
//! when none does, the role. An admin may everything: nobody locks themselves
//! out. A dataset has the permissions of the pipes that write it, but for
//! writing past the pipe, which they can only take away; an execution log has
//! those of its pipe.

use std::collections::BTreeMap;

use pipewright_config::{Pipe, Project};
use pipewright_entity::Text;
use pipewright_protocol::studio::{Permitted, Role};
use pipewright_store::names::{self, About};
use serde_json::{Map, Value};

use crate::loaded::Loaded;
use crate::{Claims, Node, Refused};

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource<'r> {
    Pipe(&'r str),
    System(&'r str),
    Dataset(&'r str),
    /// A component, whatever it is.
    Component(&'r str),
}

/// What a call does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    ReadConfig,
    WriteConfig,
    RunPump,
    ReadData,
    WriteData,
    /// Asking the service of a system, and changing something there.
    ReadProxy,
    WriteProxy,
}

impl Act {
    const ALL: [Act; 7] = [
        Act::ReadConfig,
        Act::WriteConfig,
        Act::RunPump,
        Act::ReadData,
        Act::WriteData,
        Act::ReadProxy,
        Act::WriteProxy,
    ];

    fn name(self) -> &'static str {
        match self {
            Act::ReadConfig => "read_config",
            Act::WriteConfig => "write_config",
            Act::RunPump => "run_pump_operation",
            Act::ReadData => "read_data",
            Act::WriteData => "write_data",
            Act::ReadProxy => "read_proxy",
            Act::WriteProxy => "write_proxy",
        }
    }

    fn changes(self) -> bool {
        !matches!(self, Act::ReadConfig | Act::ReadData | Act::ReadProxy)
    }
}

/// What a role allows where nothing else is said.
fn usually(role: Role, act: Act) -> bool {
    match role {
        Role::Admin | Role::Developer => true,
        Role::Reader => !act.changes(),
        Role::Anonymous => false,
    }
}

/// What the config says of who may do what, worked out once for all calls.
pub(crate) struct Stated {
    /// Of the pipes and systems that have permissions of their own.
    pipes: BTreeMap<Text, Rules>,
    systems: BTreeMap<Text, Rules>,
    /// The components that stand in each file.
    files: BTreeMap<Text, Vec<Text>>,
}

/// The permissions of one component: whom each entry allows or denies what.
struct Rules(Vec<Option<Entry>>);

/// One entry of permissions.
struct Entry {
    allows: bool,
    who: Vec<Role>,
    what: Vec<Act>,
}

const ROLES: [Role; 4] = [Role::Admin, Role::Developer, Role::Reader, Role::Anonymous];

impl Rules {
    fn read(config: &Map<String, Value>) -> Option<Rules> {
        let entries = config.get("permissions")?.as_array()?;
        let names = |list: &Value, wanted: &str| {
            list.as_array().is_some_and(|list| list.iter().any(|name| name == wanted))
        };
        // One that cannot be read says nothing, and keeps its place.
        let entries = entries.iter().map(|entry| {
            let [kind, who, what] = entry.as_array()?.as_slice() else { return None };
            let of = |role: &Role| {
                names(who, &format!("group:{role:?}")) || names(who, "group:Everyone")
            };
            let allows = kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("allow"));
            let what = Act::ALL.into_iter().filter(|act| names(what, act.name()));
            let who = ROLES.into_iter().filter(of).collect();
            Some(Entry { allows, who, what: what.collect() })
        });
        Some(Rules(entries.collect()))
    }

    /// What they say; `None` when they say nothing of this.
    fn say(&self, role: Role, act: Act) -> Option<bool> {
        self.says(role, act).map(|(_, allows)| allows)
    }

    /// The entry that decides, and what it says.
    fn says(&self, role: Role, act: Act) -> Option<(usize, bool)> {
        self.0.iter().enumerate().find_map(|(place, entry)| {
            let Entry { allows, who, what } = entry.as_ref()?;
            (who.contains(&role) && what.contains(&act)).then_some((place, *allows))
        })
    }
}

impl Stated {
    pub(crate) fn of(project: &Project) -> Stated {
        let rules = |id: &Text, config| Rules::read(config).map(|rules| (id.clone(), rules));
        let mut files: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
        let pipes = project.pipes().map(|pipe| (&pipe.id, &pipe.origin));
        let systems = project.systems().map(|system| (&system.id, &system.origin));
        for (id, origin) in pipes.chain(systems) {
            files.entry(origin.file.path.clone()).or_default().push(id.clone());
        }
        Stated {
            pipes: project.pipes().filter_map(|pipe| rules(&pipe.id, &pipe.config)).collect(),
            systems: project
                .systems()
                .filter_map(|system| rules(&system.id, &system.config))
                .collect(),
            files,
        }
    }

    /// Whether nothing is said but by the roles.
    fn is_silent(&self) -> bool {
        self.pipes.is_empty() && self.systems.is_empty()
    }

    fn in_file(&self, path: &str) -> &[Text] {
        self.files.get(path).map_or(&[], Vec::as_slice)
    }
}

/// Whether a caller may do this.
pub(crate) fn may(loaded: &Loaded, claims: &Claims, resource: Resource<'_>, act: Act) -> bool {
    let (role, stated) = (claims.role, &loaded.stated);
    if role == Role::Admin {
        return true;
    }
    if resource == Resource::Dataset(names::AUDIT) {
        return false;
    }
    if stated.is_silent() {
        return usually(role, act);
    }
    let pipe = |id: &str| stated.pipes.get(id).and_then(|rules| rules.say(role, act));
    let system = |id: &str| stated.systems.get(id).and_then(|rules| rules.say(role, act));
    // Of several pipes that write a dataset, each has to agree.
    let writers = |dataset: &str| {
        let said = loaded.flow.writers_of(dataset).iter().filter_map(|writer| pipe(writer));
        said.reduce(|all, one| all && one)
    };
    let said = match resource {
        Resource::Pipe(id) => pipe(id),
        Resource::System(id) => system(id),
        Resource::Component(id) => match (pipe(id), system(id)) {
            (Some(pipe), Some(system)) => Some(pipe && system),
            (pipe, system) => pipe.or(system),
        },
        // The history of config tells of everything.
        Resource::Dataset(names::CONFIG) => return false,
        Resource::Dataset(id) => match names::about(id) {
            Some(About::Pipe(id)) => pipe(id),
            Some(About::Dataset(id)) => writers(id),
            None => writers(id),
        },
    };
    match resource {
        // Who may post to a pipe may not write past it, or drop what it wrote.
        Resource::Dataset(_) if act == Act::WriteData => said != Some(false) && usually(role, act),
        _ => said.unwrap_or_else(|| usually(role, act)),
    }
}

/// Who may do what to a pipe.
pub(crate) fn of_pipe(loaded: &Loaded, pipe: &str) -> Vec<Permitted> {
    let rules = loaded.stated.pipes.get(pipe);
    let one = |role: Role, act: Act| {
        let said = rules.filter(|_| role != Role::Admin).and_then(|rules| rules.says(role, act));
        Permitted {
            role,
            act: act.name().to_owned(),
            allowed: said.map_or_else(|| usually(role, act), |(_, allows)| allows),
            by: said.map(|(place, _)| place),
        }
    };
    ROLES.into_iter().flat_map(|role| Act::ALL.map(|act| one(role, act))).collect()
}

impl Node {
    /// Whether a caller may do this.
    pub(crate) fn may(&self, claims: &Claims, resource: Resource<'_>, act: Act) -> bool {
        may(&self.loaded(), claims, resource, act)
    }

    /// Refuses a caller who may not do this.
    pub(crate) fn require(
        &self,
        claims: &Claims,
        resource: Resource<'_>,
        act: Act,
    ) -> Result<(), Refused> {
        allow(&self.loaded(), claims, resource, act)
    }

    /// Refuses links to a publisher where its config denies reading to those
    /// who have no token.
    pub(crate) fn require_links(&self, pipe: &str) -> Result<(), Refused> {
        let loaded = self.loaded();
        let rules = loaded.stated.pipes.get(pipe);
        match rules.and_then(|rules| rules.say(Role::Anonymous, Act::ReadData)) {
            Some(false) => Err(Refused::Denied { what: format!("a link to {pipe:?}") }),
            _ => Ok(()),
        }
    }

    /// Refuses a caller who may not run all of these pipes; all there are when
    /// none is named.
    pub(crate) fn require_runs(&self, claims: &Claims, pipes: &[String]) -> Result<(), Refused> {
        let loaded = self.loaded();
        let require = |id: &str| allow(&loaded, claims, Resource::Pipe(id), Act::RunPump);
        match pipes {
            [] => loaded.project.pipes().try_for_each(|pipe| require(&pipe.id)),
            pipes => pipes.iter().try_for_each(|id| require(id)),
        }
    }

    /// Whether a caller may read the components in a file.
    pub(crate) fn may_see_file(&self, loaded: &Loaded, claims: &Claims, path: &str) -> bool {
        let mut components = loaded.stated.in_file(path).iter();
        components.all(|id| may(loaded, claims, Resource::Component(id), Act::ReadConfig))
    }

    /// Refuses a caller who may not change the components in a file.
    pub(crate) fn require_file(&self, claims: &Claims, path: &str) -> Result<(), Refused> {
        let loaded = self.loaded();
        let mut components = loaded.stated.in_file(path).iter();
        components
            .try_for_each(|id| allow(&loaded, claims, Resource::Component(id), Act::WriteConfig))
    }

    /// Whether a caller may see a card of the flow.
    pub(crate) fn may_see_card(&self, loaded: &Loaded, claims: &Claims, card: &str) -> bool {
        match card.split_once(':') {
            Some(("dataset", id)) => may(loaded, claims, Resource::Dataset(id), Act::ReadData),
            Some((_, id)) => may(loaded, claims, Resource::Component(id), Act::ReadConfig),
            None => false,
        }
    }

    /// Refuses a caller who may not see what a pipe makes. A text that is not
    /// what is saved can read whatever it names, so that it takes somebody who
    /// may save it; one that is saved already counts for nothing and is taken
    /// out of the request.
    pub(crate) fn require_look(
        &self,
        claims: &Claims,
        pipe: &str,
        text: &mut Option<String>,
    ) -> Result<(), Refused> {
        let loaded = self.loaded();
        allow(&loaded, claims, Resource::Pipe(pipe), Act::ReadData)?;
        let saved = loaded.project.pipe(pipe);
        text.take_if(|text| saved.is_some_and(|saved| is_of(saved, text)));
        let Some(pipe_file) = text.as_ref().map(|_| saved.map(|saved| &saved.origin.file.path))
        else {
            return Ok(());
        };
        allow(&loaded, claims, Resource::Pipe(pipe), Act::WriteConfig)?;
        pipe_file.map_or(Ok(()), |path| self.require_file(claims, path))
    }
}

/// Whether a text is the file of a pipe, or its config alone.
fn is_of(pipe: &Pipe, text: &str) -> bool {
    *pipe.origin.file.document.text == *text
        || serde_json::from_str::<Value>(text).is_ok_and(|config| config == pipe.original())
}

/// Refuses a caller who may not do this.
fn allow(
    loaded: &Loaded,
    claims: &Claims,
    resource: Resource<'_>,
    act: Act,
) -> Result<(), Refused> {
    match may(loaded, claims, resource, act) {
        true => Ok(()),
        false => Err(Refused::Denied { what: format!("{} of {resource:?}", act.name()) }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_entry_that_names_group_and_permission_decides() {
        let config = json!({ "permissions": [
            ["deny", ["group:Reader"], ["read_data"]],
            ["allow", ["group:Everyone"], ["read_data", "write_data"]],
            ["DENY", ["group:Developer"], ["write_config"]],
            "nonsense", ["allow"],
        ]});
        let rules = Rules::read(config.as_object().unwrap()).unwrap();
        let said = |role, act| rules.say(role, act);
        assert_eq!(said(Role::Reader, Act::ReadData), Some(false));
        assert_eq!(said(Role::Reader, Act::WriteData), Some(true));
        assert_eq!(said(Role::Anonymous, Act::ReadData), Some(true));
        assert_eq!(said(Role::Developer, Act::WriteConfig), Some(false));
        assert_eq!(said(Role::Developer, Act::RunPump), None);
    }
}
