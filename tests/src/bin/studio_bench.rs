//! How the studio feels with large projects, in headless Chromium: frames while
//! the flow is panned, zoomed and dragged, the time from opening to use, and
//! what is left of memory after many edits.
//!
//! `cargo xtask bench studio` runs it, with the screens and the program built
//! for shipping. Arguments: numbers of pipes (1000 5000), and `cycles=500`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pipewright_tests::story::{Key, Window, visit};
use serde_json::{Value, json};

/// Seconds that each thing is done for.
const SECONDS: u32 = 5;

/// Goes to an address without loading the page again.
const GO: &str = "history.pushState(null, '', arguments[0]); \
    dispatchEvent(new PopStateEvent('popstate'));";

/// The moment something can be used, in milliseconds since the page was asked
/// for.
const USABLE: &str = "return new Promise(done => { const look = () => \
    document.querySelector(arguments[0]) ? done(performance.now()) : requestAnimationFrame(look); \
    look(); })";

/// Does one thing in every frame, and tells the times between frames.
const FRAMES: &str = r#"
    const [act, seconds] = arguments;
    const stage = document.querySelector('[data-testid=flow-stage]');
    const box = stage.getBoundingClientRect();
    let [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const near = [...document.querySelectorAll('[data-testid=card]')].map(card => {
        const { left, top, width, height } = card.getBoundingClientRect();
        return [left + width / 2, top + height / 2];
    }).sort((a, b) => Math.hypot(a[0] - x, a[1] - y) - Math.hypot(b[0] - x, b[1] - y))[0];
    if (act === 'drag' && near) [x, y] = near;
    const send = (kind, type, at) => stage.dispatchEvent(new kind(type, {
        bubbles: true, cancelable: true, clientX: x, clientY: y, button: 0, buttons: 1, ...at,
    }));
    const acts = {
        pan: n => send(WheelEvent, 'wheel', { deltaX: n % 80 < 40 ? 20 : -20, deltaY: n % 80 < 40 ? 30 : -30 }),
        zoom: n => send(WheelEvent, 'wheel', { deltaY: n % 16 < 8 ? 100 : -100, ctrlKey: true }),
        drag: n => send(PointerEvent, n ? 'pointermove' : 'pointerdown',
            { clientX: x + 150 * Math.sin(n / 15), clientY: y + 100 * Math.sin(n / 10) }),
    };
    return new Promise(done => {
        const times = [];
        let n = 0;
        const step = time => {
            times.push(time);
            if (time - times[0] > seconds * 1000) {
                if (act === 'drag') {
                    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
                    send(PointerEvent, 'pointerup', { clientX: x, clientY: y });
                }
                return done(times.slice(1).map((at, i) => at - times[i]));
            }
            acts[act](n++);
            requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
    });
"#;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 5_000];
    }
    let cycles = arguments.iter().find_map(|word| word.strip_prefix("cycles=")?.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("| pipes | what | mean ms | 95 % within ms | worst ms | over 50 ms |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (place, pipes) in sizes.iter().enumerate() {
        let cycles = if place == 0 { cycles.unwrap_or(500) } else { 0 };
        runtime.block_on(measure(*pipes, cycles))?;
    }
    Ok(())
}

async fn measure(pipes: usize, cycles: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let project = folder.path().join("project");
    generate(&project, pipes)?;
    visit(&project, async |window, link| {
        window.open(link).await?;
        window.find("[data-testid=flow-stage]").await?;
        let mut starts = Vec::new();
        for _ in 0..5 {
            // With the page and the program in the browser's memory, as on any
            // day but the first.
            window.open(link).await?;
            starts.push(number(&window.script(USABLE, vec![".flow-map".into()]).await?)?);
        }
        starts.sort_by(f64::total_cmp);
        let mut notes = format!("{pipes} pipes: usable after {:.0} ms\n", starts[2]);
        // All of it in view, then near enough to be read.
        window.click("[data-testid=zoom-fit]").await?;
        for act in ["pan", "zoom", "drag"] {
            frames(window, pipes, act, "all in view").await?;
            window.click("[data-testid=zoom-fit]").await?;
        }
        let middle = format!("/flow?select=pipe:s0-t{}-enrich", 2);
        window.script(GO, vec![middle.into()]).await?;
        while scale(window).await? < 100 {
            window.click("[data-testid=zoom-in]").await?;
        }
        for act in ["pan", "drag", "zoom"] {
            frames(window, pipes, act, "near").await?;
        }
        if cycles > 0 {
            notes += &memory(window, cycles).await?;
        }
        window.quiet().await?;
        eprintln!("{notes}");
        Ok(())
    })
    .await
}

async fn scale(window: &Window) -> Result<u32> {
    let text = window.text(".flow-scale").await?;
    text.trim_end_matches(" %").parse().context("a scale")
}

async fn frames(window: &Window, pipes: usize, act: &str, from: &str) -> Result<()> {
    let asked = vec![act.into(), SECONDS.into()];
    let mut times: Vec<f64> = serde_json::from_value(window.script(FRAMES, asked).await?)?;
    ensure!(!times.is_empty(), "no frames");
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let within = times[(times.len() * 95 / 100).min(times.len() - 1)];
    let worst = times[times.len() - 1];
    let long = times.iter().filter(|time| **time > 50.0).count();
    println!("| {pipes} | {act}, {from} | {mean:.1} | {within:.1} | {worst:.1} | {long} |");
    Ok(())
}

/// Opens a pipe, types into it, takes that back and closes it, over and over;
/// how much memory is held before, meanwhile and after.
async fn memory(window: &mut Window, cycles: usize) -> Result<String> {
    const HELD: &str = "gc(); return [performance.memory.usedJSHeapSize, \
        window.pipewrightMemory(), document.querySelectorAll('*').length]";
    let mut notes = String::from("cycles, MB of the script's heap, MB of the screens, elements:\n");
    for cycle in 0..=cycles {
        // What is loaded with the first texts is there to stay.
        if cycle >= 10 && (cycle == 10 || cycle % (cycles / 5).max(1) == 0) {
            let held: [f64; 3] = serde_json::from_value(window.script(HELD, vec![]).await?)?;
            let [heap, screens, elements] = held;
            let _ = writeln!(
                notes,
                "{cycle:>5} {:>8.1} {:>8.1} {elements:>6}",
                heap / 1e6,
                screens / 1e6
            );
        }
        let address = format!("/pipes/s0-t{}-enrich", cycle % 20);
        window.script(GO, vec![address.into()]).await?;
        window.click(".monaco-editor .view-line span span").await?;
        window.type_text("x").await?;
        window.press(Key::Backspace, 1).await?;
        window.script(GO, vec!["/flow".into()]).await?;
        window.gone(".monaco-editor").await?;
    }
    Ok(notes)
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().context("a number")
}

/// A project of so many pipes: things are collected from systems, enriched,
/// merged with others, and sent out again.
fn generate(project: &Path, pipes: usize) -> Result<()> {
    let things = pipes / 5;
    let globals = things.div_ceil(5).max(1);
    let write = |folder: &str, id: &str, config: Value| -> Result<()> {
        let folder = project.join(folder);
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join(format!("{id}.conf.json")), format!("{config:#}\n"))?)
    };
    let copy = |more: Value| {
        let mut rules = vec![json!(["copy", "*"])];
        rules.extend(more.as_array().cloned().unwrap_or_default());
        json!({ "type": "dtl", "rules": { "default": rules } })
    };
    let (mut made, mut merged) = (0, vec![Vec::new(); globals]);
    for thing in 0.. {
        if made + globals >= pipes {
            break;
        }
        let (system, global) = (thing / 20, thing % globals);
        if thing % 20 == 0 {
            let id = format!("s{system}");
            write(
                "systems",
                &id,
                json!({ "_id": id, "type": "system:sqlite", "database": format!("{id}.db") }),
            )?;
        }
        let name = |step: &str| format!("s{system}-t{thing}-{step}");
        let steps = [
            (
                "collect",
                json!({ "type": "sql", "system": format!("s{system}"), "table": format!("t{thing}") }),
                copy(json!([])),
                None,
            ),
            (
                "enrich",
                json!({ "type": "dataset", "dataset": name("collect") }),
                copy(json!([
                    ["add", "near", ["hops", { "datasets": [format!("global-{} g", (global + 1) % globals)],
                        "where": ["eq", "_S.key", "g.key"] }]],
                ])),
                None,
            ),
            (
                "transform",
                json!({ "type": "dataset", "dataset": format!("global-{global}") }),
                copy(json!([["add", "to", thing]])),
                None,
            ),
            (
                "share",
                json!({ "type": "dataset", "dataset": name("transform") }),
                copy(json!([])),
                Some(
                    json!({ "type": "sql", "system": format!("s{system}"), "table": format!("out{thing}"), "primary_key": "_id" }),
                ),
            ),
        ];
        for (step, source, transform, sink) in steps {
            if made + globals >= pipes {
                break;
            }
            let id = name(step);
            let mut config =
                json!({ "_id": id, "type": "pipe", "source": source, "transform": transform });
            if let Some(sink) = sink {
                config["sink"] = sink;
            }
            write("pipes", &id, config)?;
            made += 1;
            if step == "enrich" {
                merged[global].push(id);
            }
        }
    }
    for (global, datasets) in merged.iter().enumerate() {
        let id = format!("global-{global}");
        let named: Vec<String> =
            datasets.iter().enumerate().map(|(at, id)| format!("{id} d{at}")).collect();
        let keys: Vec<String> = (0..datasets.len()).map(|at| format!("d{at}.key")).collect();
        let source = json!({ "type": "merge", "datasets": named, "equality_sets": [keys], "identity": "first", "version": 2 });
        write(
            "pipes",
            &id,
            json!({ "_id": id, "type": "pipe", "source": source, "metadata": { "global": true } }),
        )?;
    }
    Ok(())
}
