//! Pins a sample with its result, is told at once when a rule makes something
//! else of it, sees the same from the tests here and on the command line, and
//! mends it.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

use super::{FILE, PIPE, open_pipe, type_a_rule};

const PINS: &str = "[data-testid=pins]";
const SUMMARY: &str = "[data-testid=tests-summary]";
const RAN: &str = "[data-testid=tests-ran]";

/// The files of the pinned sample.
const TEST: &str = "expected/pins/first-company.test.json";
const EXPECTED: &str = "expected/pins/first-company.json";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;
    open_pipe(scene).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    window.until("[data-testid=result]", |text| text.contains("org-key")).await?;

    // What is written is shown before it is.
    window.click("[data-testid=pin]").await?;
    window.find("[data-testid=pin-name]").await?;
    window.script(FILL, vec!["[data-testid=pin-name]".into(), "first-company".into()]).await?;
    window
        .until("[data-testid=review]", |text| text.contains(TEST) && text.contains(EXPECTED))
        .await?;
    ensure!(scene.file(TEST).is_err(), "written before it was said");
    window.click("[data-testid=pin-confirm]").await?;
    let test = scene.file_until(TEST, |text| text.contains("\"sample\"")).await?;
    ensure!(test.contains(PIPE), "{test}");
    ensure!(scene.file(EXPECTED)?.contains("crm-company:org-key"), "nothing is expected");
    window.until(PINS, |text| text.contains("becomes what it did")).await?;

    // A rule that changes the result is told while it is typed.
    let before = scene.file(FILE)?;
    type_a_rule(scene, &before).await?;
    window.until(PINS, |text| text.contains("first-company is not what was pinned")).await?;
    window.control('s').await?;
    scene.file_until(FILE, |text| text.contains("\"story\"")).await?;
    window.click("[data-testid=pins-open]").await?;
    window
        .until("[data-testid=pinned]", |text| {
            text.contains("crm-company:story") && text.contains("\"told\"")
        })
        .await?;
    window.click("[data-testid=tests-run]").await?;
    window.until(SUMMARY, |text| text.contains("0 passed, 1 failed")).await?;
    window.until(RAN, |text| text.contains("crm-company:story")).await?;

    // The command line says the same.
    let tested = test_on_the_command_line(scene).await?;
    ensure!(!tested.0 && tested.1.contains("crm-company:story"), "{}", tested.1);

    // Mended, it passes again.
    window.click("[data-testid=undo]:not(:disabled)").await?;
    scene.file_until(FILE, |text| text == before).await?;
    window.until("[data-testid=pinned]", |text| text.contains("passed")).await?;
    window.click("[data-testid=tests-run]").await?;
    window.until(SUMMARY, |text| text.contains("1 passed, 0 failed")).await?;
    let tested = test_on_the_command_line(scene).await?;
    ensure!(tested.0, "{}", tested.1);

    // The test goes as it came: in one step that is taken back.
    window.click("[data-testid=pin-remove]").await?;
    window.click("[data-testid=unpin-confirm]").await?;
    window.until("[data-testid=tests]", |text| !text.contains("Pinned, with")).await?;
    ensure!(scene.file(TEST).is_err(), "{TEST} is still there");
    window.click("[data-testid=undo]:not(:disabled)").await?;
    scene.file_until(TEST, |text| text == test).await?;
    window.find("[data-testid=pinned]").await?;
    Ok(())
}

/// Puts a text into a field as if it had been typed.
const FILL: &str = "const field = document.querySelector(arguments[0]); \
    field.value = arguments[1]; field.dispatchEvent(new Event('input', { bubbles: true }));";

/// Whether the test passes there, and what is said.
async fn test_on_the_command_line(scene: &Scene) -> Result<(bool, String)> {
    let mut test = scene.pipewright()?;
    test.args(["test", "--only", "first-company"]).arg(&scene.project);
    let out = tokio::task::spawn_blocking(move || test.output()).await??;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    Ok((out.status.success(), said + &String::from_utf8_lossy(&out.stderr)))
}
