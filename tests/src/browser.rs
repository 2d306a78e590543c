//! Driving the studio as a person does: in a browser, through WebDriver.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::actions::KeyAction::{self, Down, Pause, Up};
use fantoccini::actions::{InputSource, KeyActions, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

/// How long something may take to show.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with its value.
pub struct Process(Child);

impl Process {
    /// Starts a program, which is said to be missing if it is.
    pub fn start(command: &mut Command) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("{program} cannot be started"))?;
        Ok(Process(child))
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program of this workspace that was built before the tests.
pub fn program(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let found = here.ancestors().map(|above| above.join(&name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} has not been built; `cargo xtask test` does so"))
}

/// A copy of the example project in a folder of its own.
pub fn example() -> Result<tempfile::TempDir> {
    fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_dir() {
                if !name.to_string_lossy().starts_with('.') {
                    copy(&entry.path(), &to.join(name))?;
                }
            } else {
                std::fs::copy(entry.path(), to.join(name))?;
            }
        }
        Ok(())
    }
    let folder = tempfile::tempdir()?;
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/crm-erp");
    copy(&example, &folder.path().join("crm-erp"))?;
    Ok(folder)
}

/// A port that nobody uses now.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A browser or window under remote control.
pub struct Window {
    client: Client,
    _driver: Process,
    _profile: tempfile::TempDir,
}

impl Window {
    /// Headless Chromium.
    pub async fn chromium() -> Result<Window> {
        let port = free_port()?;
        let profile = tempfile::tempdir()?;
        let driver = Process::start(
            Command::new("chromedriver")
                .arg(format!("--port={port}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let data = format!("--user-data-dir={}", profile.path().display());
        let options = json!({
            "binary": "/usr/bin/chromium",
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--no-first-run",
                "--window-size=1280,800", data,
            ],
        });
        let mut capabilities = Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        capabilities.insert("goog:loggingPrefs".into(), json!({"browser": "ALL"}));
        Window::connect(port, capabilities, driver, profile).await
    }

    async fn connect(
        port: u16,
        capabilities: Map<String, Value>,
        driver: Process,
        profile: tempfile::TempDir,
    ) -> Result<Window> {
        let begin = Instant::now();
        let address = format!("http://127.0.0.1:{port}");
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&address).await {
                Ok(client) => break client,
                Err(_) if begin.elapsed() < Duration::from_secs(20) => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Err(error) => return Err(error).context("the browser cannot be driven"),
            }
        };
        Ok(Window { client, _driver: driver, _profile: profile })
    }

    /// Opens an address.
    pub async fn open(&self, address: &str) -> Result<()> {
        Ok(self.client.goto(address).await?)
    }

    /// The element that a CSS selector names, once it is there.
    pub async fn find(&self, css: &str) -> Result<Element> {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => {
                let text = self.text("body").await.unwrap_or_default();
                Err(error).with_context(|| format!("no {css:?} in the window, which says:\n{text}"))
            }
        }
    }

    /// Clicks on the element that a CSS selector names, once it is there.
    pub async fn click(&self, css: &str) -> Result<()> {
        let begin = Instant::now();
        loop {
            // An element that was drawn anew meanwhile is found again.
            match self.find(css).await?.click().await {
                Ok(()) => return Ok(()),
                Err(error) if begin.elapsed() > PATIENCE => {
                    return Err(error).with_context(|| format!("{css:?} cannot be clicked"));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Clicks on the element with this text among those that a CSS selector
    /// names, once it is there.
    pub async fn click_text(&self, css: &str, text: &str) -> Result<()> {
        let begin = Instant::now();
        loop {
            for element in self.client.find_all(Locator::Css(css)).await? {
                // An element that was drawn anew meanwhile is found again.
                if element.text().await.is_ok_and(|found| found.trim() == text)
                    && element.click().await.is_ok()
                {
                    return Ok(());
                }
            }
            if begin.elapsed() > PATIENCE {
                bail!("no {css:?} with the text {text:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Moves the mouse onto the element with this text among those that a CSS
    /// selector names, once it is there.
    pub async fn point_at_text(&self, css: &str, text: &str) -> Result<()> {
        let begin = Instant::now();
        loop {
            for element in self.client.find_all(Locator::Css(css)).await? {
                if element.text().await.is_ok_and(|found| found.trim() == text) {
                    let onto = PointerAction::MoveToElement {
                        element,
                        duration: Some(Duration::from_millis(50)),
                        x: 0.0,
                        y: 0.0,
                    };
                    let mouse = MouseActions::new("mouse".into()).then(onto);
                    return Ok(self.client.perform_actions(mouse).await?);
                }
            }
            if begin.elapsed() > PATIENCE {
                bail!("no {css:?} with the text {text:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Types into whatever has the focus.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        // As quick as fingers can be, which is slower than the page can follow.
        let pause = Pause { duration: Duration::from_millis(15) };
        let keys = |key| [Down { value: key }, Up { value: key }, pause.clone()];
        self.press(text.chars().flat_map(keys)).await
    }

    /// Presses a key together with Control.
    pub async fn control(&self, key: char) -> Result<()> {
        let control = char::from(Key::Control);
        let (down, up) = (|value| Down { value }, |value| Up { value });
        self.press([down(control), down(key), up(key), up(control)]).await
    }

    /// Keys as a keyboard sends them: nothing is scrolled on the way.
    async fn press(&self, keys: impl IntoIterator<Item = KeyAction>) -> Result<()> {
        let keyboard = KeyActions::new("keyboard".into());
        let keyboard = keys.into_iter().fold(keyboard, |keyboard, key| keyboard.then(key));
        Ok(self.client.perform_actions(keyboard).await?)
    }

    /// Runs JavaScript in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.client.execute(script, arguments).await?)
    }

    /// The visible text of an element that is there now.
    pub async fn text(&self, css: &str) -> Result<String> {
        Ok(self.client.find(Locator::Css(css)).await?.text().await?)
    }

    /// Waits until the text of an element passes a test.
    pub async fn until(&self, css: &str, test: impl Fn(&str) -> bool) -> Result<String> {
        let begin = Instant::now();
        loop {
            let text = self.text(css).await.unwrap_or_default();
            if test(&text) {
                return Ok(text);
            }
            if begin.elapsed() > PATIENCE {
                bail!("{css:?} still says:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends the session.
    pub async fn close(self) -> Result<()> {
        Ok(self.client.close().await?)
    }
}
