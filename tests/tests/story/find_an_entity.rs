//! An entity is found by what is in it, its history is looked at, and where it
//! came from and went to.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

const DATASET: &str = "crm-company-collect";
const READER: &str = "crm-company-enrich";

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=rail-pipes]").await?;
    window.click(&format!("[data-testid=pipes] .table-row[data-key={DATASET}]")).await?;
    window.click("[data-testid=pipe-run]").await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    // The source changes one of them.
    let file = "data/crm/companies.csv";
    let text = scene.file(file)?;
    let (old, new) = ("+47 15 34 41 04", "+47 15 34 41 05");
    ensure!(text.contains(old), "the example has another number");
    std::fs::write(scene.project.join(file), text.replace(old, new))?;
    window.click("[data-testid=pipe-run]").await?;

    window.click("[data-testid=rail-datasets]").await?;
    let row = format!("[data-testid=datasets] .table-row[data-key={DATASET}]");
    window.until(&row, |text| text.contains("251")).await?;
    window.click(&row).await?;
    window.until("[data-testid=dataset-count]", |text| text.starts_with("250")).await?;
    window.click("[data-testid=dataset-filter]").await?;
    window.type_text("\"41 05\"").await?;
    window.until("[data-testid=dataset-count]", |text| text == "1 found").await?;
    // With an index of its words it is the same.
    window.click("[data-testid=full-text]").await?;
    window.until("[data-testid=full-text]", |text| text == "Search: index").await?;
    window.click("[data-testid=dataset-filter]").await?;
    window.type_text(" ").await?;
    window.until("[data-testid=dataset-count]", |text| text == "1 found by index").await?;
    window.click("[data-testid=entities] .list-row:first-child .table-row").await?;
    window.until("section[aria-label=Entity]", |text| text.contains(new)).await?;
    let versions = "return document.querySelectorAll('[data-testid=version]').length";
    let versions = window.script(versions, vec![]).await?;
    ensure!(versions == 2, "{versions} versions are told");
    window.click("[data-testid=entity-changes]").await?;
    window.until("[data-testid=entity-json]", |text| text.contains(old)).await?;
    window.click("[data-testid=entity-lineage]").await?;
    window.until("[data-testid=came-from]", |text| text.contains("system \"crm\"")).await?;
    window.until("[data-testid=lineage]", |text| text.contains("run that began")).await?;
    window.find("[data-testid=waits-in]").await?;
    window.until("[data-testid=made-from-it]", |text| text.contains(READER)).await?;
    window.click("[data-testid=entity-whole]").await?;

    window.click("[data-testid=dataset-filter]").await?;
    window.control('a').await?;
    window.type_text("[\"uper\", \"_S.x\"]").await?;
    window.until("[data-testid=problem]", |text| text.contains("upper")).await?;
    window.control('a').await?;
    window.type_text("country = NO").await?;
    window.until("[data-testid=dataset-count]", |text| text.ends_with(" found")).await?;
    window.gone("[data-testid=problem]").await
}
