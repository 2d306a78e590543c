//! The bodies of the service API, which the official client and other nodes
//! call. Names are spelled as that API spells them; times are ISO 8601 text.
//!
//! Entities are not described here: they are JSON objects with `_id`, in
//! transit encoding, and travel as they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeInfo {
    /// What it is called.
    pub node_id: String,
    /// What clients decide by.
    pub status: NodeVersion,
}

/// What clients of a node decide by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeVersion {
    /// Whether config may be uploaded and tests run.
    pub developer_mode: bool,
    /// The version of the program.
    pub version: String,
}

/// Since when the node runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeStatus {
    /// What it is called.
    pub node_id: String,
    /// The version of the program.
    pub node_version: String,
    /// When it was started; another after a restart.
    pub node_start_time: String,
    /// Seconds since then.
    pub node_uptime: f64,
}

/// One word on how something is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `OK`, or `running` where only that is asked.
    pub status: String,
}

/// Something was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// `OK`.
    pub message: String,
}

impl Message {
    /// It was done.
    pub fn ok() -> Message {
        Message { message: "OK".to_owned() }
    }
}

/// The config of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComponentConfig {
    /// As it is written.
    pub original: Value,
    /// With variables put in, conditions decided and defaults written out.
    pub effective: Value,
    /// Who wrote it, where one pipe is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<ConfigAudit>,
}

/// Who wrote the config of a component, and when. Times are transit text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigAudit {
    /// Who added it.
    pub created_by: ConfigAuthor,
    /// When it was added.
    pub created_ts: String,
    /// Who changed it last.
    pub last_modified_by: ConfigAuthor,
    /// When it was changed last.
    pub last_modified_ts: String,
}

/// Somebody who wrote config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigAuthor {
    /// The name in the token; nothing when the file was changed on disk.
    pub user_id: Option<String>,
}

/// A finding in a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigError {
    /// Where, such as `$['source']['type']`.
    pub elements: String,
    /// `error` or `warning`.
    pub level: String,
    /// For people.
    pub msg: String,
}

/// What is wrong with a component that was posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ComponentErrors {
    /// The component as it was posted.
    pub posted_config: Value,
    /// What was found.
    pub config_errors: Vec<ConfigError>,
}

/// The report on posted config.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ValidationReport {
    /// The components with findings.
    pub validation_errors: Vec<ComponentErrors>,
}

/// A system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct System {
    /// Names it.
    #[serde(rename = "_id")]
    pub id: String,
    /// Its config.
    pub config: ComponentConfig,
    /// How it is.
    pub runtime: SystemRuntime,
}

/// How a system is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct SystemRuntime {
    /// Whether it can be used.
    pub is_valid_config: bool,
}

/// Whether a system answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemStatus {
    /// Whether it did when it was asked just now.
    pub running: bool,
    /// What it said, or why it cannot be reached.
    pub message: String,
}

/// The metadata of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metadata {
    /// `node`.
    #[serde(rename = "_id")]
    pub id: String,
    /// Its config.
    pub config: ComponentConfig,
}

/// A pipe. What was not asked for by `fields` is missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pipe {
    /// Names it.
    #[serde(rename = "_id")]
    pub id: String,
    /// Bytes of what it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<u64>,
    /// Its config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ComponentConfig>,
    /// How it fares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Box<PipeRuntime>>,
}

/// The pump of a pipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pump {
    /// `pump:` and the pipe.
    #[serde(rename = "_id")]
    pub id: String,
    /// How it fares.
    pub runtime: Box<PipeRuntime>,
}

/// How a pipe fares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PipeRuntime {
    /// `running`, `finished`, `failed`, `stopped` or `disabled`; null where it
    /// has not run, serves requests or cannot run.
    pub state: Option<String>,
    /// Whether the last run did not fail.
    pub success: bool,
    /// Whether it runs now.
    pub is_running: bool,
    /// Whether it is switched off.
    pub is_disabled: bool,
    /// Whether it can run.
    pub is_valid_config: bool,
    /// What is wrong with its config.
    pub config_errors: Vec<ConfigError>,
    /// How the last run ended.
    pub last_message: Option<String>,
    /// Why the last run failed.
    pub last_original_error_message: Option<String>,
    /// When the last run began.
    pub last_started: Option<String>,
    /// When the last run ended.
    pub last_run: Option<String>,
    /// When the next is due.
    pub next_run: Option<String>,
    /// Runs that ended since the node was started, those that found nothing to
    /// do among them.
    #[serde(default)]
    pub runs: u64,
    /// Whether its place in the source must not be set.
    pub disable_set_last_seen: bool,
    /// The time of the node.
    pub current_time: String,
    /// What went through.
    pub progress: Progress,
    /// What waits.
    pub queues: Queues,
    /// Where it goes on in its source: whatever the source counts by.
    pub last_seen: Value,
    /// The dataset with its execution log.
    pub execution_dataset: String,
    /// `user`.
    pub origin: String,
    /// What can be done to its pump.
    pub supported_operations: Vec<String>,
}

