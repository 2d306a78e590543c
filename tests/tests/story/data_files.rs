//! A file of data is dropped on the window and becomes a pipe; what was typed
//! and not saved is there again when the page comes back.

use anyhow::{Result, ensure};
use pipewright_tests::story::Scene;

use crate::{FILE, TYPED, open_pipe, type_a_rule};

/// Drops a file on the middle of the window, as the desktop does.
const DROP: &str = "
    const data = new DataTransfer();
    data.items.add(new File([arguments[1]], arguments[0], { type: 'text/csv' }));
    for (const kind of ['dragover', 'drop']) {
        document.querySelector('main').dispatchEvent(
            new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
    }
";
const MEMBERS: &str = "id;name;since\n7;Ada;2019\n8;Grace;2021\n";

pub(crate) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.find("[data-testid=flow]").await?;
    window.script(DROP, vec!["Club Members.csv".into(), MEMBERS.into()]).await?;
    window.find("[data-testid=data-files] [data-testid=data-file-pipe]").await?;
    window.click("[data-testid=data-files-add]").await?;
    let pipe = scene.file_until("pipes/club-members.conf.json", |text| !text.is_empty()).await?;
    ensure!(
        pipe.contains("\"delimiter\": \";\"") && pipe.contains("\"primary_key\": \"id\""),
        "{pipe}"
    );
    ensure!(scene.file("data/Club Members.csv")? == MEMBERS);
    ensure!(scene.file("systems/files.conf.json")?.contains("file:data/%s"));
    window.gone("[data-testid=data-files] form").await?;

    // It is one step, and the file stays for the next time.
    window.control('z').await?;
    scene.file_until("pipes/club-members.conf.json", str::is_empty).await?;
    ensure!(scene.file("systems/files.conf.json").is_err());
    ensure!(scene.file("data/Club Members.csv")? == MEMBERS);

    open_pipe(scene).await?;
    let text = scene.file(FILE)?;
    type_a_rule(scene, &text).await?;
    let kept =
        "return Object.keys(localStorage).some(name => name.startsWith('pipewright.unsaved:'))";
    let begin = std::time::Instant::now();
    while window.script(kept, vec![]).await? != true {
        ensure!(begin.elapsed().as_secs() < 30, "what is typed is not kept");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let address = window.script("return location.href", vec![]).await?;
    window.open(address.as_str().unwrap_or_default()).await?;
    window.until("[data-testid=toast]", |text| text.contains("Unsaved text is back")).await?;
    window
        .until(".monaco-editor .view-lines", |text| text.replace('\u{a0}', " ").contains("story"))
        .await?;
    ensure!(scene.file(FILE)? == text);
    window.control('s').await?;
    scene.file_until(FILE, |text| text.contains(TYPED.trim())).await?;
    let begin = std::time::Instant::now();
    while window.script(kept, vec![]).await? != false {
        ensure!(begin.elapsed().as_secs() < 30, "what is saved is kept still");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}
