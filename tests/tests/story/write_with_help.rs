//! Writes a rule with what the editor offers, mends a slip as it proposes, and
//! reads what a function does.

use std::time::Duration;

use anyhow::{Result, ensure};
use pipewright_tests::story::{Key, Scene};

use super::{FILE, behind_the_first_rule, open_pipe};

const FOCUSED: &str = ".suggest-widget.visible .monaco-list-row.focused";
const SIGNATURE: &str = ".parameter-hints-widget.visible .signature";
const FINDINGS: &str = "[data-testid=findings]";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;
    open_pipe(scene).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    window.until("[data-testid=result]", |text| text.contains("org-key")).await?;
    let before = scene.file(FILE)?;
    behind_the_first_rule(scene, &before).await?;

    // A function is offered with its arguments, then the properties of the data.
    window.press(Key::Enter, 1).await?;
    // The editor closes brackets by itself once it has read the new line; nobody
    // types on in the same instant.
    tokio::time::sleep(Duration::from_millis(800)).await;
    window.type_text("[\"add\", \"story\", [\"conc").await?;
    window.until(FOCUSED, |text| text.starts_with("concat")).await?;
    window.press(Key::Enter, 1).await?;
    window.until(SIGNATURE, |text| text.contains("[\"concat\", VALUES...]")).await?;
    window.press(Key::Delete, 1).await?;
    window.type_text("\"_S.nam").await?;
    window.until(FOCUSED, |text| text.contains("_S.name")).await?;
    window.press(Key::Enter, 1).await?;
    window.press(Key::End, 1).await?;
    window.type_text(",").await?;
    window.until("[data-testid=result]", |text| text.contains("crm-company:story")).await?;

    // A slip is named while one types, with what was meant, and mended.
    window.press(Key::Enter, 1).await?;
    window.type_text("[\"add\", \"loud\", [\"uper\", \"_S.name\"]],").await?;
    window.until(FINDINGS, |text| text.contains("did you mean \"upper\"?")).await?;
    window.click(&format!("{FINDINGS} button")).await?;
    window.control('.').await?;
    window.until(".action-widget", |text| text.contains("Replace by \"upper\"")).await?;
    window.press(Key::Enter, 1).await?;
    window.until("[data-testid=result]", |text| text.contains("crm-company:loud")).await?;

    window.point_at_text(".view-line span span", "\"upper\"").await?;
    let hover = ".monaco-hover:not(.hidden) .hover-contents";
    window.until(hover, |text| text.contains("[\"upper\", VALUES]")).await?;

    window.control('s').await?;
    let saved = scene.file_until(FILE, |text| text.contains("\"loud\"")).await?;
    let written = "\n        [\"add\", \"story\", [\"concat\", \"_S.name\"]],\
                   \n        [\"add\", \"loud\", [\"upper\", \"_S.name\"]],";
    ensure!(saved.replacen(written, "", 1) == before, "more than what was written:\n{saved}");
    Ok(())
}
