//! Every screen, in both themes: whoever cannot see it, or works without a
//! mouse, finds what is on it. With `PIPEWRIGHT_PICTURES` set to a folder each
//! is drawn there, in two sizes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use pipewright_tests::story::{Key, Scene, Window};

use super::PIPE;

/// The screens by the name of their picture, with their address and something
/// that is there once they are drawn.
const SCREENS: [(&str, &str, &str); 37] = [
    ("flow", "/flow?select=pipe:global-company", "[data-testid=panel] h2"),
    ("pipes", "/pipes", "[data-testid=pipes] .table-row"),
    ("pipe", "/pipes/crm-company-enrich", ".monaco-editor .view-line"),
    ("pipe-settings", "/pipes/crm-company-enrich?tab=settings", ".form-row"),
    ("pipe-preview", "/pipes/crm-company-enrich?tab=preview", "[data-testid=impact-try]"),
    ("pipe-tests", "/pipes/crm-company-enrich?tab=tests", "[data-testid=tests-run]"),
    ("pipe-input", "/pipes/crm-company-enrich?tab=input", ".table-row"),
    ("pipe-output", "/pipes/crm-company-enrich?tab=output", ".table-row"),
    ("pipe-runs", "/pipes/crm-company-enrich?tab=runs", ".table-row"),
    ("pipe-schema", "/pipes/crm-company-enrich?tab=schema", "[data-testid=schema-out] .table-row"),
    (
        "pipe-lineage",
        "/pipes/crm-company-enrich?tab=lineage",
        "[data-testid=lineage-table] .table-row",
    ),
    ("pipe-indexes", "/pipes/global-person?tab=indexes", "[data-testid=indexes]"),
    ("pipe-permissions", "/pipes/crm-company-enrich?tab=permissions", "[data-testid=permissions]"),
    ("systems", "/systems", "[data-testid=systems-table] .table-row"),
    ("system", "/systems/crm", ".form-row"),
    ("system-contents", "/systems/crm?tab=contents", "[data-testid=offers] .table-row"),
    ("file", "/files/test-env.json", ".monaco-editor .view-line"),
    ("datasets", "/datasets", "[data-testid=datasets] .table-row"),
    ("dataset", "/datasets/global-company", ".table-row"),
    ("entity", "/datasets/global-company?entity=crm-company%3AC1000", "[data-testid=version]"),
    ("duplicates", "/duplicates/global-company", ".list-row"),
    ("monitor", "/monitor", "[data-testid=monitor-pipes] .table-row"),
    ("monitor-runs", "/monitor/runs", "[data-testid=monitor-runs] .table-row"),
    ("failed", "/monitor/failed", "[data-testid=monitor]"),
    ("alerts", "/monitor/alerts", "[data-testid=alerts-open]"),
    ("node", "/monitor/node", "[data-testid=health]"),
    ("design", "/design", "[data-testid=design] .form-row"),
    ("connections", "/connections", "[data-testid=connections] h1"),
    ("compare", "/connections/compare", "[data-testid=compare-with] h2"),
    ("settings", "/settings", "[data-testid=density]"),
    ("settings-keys", "/settings/keys", ".keys-line"),
    ("settings-metadata", "/settings/metadata", ".form-row"),
    ("settings-variables", "/settings/variables", "[data-testid=variables] input"),
    ("settings-secrets", "/settings/secrets", "[data-testid=secret-name]"),
    ("settings-permissions", "/settings/permissions", ".plain-table"),
    ("settings-access", "/settings/access", "[data-testid=token-name]"),
    ("settings-backup", "/settings/backup", "[data-testid=backup]"),
];

/// Goes to an address without loading the page again.
const GO: &str = "history.pushState(null, '', arguments[0]); \
    dispatchEvent(new PopStateEvent('popstate'));";

/// What axe finds, one text for each, once nothing moves any more. Tooltips
/// belong to what they are about and lie in no landmark.
const LOOK: &str = "return Promise.all(document.getAnimations() \
        .filter(one => one.effect.getComputedTiming().endTime < Infinity) \
        .map(one => one.finished.catch(() => {}))) \
    .then(() => axe.run({ exclude: ['.tooltip'] }, { resultTypes: ['violations'] })) \
    .then(found => found.violations.map(it => `${it.impact} ${it.id}: ${it.help}: ` + \
        it.nodes.map(node => node.html.slice(0, 200) + ' (' + node.any.concat(node.all, node.none) \
            .map(why => why.message).join(' ') + ')').slice(0, 3).join(' | ')));";

/// What is looked at and drawn, and what was found.
struct Round<'a> {
    window: &'a Window,
    theme: &'static str,
    pictures: Option<PathBuf>,
    found: Vec<String>,
}

