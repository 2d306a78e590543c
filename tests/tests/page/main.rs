//! The language service in a browser, alone in its page: asked about a config
//! of 2,000 lines as an editor asks, after each key.

mod config;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use config::{Config, LINES};
use pipewright_tests::story::{Untold, Window, browse};
use serde_json::{Value, json};

/// Loads the module and remembers how to ask it.
const LOAD: &str = r#"
    return import('/pipewright_page.js').then(async glue => {
        await glue.default({ module_or_path: '/pipewright_page_bg.wasm' });
        window.language = new glue.Language();
        for (const [path, text] of Object.entries(arguments[0])) language.put(path, text);
        language.saw('shop-person', ['name', 'birthday']);
    });
"#;

/// Asks the same question again and again, each time about a text that is one
/// key further, as the studio does; the first second is not counted, in which
/// the browser is still compiling. Gives the answer about the text as it is, and
/// the median and the longest time in milliseconds.
const ASK: &str = r#"
    const [path, text, at, question, rounds] = arguments;
    const once = key => {
        const typed = text.replace('"key typed"', `"key typed ${key}"`);
        const begin = performance.now();
        language.put(path, typed);
        const answer = language[question](path, ...at);
        return [performance.now() - begin, answer];
    };
    const opened = performance.now();
    for (let round = 0; performance.now() - opened < 1000; round++) once(`before ${round}`);
    const times = [];
    for (let round = 0; round < rounds; round++) times.push(once(round)[0]);
    const answer = once('')[1];
    times.sort((a, b) => a - b);
    return { answer: JSON.parse(answer), median: times[rounds >> 1], longest: times[rounds - 1] };
"#;

/// How often a question is asked.
const ROUNDS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_answers_about_a_config_of_2000_lines() -> Result<(), Untold> {
    let address = served().await.map_err(|error| Untold(format!("{error:#}")))?;
    browse(&address, questions).await
}

async fn questions(window: &mut Window) -> Result<()> {
    let config = Config::new();
    ensure!(config.text.lines().count() == LINES, "{} lines", config.text.lines().count());
    window.script(LOAD, vec![config.project()]).await?;

    let found = ask(window, &config, "findings", &[]).await?;
    let codes: Vec<(&str, u64)> = found
        .as_array()
        .context("no list")?
        .iter()
        .filter_map(|it| Some((it["code"].as_str()?, it["range"][0].as_u64()?)))
        .collect();
    let expected = [
        ("dtl-unknown-function", config.line("[\"uper\"")),
        ("dtl-unknown-rule", config.line("\"no-such-rule\"")),
    ];
    ensure!(codes == expected, "{codes:?} instead of {expected:?}");

    let offered = ask(window, &config, "completions", &config.behind("[\"conc")).await?;
    let labels: Vec<&str> = labels(&offered);
    ensure!(labels.contains(&"concat"), "{labels:?}");
    let offered = ask(window, &config, "completions", &config.behind("\"_S.na")).await?;
    let labels: Vec<&str> = self::labels(&offered);
    ensure!(labels.contains(&"_S.name") && labels.contains(&"_S.birthday"), "{labels:?}");

    let hover = ask(window, &config, "hover", &config.behind("[\"datetime-for")).await?;
    let text = hover.as_str().context("nothing to read")?;
    ensure!(text.contains("[\"datetime-format\""), "{text}");

    let call = ask(window, &config, "signature", &config.behind("[\"datetime-format\", ")).await?;
    let label = call["label"].as_str().unwrap_or_default();
    ensure!(label.starts_with("[\"datetime-format\""), "{call}");
    let rule = ask(window, &config, "definition", &config.behind("[\"apply\", \"rul")).await?;
    ensure!(rule["range"][0] == config.line("\"rule-1\": ["), "{rule}");
    let symbols = ask(window, &config, "symbols", &[]).await?;
    ensure!(symbols[0]["name"] == "shop-person-enrich", "{symbols}");
    let actions = ask(window, &config, "actions", &config.behind("[\"upe")).await?;
    ensure!(actions[0]["changes"][0]["text"] == "upper", "{actions}");
    let changes = ask(window, &config, "format", &[]).await?;
    ensure!(changes.is_object(), "a text with mistakes in it has a layout: {changes}");
    Ok(())
}

fn labels(offered: &Value) -> Vec<&str> {
    let items = offered.as_array().into_iter().flatten();
    items.filter_map(|item| item["label"].as_str()).collect()
}

/// The answer to a question; how long it took is told to who runs the test.
async fn ask(window: &Window, config: &Config, question: &str, at: &[u64]) -> Result<Value> {
    let arguments =
        vec![json!(config.path()), json!(config.text), json!(at), json!(question), json!(ROUNDS)];
    let mut told = window.script(ASK, arguments).await.with_context(|| question.to_owned())?;
    let time = |name: &str| told[name].as_f64().unwrap_or_default();
    println!("{question:<12} {:>6.1} ms, at most {:.1} ms", time("median"), time("longest"));
    Ok(told["answer"].take())
}

/// A page with the module, on a port of its own.
async fn served() -> Result<String> {
    let folder = module()?;
    let read = |name: &str| {
        std::fs::read(folder.join(name))
            .with_context(|| format!("{name} has not been built; `cargo xtask language` does so"))
    };
    let (glue, module) = (read("pipewright_page.js")?, read("pipewright_page_bg.wasm")?);
    let file = |kind: &'static str, bytes: Vec<u8>| {
        get(async move || ([(CONTENT_TYPE, kind)], bytes.clone()))
    };
    let page = Router::new()
        .route("/", get(async || Html("<!DOCTYPE html><title>Language</title>")))
        .route("/pipewright_page.js", file("text/javascript", glue))
        .route("/pipewright_page_bg.wasm", file("application/wasm", module));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, page).await });
    Ok(address)
}

/// Where `cargo xtask language` puts the module: beside the programs that
/// were built.
fn module() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let place = Path::new("wasm/glue/wasm/pipewright-page");
    let found = here.ancestors().map(|above| above.join(place)).find(|path| path.is_dir());
    found.context("the module has not been built; `cargo xtask language` does so")
}
