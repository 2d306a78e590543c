//! Someone runs the project from the command line while it is open: the run
//! happens in the node behind the window, which shows how far it is.

use anyhow::{Context, Result, ensure};
use pipewright_tests::story::Scene;

/// Enough to be seen running.
const ROWS: usize = 20_000;

/// Remembers everything the status bar says about running pipes.
const LOOK: &str = r#"
    window.seen = [];
    new MutationObserver(() => {
        const running = document.querySelector('[data-testid=status-running]');
        if (running) window.seen.push(running.textContent.trim());
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
"#;

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let data = scene.project.join("data/crm/companies.csv");
    let mut text = std::fs::read_to_string(&data)?;
    let row = text.lines().nth(1).context("no companies")?.to_owned();
    let rest = row.split_once(',').context("one column")?.1;
    let there = text.lines().count() - 1;
    for number in there..ROWS {
        text += &format!("X{number},{rest}\n");
    }
    std::fs::write(&data, text)?;

    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.gone("[data-testid=trust-bar]").await?;
    window.click("a[href='/pipes']").await?;
    window.find("[data-testid=pipes-table]").await?;
    window.script(LOOK, vec![]).await?;

    let mut run = scene.pipewright()?;
    run.arg("run").arg(&scene.project);
    let out = tokio::task::spawn_blocking(move || run.output()).await??;
    let said = String::from_utf8_lossy(&out.stdout);
    ensure!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    ensure!(said.contains("crm-company-collect"), "{said}");

    // The same in the window, which was not touched.
    let row = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|line| line.trim() == "crm-company-collect");
        lines[at.map_or(lines.len(), |at| at.saturating_sub(2))..]
            .iter()
            .take(9)
            .any(|line| line.trim() == "20\u{202f}000")
    };
    window.until("[data-testid=pipes-table]", row).await?;
    let seen = window.script("return window.seen", vec![]).await?;
    let seen: Vec<String> = serde_json::from_value(seen)?;
    ensure!(seen.iter().any(|text| text.contains("running")), "never shown running: {seen:?}");
    window.gone("[data-testid=status-running]").await
}
