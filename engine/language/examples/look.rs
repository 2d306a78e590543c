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
    let mut changes = Times::default();
    for (path, text) in &files {
        for found in workspace.findings(path) {
            println!("{path}:{}: {}: {}", found.range.start.line, found.code, found.message);
        }
        // As after a key was pressed.
        changes.take(|| {
            workspace.put(path, &format!("{text} "));
            workspace.findings(path)
        });
        workspace.put(path, text);
    }
    changes.tell("a change and its findings");

    let (path, text) = files.iter().max_by_key(|(_, text)| text.len()).ok_or("no files")?;
    println!("in {path}, {} lines:", text.lines().count());
    let mut changes = Times::default();
    for _ in 0..20 {
        workspace.put(path, &format!("{text} "));
        workspace.put(path, text);
        changes.take(|| {
            workspace.put(path, &format!("{text} "));
            workspace.findings(path)
        });
    }
    workspace.put(path, text);
    changes.tell("a change and its findings");
    let [mut completion, mut hover, mut signature, mut definition] = [const { Times::new() }; 4];
    let boundaries = (0..text.len()).step_by(text.len() / 500 + 1);
    for offset in boundaries.filter(|at| text.is_char_boundary(*at)) {
        let Some(Range { start: at, .. }) = workspace.range(path, offset..offset) else { continue };
        completion.take(|| workspace.completions(path, at));
        hover.take(|| workspace.hover(path, at));
        signature.take(|| workspace.signature(path, at));
        definition.take(|| workspace.definition(path, at));
    }
    completion.tell("completion");
    hover.tell("hover");
    signature.tell("signature");
    definition.tell("definition");
    let mut format = Times::default();
    (0..20).for_each(|_| drop(format.take(|| workspace.format(path))));
    format.tell("format");
    Ok(())
}

/// How long something took, each time.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    const fn new() -> Times {
        Times(Vec::new())
    }

    fn take<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let answer = what();
        self.0.push(begin.elapsed());
        answer
    }

    fn tell(mut self, what: &str) {
        self.0.sort();
        let at = |part: usize| self.0.get(self.0.len() * part / 100).copied().unwrap_or_default();
        println!("{what}: {:?}, of a hundred the slowest {:?}", at(50), at(98));
    }
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
