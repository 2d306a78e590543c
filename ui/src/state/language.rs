//! What is known about the config texts: the language service, fed with the
//! project's files, the open texts and the properties seen in data.

use std::{cell::Cell, collections::HashMap};

use leptos::{prelude::*, task::spawn_local};
use pipewright_language::Workspace;
use pipewright_protocol::studio::{self, FileInfo, FileText, Json, Texts, encode};

use super::{Files, Live};
use crate::{client::Client, json::Tree};

/// With more files than this to read, all are asked for at once.
const SINGLE: usize = 8;
/// How many entities of a dataset are looked at for their properties.
const LOOKED_AT: usize = 100;

/// The language service of the session. Copies are the same one.
#[derive(Clone, Copy)]
pub struct Language {
    workspace: StoredValue<Workspace, LocalStorage>,
    /// The hashes of the saved texts it has.
    known: StoredValue<HashMap<String, String>>,
    /// What the datasets held when they were looked at.
    seen: StoredValue<HashMap<String, u64>>,
    /// Counts how often something else than the open text changed; 0 until the
    /// whole project has been read.
    version: RwSignal<u32>,
}

thread_local! {
    static CURRENT: Cell<Option<Language>> = const { Cell::new(None) };
}

/// The language service of the session this component belongs to.
pub fn use_language() -> Language {
    expect_context()
}

/// The language service of the session that is open, for what outlives
/// sessions.
pub fn current_language() -> Option<Language> {
    CURRENT.get()
}

impl Language {
    /// Knows nothing yet; follows the project's files until the owner goes.
    pub fn start(client: Client, live: Live, files: Files) -> Self {
        let language = Language {
            workspace: StoredValue::new_local(Workspace::default()),
            known: StoredValue::default(),
            seen: StoredValue::default(),
            version: RwSignal::new(0),
        };
        CURRENT.set(Some(language));
        let profile = Memo::new(move |_| {
            live.project.with(|project| project.as_ref().and_then(|it| it.profile.clone()))
        });
        Effect::new(move || {
            let profile = profile.get();
            let name =
                profile.as_deref().map(|file| file.strip_suffix("-env.json").unwrap_or(file));
            language.workspace.update_value(|workspace| workspace.set_profile(name));
            language.version.update(|version| *version += u32::from(*version > 0));
        });
        Effect::new(move || {
            let Some(listed) = live.files.get() else { return };
            let client = client.clone();
            spawn_local(async move { language.follow(&client, files, &listed).await });
        });
        language
    }

    /// Reads what has changed since it was read.
    async fn follow(self, client: &Client, files: Files, listed: &[FileInfo]) {
        let Some(known) = self.known.try_get_value() else { return };
        let changed: Vec<&FileInfo> =
            listed.iter().filter(|file| known.get(&file.path) != Some(&file.hash)).collect();
        let mut texts = Texts::default();
        if changed.len() > SINGLE {
            match client.get::<Texts>(studio::TEXTS).await {
                Ok(all) => texts = all,
                Err(_) => return,
            }
        } else {
            for file in changed {
                // One that is gone meanwhile is in the next list.
                let text = client.get::<FileText>(&studio::file_path(&file.path)).await;
                texts.files.extend(text.ok());
            }
        }
        if self.version.is_disposed() {
            return;
        }
        self.workspace.try_update_value(|workspace| {
            for gone in known.keys().filter(|path| listed.iter().all(|file| file.path != **path)) {
                workspace.remove(gone);
            }
            let others = texts.others.iter().map(|path| (path.clone(), String::new()));
            let saved = texts.files.iter().map(|file| {
                let text = files.text(&file.path).unwrap_or_else(|| file.text.clone());
                (file.path.clone(), text)
            });
            workspace.put_all(saved.chain(others));
        });
        self.known.try_update_value(|known| {
            known.retain(|path, _| listed.iter().any(|file| file.path == *path));
            known.extend(texts.files.into_iter().map(|file| (file.path, file.hash)));
        });
        self.version.try_update(|version| *version += 1);
    }

    /// Whether the whole project has been read. Tracked, and told again when
    /// something else than the open text changes.
    pub fn ready(self) -> bool {
        self.version.get() > 0
    }

    /// The answer to a question about a file whose text is this now; `None`
    /// when the session is over.
    pub fn ask<T>(self, path: &str, text: &str, ask: impl FnOnce(&Workspace) -> T) -> Option<T> {
        self.workspace.try_update_value(|workspace| {
            workspace.put(path, text);
            ask(workspace)
        })
    }

    /// The answer to a question about the project as it was last read.
    pub fn look_at<T>(self, ask: impl FnOnce(&Workspace) -> T) -> Option<T> {
        self.workspace.try_with_value(ask)
    }

    /// A text that was asked about and is no file of the project is gone.
    pub fn forget(self, path: &str) {
        self.workspace.try_update_value(|workspace| workspace.remove(path));
    }

    /// Looks at the data of the datasets that a file reads, for the names of
    /// their properties, unless it is what was looked at before.
    pub fn look(self, client: &Client, live: Live, path: &str, text: &str) {
        let datasets = self.ask(path, text, |workspace| workspace.datasets_read(path));
        for dataset in datasets.unwrap_or_default() {
            let status = live.datasets.with_untracked(|all| all.get(&dataset).cloned());
            let Some(status) = status.filter(|status| status.next_offset > 0) else { continue };
            let same = self
                .seen
                .try_update_value(|seen| seen.insert(dataset.clone(), status.next_offset))
                .flatten();
            if same == Some(status.next_offset) {
                continue;
            }
            let client = client.clone();
            spawn_local(async move {
                let path = format!(
                    "/api/datasets/{}/entities?limit={LOOKED_AT}&history=false&deleted=false",
                    encode(&dataset)
                );
                let Ok(entities) = client.get::<Vec<Json>>(&path).await else { return };
                let trees: Vec<Tree> =
                    entities.iter().filter_map(|entity| Tree::parse(entity.text()).ok()).collect();
                let names = trees.iter().flat_map(properties);
                self.workspace.try_update_value(|workspace| workspace.saw(&dataset, names));
            });
        }
    }
}

/// The names of an entity's properties, those of the node left out.
fn properties(entity: &Tree) -> Vec<&str> {
    match entity {
        Tree::Object(members) => {
            let names = members.iter().map(|(name, _)| &**name);
            names.filter(|name| !name.starts_with('_') || *name == "_id").collect()
        }
        _ => Vec::new(),
    }
}
