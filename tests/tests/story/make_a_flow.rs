//! A file and a table of a database become one merged dataset, and no JSON is
//! typed on the way.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;
use rusqlite::Connection;
use serde_json::Value;

/// Companies of the CRM's file under their own numbers, and one it lacks.
fn database(scene: &Scene) -> Result<()> {
    let stock = Connection::open(scene.project.join("data/stock.db"))?;
    stock.execute_batch(
        "CREATE TABLE supplier (id integer PRIMARY KEY, company text NOT NULL, terms text);
         INSERT INTO supplier VALUES (1, 'C1000', '14 days'), (2, 'C1001', '30 days'), (3, 'X9', NULL);",
    )?;
    Ok(())
}

/// Ticks what a system offers and makes the pipe that reads it.
async fn make_pipe(scene: &Scene, offer: &str, pipe: &str) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=tab-contents]").await?;
    window.click(&format!("[data-testid=offers] .table-row[data-key='{offer}'] .check")).await?;
    window.click("[data-testid=make-pipes]").await?;
    window.click("[data-testid=new-pipes-add]").await?;
    window.until("[data-testid=panel] h2", |text| text == pipe).await?;
    run_selected(scene).await
}

/// Runs the pipe that is selected in the flow.
async fn run_selected(scene: &Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=panel] [data-testid=pipe-run]").await?;
    window
        .until("[data-testid=panel] [data-testid=pipe-state]", |text| text.contains("Finished"))
        .await?;
    Ok(())
}

/// Chooses the dataset of a row of the merge, and types its property.
async fn part(scene: &Scene, row: usize, dataset: &str, property: &str) -> Result<()> {
    const CHOOSE: &str = "const select = document.querySelectorAll('[data-testid=merge-dataset]')[arguments[0]]; \
        select.value = arguments[1]; select.dispatchEvent(new Event('change', {bubbles: true})); \
        document.querySelectorAll('[data-testid=merge-property]')[arguments[0]].focus();";
    scene.window.script(CHOOSE, vec![row.into(), dataset.into()]).await?;
    scene.window.type_text(property).await
}

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    database(scene)?;
    let window = &scene.window;
    window.click("[data-testid=trust]").await?;

    // The database, reached through a form.
    window.click("[data-testid=rail-systems]").await?;
    window.click("[data-testid=new-system]").await?;
    window.click("[data-testid=new-system-dialog] [data-kind=sqlite]").await?;
    window.click("[data-testid=new-system-name]").await?;
    window.type_text("stock").await?;
    window.click("[data-testid=new-system-add]").await?;
    window.click("[data-testid=system-form] [data-field=database] input").await?;
    window.type_text("data/stock.db").await?;
    window.click("[data-testid=save]").await?;
    let made =
        scene.file_until("systems/stock.conf.json", |text| text.contains("data/stock.db")).await?;
    ensure!(serde_json::from_str::<Value>(&made)?["type"] == "system:sqlite", "{made}");
    window.click("[data-testid=system-test]").await?;
    window.until("[data-testid=system-tested]", |text| text.contains("one table")).await?;
    make_pipe(scene, "supplier", "stock-supplier").await?;

    // The file, in a folder that is a system already.
    window.click("[data-testid=rail-systems]").await?;
    window.click("[data-testid=rail-systems]").await?;
    window
        .click("[data-testid=systems-table] .table-row[data-key='systems/crm.conf.json']")
        .await?;
    make_pipe(scene, "companies.csv", "crm-companies").await?;

    // Both as one.
    window.click("[data-testid=flow-merge]").await?;
    part(scene, 0, "crm-companies", "crm-companies:company_id").await?;
    part(scene, 1, "stock-supplier", "stock-supplier:company").await?;
    window.click("[data-testid=merge-name]").await?;
    window.press(pipewright_tests::story::Key::End, 1).await?;
    window.type_text("supplier").await?;
    window.click("[data-testid=merge-add]").await?;
    window.until("[data-testid=panel] h2", |text| text == "global-supplier").await?;
    run_selected(scene).await?;

    window.click("[data-testid=panel-clusters]").await?;
    window
        .until("[data-testid=duplicates]", |text| text.contains("C1000") || text.contains("1"))
        .await?;
    let merged = scene.file("pipes/global-supplier.conf.json")?;
    let merged: Value = serde_json::from_str(&merged)?;
    ensure!(merged["source"]["type"] == "merge", "{merged}");

    // One undo takes the last step back, file and card.
    window.click("[data-testid=undo]:not(:disabled)").await?;
    window.gone("[data-testid=card][data-id='pipe:global-supplier']").await?;
    ensure!(scene.file("pipes/global-supplier.conf.json").is_err(), "the file is still there");
    Ok(())
}
