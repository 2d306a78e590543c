//! A file changes on disk while it is being changed here: the window says so,
//! and nothing is overwritten before its user has decided.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

use super::{FILE, TYPED, WORD, open_pipe, type_a_rule};

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    open_pipe(scene).await?;
    let before = scene.file(FILE)?;
    type_a_rule(scene, &before).await?;
    window.find("[data-testid=unsaved]").await?;

    let theirs = before.replacen("\"org-key\"", "\"org-number\"", 1);
    ensure!(theirs != before, "nothing to change");
    std::fs::write(scene.project.join(FILE), &theirs)?;
    window.find("[data-testid=conflict]").await?;

    // Saving does not decide either.
    window.click(WORD).await?;
    window.control('s').await?;
    window.click("[data-testid=conflict-compare]").await?;
    window.until("[data-testid=conflict-dialog]", |text| text.contains("org-number")).await?;
    ensure!(scene.file(FILE)? == theirs, "overwritten without asking");

    window.press(pipewright_tests::story::Key::Escape, 1).await?;
    window.click("[data-testid=conflict-mine]").await?;
    window.gone("[data-testid=conflict]").await?;
    ensure!(scene.file(FILE)? == theirs, "written before saving");
    window.click("[data-testid=save]").await?;
    let mine = scene.file_until(FILE, |text| text != theirs).await?;
    ensure!(mine.replacen(TYPED, "", 1) == before, "what was typed here is not what is kept");

    // The other way round: theirs again, and this time it is taken.
    type_a_rule(scene, &mine).await?;
    window.find("[data-testid=unsaved]").await?;
    std::fs::write(scene.project.join(FILE), &theirs)?;
    window.click("[data-testid=conflict-theirs]").await?;
    window.gone("[data-testid=unsaved]").await?;
    ensure!(scene.file(FILE)? == theirs, "taking theirs wrote something");
    Ok(())
}
