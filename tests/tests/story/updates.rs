//! A newer version is found in the feed of the chosen channel; one that is not
//! signed as it must be is not installed.
//!
//! The key, the package and its signature were made with `minisign`, for
//! version 9.0.0; the secret key is gone.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pipewright_tests::story::{Host, Scene, Untold, tell_with};
use serde_json::json;

const KEY: &str = "\
    dW50cnVzdGVkIGNvbW1lbnQ6IG1pbmlzaWduIHB1YmxpYyBrZXkgOTExQkFFNjU5QTREMDQyNQpSV1FsQkUyYVphNGJrVkdw\
    ZWxOK01rZ2h3QUpnellPT0dtVWNJQ1ZmQjFheWpnY3YxVWpsaUFMVQo=";
const PACKAGE: &str = "A package for the tests of updates: nothing that could be installed.\n";
const SIGNATURE: &str = "\
    dW50cnVzdGVkIGNvbW1lbnQ6IHNpZ25hdHVyZSBmcm9tIG1pbmlzaWduIHNlY3JldCBrZXkKUlVRbEJFMmFaYTRia1NVekhB\
    MUVaajM1MnVUVjhzaCtMZ3BXKzhRaWV1VnVFZDlDT0o0YXNUNnpiNCtvMGtaTHhSZHBXMDNHUWR2em9LOUlSOW5HUW1nQnRW\
    SFBsVmE3SndBPQp0cnVzdGVkIGNvbW1lbnQ6IGZpbGU6cGFja2FnZQl2ZXJzaW9uOjkuMC4wCmxkRGpvUHE0WnphR0ZGL0Zu\
    Wi9FQXhBelJJUUhqb3BHOXhQNzZJaHErN040dUZzRGZzWldVa3pyNHloTU9VV1ZIQ2UrUVg5NU1FaEJxYzBkQ1FTSEF3PT0K";

/// What the channels offer: nothing newer, the signed package, other bytes
/// under its signature, and its signature under another number.
async fn feed(State(base): State<String>, Path(name): Path<String>) -> Response {
    let offer = |version: &str, file: &str| {
        let package = json!({"url": format!("{base}/{file}"), "signature": SIGNATURE});
        let system = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        json!({"version": version, "notes": "Pipes are quicker.", "platforms": {system: package}})
            .to_string()
            .into_response()
    };
    match name.as_str() {
        "stable.json" => offer("0.0.1", "package"),
        "weekly.json" => offer("9.0.0", "package"),
        "nightly.json" => offer("9.0.0", "other"),
        "latest.json" => offer("9.1.0", "package"),
        "package" => PACKAGE.into_response(),
        "other" => "Something else.".into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) async fn in_the_window() -> Result<(), Untold> {
    let served = async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/{name}", get(feed)).with_state(base.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok::<_, anyhow::Error>(base)
    };
    let base = served.await.map_err(|error| Untold(format!("{error:#}")))?;
    let variables = [("PIPEWRIGHT_UPDATE_FEED", base.as_str()), ("PIPEWRIGHT_UPDATE_KEY", KEY)];
    tell_with(Host::Desktop, &variables, told).await
}

async fn told(scene: &mut Scene) -> Result<()> {
    let window = &scene.window;
    window.click("[data-testid=rail-settings]").await?;
    window.click("[data-testid=settings-updates]").await?;
    const STATE: &str = "[data-testid=updates-state]";
    const FAILURE: &str = "[data-testid=updates-failure]";
    let choose = async |channel: &str| {
        const CHOOSE: &str = "
            const select = document.querySelector('[data-testid=updates-channel]');
            select.value = arguments[0];
            select.dispatchEvent(new Event('change', { bubbles: true }));
        ";
        window.find("[data-testid=updates-channel]").await?;
        window.script(CHOOSE, vec![channel.into()]).await.context("no channel to choose")?;
        window.until(STATE, |text| !text.contains("newest") && !text.contains("is there")).await?;
        window.click("[data-testid=updates-check]").await
    };
    window.click("[data-testid=updates-check]").await?;
    window.until(STATE, |text| text.contains("newest of this channel")).await?;

    choose("weekly").await?;
    window.until(STATE, |text| text.contains("9.0.0 is there")).await?;
    window.until("[data-testid=updates]", |text| text.contains("Pipes are quicker.")).await?;
    // Well signed; but what runs here was not installed from a package.
    window.click("[data-testid=updates-install]").await?;
    window.until(FAILURE, |text| text.contains("not installed from a package")).await?;

    for (channel, newer) in [("nightly", "9.0.0"), ("latest", "9.1.0")] {
        choose(channel).await?;
        window.until(STATE, |text| text.contains(newer)).await?;
        window.click("[data-testid=updates-install]").await?;
        window.until(FAILURE, |text| text.contains("not signed as it must be")).await?;
    }
    Ok(())
}
