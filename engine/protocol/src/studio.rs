//! What the studio asks beyond the public API, all under [`PREFIX`].
//!
//! Conventions of this part:
//! - Times are microseconds since 1970 (UTC), as `_ts` of an entity.
//! - Positions in text are byte offsets into its UTF-8 form, half open
//!   (`start..end`).
//! - Entities travel as transit JSON, byte for byte as the node wrote them
//!   ([`Json`]), so that big integers and decimals survive the way.
//! - A failed call answers with the status and an [`ApiError`] body, except
//!   `409` of the file endpoints, whose body is a [`Conflict`].
//! - Roles: reading needs a role that may read; everything that is `PUT` or
//!   `POST` here needs one that may change, except what [`only_asks`].

mod clusters;
mod compare;
mod data;
mod events;
mod failed;
mod files;
mod graph;
mod health;
mod impact;
mod lineage;
mod notifications;
mod permissions;
mod preview;
mod project;
mod specs;
mod systems;
mod tokens;
mod trace;
mod users;

pub use clusters::*;
pub use compare::*;
pub use data::*;
pub use events::*;
pub use failed::*;
pub use files::*;
pub use graph::*;
pub use health::*;
pub use impact::*;
pub use lineage::*;
pub use notifications::*;
pub use permissions::*;
pub use preview::*;
pub use project::*;
pub use specs::*;
pub use systems::*;
pub use tokens::*;
pub use trace::*;
pub use users::*;

/// `GET` → [`Health`].
pub const HEALTH: &str = "/api/studio/health";
/// `GET` → `Vec<`[`RunInfo`]`>`: the runs that ended last, over all pipes.
pub const RUNS: &str = "/api/studio/runs";

/// Every path of this module starts with it.
pub const PREFIX: &str = "/api/studio";

/// `GET` → [`Project`].
pub const PROJECT: &str = "/api/studio/project";
/// `POST` [`Trust`] → [`Project`].
pub const TRUST: &str = "/api/studio/project/trust";
/// `POST` [`Live`] → [`Project`].
pub const LIVE: &str = "/api/studio/project/live";
/// `GET` → `Vec<FileInfo>`; below it [`file_path`].
pub const FILES: &str = "/api/studio/files";
/// `GET` → [`Texts`]: all of the config at once, as it is saved.
pub const TEXTS: &str = "/api/studio/texts";
/// `POST` [`Edits`] → [`Edited`], or `409` [`Conflict`].
pub const EDITS: &str = "/api/studio/edits";
/// `POST` [`ConfigUpload`] → [`ConfigDraft`]: what it takes to make the config
/// be another. Nothing is changed.
pub const DRAFT: &str = "/api/studio/draft";
/// `POST` [`Check`] → `Vec<Diagnostic>`.
pub const CHECK: &str = "/api/studio/check";
/// `GET` → [`Graph`].
pub const GRAPH: &str = "/api/studio/graph";
/// `POST` [`Arrange`] → [`Arranged`]; changes nothing.
pub const ARRANGE: &str = "/api/studio/graph/arrange";
/// `POST` [`PreviewRequest`] → [`Preview`].
pub const PREVIEW: &str = "/api/studio/preview";
/// `POST` [`ImpactRequest`] → [`Impact`].
pub const IMPACT: &str = "/api/studio/impact";
/// `POST` [`PinsRequest`] → [`TestReport`].
pub const PINS: &str = "/api/studio/pins";
/// `POST` [`TestsRequest`] → [`TestReport`].
pub const TESTS: &str = "/api/studio/tests";
/// `POST` [`Run`] → `202`; progress comes as events.
pub const RUN: &str = "/api/studio/run";
/// `POST` [`Run`] → `202`: stops what [`RUN`] started, and the pumps named.
pub const STOP: &str = "/api/studio/stop";
/// `GET` → `Vec<MergePipe>`; below it [`clusters_path`].
pub const CLUSTERS: &str = "/api/studio/clusters";
/// `GET` → [`FailedPage`]; below it [`failed_path`]. `POST` [`SettleFailed`] →
/// `204`.
pub const FAILED: &str = "/api/studio/failed";
/// `GET` → [`Notifications`]; `?limit=` says how many of what was told.
pub const NOTIFICATIONS: &str = "/api/studio/notifications";
/// `GET` → a stream of [`Event`]s, one JSON object a line
/// (`application/x-ndjson`). Blank lines only keep the connection open.
pub const EVENTS: &str = "/api/studio/events";
/// `GET` → `Vec<`[`User`]`>`; `POST` [`NewUser`] → [`Invited`]. Of admins.
pub const USERS: &str = "/api/studio/users";
/// `GET` → `Vec<`[`IssuedToken`]`>`; `POST` [`NewToken`] → [`MadeToken`]. Of
/// admins.
pub const TOKENS: &str = "/api/studio/tokens";
/// `GET` → a copy of the data as one file, as `pipewright backup` makes it. Of
/// admins.
pub const BACKUP: &str = "/api/studio/backup";
/// `POST` [`Invitation`] → [`Login`]: of whoever has one.
pub const INVITATIONS: &str = "/api/studio/invitations";

