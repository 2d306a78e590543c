//! Stories: what a person does in the studio, from the first look to the file
//! on disk. Told in a browser against `pipewright serve`.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pipewright_tests::browser::{Process, Window, example, program};
use serde_json::json;

const PIPE: &str = "crm-company-enrich";
/// Up, down and end as WebDriver writes them.
const DOWN: &str = "\u{e015}";
const END: &str = "\u{e010}";
const ENTER: &str = "\u{e007}";
const DELETE: &str = "\u{e017}";
/// Parts of the editor. The first word of a line, which may be longer than
/// the window is wide.
const LINE: &str = ".monaco-editor .view-line span span";
const FOCUSED: &str = ".suggest-widget.visible .monaco-list-row.focused";
const SIGNATURE: &str = ".parameter-hints-widget.visible .signature";
const FINDINGS: &str = "[data-testid=findings]";

/// Opens the example, runs it, changes a rule and sees the preview change,
/// saves and sees the file changed, and takes it all back.
async fn change_a_rule_and_take_it_back(window: &Window, project: &Path) -> Result<()> {
    window
        .script(
            "window.told = []; const error = console.error; \
             console.error = (...said) => { window.told.push(said.join(' ')); error(...said); }; \
             window.addEventListener('error', event => window.told.push(event.message)); \
             window.addEventListener('unhandledrejection', event => window.told.push(String(event.reason)));",
            vec![],
        )
        .await?;
    // Opening is harmless: nothing runs before someone says so.
    window.find("[data-testid=trust-bar]").await?;
    window.find("[data-testid=flow-stage]").await?;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;

    window.click("a[href='/pipes']").await?;
    window.click_text("[data-testid=pipes] b", PIPE).await?;
    window.until("[data-testid=pipe] h1", |text| text == PIPE).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    // The preview ran on the first entity of the source.
    window.until("[data-testid=result]", |text| text.contains("org-key")).await?;

    let file = project.join(format!("pipes/{PIPE}.conf.json"));
    let before = std::fs::read_to_string(&file)?;
    let line =
        before.lines().position(|line| line.contains("[\"copy\", \"*\"]")).context("no copy")?;
    window.click(LINE).await?;
    window.control('\u{e011}').await?;
    window.type_text(&DOWN.repeat(line)).await?;
    window.type_text(END).await?;
    window.type_text(" [\"add\", \"story\", \"told\"],").await?;
    window.until("[data-testid=result]", |text| text.contains("crm-company:story")).await?;
    assert_eq!(std::fs::read_to_string(&file)?, before, "nothing is written before saving");

    window.control('s').await?;
    let saved = file_until(&file, |text| text.contains("\"story\""))?;
    assert_eq!(saved.replacen(" [\"add\", \"story\", \"told\"],", "", 1), before, "a minimal edit");

    for _ in 0..40 {
        let undone = window.text("[data-testid=result]").await.is_ok_and(|t| !t.contains("story"));
        let enabled = "return !document.querySelector('[data-testid=undo]').disabled";
        if undone || window.script(enabled, vec![]).await? != json!(true) {
            break;
        }
        window.click("[data-testid=undo]").await?;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    window.control('s').await?;
    file_until(&file, |text| text == before)?;

    let told = window.script("return window.told", vec![]).await?;
    assert_eq!(told, json!([]), "the console stays quiet");
    Ok(())
}

fn file_until(file: &Path, test: impl Fn(&str) -> bool) -> Result<String> {
    let begin = Instant::now();
    loop {
        let text = std::fs::read_to_string(file)?;
        if test(&text) {
            return Ok(text);
        }
        if begin.elapsed() > Duration::from_secs(30) {
            bail!("{} still says:\n{text}", file.display());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes a rule with what the editor offers, mends a slip as it proposes, and
/// reads what a function does.
async fn write_with_help(window: &Window, project: &Path) -> Result<()> {
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;
    window.click("a[href='/pipes']").await?;
    window.click_text("[data-testid=pipes] b", PIPE).await?;
    window.until("[data-testid=pipe-state]", |text| text.contains("Finished")).await?;
    window.until("[data-testid=result]", |text| text.contains("org-key")).await?;
    let file = project.join(format!("pipes/{PIPE}.conf.json"));
    let before = std::fs::read_to_string(&file)?;
    let line =
        before.lines().position(|line| line.contains("[\"copy\", \"*\"]")).context("no copy")?;
    window.click(LINE).await?;
    window.control('\u{e011}').await?;
    window.type_text(&DOWN.repeat(line)).await?;
    window.type_text(END).await?;

    // A function is offered with its arguments, then the properties of the data.
    window.type_text(ENTER).await?;
    window.type_text("[\"add\", \"story\", [\"conc").await?;
    window.until(FOCUSED, |text| text.starts_with("concat")).await?;
    window.type_text(ENTER).await?;
    window.until(SIGNATURE, |text| text.contains("[\"concat\", VALUES...]")).await?;
    window.type_text(DELETE).await?;
    window.type_text("\"_S.nam").await?;
    window.until(FOCUSED, |text| text.contains("_S.name")).await?;
    window.type_text(ENTER).await?;
    window.type_text(END).await?;
    window.type_text(",").await?;
    window.until("[data-testid=result]", |text| text.contains("crm-company:story")).await?;

    // A slip is named while one types, with what was meant, and mended.
    window.type_text(ENTER).await?;
    window.type_text("[\"add\", \"loud\", [\"uper\", \"_S.name\"]],").await?;
    window.until(FINDINGS, |text| text.contains("did you mean \"upper\"?")).await?;
    window.click(&format!("{FINDINGS} button")).await?;
    window.control('.').await?;
    window.until(".action-widget", |text| text.contains("Replace by \"upper\"")).await?;
    window.type_text(ENTER).await?;
    window.until("[data-testid=result]", |text| text.contains("crm-company:loud")).await?;

    window.point_at_text(".view-line span span", "\"upper\"").await?;
    window
        .until(".monaco-hover:not(.hidden) .hover-contents", |text| {
            text.contains("[\"upper\", VALUES]")
        })
        .await?;

    window.control('s').await?;
    let saved = file_until(&file, |text| text.contains("\"loud\""))?;
    let written = "\n        [\"add\", \"story\", [\"concat\", \"_S.name\"]],\
                   \n        [\"add\", \"loud\", [\"upper\", \"_S.name\"]],";
    assert_eq!(saved.replacen(written, "", 1), before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn story_in_a_browser() {
    let stage = Stage::serve().await;
    change_a_rule_and_take_it_back(&stage.window, &stage.project()).await.unwrap();
    stage.window.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_with_help() {
    let stage = Stage::serve().await;
    write_with_help(&stage.window, &stage.project()).await.unwrap();
    stage.window.close().await.unwrap();
}

/// The example, served, and a browser that looks at it.
struct Stage {
    window: Window,
    folder: tempfile::TempDir,
    _serve: Process,
}

impl Stage {
    async fn serve() -> Stage {
        let folder = example().unwrap();
        let mut serve = Process::start(
            Command::new(program("pipewright").unwrap())
                .args(["serve", "--port", "0"])
                .arg(folder.path().join("crm-erp"))
                .env("PIPEWRIGHT_HOME", folder.path().join("home"))
                .stdout(Stdio::piped()),
        )
        .unwrap();
        let said = serve.child().stdout.take().unwrap();
        let link = BufReader::new(said)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("access link: ").map(str::to_owned))
            .unwrap();
        let window = Window::chromium().await.unwrap();
        window.open(&link).await.unwrap();
        Stage { window, folder, _serve: serve }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("crm-erp")
    }
}
