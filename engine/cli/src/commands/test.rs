//! `pipewright test`

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use pipewright_config::spec::{Endpoint, Spec};
use pipewright_entity::{Value, transit};
use pipewright_node::{Cancel, Ending, Node, Observer, Permission, Progress, Unrunnable, specs};

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
        }
        let node = Node::open(options)?;
        let settled = node.run_until_stable(false, &Cancel::new(), &Quiet, &mut |_| {});
        let mut broken = Vec::new();
        for report in &settled.reports {
            match &report.ending {
                Ending::Failed { reason, .. } => broken.push(format!("{}: {reason}", report.pipe)),
                _ => broken.extend(report.failures.first().map(|(id, why)| {
                    format!("{}: entity {}: {why}", report.pipe, id.as_deref().unwrap_or("?"))
                })),
            }
        }
        for (pipe, why) in &settled.skipped {
            if let Unrunnable::Broken(why) = why {
                broken.push(format!("{pipe}: {why}"));
            }
        }
        for line in &broken {
            println!("pipe failed: {line}");
        }
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for spec in node.config().specs() {
            if !spec.id.contains(&self.only) {
                continue;
            }
            if spec.ignore {
                skipped += 1;
                println!("{:<40} ignored", spec.id);
                continue;
            }
            match self.compare(&node, spec) {
                Ok(differences) if differences.is_empty() => {
                    passed += 1;
                    println!("{:<40} ok", spec.id);
                }
                Ok(differences) => {
                    failed += 1;
                    println!("{:<40} FAILED ({} differences)", spec.id, differences.len());
                    for difference in differences.iter().take(self.most) {
                        println!("{difference}");
                    }
                    if differences.len() > self.most {
                        println!("  … and {} more", differences.len() - self.most);
                    }
                }
                Err(error) => {
                    failed += 1;
                    println!("{:<40} FAILED", spec.id);
                    println!("  {error:#}");
                }
            }
        }
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        drop(node);
        let ok = failed == 0 && broken.is_empty();
        Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn compare(&self, node: &Node, spec: &Spec) -> Result<Vec<specs::Difference>> {
        let file = node.root().join("expected").join(spec.file.trim_start_matches("expected/"));
        let expected = fs::read(&file).with_context(|| file.display().to_string())?;
        let produced = node.spec_output(spec)?;
        let rules = specs::Rules {
            blacklist: spec.blacklist.iter().map(ToString::to_string).collect(),
            ignore_deletes: spec.ignore_deletes,
        };
        if spec.endpoint != Endpoint::Entities {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            return Ok(specs::compare_text(&text(&expected), &text(&produced)));
        }
        let entities = |bytes: &[u8]| -> Result<Vec<Value>> {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            transit::Entities::new(bytes).map(|entity| Ok(entity?.into_value())).collect()
        };
        let expected = entities(&expected).with_context(|| file.display().to_string())?;
        Ok(specs::compare(&expected, &entities(&produced)?, &rules))
    }
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
