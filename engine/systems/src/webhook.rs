//! Webhooks between nodes: subscribing to a dataset of another node, and
//! telling another node that a dataset has something new.

use std::sync::OnceLock;
use std::time::Duration;

use pipewright_component::{Cancel, Failure, Setting, Surroundings};
use pipewright_entity::Value;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};

use crate::Systems;
use crate::properties::Properties;
use crate::url::{Address, UrlSystem, with_query};

/// A node is given so long to take a call.
const PATIENCE: Duration = Duration::from_secs(15);

/// What became of telling another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It knows now.
    Taken,
    /// It does not want to know any more.
    Gone,
    /// It could not be told, and why.
    Failed(String),
}

/// The connections that webhooks are told over.
#[derive(Default)]
pub(crate) struct Teller(OnceLock<Option<Client>>);

impl Teller {
    /// Goes where it is sent and nowhere else.
    fn client(&self) -> Option<&Client> {
        let make = || {
            Client::builder()
                .user_agent(concat!("Pipewright/", env!("CARGO_PKG_VERSION")))
                .redirect(Policy::none())
                .connect_timeout(PATIENCE)
                .timeout(PATIENCE)
                .build()
                .ok()
        };
        self.0.get_or_init(make).as_ref()
    }
}

impl Systems {
    /// Tells a webhook of another node that there is something new. Nothing of
    /// the answer is read but its status.
    pub fn tell_webhook(&self, url: &str, token: &str, cancel: &Cancel) -> Told {
        let Some(client) = self.teller.client() else {
            return Told::Failed("no connection can be made here".to_owned());
        };
        let call = client.post(url).json(&serde_json::json!({ "token": token }));
        let sent = self.waiting.wait(cancel, async { call.send().await });
        match sent {
            Err(why) => Told::Failed(Failure::from(why).to_string()),
            Ok(Err(error)) => Told::Failed(error.without_url().to_string()),
            Ok(Ok(answer)) => match answer.status() {
                status if status.is_success() => Told::Taken,
                StatusCode::NOT_FOUND | StatusCode::GONE => Told::Gone,
                status => Told::Failed(format!("it answered {status}")),
            },
        }
    }

    /// Whether a source reads a dataset of another node, or the execution log
    /// of one of its pipes.
    pub fn reads_node(&self, source: &Setting<'_>, surroundings: &Surroundings) -> bool {
        self.node_address(source, surroundings).is_ok_and(|found| found.is_some())
    }

    fn node_address(
        &self,
        source: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<(UrlSystem, crate::url::Target)>, Failure> {
        if !matches!(source.kind(), "json" | "binary") {
            return Ok(None);
        }
        let url = Properties::new(source.config, source.path).required_text("url")?;
        let system = UrlSystem::new(&self.http, source.system, surroundings, source.path)?;
        let target = system.locate(url)?;
        let Address::Web(address) = &target.address else { return Ok(None) };
        let mut parts = address.path().rsplit('/');
        let is_node = match (parts.next(), parts.next(), parts.next()) {
            (Some("entities"), Some(_), Some(kind)) => kind == "datasets",
            (Some("log"), Some(_), Some(kind)) => kind == "pipes",
            _ => false,
        };
        Ok(is_node.then_some((system, target)))
    }

    /// Asks the node that a source reads to tell `webhook` when there is
    /// something after `since`. Whether the source reads a node.
    pub fn subscribe(
        &self,
        source: &Setting<'_>,
        surroundings: &Surroundings,
        (webhook, token): (&str, &str),
        since: Option<&Value>,
    ) -> Result<bool, Failure> {
        surroundings.may_read_outside(source.path)?;
        let Some((system, target)) = self.node_address(source, surroundings)? else {
            return Ok(false);
        };
        let Address::Web(address) = &target.address else { return Ok(false) };
        let mut query = vec![("webhook", webhook.to_owned()), ("token", token.to_owned())];
        if let Some(Value::Int(since)) = since {
            query.push(("since", since.to_string()));
        }
        let properties = Properties::new(source.config, source.path);
        let headers = properties.text_dict("headers")?;
        let place = system.place(Method::OPTIONS, &target.shown);
        let url = with_query(address, &query);
        match system.call(&place, &url, &headers, &HeaderMap::new(), None, None)? {
            Ok(_) => Ok(true),
            Err(error) => Err(error.into_failure(&system.path_of("url"))),
        }
    }
}
