//! Gives a command other keys, sets a secret and a variable, makes a token and
//! revokes it, and marks the connection as production, through which nothing is
//! changed any more.

use anyhow::{Result, ensure};
use pipewright_tests::story::{Key, Scene};

const KEYS: &str = "[data-command=palette] .keys-choose";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=rail-settings]").await?;
    window.click("[data-testid=settings-keys]").await?;
    window.until(KEYS, |text| text == "Ctrl+K").await?;
    window.click(KEYS).await?;
    // Those of another command: it is told so.
    window.control('s').await?;
    window.until("[data-command=palette]", |text| text.contains("also: Save")).await?;
    window.click(KEYS).await?;
    window.control('j').await?;
    window.until(KEYS, |text| text == "Ctrl+J").await?;
    window.control('j').await?;
    window.find("[data-testid=palette-input]").await?;
    window.type_text("secrets").await?;
    window
        .until("[data-testid=palette] [aria-selected=true]", |text| text.contains("Secrets"))
        .await?;
    window.press(Key::Enter, 1).await?;

    window.click("[data-testid=secret-name]").await?;
    window.type_text("story").await?;
    window.click("[data-testid=secret-value]").await?;
    window.type_text("not to be seen").await?;
    window.click("[data-testid=secret-set]").await?;
    window.until("[data-testid=secrets]", |text| text.contains("story")).await?;

    window.click("[data-testid=settings-variables]").await?;
    window.click("[data-testid=variable-new]").await?;
    window.type_text("story").await?;
    window.click("[data-testid=variable-add]").await?;
    window.click("[data-variable=story] input").await?;
    window.type_text("told").await?;
    window.press(Key::Tab, 1).await?;
    window.click("[data-testid=save]").await?;
    scene.file_until("test-env.json", |text| text.contains("\"story\": \"told\"")).await?;

    window.click("[data-testid=settings-access]").await?;
    window.click("[data-testid=token-name]").await?;
    window.type_text("a story").await?;
    window.click("[data-testid=token-make]").await?;
    window.until("[data-testid=once] code", |text| text.matches('.').count() == 2).await?;
    window.click("[data-token='a story'] .button").await?;
    window.until("[data-testid=tokens]", |text| text.contains("revoked")).await?;

    window.click("[data-testid=rail-connections]").await?;
    window.click("[data-testid=production-switch]").await?;
    window.find(".window.production [data-testid=production]").await?;
    window.find("[data-testid=trust-switch][disabled]").await?;
    window.click("[data-testid=production-switch]").await?;
    window.gone(".window.production").await?;
    window.click("[data-testid=trust-switch]").await?;
    window.find("[data-testid=trust-switch][aria-checked=true]").await?;
    ensure!(!scene.file("test-env.json")?.contains("not to be seen"), "a secret is in the config");
    Ok(())
}
