//! `pipewright token`

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use pipewright_node::Tokens;
use serde_json::json;

use crate::output::{Align, Output, table};
use crate::{ProjectArguments, Role};

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Print a new token, and nothing else.
    Create(Create),
    /// Show the tokens that were made, without what would let anybody use them.
    List(List),
    /// Make a token count no more, at once.
    Revoke(Revoke),
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
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    project: ProjectArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    project: ProjectArguments,
    /// The token, as `token list` names it.
    #[arg(long, value_name = "ID", required_unless_present = "all")]
    id: Option<String>,
    /// Every token, access links too: the key they are signed with is replaced.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    #[command(flatten)]
    output: Output,
}

impl Token {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match self {
            Token::Create(create) => create.execute(),
            Token::List(list) => list.execute(),
            Token::Revoke(revoke) => revoke.execute(),
        }
    }
}

fn tokens(project: &ProjectArguments) -> Result<Tokens> {
    Ok(Tokens::open(&project.options()?.store_folder())?)
}

impl Create {
    fn execute(self) -> Result<ExitCode> {
        let role = self.role.into();
        let seconds = self.days.map(|days| days.saturating_mul(86_400));
        let token = tokens(&self.project)?.create(&self.name, role, super::now(), seconds)?;
        self.output.tell(json!({ "token": token }), Some(token));
        Ok(ExitCode::SUCCESS)
    }
}

/// A time in seconds since 1970 as text.
pub(super) fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "-".into(), |at| at.to_string())
}

impl List {
    fn execute(self) -> Result<ExitCode> {
        let now = super::now();
        let list = tokens(&self.project)?.list()?;
        let list = list.iter().map(|issued| {
            let claims = &issued.claims;
            let state = match claims.exp {
                _ if issued.revoked => "revoked",
                Some(end) if end <= now => "ended",
                _ => "valid",
            };
            (claims, state)
        });
        if self.json {
            let list: Vec<_> = list
                .map(|(claims, state)| {
                    json!({
                        "id": claims.jti, "name": claims.sub, "role": claims.role,
                        "made": time(claims.iat), "ends": claims.exp.map(time), "state": state,
                    })
                })
                .collect();
            println!("{:#}", json!(list));
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<Vec<String>> = list
            .map(|(claims, state)| {
                vec![
                    claims.jti.clone(),
                    claims.sub.clone(),
                    format!("{:?}", claims.role),
                    time(claims.iat),
                    claims.exp.map_or_else(|| "never".into(), time),
                    state.to_owned(),
                ]
            })
            .collect();
        let head = ["id", "name", "role", "made", "ends", "state"].map(|name| (name, Align::Left));
        print!("{}", table(&head, &rows));
        Ok(ExitCode::SUCCESS)
    }
}

impl Revoke {
    fn execute(self) -> Result<ExitCode> {
        let tokens = tokens(&self.project)?;
        match &self.id {
            Some(id) if !tokens.revoke(id)? => bail!("there is no token {id:?}"),
            Some(_) => {}
            None => tokens.revoke_all()?,
        }
        self.output.tell(json!({ "id": self.id, "all": self.all, "revoked": true }), None);
        Ok(ExitCode::SUCCESS)
    }
}
