//! Goes to another node by its address and access token, sees its pipes, and
//! comes back; then compares the two, takes a pipe from there, takes that back,
//! sends one there, and sees it run.

use anyhow::{Context, Result, ensure};
use pipewright_tests::story::{Host, Key, Scene};

const ELSEWHERE: &str = "only-elsewhere";
const HERE: &str = "only-here";

fn pipe(id: &str) -> String {
    format!(
        r#"{{
  "_id": "{id}",
  "type": "pipe",
  "source": {{
    "type": "embedded",
    "entities": [{{"_id": "1"}}]
  }}
}}
"#
    )
}

fn file(id: &str) -> String {
    format!("pipes/{id}.conf.json")
}

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let other = scene.another_copy("elsewhere")?;
    std::fs::write(other.join(file(ELSEWHERE)), pipe(ELSEWHERE))?;
    let (address, token) = scene.serve(&other).await?;
    let window = &scene.window;
    let project =
        |name: &'static str| window.until("[data-testid=project] b", move |text| text == name);
    let pipes = "[data-testid=pipes-table]";
    project("crm-erp").await?;
    let origin = window.script("return location.origin", vec![]).await?;

    window.click("[data-testid=rail-connections]").await?;
    window.click("[data-testid=node-url]").await?;
    window.type_text(&address).await?;
    window.click("[data-testid=node-token]").await?;
    window.type_text(&token).await?;
    window.click("[data-testid=node-connect]").await?;
    project("elsewhere").await?;
    if scene.host == Host::Browser {
        // It is another page now.
        window.watch().await?;
    }
    window.click("[data-testid=rail-pipes]").await?;
    window.until(pipes, |text| text.contains(ELSEWHERE)).await?;

    match scene.host {
        Host::Browser => {
            window.quiet().await?;
            // The tab still knows the token it came with.
            window.open(origin.as_str().context("no origin")?).await?;
        }
        Host::Desktop => {
            window.click("[data-testid=rail-connections]").await?;
            window.click_text(".recent-open b", "crm-erp").await?;
        }
    }
    project("crm-erp").await?;
    window.click("[data-testid=rail-pipes]").await?;
    window
        .until(pipes, |text| text.contains("crm-company-enrich") && !text.contains(ELSEWHERE))
        .await?;

    window.click("[data-testid=rail-connections]").await?;
    window.click("[data-testid=compare]").await?;
    window.click_text("[data-testid=compare-with] .recent-open b", "elsewhere").await?;
    let differences = "[data-testid=differences]";
    window.until(differences, |text| text.contains("only there")).await?;
    window.click(&format!("[aria-label='Choose {ELSEWHERE}']")).await?;
    window.click("[data-testid=compare-download]").await?;
    window.until("[data-testid=transfer-lines]", |text| text.contains("added")).await?;
    window.click("[data-testid=transfer-do]").await?;
    window.find("[data-testid=transferred]").await?;
    window.click("[data-testid=transfer-close]").await?;
    scene.file_until(&file(ELSEWHERE), |text| text.contains(ELSEWHERE)).await?;
    window.click("[data-testid=undo]:not(:disabled)").await?;
    scene.file_until(&file(ELSEWHERE), str::is_empty).await?;

    // They have been the same, so it is known now who changed what.
    std::fs::write(scene.project.join(file(HERE)), pipe(HERE))?;
    window
        .until(differences, |text| text.contains("added here") && text.contains("removed here"))
        .await?;
    window.click(&format!("{differences} [data-key='pipe:{HERE}']")).await?;
    window.find("[data-testid=difference] .monaco-diff-editor").await?;
    window.click(&format!("[aria-label='Choose {HERE}']")).await?;
    window.click("[data-testid=compare-upload]").await?;
    window.click("[data-testid=transfer-do]").await?;
    window.find("[data-testid=transferred]").await?;
    ensure!(other.join(file(HERE)).is_file(), "it did not arrive");
    ensure!(other.join(file(ELSEWHERE)).is_file(), "more was changed than was chosen");

    if scene.host == Host::Browser {
        window.quiet().await?;
    }
    window.click("[data-testid=transfer-open]").await?;
    project("elsewhere").await?;
    if scene.host == Host::Browser {
        window.watch().await?;
    }
    window.click("[data-testid=trust]").await?;
    window.control('k').await?;
    window.find("[data-testid=palette-input]").await?;
    window.type_text(HERE).await?;
    window.until("[data-testid=palette] [aria-selected=true]", |text| text.contains(HERE)).await?;
    window.press(Key::Enter, 1).await?;
    window.until("[data-testid=pipe] h1", |text| text == HERE).await?;
    window.click("[data-testid=pipe-run]").await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    Ok(())
}
