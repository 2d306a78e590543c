//! A value in the result is wrong: asks where it comes from, sees what each
//! expression gave, and mends the one that took the wrong property.

use anyhow::{Context, Result, ensure};
use pipewright_tests::story::{Key, Scene};

use super::{FILE, open_pipe};

const RESULT: &str = "[data-testid=result]";
const VALUES: &str = "[data-testid=trace-values]";
const CODE: &str = "[data-testid=trace-code]";

/// What the example looks up, and the slip that somebody made in it.
const RIGHT: &str = "[\"lower\", \"_S.crm-company:website\"]";
const WRONG: &str = "[\"lower\", \"_S.crm-company:owner\"]";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let right = scene.file(FILE)?;
    let wrong = right.replacen(RIGHT, WRONG, 1);
    ensure!(wrong != right, "the example has changed:\n{right}");
    std::fs::write(scene.project.join(FILE), &wrong)?;

    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;
    open_pipe(scene).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    // The first company has a site, and yet its key is no domain.
    let key = |text: &str| text.lines().find(|line| line.contains("domain-key")).map(str::to_owned);
    let shown = window.until(RESULT, |text| key(text).is_some()).await?;
    ensure!(key(&shown).is_some_and(|line| line.contains("ida")), "{shown}");

    // What each line gave stands at its end.
    window.click("[data-testid=trace]").await?;
    window.until(".monaco-editor", |text| text.contains("\"~:crm:company\"")).await?;
    window.until(VALUES, |text| text.contains("Put the cursor into an expression")).await?;

    // Rule by rule: from the first on to where the property is set, and back.
    window.press(Key::F10, 1).await?;
    window.until("[data-testid=step-count]", |text| text.starts_with("1 of ")).await?;
    window.until("[data-testid=step-code]", |text| text == "[\"copy\", \"*\"]").await?;
    window.find(".monaco-editor .step-line").await?;
    window.press(Key::F10, 1).await?;
    window
        .until("[data-testid=step-code]", |text| text.starts_with("[\"add\", \"rdf:type\""))
        .await?;
    window.click("[data-testid=step-condition]").await?;
    window.type_text("domain-key").await?;
    window.press(Key::Enter, 1).await?;
    window
        .until("[data-testid=step-code]", |text| text.starts_with("[\"add-if\", \"domain-key\""))
        .await?;
    // What was made so far is there, and what comes later is not.
    window
        .until("[data-testid=step-so-far]", |text| {
            text.contains("domain-key") && text.contains("org-key") && !text.contains("phone-key")
        })
        .await?;
    window.click("[data-testid=step-back]").await?;
    window
        .until("[data-testid=step-code]", |text| text.starts_with("[\"add-if\", \"org-key\""))
        .await?;
    window.click("[data-testid=step-end]").await?;
    window.gone(".monaco-editor .step-line").await?;

    // The property leads to what made it, and the cursor on from there.
    window.click_text(&format!("{RESULT} button.json-key"), "\"crm-company:domain-key\"").await?;
    window.until(CODE, |text| text.starts_with("[\"replace\"")).await?;
    window.until(VALUES, |text| text.contains("default · ") && text.contains("ida")).await?;
    let line = wrong.lines().position(|line| line.contains(WRONG)).context("no such line")?;
    window.control(Key::Home).await?;
    window.press(Key::Down, line).await?;
    window.press(Key::End, 1).await?;
    window.press(Key::Left, 2).await?;
    window.until(CODE, |text| text == "\"_S.crm-company:owner\"").await?;
    window.until(VALUES, |text| text.contains("ida")).await?;

    // Mended, the line tells what it gives now.
    window.press(Key::Backspace, "owner".len()).await?;
    window.type_text("website").await?;
    window.until(CODE, |text| text == "\"_S.crm-company:website\"").await?;
    window.until(VALUES, |text| text.contains("http://")).await?;
    // What is stored is still shown, above what comes out now.
    let mended = |line: &str| line.contains("domain-key") && line.contains(".example");
    window.until(RESULT, |text| text.lines().any(mended)).await?;
    window.control('s').await?;
    scene.file_until(FILE, |text| text == right).await?;

    // Switched off, the text stands alone again.
    window.click("[data-testid=trace]").await?;
    window.gone(VALUES).await?;
    window.gone(".monaco-editor .note").await
}
