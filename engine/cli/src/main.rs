//! The program `pipewright`: runs, checks and serves project folders.

mod commands;
mod output;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

/// Keeps the data of business systems the same everywhere.
#[derive(Parser)]
#[command(name = "pipewright", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run all pipes of a project until nothing changes.
    ///
    /// Outside systems are read, and writes to them are held and counted, not
    /// made. Exit code 0 if nothing failed, 1 if a pipe failed.
    Run(commands::run::Run),
    /// Show everything that is wrong with a project. Exit code 1 if there are errors.
    Validate(commands::validate::Validate),
    /// Show what a pipe makes of one entity. Nothing is stored.
    Preview(commands::preview::Preview),
    /// Transform entities from standard input to standard output, one JSON object
    /// a line. Nothing is stored and no project is needed.
    ///
    /// Exit code 1 if an entity could not be transformed.
    Transform(commands::transform::Transform),
    /// Show the entities of a dataset, one JSON object a line.
    Entities(commands::entities::Entities),
    /// Run a project from scratch and compare with what its tests expect.
    ///
    /// Exit code 1 if a test failed.
    Test(commands::test::Test),
    /// Serve a project: the node API, and the studio in a browser.
    Serve(commands::serve::Serve),
    /// Keep the secrets that a project's config names.
    #[command(subcommand)]
    Secrets(commands::secrets::Secrets),
    /// Ask a system of a project without running a pipe.
    #[command(subcommand)]
    System(commands::system::System),
    /// Make tokens for the API of a project's node.
    #[command(subcommand)]
    Token(commands::token::Token),
}

/// A project and its store.
#[derive(Args, Clone)]
struct ProjectArguments {
    /// The project folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The environment: NAME-env.json [default: test, if it is there].
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The folder of the store [default: DIR/.pipewright/store].
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
}

/// What a token allows.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Role {
    /// Everything.
    Admin,
    /// Change and run.
    Developer,
    /// Look only.
    Reader,
}

fn main() -> ExitCode {
    let filter =
        EnvFilter::try_from_env("PIPEWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let result = match Arguments::parse().command {
        Command::Run(command) => command.execute(),
        Command::Validate(command) => command.execute(),
        Command::Preview(command) => command.execute(),
        Command::Transform(command) => command.execute(),
        Command::Entities(command) => command.execute(),
        Command::Test(command) => command.execute(),
        Command::Serve(command) => command.execute(),
        Command::Secrets(command) => command.execute(),
        Command::System(command) => command.execute(),
        Command::Token(command) => command.execute(),
    };
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pipewright: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whoever read the output went away, as `head` does; that is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
