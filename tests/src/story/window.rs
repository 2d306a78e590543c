//! A window under remote control, through WebDriver.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::actions::KeyAction::{self, Down, Pause, Up};
use fantoccini::actions::{InputSource, KeyActions, MouseActions, PointerAction};
use fantoccini::elements::Element;
pub use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

use super::{PATIENCE, crew::Crew};

/// A bus on which nobody but the window can be called: no keychain, no portal,
/// nothing of the desktop this runs on.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// The file in which the display keeps what it shows.
pub(super) const SCREEN: &str = "Xvfb_screen0";

/// Remembers what the page complains about and what it asks for.
const WATCH: &str = r#"
    if (window.told === undefined) {
        window.told = [];
        const error = console.error;
        console.error = (...said) => { window.told.push(said.join(' ')); error(...said); };
        window.addEventListener('error', event => {
            // Says no more than that something is measured again in the next frame.
            if (!event.message.startsWith('ResizeObserver loop')) window.told.push(event.message);
        });
        window.addEventListener('unhandledrejection', event => window.told.push(String(event.reason)));
        window.asked = [];
        const ask = window.fetch;
        window.fetch = (...what) => { window.asked.push(String(what[0].url || what[0])); return ask(...what); };
    }
"#;

/// A port that nobody uses now.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A browser or the desktop program under remote control.
pub struct Window {
    client: Client,
    /// What was asked of it last, for the report of a failure.
    step: Mutex<String>,
}

impl Window {
    /// Headless Chromium with a profile of its own.
    pub(super) async fn chromium(crew: &mut Crew, profile: &Path) -> Result<Window> {
        Window::chromium_with(crew, profile, &[]).await
    }

