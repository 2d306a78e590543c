//! A pipe gets another name, with all that name it; then one is taken away
//! after what breaks was shown; undo brings both back.

use anyhow::{Result, ensure};
use pipewright_tests::story::{Key, Scene};

use super::{FILE, PIPE, open_pipe};

const NEW: &str = "pipes/crm-company-clean.conf.json";
const READER: &str = "pipes/global-company.conf.json";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let before = scene.file(READER)?;
    ensure!(before.contains(PIPE), "{READER} does not read {PIPE}");
    open_pipe(scene).await?;
    let window = &scene.window;
    window.click("[data-testid=pipe-more]").await?;
    window.click_text(".menu-item", "Rename…").await?;
    window.click("[data-testid=act-name]").await?;
    window.press(Key::End, 1).await?;
    window.press(Key::Backspace, "enrich".len()).await?;
    window.type_text("clean").await?;
    window
        .until("[data-testid=review]", |text| text.contains(NEW) && text.contains(READER))
        .await?;
    ensure!(scene.file(READER)? == before, "written before it was said");
    window.click("[data-testid=act-do]").await?;
    scene.file_until(NEW, |text| text.contains("\"crm-company-clean\"")).await?;
    scene.file_until(READER, |text| text.contains("crm-company-clean ")).await?;
    ensure!(scene.file(FILE).is_err(), "the old file is still there");
    window.until("[data-testid=pipe] h1", |text| text == "crm-company-clean").await?;

    window.click("[data-testid=pipe-more]").await?;
    window.click_text(".menu-item", "Remove…").await?;
    window.until("[data-testid=breaks]", |text| text.contains("global-company")).await?;
    window.click("[data-testid=act-do]").await?;
    window.find("[data-testid=pipes]").await?;
    ensure!(scene.file(NEW).is_err(), "the file is still there");

    window.click("[data-testid=undo]:not(:disabled)").await?;
    scene.file_until(NEW, |text| text.contains("\"crm-company-clean\"")).await?;
    window.click("[data-testid=undo]:not(:disabled)").await?;
    scene.file_until(FILE, |text| text.contains(PIPE)).await?;
    scene.file_until(READER, |text| text == before).await?;
    Ok(())
}
