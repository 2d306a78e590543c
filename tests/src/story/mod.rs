//! Stories: what a person does in the studio and sees there.
//!
//! One text, two hosts: a browser against `pipewright serve`, and the desktop
//! window with the node inside it. Each story has a copy of the example
//! project, settings of its own, and leaves no process behind.

mod crew;
mod window;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::example;
use crew::Crew;
use window::SCREEN;
pub use window::{Key, Window};

/// How long something may take to show.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a story may take: only one whose driver hangs takes that long.
const STORY: Duration = Duration::from_secs(300);

/// Where the studio runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Headless Chromium, with `pipewright serve` behind it.
    Browser,
    /// The desktop program on a display of its own.
    Desktop,
}

/// What a story begins with: the example, opened in a studio.
pub struct Scene {
    /// The window.
    pub window: Window,
    /// The project folder.
    pub project: PathBuf,
    /// Where the studio runs.
    pub host: Host,
    /// Whether the story closed the window itself.
    ended: bool,
    // Ends before its folder goes.
    crew: Crew,
    folder: tempfile::TempDir,
}

/// Why a story could not be told to its end. A test that ends with it shows the
/// text as it is.
pub struct Untold(pub String);

impl std::fmt::Debug for Untold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What WebKit says when its page process ends because its drawing library
/// could not compile one of its own shaders. It happens now and then, with the
/// same shader that compiles in all other runs.
const DRAWING_FAILED: &str = "SkSLModuleLoader";

/// Sets the scene, tells the story, and sees that the console stayed quiet. A
/// story that WebKit's drawing library cut short is told once more.
///
/// # Errors
/// What the story ran into, with what the programs said and the place of a
/// picture of the window.
pub async fn tell(host: Host, story: impl AsyncFn(&mut Scene) -> Result<()>) -> Result<(), Untold> {
    tell_with(host, &[], story).await
}

/// As [`tell`], in an environment with these variables.
///
/// # Errors
/// As of [`tell`].
pub async fn tell_with(
    host: Host,
    variables: &[(&str, &str)],
    story: impl AsyncFn(&mut Scene) -> Result<()>,
) -> Result<(), Untold> {
    match tell_once(host, variables, &story).await {
        Err(Untold(why)) if host == Host::Desktop && why.contains(DRAWING_FAILED) => {
            eprintln!("told once more, because:\n{why}");
            tell_once(host, variables, &story).await
        }
        told => told,
    }
}

async fn tell_once(
    host: Host,
    variables: &[(&str, &str)],
    story: &impl AsyncFn(&mut Scene) -> Result<()>,
) -> Result<(), Untold> {
    let mut scene =
        Scene::set(host, variables).await.map_err(|error| Untold(format!("{error:#}")))?;
    let told = match tokio::time::timeout(STORY, story(&mut scene)).await {
        Ok(Ok(())) if scene.ended => Ok(()),
        Ok(Ok(())) => scene.window.quiet().await,
        Ok(Err(error)) => Err(error),
        Err(_) => Err(anyhow::anyhow!("the driver does not answer")),
    };
    match told {
        Ok(()) => Ok(()),
        Err(error) => Err(Untold(scene.report(&error).await)),
    }
}

/// Opens an address in headless Chromium, without a studio, tells what happens
/// there, and sees that the console stayed quiet.
///
/// # Errors
/// What went wrong, with what the programs said.
pub async fn browse(
    address: &str,
    story: impl AsyncFnOnce(&mut Window) -> Result<()>,
) -> Result<(), Untold> {
    let told = async {
        let folder = tempfile::tempdir()?;
        let mut crew = Crew::in_folder(folder.path());
        let told = async {
            let mut window = Window::chromium(&mut crew, &folder.path().join("chromium")).await?;
            window.open(address).await?;
            tokio::time::timeout(STORY, story(&mut window)).await??;
            window.quiet().await
        };
        let told = told.await;
        told.map_err(|error| anyhow::anyhow!("{error:#}\n{}", crew.logs()))
    };
    told.await.map_err(|error| Untold(format!("{error:#}")))
}

/// Serves a project and opens it in headless Chromium, for as long as it takes;
/// the page can collect its garbage (`gc()`). Gives the access link, too.
///
/// # Errors
/// What went wrong, with what the programs said.
pub async fn visit<T>(
    project: &Path,
    visit: impl AsyncFnOnce(&mut Window, &str) -> Result<T>,
) -> Result<T> {
    let folder = tempfile::tempdir()?;
    let mut crew = Crew::in_folder(folder.path());
    let visited = async {
        let link = serve(&mut crew, project).await?;
        let profile = folder.path().join("chromium");
        let flags = ["--js-flags=--expose-gc", "--enable-precise-memory-info"];
        let mut window = Window::chromium_with(&mut crew, &profile, &flags).await?;
        visit(&mut window, &link).await
    };
    let visited = visited.await;
    visited.map_err(|error| anyhow::anyhow!("{error:#}\n{}", crew.logs()))
}

