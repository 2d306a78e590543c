//! Tries conformance cases and says which of them fail.
//!
//! `cargo run --release --bin conformance -- tests/conformance/public.jsonl`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use pipewright_tests::conformance::Report;

/// Tries conformance cases: one line for each that fails, and the numbers last.
#[derive(Parser)]
struct Arguments {
    /// A file with one case per line.
    file: PathBuf,
    /// Fail when fewer cases than this pass.
    #[arg(long, value_name = "N")]
    min: Option<usize>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let text = std::fs::read_to_string(&arguments.file)
        .with_context(|| format!("cannot read {}", arguments.file.display()))?;
    let folder = arguments.file.parent().map_or_else(PathBuf::new, PathBuf::from);
    // A panic is reported as the failure of its case.
    std::panic::set_hook(Box::new(|_| {}));
    let report = Report::of(&text, &folder);
    print!("{report}");
    let enough = arguments.min.is_none_or(|least| report.passed() >= least);
    Ok(if enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
