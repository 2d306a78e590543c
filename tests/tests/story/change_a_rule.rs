//! Opens the example, runs it, changes a rule and sees the preview change,
//! saves and sees the file changed, and takes it all back.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

use super::{FILE, TYPED, open_pipe, type_a_rule};

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    // Opening is harmless: nothing runs before someone says so.
    window.find("[data-testid=trust-bar]").await?;
    window.find("[data-testid=flow-stage]").await?;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;

    open_pipe(scene).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    // The preview ran on the first entity of the source.
    window.until("[data-testid=result]", |text| text.contains("org-key")).await?;

    let before = scene.file(FILE)?;
    type_a_rule(scene, &before).await?;
    window.until("[data-testid=result]", |text| text.contains("crm-company:story")).await?;
    ensure!(scene.file(FILE)? == before, "written before saving");

    window.control('s').await?;
    let saved = scene.file_until(FILE, |text| text.contains("\"story\"")).await?;
    ensure!(saved.replacen(TYPED, "", 1) == before, "more than what was typed changed:\n{saved}");

    // The whole step is taken back, on disk as well.
    window.gone("[data-testid=unsaved]").await?;
    window.click("[data-testid=undo]:not(:disabled)").await?;
    scene.file_until(FILE, |text| text == before).await?;
    window.until("[data-testid=result]", |text| !text.contains("story")).await?;
    Ok(())
}
