//! Takes the tour: leaves it, takes it up again, and ends with a pipe of one's
//! own.

use anyhow::{Result, ensure};
use pipewright_tests::story::{Key, Scene};

const MADE: &str = "pipes/crm-company-enrich-new.conf.json";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    let step = |step: usize| format!("[data-testid=tour][data-step='{step}']");
    window.click("[data-testid=tour-begin]").await?;
    window.find(&step(0)).await?;
    window.click("[data-testid=tour-leave]").await?;
    window.gone("[data-testid=tour]").await?;
    window.until("[data-testid=tour-begin]", |text| text.contains("Go on")).await?;
    window.click("[data-testid=tour-begin]").await?;

    window.find(&step(0)).await?;
    window.click("[data-testid=trust]").await?;
    window.find(&step(1)).await?;
    window.click("[data-testid=run-all]").await?;
    window.find(&step(2)).await?;
    window.click("[data-testid=panel-new-pipe]").await?;
    window.click("[data-testid=new-pipe-add]").await?;
    window.find(&step(3)).await?;
    window.click("[data-testid=panel-open]").await?;
    window.find(&step(4)).await?;
    window.find(".monaco-editor .view-line").await?;
    let text = scene.file_until(MADE, |text| text.ends_with("}\n")).await?;
    let line = text.lines().take_while(|line| !line.contains("\"*\"")).count();
    window.click(".monaco-editor .view-line span span").await?;
    window.control(Key::Home).await?;
    window.press(Key::Down, line).await?;
    window.press(Key::End, 1).await?;
    window.press(Key::Down, 1).await?;
    window.press(Key::End, 1).await?;
    window.type_text(", [\"add\", \"greeting\", \"hello\"]").await?;
    window.find(&step(5)).await?;
    window.click("[data-testid=save]").await?;
    scene.file_until(MADE, |text| text.contains("greeting")).await?;
    window.find(&step(6)).await?;
    window.click("[data-testid=pipe-run]").await?;
    window.find(&step(7)).await?;
    window.click("[data-testid=tab-output]").await?;
    window.find(&step(8)).await?;
    window.click("[data-testid=tour-done]").await?;
    window.gone("[data-testid=tour]").await?;
    // It is not offered any more.
    let offered = "return document.querySelector('[data-testid=tour-begin]') !== null";
    ensure!(window.script(offered, vec![]).await? == false, "it goes on");
    Ok(())
}
