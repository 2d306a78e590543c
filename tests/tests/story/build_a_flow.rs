//! A flow is changed with the mouse alone: a transform dropped on a line becomes
//! a pipe between two, several cards are chosen and moved at once, and undo
//! takes all of it back.

use anyhow::{Context, Result, ensure};
use pipewright_tests::story::{Key, Scene, Window};

const FROM: &str = "pipe:crm-company-collect";
const TO: &str = "pipe:crm-company-enrich";
const FILE: &str = "pipes/crm-company-enrich.conf.json";
const NEW: &str = "pipes/crm-company-enrich-dtl.conf.json";
const LAYOUT: &str = ".pipewright/layout.json";

fn card(id: &str) -> String {
    format!("[data-testid=card][data-id='{id}']")
}

/// Takes the last step back, which has this name.
async fn undo(window: &Window, step: &str) -> Result<()> {
    window.click("[data-testid=undo]:not(:disabled)").await?;
    window.until(".toasts", |text| text.contains(&format!("Undone: {step}"))).await?;
    Ok(())
}

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    let before = scene.file(FILE)?;
    window.find("[data-testid=flow-stage]").await?;
    window.click("[data-testid=flow-add]").await?;
    // The first pipe of the flow, so that the next is in view, too.
    let go =
        "history.pushState(null, '', arguments[0]); dispatchEvent(new PopStateEvent('popstate'));";
    window.script(go, vec![format!("/flow?select={FROM}").into()]).await?;
    for _ in 0..12 {
        let scale = window.text(".flow-scale").await?;
        if scale.trim_end_matches(" %").parse::<u32>().context("a scale")? >= 75 {
            break;
        }
        window.click("[data-testid=zoom-in]").await?;
    }
    window.script(go, vec![format!("/flow?select={TO}").into()]).await?;

    // Half way between the two cards runs their line.
    let (from, to) = (window.middle_of(&card(FROM)).await?, window.middle_of(&card(TO)).await?);
    let line = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
    window.click("[data-testid=shelf-find]").await?;
    window.type_text("dtl").await?;
    let piece = window.middle_of("[data-piece=transform-dtl]").await?;
    window.drag_between(piece, line).await?;
    window.until("[data-testid=flow-change]", |text| text.contains("As a pipe of its own")).await?;
    window.click("[data-testid=insert-alone]").await?;
    window.until("[data-testid=review]", |text| text.contains(NEW) && text.contains(FILE)).await?;
    ensure!(scene.file(NEW).is_err(), "made before it was shown");
    window.click("[data-testid=insert-do]").await?;
    let made = scene.file_until(NEW, |text| text.ends_with("}\n")).await?;
    let made: serde_json::Value = serde_json::from_str(&made)?;
    ensure!(made["source"]["dataset"] == "crm-company-collect", "{made}");
    scene.file_until(FILE, |text| text.contains("\"crm-company-enrich-dtl\"")).await?;
    window.find(&card("pipe:crm-company-enrich-dtl")).await?;

    // Several at once: with Shift, and then dragged together.
    let one = window.middle_of(&card("pipe:crm-company-enrich-dtl")).await?;
    window.click_at(one, 0).await?;
    window.until("[data-testid=panel] h2", |text| text == "crm-company-enrich-dtl").await?;
    let two = window.middle_of(&card(TO)).await?;
    window.holding(Key::Shift, window.click_at(two, 0)).await?;
    window.until("[data-testid=group] h2", |text| text == "2 cards").await?;
    window.drag_between(two, (two.0 - 30.0, two.1 + 60.0)).await?;
    scene.file_until(LAYOUT, |text| text.contains(&format!("\"{TO}\": ["))).await?;
    undo(window, "Move 2 cards").await?;
    let moved = format!("\"{TO}\"");
    scene.file_until(LAYOUT, |text| text.contains("-dtl") && !text.contains(&moved)).await?;

    // Taking both away says what breaks, and is given up.
    window.click("[data-testid=group-remove]").await?;
    window.until("[data-testid=breaks]", |text| text.contains("global-company")).await?;
    window.press(Key::Escape, 1).await?;
    window.gone("[data-testid=flow-change][open]").await?;

    undo(window, "Insert dtl before crm-company-enrich").await?;
    ensure!(scene.file_until(FILE, |text| *text == before).await? == before);
    ensure!(scene.file(NEW).is_err() && scene.file(LAYOUT).is_err(), "something is left");
    Ok(())
}
