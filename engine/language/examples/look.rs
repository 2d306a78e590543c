//! What the language service says about a project folder, and how long it
//! takes: `cargo run --release -p pipewright-language --example look -- FOLDER`

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pipewright_language::{Range, Workspace};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let mut files = Vec::new();
    read(Path::new(&folder), "", &mut files)?;
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let begin = Instant::now();
    let mut workspace = Workspace::new(texts, None);
    println!("{} files read in {:?}", files.len(), begin.elapsed());
    let mut slowest = Duration::ZERO;
    for (path, text) in &files {
        for found in workspace.findings(path) {
            println!("{path}:{}: {}: {}", found.range.start.line, found.code, found.message);
        }
        // As after a key was pressed.
        let begin = Instant::now();
        workspace.put(path, &format!("{text} "));
        workspace.findings(path);
        slowest = slowest.max(begin.elapsed());
        workspace.put(path, text);
    }
    println!("a change and its findings: {slowest:?} at most");

    let (path, text) = files.iter().max_by_key(|(_, text)| text.len()).ok_or("no files")?;
    println!("{path}: {} lines", text.lines().count());
    let mut slowest =
        [("completion", Duration::ZERO), ("hover", Duration::ZERO), ("others", Duration::ZERO)];
    for at in (0..text.len()).step_by(text.len() / 500 + 1) {
        let Some(range) = workspace.range(path, at..at) else { break };
        let at = range.start;
        let mut time = |nth: usize, ask: &dyn Fn()| {
            let begin = Instant::now();
            ask();
            slowest[nth].1 = slowest[nth].1.max(begin.elapsed());
        };
        time(0, &|| drop(workspace.completions(path, at)));
        time(1, &|| drop(workspace.hover(path, at)));
        time(2, &|| {
            workspace.signature(path, at);
            workspace.definition(path, at);
        });
    }
    let begin = Instant::now();
    workspace.format(path);
    println!("format: {:?}", begin.elapsed());
    let begin = Instant::now();
    let range = workspace.range(path, 0..text.len()).ok_or("no range")?;
    let Range { start, .. } = range;
    workspace.actions(path, Range { start, end: start });
    println!("actions: {:?}", begin.elapsed());
    for (what, time) in slowest {
        println!("{what}: {time:?} at most");
    }
    Ok(())
}

fn read(folder: &Path, below: &str, files: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            read(&entry.path(), &format!("{path}/"), files)?;
        } else if path.ends_with(".json") {
            files.push((path, fs::read_to_string(entry.path()).unwrap_or_default()));
        }
    }
    Ok(())
}
