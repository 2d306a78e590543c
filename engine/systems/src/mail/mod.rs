//! Mail: the SMTP system and the sink that sends through it
//! (`hub/documentation/service-configuration/systems/configuration-systems-smtp`,
//! `pipes/configuration-sinks-email`).

mod message;
mod plain_text;
mod sink;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use pipewright_component::{Failure, Surroundings, System};
pub(crate) use sink::MailSink;

use crate::properties::{Config, Properties};
use crate::secrets::{self, Told};
use crate::waiting::Waiting;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// How long a server may take for one step.
const PATIENCE: Duration = Duration::from_secs(60);

/// The port on which a connection is encrypted from the start; on others it
/// becomes so after a word (STARTTLS).
const ENCRYPTED: u16 = 465;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// When the mails of each system went out within the last hour. One per node.
#[derive(Default)]
pub(crate) struct Sent(Mutex<HashMap<String, VecDeque<i64>>>);

impl Sent {
    /// Counts a mail of a system, unless it has sent as many as it may; then
    /// how many microseconds it is until it may send one again.
    fn count(&self, system: &str, now: i64, most: u64) -> Result<(), i64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.entry(system.to_owned()).or_default();
        while times.front().is_some_and(|time| *time <= now - HOUR) {
            times.pop_front();
        }
        if (times.len() as u64) < most {
            times.push_back(now);
            return Ok(());
        }
        Err(times.front().map_or(HOUR, |time| time + HOUR - now))
    }
}

/// A mail server as one component uses it in one run.
pub(crate) struct SmtpSystem {
    waiting: Arc<Waiting>,
    sent: Arc<Sent>,
    id: String,
    config: Config,
    surroundings: Surroundings,
    /// The secrets that were used; these are the variables of `surroundings`.
    told: Arc<Told>,
    /// The JSON path of the component.
    path: String,
    transport: Option<Transport>,
}

/// Why a mail was not taken.
enum Unsent {
    /// The server will not have this mail.
    Refused(String),
    /// This many microseconds from now one may be sent again.
    TooMany(i64),
}

impl SmtpSystem {
    /// `None`: the config is that of another kind of system.
    pub(crate) fn new(
        waiting: &Arc<Waiting>,
        sent: &Arc<Sent>,
        id: &str,
        config: &Config,
        surroundings: &Surroundings,
        path: &str,
    ) -> Option<SmtpSystem> {
        let kind = config.get("type").and_then(|kind| kind.as_str());
        if kind != Some("system:smtp") {
            return None;
        }
        let told = Arc::new(Told::new(surroundings.variables.clone()));
        Some(SmtpSystem {
            waiting: waiting.clone(),
            sent: sent.clone(),
            id: id.to_owned(),
            config: config.clone(),
            surroundings: Surroundings { variables: told.clone(), ..surroundings.clone() },
            told,
            path: path.to_owned(),
            transport: None,
        })
    }

    fn failure(&self, property: &str, message: impl std::fmt::Display) -> Failure {
        Failure::config(format!("$.{property}"), format!("system \"{}\": {message}", self.id))
    }

    fn text(&self, property: &str) -> Result<Option<String>, Failure> {
        let Some(text) = Properties::new(&self.config, "$").text(property)? else {
            return Ok(None);
        };
        let resolved = secrets::resolve(text, Some(&self.id), &*self.surroundings.variables);
        resolved.map(Some).map_err(|name| {
            let message = format!("the secret \"{name}\" is not set; add it to the system");
            self.failure(property, message)
        })
    }

    /// How the server is reached, worked out when it is first used.
    fn transport(&mut self) -> Result<&Transport, Failure> {
        if self.transport.is_none() {
            let fresh = self.connect()?;
            self.transport = Some(fresh);
        }
        // It was just made.
        self.transport.as_ref().ok_or(Failure::Stopped)
    }

