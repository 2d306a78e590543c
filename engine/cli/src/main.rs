//! The program `pipewright`: runs, checks and serves project folders.

mod commands;
mod output;
mod place;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use pipewright_protocol::studio;
use tracing_subscriber::EnvFilter;

/// Keeps the data of business systems the same everywhere.
#[derive(Parser)]
#[command(name = "pipewright", version, about, arg_required_else_help = true)]
struct Arguments {
    /// How lines of the log look, which go to standard error: also
    /// PIPEWRIGHT_LOG_FORMAT. What is logged, PIPEWRIGHT_LOG says (such as info).
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    #[command(subcommand)]
    command: Command,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, with the fields of the event and, under `span`,
    /// of the request that it belongs to.
    Json,
}

const LOG_FORMAT_VARIABLE: &str = "PIPEWRIGHT_LOG_FORMAT";

/// Sends the log to standard error, as asked for in the arguments or the
/// environment.
fn start_log(format: Option<LogFormat>) {
    let filter =
        EnvFilter::try_from_env("PIPEWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let named = std::env::var(LOG_FORMAT_VARIABLE).ok();
    let named = named.and_then(|name| LogFormat::from_str(&name, true).ok());
    match format.or(named).unwrap_or(LogFormat::Text) {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).init(),
    }
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
    /// Show the datasets of a project or a node.
    Datasets(commands::datasets::Datasets),
    /// Make the config of a node be that of a project.
    ///
    /// What is the same stays; with a pipe that goes away goes its dataset. Config
    /// with errors is refused as a whole.
    Upload(commands::sync::Copied),
    /// Make the config of a project be that of a node.
    ///
    /// Files of components that are the same stay byte for byte.
    Download(commands::sync::Copied),
    /// Show where the config of a project and of a node differ.
    ///
    /// Exit code 1 if they do.
    Status(commands::sync::Between),
    /// Show how a pipe fares, or do something to its pump.
    ///
    /// Exit code 1 if its last run failed.
    Pump(commands::pump::Pump),
    /// Show the execution log of a pipe, the newest line last.
    Log(commands::pump::Log),
    /// Show and set the variables of a project or a node.
    #[command(subcommand)]
    Env(commands::env::Env),
    /// Run a project from scratch and compare with what its tests expect.
    ///
    /// Tests are the official client's, `expected/NAME.test.json`, and samples
    /// that were pinned in the studio, `expected/pins/NAME.test.json`: their
    /// `sample` alone is sent through the pipe, and has to become what
    /// `NAME.json` beside it holds. Exit code 1 if a test failed.
    Test(commands::test::Test),
    /// Make a new project from a template.
    New(commands::new::New),
    /// Serve a project: the node API, and the studio in a browser.
    Serve(commands::serve::Serve),
    /// Keep the secrets that a project's config names.
    #[command(subcommand)]
    Secrets(commands::secrets::Secrets),
    /// Copy a project's data into one file, while its node runs or not.
    ///
    /// Config is not part of it; secrets are, sealed as they are kept.
    Backup(commands::backup::Backup),
    /// Make a project's data anew out of a file that `backup` made.
    Restore(commands::backup::Restore),
    /// Ask a system of a project without running a pipe.
    #[command(subcommand)]
    System(commands::system::System),
    /// Make tokens for the API of a project's node.
    #[command(subcommand)]
    Token(commands::token::Token),
    /// Invite people to a node that they share, and take that back.
    #[command(subcommand)]
    User(commands::user::Command),
    /// Open Jupyter on the datasets of a node that serves a project here.
    Notebook(commands::notebook::Notebook),
    /// Print what completes this program's arguments in a shell.
    Completions(commands::about::Completions),
    /// Print the manual page.
    Man(commands::about::Man),
    /// Print docs/cli.md.
    #[command(hide = true)]
    Reference,
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

impl From<Role> for studio::Role {
    fn from(role: Role) -> studio::Role {
        match role {
            Role::Admin => studio::Role::Admin,
            Role::Developer => studio::Role::Developer,
            Role::Reader => studio::Role::Reader,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.log_format);
    let result = match arguments.command {
        Command::Run(command) => command.execute(),
        Command::Validate(command) => command.execute(),
        Command::Preview(command) => command.execute(),
        Command::Transform(command) => command.execute(),
        Command::Entities(command) => command.execute(),
        Command::Test(command) => command.execute(),
        Command::New(command) => command.execute(),
        Command::Serve(command) => command.execute(),
        Command::Backup(command) => command.execute(),
        Command::Restore(command) => command.execute(),
        Command::Secrets(command) => command.execute(),
        Command::System(command) => command.execute(),
        Command::Token(command) => command.execute(),
        Command::User(command) => command.execute(),
        Command::Notebook(command) => command.execute(),
        Command::Datasets(command) => command.execute(),
        Command::Upload(command) => command.upload(),
        Command::Download(command) => command.download(),
        Command::Status(command) => command.status(),
        Command::Pump(command) => command.execute(),
        Command::Log(command) => command.execute(),
        Command::Env(command) => command.execute(),
        Command::Completions(command) => command.execute(Arguments::command()),
        Command::Man(command) => command.execute(Arguments::command()),
        Command::Reference => {
            print!("{}", commands::about::reference(Arguments::command()));
            Ok(ExitCode::SUCCESS)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Their output is JSON in any case, or is made for a shell or a reader.
    const OTHERS: [&str; 5] = ["transform", "notebook", "completions", "man", "reference"];

    #[test]
    fn every_command_can_print_json() {
        fn walk(command: &clap::Command, seen: &mut usize) {
            let below = command.get_subcommands().filter(|sub| sub.get_name() != "help");
            if command.has_subcommands() {
                below.for_each(|sub| walk(sub, seen));
                return;
            }
            let json = command.get_arguments().find(|one| one.get_id() == "json");
            let is_switch = json.is_some_and(|json| !json.get_action().takes_values());
            assert_ne!(is_switch, OTHERS.contains(&command.get_name()), "{}", command.get_name());
            *seen += 1;
        }
        let mut seen = 0;
        walk(&Arguments::command(), &mut seen);
        assert!(seen > 35, "{seen}");
    }
}
