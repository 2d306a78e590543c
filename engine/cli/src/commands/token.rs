//! `pipewright token`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use pipewright_node::Tokens;
use pipewright_protocol::studio;

use crate::{ProjectArguments, Role};

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Print a new token, and nothing else.
    Create(Create),
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    project: ProjectArguments,
    /// What the token allows.
    #[arg(long, value_enum)]
    role: Role,
    /// Whom it is for.
    #[arg(long, default_value = "token")]
    name: String,
    /// Days until it ends; without this it does not.
    #[arg(long, value_name = "N")]
    days: Option<u64>,
}

impl Token {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let Token::Create(create) = self;
        let role = match create.role {
            Role::Admin => studio::Role::Admin,
            Role::Developer => studio::Role::Developer,
            Role::Reader => studio::Role::Reader,
        };
        let tokens = Tokens::open(&create.project.options()?.store_folder())?;
        let seconds = create.days.map(|days| days.saturating_mul(86_400));
        println!("{}", tokens.issue(&create.name, role, super::now(), seconds));
        Ok(ExitCode::SUCCESS)
    }
}
