//! Goes to another node by its address and access token, sees its pipes, and
//! comes back.

use anyhow::{Context, Result};
use pipewright_tests::story::{Host, Scene};

const ELSEWHERE: &str = "only-elsewhere";
const PIPE: &str = r#"{
  "_id": "only-elsewhere",
  "type": "pipe",
  "source": {
    "type": "embedded",
    "entities": []
  }
}
"#;

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let other = scene.another_copy("elsewhere")?;
    std::fs::write(other.join(format!("pipes/{ELSEWHERE}.conf.json")), PIPE)?;
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
    Ok(())
}
