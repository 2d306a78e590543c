//! Draws a line from a dataset into the open: a pipe that reads it, as a file;
//! undo takes both away again.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

use super::open_pipe;

const PORT: &str = "[data-testid=card][data-id='pipe:crm-company-enrich'] [data-testid=port]";
const NEW: &str = "pipes/crm-company-enrich-new.conf.json";
const CARD: &str = "[data-testid=card][data-id='pipe:crm-company-enrich-new']";

/// The scale of the graph, in percent.
const SCALE: &str = "const scale = document.querySelector('.flow-scale'); \
    return scale ? parseInt(scale.textContent) : 0";

/// The way from a port to a place near it with no card.
const FREE: &str = r#"
    const port = document.querySelector(arguments[0]).getBoundingClientRect();
    const [x, y] = [port.x + port.width / 2, port.y + port.height / 2];
    for (let far = 40; far < 400; far += 10)
        for (const [dx, dy] of [[far, 0], [far, far], [far, -far], [0, far], [0, -far]]) {
            const there = document.elementFromPoint(x + dx, y + dy);
            if (there && there.closest('[data-testid=flow-stage]') && !there.closest('[data-testid=card]'))
                return [dx, dy];
        }
    return null;
"#;

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.find("[data-testid=flow-stage]").await?;
    // Near enough for cards to have something to draw from.
    while window.script(SCALE, vec![]).await?.as_i64().unwrap_or(0) < 80 {
        window.click("[data-testid=zoom-in]").await?;
    }
    open_pipe(scene).await?;
    window.click("[data-testid=pipe-in-flow]").await?;
    window.find(PORT).await?;

    let free = window.script(FREE, vec![PORT.into()]).await?;
    window.drag(PORT, serde_json::from_value(free)?).await?;
    window.until("[data-testid=new-pipe]", |text| text.contains(NEW)).await?;
    ensure!(scene.file(NEW).is_err(), "made before asking");
    window.click("[data-testid=new-pipe-add]").await?;
    let made = scene.file_until(NEW, |text| text.ends_with("}\n")).await?;
    let made: serde_json::Value = serde_json::from_str(&made)?;
    ensure!(made["source"]["dataset"] == "crm-company-enrich", "{made}");
    window.find(CARD).await?;

    window.click("[data-testid=undo]:not(:disabled)").await?;
    window.gone(CARD).await?;
    ensure!(scene.file(NEW).is_err(), "the file is still there");
    Ok(())
}