/// What went through a pipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Progress {
    /// Entities of the present run, or of the last.
    pub processed: u64,
    /// Entities of the last run.
    pub last_run: u64,
}

/// What waits for a pipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Queues {
    /// Entities in its source: a number, or numbers by dataset; null where the
    /// source cannot tell.
    pub source: Value,
    /// Changes to follow in the datasets that it looks into.
    pub dependencies: BTreeMap<String, u64>,
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dataset {
    /// Names it.
    #[serde(rename = "_id")]
    pub id: String,
    /// Its bytes.
    pub storage: u64,
    /// What is in it.
    pub runtime: DatasetRuntime,
}

/// What is in a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub struct DatasetRuntime {
    /// When the last version was stored.
    pub last_modified: Option<String>,
    /// Entities that exist.
    pub count_index_exists: u64,
    /// Entities whose latest version is a delete.
    pub count_index_deleted: u64,
    /// Versions in the log.
    pub count_log_exists: u64,
    /// Deletions in the log.
    pub count_log_deleted: u64,
    /// The offset that the next version gets.
    pub count_offset: u64,
    /// Whether it was written completely once.
    pub populated: bool,
    /// Where its log began when it was populated.
    pub initial_offset: Option<u64>,
    /// `user`, or `system` for the node's own.
    pub origin: String,
    /// Whether a circuit breaker holds something back.
    pub has_circuit_breaker: bool,
}

/// An index of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetIndex {
    /// Names it for as long as it is there.
    pub id: i64,
    /// What it finds entities by.
    pub expression: String,
    /// `ready` or `building`.
    pub status: String,
    /// How far it is.
    pub progress: IndexProgress,
}

/// How far an index is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IndexProgress {
    /// Versions that are in it.
    pub indexed: u64,
    /// Versions in the log.
    pub total: u64,
}

/// What became of entities written to a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetWritten {
    /// Those that changed something.
    pub written: u64,
    /// Those that were there already as they are.
    pub unchanged: u64,
}

/// Something that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gone {
    /// What it was called.
    #[serde(rename = "_id")]
    pub id: String,
}

/// How running all pipes goes, or that it has begun.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunnerStatus {
    /// `success`, `failed`, `running`, `stopping`, `stopped` or `not-running`;
    /// missing where it has only begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Names the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What came of it, pipe by pipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_info: Option<Value>,
}

/// A line of the log of running all pipes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunnerLine {
    /// When; no two lines have the same.
    pub timestamp: String,
    /// `INFO`, `WARNING` or `ERROR`.
    pub loglevel: String,
    /// What happened.
    pub logdata: String,
}

/// How many pipes were reset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PipesReset {
    /// `OK`.
    pub message: String,
    /// How many.
    pub pipes: u64,
}

/// What a pipe makes of one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PipePreview {
    /// The entity that went in.
    pub source: Value,
    /// What the transforms made of it.
    pub transformed: Vec<Vec<Value>>,
    /// What the sink would get.
    pub sink: Vec<Value>,
    /// Why the transforms stopped, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What kinds of values a property has, in the words of JSON schema.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntityType {
    /// `object`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Each property with its schema.
    pub properties: BTreeMap<String, Value>,
    /// Those that every entity has.
    pub required: Vec<String>,
}

/// A link to what a publisher gives, for those who have no token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareableLink {
    /// Names the link, to delete it by.
    pub id: String,
    /// What to open, one address for each form of the entities. Who has one can
    /// read what the publisher gives.
    pub urls: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub exp: u64,
    /// When it was made, in nanoseconds since 1970.
    pub created_ts: String,
    /// What it is for, in words.
    pub description: String,
}

/// What is needed for a new link.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewShareableLink {
    /// When it ends, in seconds since 1970: within a year; in 30 days when
    /// missing.
    #[serde(default)]
    pub exp: Option<f64>,
    /// What it is for, in words.
    #[serde(default)]
    pub description: Option<String>,
}

/// Under which licence the node runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct License {
    /// The licence of the program, as SPDX writes it.
    pub license: String,
    /// The program.
    pub product: String,
    /// The version of the program.
    pub version: String,
    /// Whether the node needs a key: it does not.
    pub key_required: bool,
    /// When it ends: never.
    pub expires: Option<String>,
}

/// What another node says when it has something new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// What this node gave it when it subscribed.
    pub token: String,
}

/// Entity types that belong together, as people describe them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Model {
    /// What it is called.
    #[serde(rename = "_id")]
    pub id: String,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The types of its entities.
    #[serde(default)]
    pub entity_types: Vec<ModelType>,
    /// What else is said of it.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// What the entities of one type look like, in the words of JSON schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelType {
    /// What it is called.
    #[serde(rename = "_id")]
    pub id: String,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `type`, `properties`, `required` and what else is said of it.
    #[serde(flatten)]
    pub schema: BTreeMap<String, Value>,
}
