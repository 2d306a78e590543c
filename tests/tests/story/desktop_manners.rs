//! What the window owes to the desktop: one of it, whatever is opened how
//! often, and a question before it closes over work.

use anyhow::{Result, ensure};
use pipewright_tests::story::{Key, Scene};
use serde_json::json;

/// Runs a command of the palette.
async fn command(scene: &Scene, words: &str) -> Result<()> {
    let window = &scene.window;
    window.control('k').await?;
    window.find("[data-testid=palette] input").await?;
    window.type_text(words).await?;
    window.until("[data-testid=palette]", |text| text.contains(words)).await?;
    window.press(Key::Enter, 1).await
}

pub(crate) async fn told(scene: &mut Scene) -> Result<()> {
    scene.window.until("[data-testid=project]", |text| text.contains("crm-erp")).await?;

    // A second start opens its project in the window that is there.
    let other = scene.another_copy("second")?;
    scene.start_again(&other).await?;
    scene.window.until("[data-testid=project]", |text| text.contains("second")).await?;
    // So does a file that is opened with the program.
    let file = scene.project.join("pipes/country.conf.json");
    scene.start_again(&file).await?;
    scene.window.until("[data-testid=project]", |text| text.contains("crm-erp")).await?;
    scene.window.find(".monaco-editor .view-line").await?;

    // A pipe that waits for an answer which never comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/%s", silent.local_addr()?);
    let system = json!({"_id": "silent", "type": "system:url", "url_pattern": address});
    let pipe = json!({
        "_id": "patient", "type": "pipe",
        "source": {"type": "json", "system": "silent", "url": "people"},
    });
    std::fs::write(scene.project.join("systems/silent.conf.json"), system.to_string())?;
    std::fs::write(scene.project.join("pipes/patient.conf.json"), pipe.to_string())?;
    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.click("a[href='/pipes']").await?;
    window.click("[data-testid=pipes] .table-row[data-key='patient']").await?;
    command(scene, "Run patient").await?;
    window.until("[data-testid=pipe]", |text| text.contains("Running")).await?;
    command(scene, "Close the window").await?;
    window.until("[data-testid=leaving]", |text| text.contains("patient")).await?;
    window.click("[data-testid=leaving-stay]").await?;
    window.gone("[data-testid=leaving] p").await?;
    command(scene, "Close the window").await?;
    window.find("[data-testid=leaving-leave]").await?;
    window.quiet().await?;
    window.click("[data-testid=leaving-leave]").await?;
    ensure!(scene.has_ended().await?, "the window is still there");
    Ok(())
}
