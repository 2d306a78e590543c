//! One history of edits: saving a text, drawing an edge and every other change
//! of config is a step of text edits, and the node hands back the step that
//! takes it back.

use std::sync::Arc;

use futures_util::lock::Mutex;
use leptos::prelude::*;
use pipewright_protocol::studio::{self, Edited, Edits};

use super::{
    files::{Files, OpenFile, save_step},
    use_files,
};
use crate::client::{Client, Failure, use_client};

/// Where the user undid something last, so that redo goes on there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// Typing that is not saved yet.
    #[default]
    Typing,
    /// Steps of the project.
    Steps,
}

/// The steps of this session. Copies are the same history.
#[derive(Clone, Copy)]
pub struct History {
    client: StoredValue<Client>,
    files: Files,
    undo: RwSignal<Vec<Edits>>,
    redo: RwSignal<Vec<Edits>>,
    /// Whose turn it is: steps are made and taken back one after the other, so
    /// that undo takes back the last one, also when it is not made yet.
    turn: StoredValue<Arc<Mutex<()>>>,
    /// Where redo goes on.
    pub last: RwSignal<Side>,
}

/// The history of the session this component belongs to.
pub fn use_history() -> History {
    expect_context()
}

impl History {
    /// An empty history over the session's files.
    pub fn start() -> Self {
        History {
            client: StoredValue::new(use_client()),
            files: use_files(),
            undo: RwSignal::default(),
            redo: RwSignal::default(),
            turn: StoredValue::default(),
            last: RwSignal::default(),
        }
    }

    /// Applies a new step.
    pub async fn apply(self, edits: Edits) -> Result<(), Failure> {
        let (client, turn) = (self.client.get_value(), self.turn.get_value());
        let _turn = turn.lock().await;
        let edited = self.send(&client, &edits).await?;
        self.undo.update(|undo| undo.push(edited.inverse));
        self.redo.update(Vec::clear);
        Ok(())
    }

    /// Saves one file; a conflict is also noted at the file.
    pub async fn save(self, file: &OpenFile) -> Result<(), Failure> {
        if !file.is_dirty() {
            return Ok(());
        }
        let saved = self.apply(save_step(file)).await;
        if let Err(Failure::Conflict(conflict)) = &saved {
            file.theirs.set(Some(conflict.current.clone()));
        }
        saved
    }

    /// Takes the last step back; its name, or `None` when there is none.
    pub async fn undo(self) -> Result<Option<String>, Failure> {
        self.last.set(Side::Steps);
        self.shift(self.undo, self.redo).await
    }

    /// Does the step again that was taken back last.
    pub async fn redo(self) -> Result<Option<String>, Failure> {
        self.shift(self.redo, self.undo).await
    }

    async fn shift(
        self,
        from: RwSignal<Vec<Edits>>,
        to: RwSignal<Vec<Edits>>,
    ) -> Result<Option<String>, Failure> {
        let (client, turn) = (self.client.get_value(), self.turn.get_value());
        let _turn = turn.lock().await;
        let Some(step) = from.try_with_untracked(|steps| steps.last().cloned()).flatten() else {
            return Ok(None);
        };
        if let Some(path) = self.files.in_the_way(&step) {
            let message =
                format!("{path} has changes that are not saved. Save or undo them first.");
            return Err(Failure::Refused { status: 0, code: "unsaved".into(), message });
        }
        let edited = self.send(&client, &step).await?;
        from.update(|steps| drop(steps.pop()));
        to.update(|steps| steps.push(edited.inverse));
        Ok(Some(step.label))
    }

    async fn send(self, client: &Client, edits: &Edits) -> Result<Edited, Failure> {
        let edited: Edited = client.post(studio::EDITS, edits).await?;
        self.files.took(edits, &edited);
        Ok(edited)
    }

    /// Name of the step undo would take back. Tracked.
    pub fn can_undo(self) -> Option<String> {
        self.undo.with(|steps| steps.last().map(|step| step.label.clone()))
    }

    /// Name of the step redo would do again. Tracked.
    pub fn can_redo(self) -> Option<String> {
        self.redo.with(|steps| steps.last().map(|step| step.label.clone()))
    }
}