/// `GET` → [`FileText`]; `PUT` [`Save`] → [`FileText`], or `409` [`Conflict`].
/// `path` is relative to the project folder, with `/`.
pub fn file_path(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(encode).collect();
    format!("{FILES}/{}", parts.join("/"))
}

/// `GET` → [`ClusterPage`] of one merge pipe, largest clusters first.
/// `since` is [`ClusterPage::next`] of the page before; `find` keeps the
/// clusters with a member or golden record whose id contains it.
pub fn clusters_path(pipe: &str, since: Option<&str>, limit: u32, find: &str) -> String {
    let mut path = format!("{CLUSTERS}/{}?limit={limit}", encode(pipe));
    if let Some(since) = since {
        path.push_str(&format!("&since={}", encode(since)));
    }
    if !find.is_empty() {
        path.push_str(&format!("&find={}", encode(find)));
    }
    path
}

/// `GET` → [`Cluster`]: the one whose golden record has this id.
pub fn cluster_path(pipe: &str, id: &str) -> String {
    format!("{CLUSTERS}/{}/cluster?entity_id={}", encode(pipe), encode(id))
}

/// `GET` → [`TaskProgress`], or `404` when it has ended; `DELETE` → `204`: it
/// is to stop. `task` is the name that its caller gave it.
pub fn task_path(task: &str) -> String {
    format!("{PREFIX}/tasks/{}", encode(task))
}

/// `GET` → `Vec<`[`Permitted`]`>`: who may do what to a pipe.
pub fn permissions_path(pipe: &str) -> String {
    format!("{PREFIX}/permissions/{}", encode(pipe))
}

/// `GET` → [`FailedEntity`].
pub fn failed_path(pipe: &str, entity: &str) -> String {
    format!("{FAILED}/{}?entity_id={}", encode(pipe), encode(entity))
}

/// `GET` → `Vec<EntityVersion>`: every kept version of one entity, newest
/// first.
pub fn versions_path(dataset: &str, entity: &str) -> String {
    format!("{PREFIX}/versions/{}?entity_id={}", encode(dataset), encode(entity))
}

/// `GET` → [`Lineage`] of one entity: of its current version, or of the one at
/// an offset.
pub fn lineage_path(dataset: &str, entity: &str, offset: Option<u64>) -> String {
    let offset = offset.map(|offset| format!("&offset={offset}")).unwrap_or_default();
    format!("{PREFIX}/lineage/{}?entity_id={}{offset}", encode(dataset), encode(entity))
}

/// `PUT` [`FullTextSwitch`] → [`FullTextSwitch`].
pub fn full_text_path(dataset: &str) -> String {
    format!("{PREFIX}/full-text/{}", encode(dataset))
}

/// What is looked for in a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words, `property = value` or DTL.
    pub typed: String,
    /// What was typed for single properties.
    pub properties: Vec<(String, String)>,
    /// All versions, rather than the current ones.
    pub history: bool,
    /// Deleted entities, too.
    pub deleted: bool,
}

