//! Entities fail: one is looked at and given up with a reason, the rule is
//! mended, and the other is tried again until nothing is left that failed.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

const FILE: &str = "pipes/refund.conf.json";

const REFUNDS: &str = r#"{
  "_id": "refund",
  "type": "pipe",
  "source": {
    "type": "embedded",
    "entities": [
      {"_id": "r-1", "amount": 120},
      {"_id": "r-2", "amount": -30},
      {"_id": "r-3", "amount": -7}
    ]
  },
  "transform": {
    "type": "dtl",
    "rules": {
      "default": [
        ["copy", "*"],
        ["if", ["lt", "_S.amount", 0],
          ["fail!", ["concat", "refund ", "_S._id", " is negative"]]]
      ]
    }
  },
  "pump": {"max_retries_per_entity": 0}
}
"#;

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    std::fs::write(scene.project.join(FILE), REFUNDS)?;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=rail-pipes]").await?;
    window.click("[data-testid=pipes] .table-row[data-key=refund]").await?;
    window.click("[data-testid=pipe-run]").await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Failed")).await?;
    // The second time they are given up.
    window.click("[data-testid=pipe-run]").await?;

    window.click("[data-testid=rail-monitor]").await?;
    let first = "[data-testid=monitor-pipes] .list-row:first-child .table-row[data-key=refund]";
    window.find(first).await?;
    // It is told without being looked for, until someone has looked.
    window.until("[data-testid=alerts-badge]", |text| text.starts_with('1')).await?;
    window.click("[data-testid=tab-alerts]").await?;
    let alert = "[data-testid=alerts] .list-row:first-child .table-row";
    window.until(alert, |text| text.contains("refund") && text.contains("Holds")).await?;
    window.gone("[data-testid=alerts-badge]").await?;
    window.click("[data-testid=tab-failed]").await?;
    let row = |id: &str| format!("[data-testid=failed-table] .table-row[data-key='refund/{id}']");
    window.until(&row("r-2"), |text| text.contains("given up")).await?;
    window.find(&row("r-3")).await?;

    window.click(&row("r-3")).await?;
    window.until("[data-testid=failed-reason]", |text| text.contains("r-3 is negative")).await?;
    window.until("[data-testid=failed-entity]", |text| text.contains("-7")).await?;
    window.click("[data-testid=discard-one]").await?;
    window.click("[data-testid=discard-why]").await?;
    window.type_text("Booked twice").await?;
    window.click("[data-testid=discard-confirm]").await?;
    window.gone(&row("r-3")).await?;

    let mended = REFUNDS.replace("[\"lt\", \"_S.amount\", 0]", "[\"is-null\", \"_S.amount\"]");
    ensure!(mended != REFUNDS, "nothing was mended");
    std::fs::write(scene.project.join(FILE), mended)?;
    // Once the window shows it the node has it.
    window.click("[data-testid=rail-pipes]").await?;
    window.until(".monaco-editor .view-lines", |text| text.contains("is-null")).await?;
    window.click("[data-testid=rail-monitor]").await?;
    window.click(&row("r-2")).await?;
    window.click("[data-testid=retry-one]").await?;
    window.until("[data-testid=monitor]", |text| text.contains("Nothing has failed")).await?;
    window.click("[data-testid=tab-alerts]").await?;
    window.until(alert, |text| text.contains("refund") && text.contains("Over")).await?;
    window.until("[data-testid=alerts-open]", |text| text.contains("Nothing")).await?;

    window.click("[data-testid=rail-datasets]").await?;
    window.click("[data-testid=datasets] .table-row[data-key=refund]").await?;
    window.until("[data-testid=dataset]", |text| text.contains("-30")).await?;
    Ok(())
}
