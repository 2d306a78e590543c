//! The configs of two connections, and what differs.

use std::{collections::BTreeSet, sync::Arc};

use pipewright_language::difference::{Base, Changed, Config, Difference, PartId, PartKind};
use pipewright_protocol::{
    service::ValidationReport,
    studio::{self, ConfigDraft, ConfigUpload, Edits, PROJECT, Project, base_path},
};

use crate::client::{Client, Failure};

/// Which way something is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From here to there.
    Up,
    /// From there to here.
    Down,
}

/// Both configs as they were read.
#[derive(Clone)]
pub(super) struct Sides {
    pub(super) here: Arc<Config>,
    pub(super) there: Arc<Config>,
    pub(super) base: Base,
    /// The project there.
    pub(super) project: Project,
    pub(super) differences: Arc<Vec<Difference>>,
}

async fn config(client: &Client) -> Result<Config, Failure> {
    let components = client.text("/api/config").await?;
    let variables = client.text("/api/env").await?;
    let secrets: Vec<String> = client.get("/api/secrets").await?;
    Config::read(&components, &variables, &secrets)
        .map_err(|error| Failure::Unreadable(error.to_string()))
}

impl Sides {
    /// Reads both. `other` is what the one there is known by here.
    pub(super) async fn read(here: &Client, there: &Client, other: &str) -> Result<Self, Failure> {
        let base: Base = here.get(&base_path(other)).await?;
        let project: Project = there.get(PROJECT).await?;
        let (here, there) = (config(here).await?, config(there).await?);
        let differences = Arc::new(here.differences(&there, &base));
        Ok(Sides { here: Arc::new(here), there: Arc::new(there), base, project, differences })
    }

    /// What a side would hold with what is chosen of the other.
    fn with(&self, way: Way, chosen: &BTreeSet<PartId>) -> ConfigUpload {
        let (to, from) = match way {
            Way::Up => (&self.there, &self.here),
            Way::Down => (&self.here, &self.there),
        };
        ConfigUpload {
            components: to.with_components(from, chosen),
            variables: to.with_variables(from, chosen),
        }
    }

    /// Makes what is chosen there be as it is here, with the checks of the
    /// command line.
    pub(super) async fn upload(
        &self,
        there: &Client,
        chosen: &BTreeSet<PartId>,
        force: bool,
    ) -> Result<ValidationReport, Failure> {
        let new = self.with(Way::Up, chosen);
        // First the variables: they decide conditions in config.
        if chosen.iter().any(|id| id.kind == PartKind::Variable) {
            let _: serde_json::Value = there.put_text("/api/env", new.variables).await?;
        }
        if !chosen.iter().any(PartId::is_component) {
            return Ok(ValidationReport::default());
        }
        there.put_text(&format!("/api/config?force={force}"), new.components).await
    }

    /// The step that makes what is chosen here be as it is there, and what is
    /// to be said of it.
    pub(super) async fn draft(
        &self,
        here: &Client,
        chosen: &BTreeSet<PartId>,
        from: &str,
    ) -> Result<(Edits, ConfigDraft), Failure> {
        let new = self.with(Way::Down, chosen);
        let draft: ConfigDraft = here.post(studio::DRAFT, &new).await?;
        let label = match chosen.len() {
            1 => format!("Download 1 change from {from}"),
            count => format!("Download {count} changes from {from}"),
        };
        Ok((Edits { label, files: draft.files.clone() }, draft))
    }

    /// Keeps what both have in common now.
    pub(super) async fn remember(
        &self,
        here: &Client,
        there: &Client,
        other: &str,
    ) -> Result<(), Failure> {
        let base = self.base.after(&config(here).await?, &config(there).await?);
        here.put(&base_path(other), &base).await
    }
}

/// What to say of a difference, and how bad it sounds.
pub(super) fn told(difference: &Difference) -> (&'static str, &'static str) {
    match (&difference.here, &difference.there, difference.changed) {
        (Some(_), None, Changed::There) => ("removed there", "bad-text"),
        (None, Some(_), Changed::Here) => ("removed here", "bad-text"),
        (Some(_), None, Changed::Here) => ("added here", "good-text"),
        (None, Some(_), Changed::There) => ("added there", "good-text"),
        (Some(_), None, Changed::Both) => ("changed here, removed there", "warn-text"),
        (None, Some(_), Changed::Both) => ("removed here, changed there", "warn-text"),
        (Some(_), None, _) => ("only here", "good-text"),
        (None, _, _) => ("only there", "bad-text"),
        (_, _, Changed::Here) => ("changed here", "run-text"),
        (_, _, Changed::There) => ("changed there", "run-text"),
        (_, _, Changed::Both) => ("changed on both sides", "warn-text"),
        (_, _, Changed::Unknown) => ("differs", "run-text"),
    }
}

/// What a kind is called.
pub(super) fn kind_name(kind: PartKind) -> &'static str {
    match kind {
        PartKind::Metadata => "metadata",
        PartKind::System => "system",
        PartKind::Pipe => "pipe",
        PartKind::Variable => "variable",
        PartKind::Secret => "secret",
    }
}