impl Filter {
    /// Whether nothing is asked but which versions.
    pub fn is_empty(&self) -> bool {
        self.typed.trim().is_empty()
            && self.properties.iter().all(|(_, typed)| typed.trim().is_empty())
    }

    fn query(&self) -> String {
        let Filter { typed, properties, history, deleted } = self;
        let properties: serde_json::Map<String, serde_json::Value> = properties
            .iter()
            .filter(|(_, typed)| !typed.trim().is_empty())
            .map(|(name, typed)| (name.clone(), typed.as_str().into()))
            .collect();
        let properties = match properties.is_empty() {
            true => String::new(),
            false => format!(
                "&properties={}",
                encode(&serde_json::Value::Object(properties).to_string())
            ),
        };
        format!("filter={}&history={history}&deleted={deleted}{properties}", encode(typed))
    }
}

/// `GET` → [`Found`]: the entities of a dataset that a filter is for, after an
/// offset.
pub fn find_path(dataset: &str, filter: &Filter, since: Option<u64>, limit: usize) -> String {
    let since = since.map(|since| format!("&since={since}")).unwrap_or_default();
    format!("{PREFIX}/find/{}?{}&limit={limit}{since}", encode(dataset), filter.query())
}

/// `GET` → a file with what a filter is for: `json`, `ndjson` or `csv`, the
/// latter with these columns; all there are when none is named.
pub fn export_path(dataset: &str, filter: &Filter, form: &str, columns: &[String]) -> String {
    let columns = match columns {
        [] => String::new(),
        columns => {
            format!("&columns={}", encode(&serde_json::Value::from(columns).to_string()))
        }
    };
    format!("{PREFIX}/export/{}?form={form}&{}{columns}", encode(dataset), filter.query())
}

/// `GET` → [`SystemTest`]: tries to reach a system.
pub fn system_test_path(system: &str) -> String {
    format!("{PREFIX}/systems/{}/test", encode(system))
}

/// `GET` → `Vec<SystemOffer>`: the tables, operations and so on of a system.
pub fn system_offers_path(system: &str) -> String {
    format!("{PREFIX}/systems/{}/offers", encode(system))
}

/// `PUT` the bytes of a CSV or JSON file → [`DataFile`]: puts it into the
/// project's folder `data`; `409` when there is another file of this name,
/// unless `replace=true`.
pub fn data_file_path(name: &str, replace: bool) -> String {
    format!("{PREFIX}/data-files/{}?replace={replace}", encode(name))
}

/// `PUT` [`UserRole`] → [`User`]; `DELETE`: takes everything from a user. Of
/// admins.
pub fn user_path(name: &str) -> String {
    format!("{USERS}/{}", encode(name))
}

/// `DELETE`: makes a token count no more, at once. Of admins.
pub fn token_path(id: &str) -> String {
    format!("{TOKENS}/{}", encode(id))
}

/// `POST` [`Renewal`] → [`Invited`]: another invitation for a user. Of admins.
pub fn user_invitation_path(name: &str) -> String {
    format!("{}/invitation", user_path(name))
}

/// `GET` → the `Base` that the config has in common with that of another node,
/// by the address or folder it is known by here; empty when they were never
/// copied. `PUT` keeps it.
pub fn base_path(other: &str) -> String {
    format!("{PREFIX}/base?with={}", encode(other))
}

/// Whether a call only asks, and changes nothing. The path may have a query.
pub fn only_asks(method: &str, path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    matches!(method, "GET" | "HEAD" | "OPTIONS")
        || [CHECK, DRAFT, IMPACT, PINS, PREVIEW].contains(&path)
        || path.starts_with("/api/studio/tasks/")
        || (path.starts_with("/api/pipes/") && path.ends_with("/preview"))
}

/// Percent-encodes one path segment or query value (RFC 3986: everything but
/// letters, digits and `-._~`).
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests;