    /// The same with more arguments.
    pub(super) async fn chromium_with(
        crew: &mut Crew,
        profile: &Path,
        more: &[&str],
    ) -> Result<Window> {
        let port = free_port()?;
        let mut driver = crew.command("chromedriver");
        crew.start("chromedriver", driver.arg(format!("--port={port}")))?;
        let profile = format!("--user-data-dir={}", profile.display());
        let usual = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1280,800",
            &profile,
        ];
        let arguments: Vec<&str> = usual.iter().chain(more).copied().collect();
        Window::connect(port, "goog:chromeOptions", json!({ "args": arguments })).await
    }

    /// The desktop program on a project, on a display and a bus of its own.
    pub(super) async fn desktop(
        crew: &mut Crew,
        program: &Path,
        project: &Path,
        folder: &Path,
    ) -> Result<Window> {
        let mut display = crew.command("Xvfb");
        // It takes a display that is free and says which.
        display.args(["-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"]);
        display.arg("-fbdir").arg(folder);
        crew.start("Xvfb", &mut display)?;
        let display: u32 = crew.said("Xvfb", |line| line.parse().ok()).await?;
        let bus = folder.join("bus.conf");
        std::fs::write(&bus, BUS)?;
        let port = free_port()?;
        let mut driver = crew.command("dbus-run-session");
        driver
            .arg(format!("--config-file={}", bus.display()))
            .args(["--", "WebKitWebDriver", &format!("--port={port}")])
            .env("DISPLAY", format!(":{display}"))
            .env_remove("WAYLAND_DISPLAY")
            // Without it the window cannot be driven.
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
            // There is nobody on the bus to tell what a blind user would hear.
            .env("NO_AT_BRIDGE", "1");
        crew.start("WebKitWebDriver", &mut driver)?;
        let options = json!({ "binary": program, "args": [project] });
        let window = Window::connect(port, "webkitgtk:browserOptions", options).await?;
        window.watch().await?;
        Ok(window)
    }

    async fn connect(port: u16, name: &str, options: Value) -> Result<Window> {
        let begin = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if begin.elapsed() > PATIENCE {
                bail!("the driver does not listen");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let capabilities = Map::from_iter([(name.to_owned(), options)]);
        let address = format!("http://127.0.0.1:{port}");
        let connecting = builder.capabilities(capabilities).connect(&address);
        let client = tokio::time::timeout(PATIENCE, connecting)
            .await
            .context("the driver opens no window")?
            .context("the window cannot be driven")?;
        Ok(Window { client, step: Mutex::default() })
    }

    /// What was asked of it last.
    pub(super) fn last_step(&self) -> String {
        self.step.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn step(&self, step: String) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// Opens an address.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.step(format!("open {address}"));
        self.client.goto(address).await?;
        self.watch().await
    }

    /// Begins to watch a page that was not opened with [`Window::open`].
    pub async fn watch(&self) -> Result<()> {
        self.client.execute(WATCH, vec![]).await?;
        Ok(())
    }

    /// Everything the page has asked for since it is watched, and what it has
    /// loaded since it is there.
    pub async fn asked(&self) -> Result<Vec<String>> {
        const ASKED: &str = "return [...performance.getEntriesByType('resource')\
            .map(entry => entry.name), ...window.asked]";
        Ok(serde_json::from_value(self.script(ASKED, vec![]).await?)?)
    }

    /// What the page complained about.
    pub async fn console(&self) -> Result<Vec<String>> {
        let told = self.script("return window.told || ['the page is not watched']", vec![]).await?;
        Ok(serde_json::from_value(told)?)
    }

    /// Sees that the page had nothing to complain about.
    pub async fn quiet(&self) -> Result<()> {
        let told = self.console().await?;
        if told.is_empty() {
            return Ok(());
        }
        bail!("the console says: {}", told.join("\n"))
    }

    /// Gives the page so many pixels.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.client.set_window_size(width, height).await?;
        // What the window itself takes of that.
        const TAKEN: &str = "return [outerWidth - innerWidth, outerHeight - innerHeight]";
        let taken: [u32; 2] = serde_json::from_value(self.script(TAKEN, vec![]).await?)?;
        Ok(self.client.set_window_size(width + taken[0], height + taken[1]).await?)
    }

    /// A picture of the window, as PNG.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.client.screenshot().await?)
    }

    /// The element that a CSS selector names, once it is there.
    pub async fn find(&self, css: &str) -> Result<Element> {
        self.step(format!("find {css}"));
        let begin = Instant::now();
        loop {
            let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
            match found {
                Ok(element) => return Ok(element),
                // It was drawn anew while the driver made a handle of it.
                Err(error) if error.is_stale_element_reference() && begin.elapsed() < PATIENCE => {}
                Err(error) => {
                    let text = self.text("body").await.unwrap_or_default();
                    return Err(error)
                        .with_context(|| format!("no {css:?} in the window, which says:\n{text}"));
                }
            }
        }
    }

    /// Clicks on the element that a CSS selector names, once it is there.
    pub async fn click(&self, css: &str) -> Result<()> {
        self.step(format!("click {css}"));
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
        self.step(format!("click {css} with the text {text:?}"));
        let begin = Instant::now();
        loop {
            // An element that was drawn anew meanwhile is found again.
            if let Some(element) = self.with_text(css, text).await?
                && element.click().await.is_ok()
            {
                return Ok(());
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
        self.step(format!("point at {css} with the text {text:?}"));
        let begin = Instant::now();
        loop {
            if let Some(element) = self.with_text(css, text).await? {
                let quick = Some(Duration::from_millis(50));
                let onto = PointerAction::MoveToElement { element, duration: quick, x: 0., y: 0. };
                let mouse = MouseActions::new("mouse".into()).then(onto);
                return Ok(self.client.perform_actions(mouse).await?);
            }
            if begin.elapsed() > PATIENCE {
                bail!("no {css:?} with the text {text:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The element with this text among those that a CSS selector names.
    async fn with_text(&self, css: &str, text: &str) -> Result<Option<Element>> {
        const PLACE: &str = "return [...document.querySelectorAll(arguments[0])]\
            .findIndex(element => element.innerText.trim() === arguments[1])";
        let place = self.script(PLACE, vec![css.into(), text.into()]).await?.as_u64();
        // What is drawn anew while the driver makes handles is found again.
        let found = self.client.find_all(Locator::Css(css)).await.unwrap_or_default();
        Ok(place.and_then(|place| found.into_iter().nth(place as usize)))
    }

    /// Types into whatever has the focus.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.step(format!("type {text:?}"));
        // As quick as fingers can be, which is slower than the page can follow.
        let pause = Pause { duration: Duration::from_millis(15) };
        let keys = |key| [Down { value: key }, Up { value: key }, pause.clone()];
        self.keys(text.chars().flat_map(keys)).await
    }

    /// Presses a key so many times.
    pub async fn press(&self, key: Key, times: usize) -> Result<()> {
        self.type_text(&char::from(key).to_string().repeat(times)).await
    }

    /// Presses a key together with Control.
    pub async fn control(&self, key: impl Into<char>) -> Result<()> {
        let (control, key) = (char::from(Key::Control), key.into());
        self.step(format!("press control and {key:?}"));
        let (down, up) = (|value| Down { value }, |value| Up { value });
        self.keys([down(control), down(key), up(key), up(control)]).await
    }

    /// Keys as a keyboard sends them: nothing is scrolled on the way.
    async fn keys(&self, keys: impl IntoIterator<Item = KeyAction>) -> Result<()> {
        let keyboard = KeyActions::new("keyboard".into());
        let keyboard = keys.into_iter().fold(keyboard, |keyboard, key| keyboard.then(key));
        Ok(self.client.perform_actions(keyboard).await?)
    }

    /// Drags from the middle of an element, by so many pixels.
    pub async fn drag(&self, css: &str, (x, y): (f64, f64)) -> Result<()> {
        self.step(format!("drag {css} by {x}, {y}"));
        let from = self.find(css).await?;
        let quick = Some(Duration::from_millis(50));
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveToElement { element: from, duration: quick, x: 0., y: 0. })
            .then(PointerAction::Down { button: 0 })
            .then(PointerAction::MoveBy { duration: quick, x: x / 2., y: y / 2. })
            .then(PointerAction::MoveBy { duration: quick, x: x / 2., y: y / 2. })
            .then(PointerAction::Up { button: 0 });
        Ok(self.client.perform_actions(mouse).await?)
    }

    /// Drags from one point of the page to another, in pixels.
    pub async fn drag_between(&self, from: (f64, f64), to: (f64, f64)) -> Result<()> {
        self.step(format!("drag from {from:?} to {to:?}"));
        let quick = Some(Duration::from_millis(50));
        let onto = |(x, y): (f64, f64)| PointerAction::MoveTo { duration: quick, x, y };
        let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
        let mouse = MouseActions::new("mouse".to_owned())
            .then(onto(from))
            .then(PointerAction::Down { button: 0 })
            .then(onto(middle))
            .then(onto(to))
            .then(PointerAction::Up { button: 0 });
        Ok(self.client.perform_actions(mouse).await?)
    }

    /// Clicks at a point of the page, with a button: 0 is the left one.
    pub async fn click_at(&self, (x, y): (f64, f64), button: u64) -> Result<()> {
        self.step(format!("click at {x}, {y}"));
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveTo { duration: None, x, y })
            .then(PointerAction::Down { button })
            .then(PointerAction::Up { button });
        Ok(self.client.perform_actions(mouse).await?)
    }

    /// Holds a key while something else is done.
    pub async fn holding(&self, key: Key, act: impl Future<Output = Result<()>>) -> Result<()> {
        self.keys([Down { value: char::from(key) }]).await?;
        let done = act.await;
        self.keys([Up { value: char::from(key) }]).await?;
        done
    }

    /// The middle of the element that a CSS selector names, once it is there.
    pub async fn middle_of(&self, css: &str) -> Result<(f64, f64)> {
        const MIDDLE: &str = "const box = document.querySelector(arguments[0]).getBoundingClientRect();\
            return [box.x + box.width / 2, box.y + box.height / 2]";
        self.find(css).await?;
        Ok(serde_json::from_value(self.script(MIDDLE, vec![css.into()]).await?)?)
    }

    /// Runs JavaScript in the page.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.client.execute(script, arguments).await?)
    }

    /// The text of an element as it is shown now.
    pub async fn text(&self, css: &str) -> Result<String> {
        // Not from the driver: WebKit's takes a text that may be cut off at its
        // end for one that is not shown.
        const TEXT: &str = "return document.querySelector(arguments[0])?.innerText ?? null";
        match self.script(TEXT, vec![css.into()]).await? {
            Value::String(text) => Ok(text),
            _ => bail!("no {css:?} in the window"),
        }
    }

    /// Waits until the text of an element passes a test.
    pub async fn until(&self, css: &str, test: impl Fn(&str) -> bool) -> Result<String> {
        self.step(format!("wait for the text of {css}"));
        let begin = Instant::now();
        loop {
            let text = self.text(css).await;
            if let Ok(text) = &text
                && test(text)
            {
                return Ok(text.clone());
            }
            if begin.elapsed() > PATIENCE {
                bail!("{css:?} still says:\n{}", text.unwrap_or_else(|error| format!("{error:#}")));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until no element is named by a CSS selector.
    pub async fn gone(&self, css: &str) -> Result<()> {
        self.step(format!("wait until {css} is gone"));
        let begin = Instant::now();
        // Not by handles: WebKit's driver fails to make one of what goes away.
        const THERE: &str = "return document.querySelector(arguments[0]) !== null";
        while self.script(THERE, vec![css.into()]).await? != Value::Bool(false) {
            if begin.elapsed() > PATIENCE {
                bail!("{css:?} is still there");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}
