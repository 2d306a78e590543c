//! Opens a pipe by its name, with nothing but the keyboard.

use anyhow::Result;
use pipewright_tests::story::{Key, Scene};

use super::PIPE;

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.find("[data-testid=flow-stage]").await?;
    window.control('k').await?;
    window.find("[data-testid=palette-input]").await?;
    window.type_text("company enr").await?;
    window
        .until("[data-testid=palette-entry][aria-selected=true]", |text| text.contains(PIPE))
        .await?;
    // Away from it and back.
    window.press(Key::Down, 1).await?;
    window
        .until("[data-testid=palette-entry][aria-selected=true]", |text| !text.starts_with(PIPE))
        .await?;
    window.press(Key::Up, 1).await?;
    window.press(Key::Enter, 1).await?;
    window.until("[data-testid=pipe] h1", |text| text == PIPE).await?;
    window.find(".monaco-editor .view-line").await?;
    Ok(())
}
