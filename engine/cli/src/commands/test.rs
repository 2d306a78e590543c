//! `pipewright test`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use pipewright_node::{Cancel, Node, Observer, Permission, Progress, testing};
use serde_json::json;

use crate::ProjectArguments;

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    project: ProjectArguments,
    /// Read from outside systems too; without this, pipes that would are
    /// skipped.
    #[arg(long)]
    online: bool,
    /// Only the tests whose names contain this text.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Write the results as JUnit XML, which build servers read.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// Show at most so many differences of each test.
    #[arg(long, value_name = "N", default_value_t = 20)]
    most: usize,
}

struct Quiet;

impl Observer for Quiet {
    fn progress(&self, _: &Progress<'_>) {}
}

impl Test {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let mut options = self.project.options()?;
        // A store of its own, so that tests see what a fresh node would do.
        let scratch = match &options.store {
            Some(_) => None,
            None => Some(scratch_folder()?),
        };
        if let Some(scratch) = &scratch {
            options.store = Some(scratch.0.clone());
        }
        if self.online {
            options.read_outside = Permission::Live;
            options.processes = Permission::Live;
        }
        let node = Node::open(options)?;
        let settled = node.run_until_stable(false, &Cancel::new(), &Quiet, &mut |_| {});
        let broken = testing::broken(&settled);
        let mut results = Vec::new();
        let config = node.config();
        for spec in config.specs().iter().filter(|spec| spec.id.contains(&self.only)) {
            let begin = Instant::now();
            let outcome = match spec.ignore {
                true => Outcome::Ignored,
                false => match node.differences(spec) {
                    Ok(found) if found.is_empty() => Outcome::Passed,
                    Ok(found) => Outcome::Failed(found.iter().map(ToString::to_string).collect()),
                    Err(error) => Outcome::Failed(vec![format!("  {error}")]),
                },
            };
            let name = spec.id.to_string();
            results.push(Tested { name, outcome, seconds: begin.elapsed().as_secs_f64() });
        }
        drop(node);
        if let Some(file) = &self.junit {
            fs::write(file, junit(&results, &broken))
                .with_context(|| file.display().to_string())?;
        }
        let failed = |tested: &Tested| matches!(tested.outcome, Outcome::Failed(_));
        let ok = broken.is_empty() && !results.iter().any(failed);
        match self.json {
            true => println!("{:#}", show(&results, &broken, ok)),
            false => self.print(&results, &broken),
        }
        Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn print(&self, results: &[Tested], broken: &[String]) {
        for line in broken {
            println!("pipe failed: {line}");
        }
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for Tested { name, outcome, .. } in results {
            match outcome {
                Outcome::Passed => {
                    passed += 1;
                    println!("{name:<40} ok");
                }
                Outcome::Ignored => {
                    skipped += 1;
                    println!("{name:<40} ignored");
                }
                Outcome::Failed(differences) => {
                    failed += 1;
                    println!("{name:<40} FAILED ({} differences)", differences.len());
                    for difference in differences.iter().take(self.most) {
                        println!("{difference}");
                    }
                    if differences.len() > self.most {
                        println!("  … and {} more", differences.len() - self.most);
                    }
                }
            }
        }
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
}

/// How a test went.
enum Outcome {
    Passed,
    Ignored,
    /// What differs, a line or more each.
    Failed(Vec<String>),
}

/// A test that was run.
struct Tested {
    name: String,
    outcome: Outcome,
    seconds: f64,
}

fn show(results: &[Tested], broken: &[String], ok: bool) -> serde_json::Value {
    let tests: Vec<_> = results
        .iter()
        .map(|Tested { name, outcome, seconds }| {
            let (result, differences): (_, &[String]) = match outcome {
                Outcome::Passed => ("passed", &[]),
                Outcome::Ignored => ("ignored", &[]),
                Outcome::Failed(differences) => ("failed", differences),
            };
            json!({
                "test": name, "result": result, "differences": differences, "seconds": seconds,
            })
        })
        .collect();
    json!({ "ok": ok, "tests": tests, "pipes_failed": broken })
}

/// The results as JUnit has them; a pipe that failed is a test that did.
fn junit(results: &[Tested], broken: &[String]) -> String {
    let cases: Vec<String> = results
        .iter()
        .map(|Tested { name, outcome, seconds }| {
            let inner = match outcome {
                Outcome::Passed => String::new(),
                Outcome::Ignored => "<skipped/>".to_owned(),
                Outcome::Failed(differences) => {
                    let count = differences.len();
                    let text = escape(&differences.join("\n"));
                    format!("<failure message=\"{count} differences\">{text}</failure>")
                }
            };
            let name = escape(name);
            let head = format!("<testcase classname=\"expected\" name=\"{name}\"");
            format!("  {head} time=\"{seconds:.3}\">{inner}</testcase>\n")
        })
        .chain(broken.iter().enumerate().map(|(place, why)| {
            let why = escape(why);
            format!(
                "  <testcase classname=\"pipes\" name=\"failure {}\"><error message=\"{why}\"/>\
                 </testcase>\n",
                place + 1
            )
        }))
        .collect();
    let count = |is: fn(&Outcome) -> bool| results.iter().filter(|one| is(&one.outcome)).count();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"pipewright\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n\
         {}</testsuite>\n",
        cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        broken.len(),
        count(|outcome| matches!(outcome, Outcome::Ignored)),
        cases.concat(),
    )
}

/// Text in XML; what XML cannot hold is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A folder that goes away with its value.
struct Scratch(std::path::PathBuf);

fn scratch_folder() -> Result<Scratch> {
    let name = format!("pipewright-test-{}-{}", std::process::id(), super::now());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(Scratch(folder))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
