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

use pipewright_config::{Pipe, Project};
use pipewright_protocol::studio::Role;
use pipewright_store::names;
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
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Act::ReadConfig => "read_config",
            Act::WriteConfig => "write_config",
            Act::RunPump => "run_pump_operation",
            Act::ReadData => "read_data",
            Act::WriteData => "write_data",
        }
    }

    fn changes(self) -> bool {
        !matches!(self, Act::ReadConfig | Act::ReadData)
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

/// What the permissions in a config say; `None` when they say nothing of this.
fn said(config: &Map<String, Value>, claims: &Claims, act: Act) -> Option<bool> {
    let role = format!("group:{:?}", claims.role);
    let names = |list: &Value, wanted: &dyn Fn(&str) -> bool| {
        list.as_array().is_some_and(|list| list.iter().filter_map(Value::as_str).any(wanted))
    };
    let caller = |name: &str| name == role || name == "group:Everyone";
    let entries = config.get("permissions")?.as_array()?;
    entries.iter().find_map(|entry| {
        let [kind, who, what] = entry.as_array()?.as_slice() else { return None };
        let applies = names(who, &caller) && names(what, &|name| name == act.name());
        applies.then(|| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("allow")))
    })
}

/// The configs that say who may do what to a resource.
fn configs<'p>(project: &'p Project, resource: Resource<'_>) -> Vec<&'p Map<String, Value>> {
    let pipe = |id: &str| project.pipe(id).map(|pipe| &pipe.config);
    let system = |id: &str| project.system(id).map(|system| &system.config);
    match resource {
        Resource::Pipe(id) => pipe(id).into_iter().collect(),
        Resource::System(id) => system(id).into_iter().collect(),
        Resource::Component(id) => pipe(id).into_iter().chain(system(id)).collect(),
        Resource::Dataset(id) if id.starts_with(names::SYSTEM) => {
            let of = project.pipes().filter(|pipe| {
                names::execution_log(&pipe.id) == id
                    || pipe.sink_dataset().is_some_and(|dataset| names::uncommitted(dataset) == id)
            });
            of.map(|pipe| &pipe.config).collect()
        }
        Resource::Dataset(id) => {
            let writes = |pipe: &&std::sync::Arc<Pipe>| {
                pipe.sink_dataset().is_some_and(|dataset| dataset == id)
            };
            project.pipes().filter(writes).map(|pipe| &pipe.config).collect()
        }
    }
}

/// Whether any config has permissions of its own.
fn restricts(project: &Project) -> bool {
    project.pipes().any(|pipe| pipe.config.contains_key("permissions"))
        || project.systems().any(|system| system.config.contains_key("permissions"))
}

/// Whether a caller may do this.
pub(crate) fn may(loaded: &Loaded, claims: &Claims, resource: Resource<'_>, act: Act) -> bool {
    if claims.role == Role::Admin {
        return true;
    }
    match resource {
        Resource::Dataset(names::AUDIT) => return false,
        // The history of config tells of everything.
        Resource::Dataset(names::CONFIG) if restricts(&loaded.project) => return false,
        _ => {}
    }
    let said: Vec<bool> = configs(&loaded.project, resource)
        .into_iter()
        .filter_map(|config| said(config, claims, act))
        .collect();
    // Of several pipes that write a dataset, each has to agree.
    let agreed = !said.contains(&false);
    match resource {
        // Who may post to a pipe may not write past it, or drop what it wrote.
        Resource::Dataset(_) if act == Act::WriteData => agreed && usually(claims.role, act),
        _ if said.is_empty() => usually(claims.role, act),
        _ => agreed,
    }
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
        match self.may(claims, resource, act) {
            true => Ok(()),
            false => Err(Refused::Denied { what: format!("{} of {resource:?}", act.name()) }),
        }
    }

    /// Refuses a caller who may not run all of these pipes; all there are when
    /// none is named.
    pub(crate) fn require_runs(&self, claims: &Claims, pipes: &[String]) -> Result<(), Refused> {
        let loaded = self.loaded();
        let all = loaded.project.pipes().map(|pipe| pipe.id.as_str());
        let ids: Vec<&str> = match pipes {
            [] => all.collect(),
            pipes => pipes.iter().map(String::as_str).collect(),
        };
        ids.into_iter().try_for_each(|id| self.require(claims, Resource::Pipe(id), Act::RunPump))
    }

    /// Whether a caller may read the components in a file.
    pub(crate) fn may_see_file(&self, loaded: &Loaded, claims: &Claims, path: &str) -> bool {
        in_file(&loaded.project, path)
            .iter()
            .all(|id| may(loaded, claims, Resource::Component(id), Act::ReadConfig))
    }

    /// Refuses a caller who may not change the components in a file.
    pub(crate) fn require_file(&self, claims: &Claims, path: &str) -> Result<(), Refused> {
        let loaded = self.loaded();
        in_file(&loaded.project, path)
            .iter()
            .try_for_each(|id| self.require(claims, Resource::Component(id), Act::WriteConfig))
    }
}

/// The components that stand in a file.
fn in_file<'p>(project: &'p Project, path: &str) -> Vec<&'p str> {
    let pipes = project.pipes().map(|pipe| (pipe.id.as_str(), &pipe.origin));
    let systems = project.systems().map(|system| (system.id.as_str(), &system.origin));
    let here = pipes.chain(systems).filter(|(_, origin)| origin.file.path == path);
    here.map(|(id, _)| id).collect()
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
        let config = config.as_object().unwrap();
        let of = |role| Claims { role, ..Claims::anonymous() };
        let said = |role, act| said(config, &of(role), act);
        assert_eq!(said(Role::Reader, Act::ReadData), Some(false));
        assert_eq!(said(Role::Reader, Act::WriteData), Some(true));
        assert_eq!(said(Role::Anonymous, Act::ReadData), Some(true));
        assert_eq!(said(Role::Developer, Act::WriteConfig), Some(false));
        assert_eq!(said(Role::Developer, Act::RunPump), None);
    }
}
