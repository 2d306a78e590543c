//! `pipewright user`: people who share a node.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use pipewright_protocol::client::Client;
use pipewright_protocol::studio::{
    self, INVITATIONS, Invitation, Invited, Login, NewUser, Renewal, USERS, User, UserRole,
};
use serde_json::json;

use super::token::time;
use crate::Role;
use crate::output::{Align, Output, table};
use crate::place::Place;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add a user, and print the invitation that they make a token out of.
    Create(Create),
    /// Show the users.
    List(List),
    /// Print another invitation for a user; the one before it counts no more.
    Invite(Invite),
    /// Give a user another role, at once.
    Role(Change),
    /// Take everything from a user, at once: their tokens count no more.
    Remove(Remove),
    /// Make a token out of an invitation, which is read from standard input, and
    /// print it. This works once.
    Accept(Accept),
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    place: Place,
    /// Names the user; what they do is written down under it.
    name: String,
    /// What the user may do.
    #[arg(long, value_enum)]
    role: Role,
    /// Days in which the invitation can be accepted [default: 7].
    #[arg(long, value_name = "N")]
    days: Option<u64>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Place,
    /// Print a JSON list.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    place: Place,
    /// The user.
    name: String,
    /// Days in which the invitation can be accepted [default: 7].
    #[arg(long, value_name = "N")]
    days: Option<u64>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Change {
    #[command(flatten)]
    place: Place,
    /// The user.
    name: String,
    /// What the user may do.
    #[arg(value_enum)]
    role: Role,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    place: Place,
    /// The user.
    name: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Accept {
    /// The address of the node, such as http://127.0.0.1:9042.
    url: String,
    #[command(flatten)]
    output: Output,
}

impl Command {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match self {
            Command::Create(create) => create.execute()?,
            Command::List(list) => list.execute()?,
            Command::Invite(invite) => invite.execute()?,
            Command::Role(change) => change.execute()?,
            Command::Remove(Remove { place, name, output }) => {
                place.open()?.call("DELETE", &studio::user_path(&name), None)?;
                output.tell(json!({ "name": name, "removed": true }), None);
            }
            Command::Accept(accept) => accept.execute()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Create {
    fn execute(self) -> Result<()> {
        let new = NewUser { name: self.name, role: self.role.into(), days: self.days };
        let invited: Invited = self.place.open()?.send("POST", USERS, &new)?;
        show(invited, self.output)
    }
}

impl Invite {
    fn execute(self) -> Result<()> {
        let path = studio::user_invitation_path(&self.name);
        let renewal = Renewal { days: self.days };
        let invited: Invited = self.place.open()?.send("POST", &path, &renewal)?;
        show(invited, self.output)
    }
}

fn show(invited: Invited, output: Output) -> Result<()> {
    output.tell(serde_json::to_value(&invited)?, Some(invited.invitation));
    Ok(())
}

impl List {
    fn execute(self) -> Result<()> {
        let users: Vec<User> = self.place.open()?.get(USERS)?;
        if self.json {
            println!("{:#}", serde_json::to_value(&users)?);
            return Ok(());
        }
        let now = super::now();
        let row = |user: &User| {
            let invited = match user.invited_until {
                Some(end) if end > now => format!("until {}", time(end)),
                Some(_) => "too late".to_owned(),
                None => "-".to_owned(),
            };
            vec![
                user.name.clone(),
                format!("{:?}", user.role),
                time(user.made),
                user.accepted.map_or_else(|| "never".into(), time),
                invited,
            ]
        };
        let rows: Vec<Vec<String>> = users.iter().map(row).collect();
        let head = ["name", "role", "added", "accepted", "invited"].map(|name| (name, Align::Left));
        print!("{}", table(&head, &rows));
        Ok(())
    }
}

impl Change {
    fn execute(self) -> Result<()> {
        let role = UserRole { role: self.role.into() };
        let user: User = self.place.open()?.send("PUT", &studio::user_path(&self.name), &role)?;
        self.output.tell(serde_json::to_value(&user)?, None);
        Ok(())
    }
}

impl Accept {
    fn execute(self) -> Result<()> {
        let invitation = std::io::read_to_string(std::io::stdin())
            .context("the invitation on standard input is no text")?;
        let accepted = Invitation { invitation: invitation.trim().to_owned() };
        let base = self.url.trim_end_matches('/').trim_end_matches("/api");
        // Whoever accepts has no token yet.
        let login: Login = Client::new(base, "")?.post(INVITATIONS, &accepted)?;
        self.output.tell(serde_json::to_value(&login)?, Some(login.token));
        Ok(())
    }
}