impl Scene {
    async fn set(host: Host, variables: &[(&str, &str)]) -> Result<Scene> {
        let folder = tempfile::tempdir()?;
        // Links would be followed by one program and not by another.
        let real = folder.path().canonicalize()?;
        let project = real.join("crm-erp");
        example::copy(&example::folder(), &project)?;
        let mut crew = Crew::in_folder(&real).with(variables);
        let begun = match host {
            Host::Browser => in_a_browser(&mut crew, &project, &real).await,
            Host::Desktop => in_the_window(&mut crew, &project, &real).await,
        };
        match begun {
            Ok(window) => Ok(Scene { window, project, host, ended: false, crew, folder }),
            Err(error) => bail!("{error:#}\n{}", crew.logs()),
        }
    }

    /// What failed where, with what the programs said and a picture.
    async fn report(&self, error: &anyhow::Error) -> String {
        let mut report = format!("{}: {error:#}\n{}", self.window.last_step(), self.crew.logs());
        let console = tokio::time::timeout(PATIENCE, self.window.console()).await;
        if let Ok(Ok(console)) = console {
            report += &format!("--- the console says ---\n{}\n", console.join("\n"));
        }
        if let Ok(Some(picture)) = self.picture().await {
            report += &format!("the window is shown in {}\n", picture.display());
        }
        report
    }

    /// A picture that outlives the story; none where the driver takes none.
    async fn picture(&self) -> Result<Option<PathBuf>> {
        let screen = self.folder.path().join(SCREEN);
        let (picture, kind) = match self.host {
            Host::Browser => match tokio::time::timeout(PATIENCE, self.window.picture()).await {
                Ok(picture) => (picture?, ".png"),
                Err(_) => return Ok(None),
            },
            // WebKit's driver waits for ever; the display has it in a file.
            Host::Desktop => (std::fs::read(screen)?, ".xwd"),
        };
        let (mut file, path) = tempfile::Builder::new().suffix(kind).tempfile()?.keep()?;
        file.write_all(&picture)?;
        Ok(Some(path))
    }

    /// The command line of this story's user.
    pub fn pipewright(&self) -> Result<Command> {
        Ok(self.crew.command(program("pipewright")?))
    }

    /// Starts the desktop program once more, on the desktop of the window that
    /// is there, and waits until it has ended.
    pub async fn start_again(&mut self, path: &Path) -> Result<()> {
        let mut start = self.crew.command(program("pipewright-studio")?);
        for variable in ["DISPLAY", "DBUS_SESSION_BUS_ADDRESS"] {
            let value = self.crew.variable("pipewright-studio", variable);
            start.env(variable, value.with_context(|| format!("the window has no {variable}"))?);
        }
        start.env("WEBKIT_DISABLE_DMABUF_RENDERER", "1").arg(path);
        self.crew.start("again", &mut start)?;
        self.crew.ended("again").await
    }

    /// Whether the desktop program ends by itself.
    pub async fn has_ended(&mut self) -> Result<bool> {
        let begin = Instant::now();
        while self.crew.variable("pipewright-studio", "DISPLAY").is_some() {
            if begin.elapsed() > PATIENCE {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.ended = true;
        Ok(true)
    }

    /// Another copy of the example, in a folder with this name.
    pub fn another_copy(&self, name: &str) -> Result<PathBuf> {
        let project = self.folder.path().canonicalize()?.join(name);
        example::copy(&example::folder(), &project)?;
        Ok(project)
    }

    /// Serves a project; its address and an access token.
    pub async fn serve(&mut self, project: &Path) -> Result<(String, String)> {
        let link = serve(&mut self.crew, project).await?;
        let (address, token) = link.split_once("/#token=").context("a link without a token")?;
        Ok((address.to_owned(), token.to_owned()))
    }

    /// The text of a file of the project.
    pub fn file(&self, path: &str) -> Result<String> {
        std::fs::read_to_string(self.project.join(path)).context(path.to_owned())
    }

    /// Waits until the text of a file of the project passes a test.
    pub async fn file_until(&self, path: &str, test: impl Fn(&str) -> bool) -> Result<String> {
        let begin = Instant::now();
        loop {
            // One that is not there yet says nothing.
            let text = self.file(path).unwrap_or_default();
            if test(&text) {
                return Ok(text);
            }
            if begin.elapsed() > PATIENCE {
                bail!("{path} still says:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A program of this workspace that was built before the tests.
fn program(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let found = here.ancestors().map(|above| above.join(&name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} has not been built; `cargo xtask test` does so"))
}

/// Serves a project and returns the access link.
async fn serve(crew: &mut Crew, project: &Path) -> Result<String> {
    let name = project.file_name().map_or_else(String::new, |name| name.display().to_string());
    let mut serve = crew.command(program("pipewright")?);
    crew.start(&name, serve.args(["serve", "--port", "0"]).arg(project))?;
    crew.said(&name, |line| line.strip_prefix("access link: ").map(str::to_owned)).await
}

async fn in_a_browser(crew: &mut Crew, project: &Path, folder: &Path) -> Result<Window> {
    let link = serve(crew, project).await?;
    let window = Window::chromium(crew, &folder.join("chromium")).await?;
    window.open(&link).await?;
    Ok(window)
}

async fn in_the_window(crew: &mut Crew, project: &Path, folder: &Path) -> Result<Window> {
    Window::desktop(crew, &program("pipewright-studio")?, project, folder).await
}
