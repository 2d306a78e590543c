//! With nothing happening, the page asks for nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

use super::open_pipe;

const WHILE: Duration = Duration::from_secs(30);

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    // The screen with the most on it. The folder is not trusted, so no pipe
    // runs and nothing in the node changes.
    open_pipe(scene).await?;
    // What opening it asked for has been answered when nothing was added for a
    // while.
    let mut before = Vec::new();
    loop {
        let now = window.asked().await?;
        if now == before {
            break;
        }
        before = now;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    ensure!(!before.is_empty(), "what the page asks for is not seen");
    tokio::time::sleep(WHILE).await;
    let after = window.asked().await?;
    ensure!(after == before, "asked meanwhile: {:?}", &after[before.len().min(after.len())..]);
    Ok(())
}