    fn connect(&self) -> Result<Transport, Failure> {
        let properties = Properties::new(&self.config, "$");
        let host = self.text("smtp_server")?.unwrap_or_else(|| "localhost".into());
        let port = properties.number("smtp_port")?.unwrap_or(25);
        let port =
            u16::try_from(port).map_err(|_| self.failure("smtp_port", "must be below 65536"))?;
        let tls = match properties.flag("use_tls", false)? {
            false => Tls::None,
            true => {
                let mut trust = TlsParameters::builder(host.clone());
                if let Some(pem) = self.text("custom_ca_pem_chain")? {
                    let bad = |error| self.failure("custom_ca_pem_chain", error);
                    let authority = Certificate::from_pem(pem.as_bytes()).map_err(bad)?;
                    trust = trust.add_root_certificate(authority);
                }
                let parameters =
                    trust.build_rustls().map_err(|error| self.failure("use_tls", error))?;
                match port {
                    ENCRYPTED => Tls::Wrapper(parameters),
                    _ => Tls::Required(parameters),
                }
            }
        };
        let mut builder =
            Transport::builder_dangerous(host).port(port).tls(tls).timeout(Some(PATIENCE));
        if let Some(user) = self.text("smtp_username")? {
            let Some(password) = self.text("smtp_password")? else {
                return Err(self.failure("smtp_password", "is missing, and smtp_username needs it"));
            };
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(builder.build())
    }

    /// Sends a mail. The inner error is about this one alone.
    fn send(&mut self, message: Message) -> Result<Result<(), Unsent>, Failure> {
        self.surroundings.may_write_outside(&self.path)?;
        let most = Properties::new(&self.config, "$").number("max_per_hour")?.unwrap_or(1_000);
        let now = self.surroundings.clock.now();
        if let Err(wait) = self.sent.count(&self.id, now, most) {
            return Ok(Err(Unsent::TooMany(wait)));
        }
        let waiting = self.waiting.clone();
        let cancel = self.surroundings.cancel.clone();
        let transport = self.transport()?.clone();
        let sent = waiting.wait(&cancel, async move { transport.send(message).await })?;
        match sent {
            Ok(_) => Ok(Ok(())),
            Err(error) => match self.judge(&error) {
                Failure::Entity(failure) => Ok(Err(Unsent::Refused(failure.message))),
                other => Err(other),
            },
        }
    }

    /// The class of what went wrong.
    fn judge(&self, error: &SmtpError) -> Failure {
        let code = error.status().map(u16::from);
        let mut message = format!("system \"{}\": {error}", self.id);
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        let failure = match code {
            // What they say about who signs in.
            Some(530 | 534 | 535 | 538) => Failure::config("$.smtp_username", message),
            Some(_) if error.is_permanent() => Failure::entity(None, message),
            _ if error.is_client() => Failure::config("$.smtp_server", message),
            _ => Failure::retryable(message),
        };
        match self.told.hide_in(failure) {
            Failure::Entity(mut failure) => {
                failure.message = self.told.hide(failure.message);
                Failure::Entity(failure)
            }
            other => other,
        }
    }
}

impl System for SmtpSystem {
    fn test(&mut self) -> Result<String, Failure> {
        self.surroundings.may_read_outside("$.smtp_server")?;
        let (waiting, cancel) = (self.waiting.clone(), self.surroundings.cancel.clone());
        let transport = self.transport()?.clone();
        let answered = waiting.wait(&cancel, async move { transport.test_connection().await })?;
        match answered {
            Ok(true) => Ok("the mail server answers".to_owned()),
            Ok(false) => Err(Failure::retryable("the mail server does not answer as one")),
            Err(error) => Err(match self.judge(&error) {
                Failure::Entity(failure) => self.failure("smtp_server", failure.message),
                other => other,
            }),
        }
    }

    fn offers(&mut self) -> Result<Vec<pipewright_component::Offer>, Failure> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_after_a_mail_there_is_room_for_another() {
        let sent = Sent::default();
        assert_eq!(sent.count("a", 0, 2), Ok(()));
        assert_eq!(sent.count("a", 10, 2), Ok(()));
        assert_eq!(sent.count("a", 20, 2), Err(HOUR - 20));
        assert_eq!(sent.count("b", 20, 2), Ok(()));
        assert_eq!(sent.count("a", HOUR, 2), Ok(()));
        assert_eq!(sent.count("a", HOUR + 1, 2), Err(9));
        assert_eq!(sent.count("c", 0, 0), Err(HOUR));
    }
}