impl Round<'_> {
    async fn look(&mut self, name: &str) -> Result<()> {
        self.window.gone("[aria-label=Loading]").await?;
        if let Some(folder) = &self.pictures {
            for (width, height) in [(1920, 1080), (1280, 800)] {
                self.window.resize(width, height).await?;
                // Panes, graph and editor follow in frames of their own.
                tokio::time::sleep(Duration::from_millis(600)).await;
                let file = folder.join(format!("{name}-{}-{width}.png", self.theme));
                std::fs::write(file, self.window.picture().await?)?;
            }
        }
        let found: Vec<String> = serde_json::from_value(self.window.script(LOOK, vec![]).await?)?;
        self.found.extend(found.into_iter().map(|it| format!("{name}, {}: {it}", self.theme)));
        Ok(())
    }

    async fn screens(&mut self) -> Result<()> {
        let window = self.window;
        for (name, address, there) in SCREENS {
            window.script(GO, vec![address.into()]).await?;
            window.find(there).await.with_context(|| name.to_owned())?;
            self.look(name).await?;
        }
        Ok(())
    }

    /// What lies over the screens.
    async fn dialogs(&mut self) -> Result<()> {
        let window = self.window;
        window.script(GO, vec!["/systems".into()]).await?;
        window.click("[data-testid=new-system]").await?;
        window.find("[data-testid=new-system-dialog] .choice").await?;
        self.look("new-system").await?;
        window.press(Key::Escape, 1).await?;
        window.gone("[data-testid=new-system-dialog][open]").await?;

        window.script(GO, vec!["/flow".into()]).await?;
        window.click("[data-testid=flow-add]").await?;
        window.find("[data-piece=pipe]").await?;
        window.click("[data-testid=flow-filter]").await?;
        window.find("[data-testid=filter-state]").await?;
        self.look("flow-shelf").await?;
        window.click("[data-testid=flow-filter]").await?;
        window.click("[data-testid=flow-add]").await?;
        window.click("[data-testid=flow-stage]").await?;
        window.control('a').await?;
        window.find("[data-testid=group]").await?;
        self.look("flow-group").await?;
        window.press(Key::Escape, 1).await?;
        window.gone("[data-testid=group]").await?;

        window.click("[data-testid=flow-stage]").await?;
        window.script(GO, vec![format!("/flow?select=pipe:{PIPE}").into()]).await?;
        window.type_text("r").await?;
        window.find("[data-testid=flow-change] .review").await?;
        self.look("flow-read").await?;
        window.press(Key::Escape, 1).await?;
        window.gone("[data-testid=flow-change][open]").await?;

        window.click("[data-testid=flow-merge]").await?;
        window.find("[data-testid=new-merge] .merge-part").await?;
        self.look("new-merge").await?;
        window.press(Key::Escape, 1).await?;
        window.gone("[data-testid=new-merge][open]").await?;

        window.script(GO, vec![format!("/pipes/{PIPE}").into()]).await?;
        window.click("[data-testid=pipe-more]").await?;
        window.find(".menu-item").await?;
        self.look("menu").await?;
        window.press(Key::Escape, 1).await?;
        window.gone(".menu-item").await?;
        window.control('k').await?;
        window.find("[data-testid=palette] input").await?;
        self.look("palette").await?;
        window.press(Key::Escape, 1).await?;
        window.gone("[data-testid=palette][open]").await?;

        window.script(GO, vec!["/pipes".into()]).await?;
        window.find("[data-testid=pipes] .table-row").await?;
        window.type_text("?").await?;
        window.find("[data-testid=key-help] kbd").await?;
        self.look("key-help").await?;
        window.press(Key::Escape, 1).await?;
        window.gone("[data-testid=key-help][open]").await?;
        window.click("[data-testid=tour-begin]").await?;
        window.find("[data-testid=tour]").await?;
        self.look("tour").await?;
        window.click("[data-testid=tour-leave]").await
    }
}

pub(super) async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=trust]").await?;
    window.click("[data-testid=run-all]").await?;
    window.click("[data-testid=rail-datasets]").await?;
    window
        .until("[data-testid=datasets] .table-row[data-key=global-company]", |text| {
            text.contains(|it: char| ('1'..='9').contains(&it))
        })
        .await?;

    let pictures = std::env::var_os("PIPEWRIGHT_PICTURES").map(PathBuf::from);
    if let Some(folder) = &pictures {
        std::fs::create_dir_all(folder)?;
    }
    let axe = axe()?;
    window.script(&format!("{axe}; window.axe = axe;"), vec![]).await?;
    let mut found = Vec::new();
    for theme in ["Light", "Dark"] {
        window.script(GO, vec!["/settings".into()]).await?;
        window.click_text(".segments button", theme).await?;
        let theme = if theme == "Light" { "light" } else { "dark" };
        window.find(&format!("html[data-theme={theme}]")).await?;
        let mut round = Round { window, theme, pictures: pictures.clone(), found: Vec::new() };
        round.screens().await?;
        round.dialogs().await?;
        found.append(&mut round.found);
    }
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// The text of axe, which the build puts beside the programs.
fn axe() -> Result<String> {
    let here = std::env::current_exe()?;
    let beside = |above: &Path| above.join("axe.min.js");
    match here.ancestors().map(beside).find(|file| file.is_file()) {
        Some(file) => Ok(std::fs::read_to_string(file)?),
        None => bail!("axe.min.js is not there; `cargo xtask ui` puts it there"),
    }
}
