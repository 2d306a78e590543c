//! A pipe is made from what another writes, run, and its data looked at: with
//! nothing but keys.

use anyhow::{Result, bail, ensure};
use pipewright_tests::story::{Key, Scene, Window};

const WANTED: &str = "pipe:crm-company-enrich";
const LAYOUT: &str = ".pipewright/layout.json";
const NEW: &str = "pipes/crm-company-enrich-new.conf.json";

/// Goes on with a key until something is so.
async fn until(window: &Window, key: Key, times: usize, is: &str) -> Result<bool> {
    let is = format!("return Boolean({is})");
    for _ in 0..times {
        if window.script(&is, vec![]).await? == true {
            return Ok(true);
        }
        window.press(key, 1).await?;
    }
    Ok(window.script(&is, vec![]).await? == true)
}

/// Runs a command by its name.
async fn command(window: &Window, name: &str) -> Result<()> {
    window.control('k').await?;
    window.find("[data-testid=palette-input]").await?;
    window.type_text(name).await?;
    window.until("[data-testid=palette] [aria-selected=true]", |text| text.contains(name)).await?;
    window.press(Key::Enter, 1).await
}

/// Opens a pipe by its name and runs it.
async fn run(window: &Window, pipe: &str) -> Result<()> {
    window.control('k').await?;
    window.find("[data-testid=palette-input]").await?;
    window.type_text(pipe).await?;
    window
        .until("[data-testid=palette] [aria-selected=true]", |text| {
            text.split_whitespace().any(|word| word == pipe)
        })
        .await?;
    window.press(Key::Enter, 1).await?;
    window.until("[data-testid=pipe] h1", |text| text == pipe).await?;
    window.control(Key::Enter).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    Ok(())
}

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    // The question whether it may run comes first.
    window.find("[data-testid=trust]").await?;
    let at = |id: &str| format!("document.activeElement?.dataset.testid === '{id}'");
    ensure!(until(window, Key::Tab, 60, &at("trust")).await?, "Tab does not lead to the question");
    window.press(Key::Enter, 1).await?;
    window.gone("[data-testid=trust]").await?;

    command(window, "Go to Flow").await?;
    window.find("[data-testid=flow-stage]").await?;
    ensure!(
        until(window, Key::Tab, 60, &at("flow-stage")).await?,
        "Tab does not lead to the graph"
    );
    // From card to card, column after column.
    let here = format!("new URLSearchParams(location.search).get('select') === '{WANTED}'");
    let mut found = false;
    for _ in 0..12 {
        window.press(Key::Right, 1).await?;
        found =
            until(window, Key::Down, 20, &here).await? || until(window, Key::Up, 40, &here).await?;
        if found {
            break;
        }
    }
    if !found {
        bail!("arrow keys do not lead to {WANTED}");
    }
    window.type_text("n").await?;
    window.until("[data-testid=new-pipe]", |text| text.contains(NEW)).await?;
    window.press(Key::Enter, 1).await?;
    scene.file_until(NEW, |text| text.contains("crm-company-enrich")).await?;
    window.until("[data-testid=panel] h2", |text| text == "crm-company-enrich-new").await?;

    // What is selected is moved, put back, and asked what can be done with it.
    ensure!(until(window, Key::Tab, 60, &at("flow-stage")).await?, "the graph lost the focus");
    window.holding(Key::Alt, window.press(Key::Down, 2)).await?;
    scene.file_until(LAYOUT, |text| text.contains("pipe:crm-company-enrich-new")).await?;
    window.control('z').await?;
    window.until(".toasts", |text| text.contains("Undone: Move by keys")).await?;
    window.holding(Key::Shift, window.press(Key::F10, 1)).await?;
    window.until("[data-testid=menu-at]", |text| text.contains("Duplicate")).await?;
    window.press(Key::Escape, 1).await?;
    window.gone("[data-testid=menu-at]").await?;
    ensure!(window.script(&format!("return {}", at("flow-stage")), vec![]).await? == true);
    window.press(Key::Left, 1).await?;
    window.until("[data-testid=panel] h2", |text| text != "crm-company-enrich-new").await?;
    window.control('a').await?;
    window.until("[data-testid=group] h2", |text| text.ends_with("cards")).await?;
    window.press(Key::Escape, 1).await?;
    window.gone("[data-testid=group]").await?;

    window.control('k').await?;
    window.find("[data-testid=palette-input]").await?;
    window.type_text("crm-company-enrich-new").await?;
    window
        .until("[data-testid=palette] [aria-selected=true]", |text| {
            text.split_whitespace().any(|word| word == "crm-company-enrich-new")
        })
        .await?;
    window.press(Key::Enter, 1).await?;
    window.until("[data-testid=pipe] h1", |text| text == "crm-company-enrich-new").await?;
    for pipe in ["crm-company-collect", "crm-company-enrich", "crm-company-enrich-new"] {
        run(window, pipe).await?;
    }
    command(window, "Go to Datasets").await?;
    let row = "[data-testid=datasets] .table-row[data-key=crm-company-enrich-new]";
    window.until(row, |text| text.contains("250") || text.contains("243")).await?;
    Ok(())
}
