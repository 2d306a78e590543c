//! What the program says of itself: completions, manual pages, reference.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

#[derive(Args)]
pub(crate) struct Man {
    /// Write a page for each command into this folder instead of the first one
    /// to standard output.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn execute(self, mut program: Command) -> Result<ExitCode> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut program, "pipewright", &mut text);
        io::stdout().write_all(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Man {
    pub(crate) fn execute(self, program: Command) -> Result<ExitCode> {
        match self.folder {
            None => {
                io::stdout().write_all(&page(&clap_mangen::Man::new(program))?)?;
            }
            Some(folder) => {
                let mut program = program.disable_help_subcommand(true);
                program.build();
                std::fs::create_dir_all(&folder)
                    .and_then(|()| write_pages(&program, &folder))
                    .with_context(|| folder.display().to_string())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the page of a command and those of what is below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, folder)?;
    }
    let man = clap_mangen::Man::new(command.clone());
    std::fs::write(folder.join(man.get_filename()), page(&man)?)
}

/// A manual page, with how every command ends behind what is said of this one.
fn page(man: &clap_mangen::Man) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    man.render(&mut text)?;
    text.extend_from_slice(b".SH \"EXIT STATUS\"\n");
    for (code, meaning) in EXIT_CODES {
        // No text begins with a dot or holds a backslash, which mean something
        // in a page.
        text.extend_from_slice(format!(".TP\n\\fB{code}\\fR\n{meaning}\n").as_bytes());
    }
    Ok(text)
}

/// How every command ends.
const EXIT_CODES: [(u8, &str); 4] = [
    (0, "It was done, and all is well."),
    (
        1,
        "It was done, and what was asked for is not so: a pipe or a test failed, a config has \
         errors, the two differ.",
    ),
    (
        2,
        "It could not be done: a wrong argument, no such folder, a node that refuses. Why is on \
         standard error.",
    ),
    (130, "It was broken off with a second Ctrl-C."),
];

/// `docs/cli.md`.
pub(crate) fn reference(mut program: Command) -> String {
    program.build();
    let mut text = String::from(
        "# The command line\n\n<!-- Written by `cargo xtask docs` from the program itself. -->\n\n\
         `DIR` is a project folder. When a node has it open, the commands work through that node. \
         `DIR|URL` takes the address of a node as well; its token is in the environment variable \
         `PIPEWRIGHT_TOKEN`. `pipewright completions SHELL` and `pipewright man` print what their \
         names say.\n\n",
    );
    text.push_str("## Exit codes\n\n| code | |\n| --- | --- |\n");
    for (code, meaning) in EXIT_CODES {
        text.push_str(&format!("| {code} | {meaning} |\n"));
    }
    describe(&program, &mut Vec::new(), &mut text);
    text
}

fn describe(command: &Command, path: &mut Vec<String>, text: &mut String) {
    path.push(command.get_name().to_owned());
    let visible =
        || command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help");
    if path.len() > 1 && visible().next().is_none() {
        let about = command.get_long_about().or(command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("\n## {}\n\n{}\n", path.join(" "), about.trim()));
        let arguments = command.get_arguments().filter(|one| {
            !one.is_hide_set() && !matches!(one.get_id().as_str(), "help" | "version")
        });
        let mut arguments = arguments.peekable();
        if arguments.peek().is_some() {
            text.push_str("\n| | |\n| --- | --- |\n");
        }
        for argument in arguments {
            let name = argument.to_string().replace('|', "\\|");
            let help = argument.get_long_help().or(argument.get_help());
            let help = help.map(ToString::to_string).unwrap_or_default().replace('\n', " ");
            text.push_str(&format!("| `{name}` | {} |\n", help.replace('|', "\\|").trim()));
        }
    }
    for sub in visible() {
        describe(sub, path, text);
    }
    path.pop();
}
