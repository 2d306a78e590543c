//! Builds, runs and tests the product: `cargo xtask help`.

mod bench;
mod bundle;
mod docs;
mod install;
mod licences;
mod metadata;
mod run;
mod seed;
mod shell;
mod test;
mod tidy;
mod ui;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
usage: cargo xtask COMMAND

  run                installs what is missing, builds, and opens the studio on
                     the example project; without a display serves it instead
  run ARGUMENT...    builds and runs the command line, `pipewright ARGUMENT...`
  test [STAGE...]    installs what is missing and checks everything
  ui [--release]     builds the studio's screens into dist/
  screenshots FOLDER draws every screen in both themes and two sizes
  bundle [CHANNEL]   makes a package for Debian and its kin in target/bundle/;
                     signed, and with the feed of a channel that offers it as an
                     update, when PIPEWRIGHT_SIGNING_KEY names a minisign key
  docs               writes the pages of docs/ that follow from the code
  language           builds the language service alone for a browser and says
                     what it weighs
  bench dtl          times DTL as a whole process on several kinds of work
  bench engine [PART...]
                     times the store and the pipes beside SQLite, counts memory;
                     fails when a target is missed. Parts: ordered, shuffled,
                     memory, change, pipes
  bench node [NUMBER...]
                     lets many clients page through a large dataset while pipes
                     write; fails when a target is missed. Numbers: entities,
                     rewrites, clients
  seed [NAME...]     makes mistakes in a copy of the tree, those of tests/seeds,
                     and fails when a test does not find one
  bench studio [NUMBER...] [cycles=NUMBER]
                     times the studio in a browser with projects of so many
                     pipes: frames, start, memory after many edits
  tidy               checks who may use whom, and what else no compiler checks
  licences           checks the licences of everything used

The stages of test:
";

/// An error that was already explained: nothing more to print.
#[derive(Debug)]
struct AlreadySaid;

impl std::fmt::Display for AlreadySaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("see above")
    }
}

impl std::error::Error for AlreadySaid {}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<AlreadySaid>() {
                eprintln!("\nerror: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", rest @ ..] => run::run(rest),
        ["test", stages @ ..] => test::run(stages),
        ["ui"] => ui::build(ui::Profile::Quick),
        ["ui", "--release"] => ui::build(ui::Profile::Shipping),
        ["screenshots", folder] => test::screenshots(folder),
        ["bundle"] => bundle::make(None),
        ["bundle", channel] => bundle::make(Some(channel)),
        ["docs"] => docs::write(),
        ["language"] => ui::language(),
        ["bench", "dtl"] => bench::dtl(),
        ["bench", "engine", rest @ ..] => bench::engine(rest),
        ["bench", "node", rest @ ..] => bench::node(rest),
        ["seed", names @ ..] => seed::sow(names),
        ["bench", "studio", rest @ ..] => bench::studio(rest),
        ["tidy"] => tidy::check(),
        ["licences"] => licences::check(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}{}", test::list());
            Ok(())
        }
        _ => bail!("unknown: {}\n\n{HELP}{}", words.join(" "), test::list()),
    }
}
