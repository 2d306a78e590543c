//! Services that the node runs itself: trusted local processes, where the
//! documentation has containers
//! (`hub/documentation/service-configuration/systems/configuration-systems-microservice`).
//!
//! A process is started when a pipe first calls it, and again when it has
//! ended; it ends with the node, or when its config changes. Nothing is started
//! before the project is trusted: that is when pipes may reach out at all. And
//! since whoever may change the config of a node that is served could start any
//! program by it, such a node starts none unless the one who started it said so.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use pipewright_component::{Failure, Permission, Surroundings};
use serde_json::Value as Json;

use crate::properties::{Config, Properties};
use crate::waiting::Waiting;

/// The property of a system that says what to start.
const PATH: &str = "$.process";

/// How many lines of what a process says are kept.
const LINES: usize = 1_000;

/// How often to look whether a process is ready.
const LOOK: Duration = Duration::from_millis(50);

/// What processes of a node must not see.
const OWN_VARIABLES: &str = "PIPEWRIGHT_";

/// The processes of a node, by the system they belong to.
pub(crate) struct Processes {
    waiting: Arc<Waiting>,
    known: Mutex<HashMap<String, Arc<Process>>>,
}

/// What is started, and how to tell that it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Order {
    command: Vec<String>,
    environment: Vec<(String, String)>,
    folder: Option<PathBuf>,
    port: Option<u16>,
    /// The path that answers with a success once the service is ready; without
    /// it, whatever takes connections is.
    health: Option<String>,
    patience: Duration,
}

/// A service of one system.
pub(crate) struct Process {
    system: String,
    order: Order,
    port: u16,
    waiting: Arc<Waiting>,
    running: Mutex<Option<Running>>,
    said: Arc<Mutex<VecDeque<Said>>>,
}

/// A line that a service wrote to its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// What.
    pub line: String,
}

/// Ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Processes {
    pub(crate) fn new(waiting: Arc<Waiting>) -> Processes {
        Processes { waiting, known: Mutex::default() }
    }

    /// The service of a system, which need not run yet. Another config is
    /// another service: the one before ends.
    pub(crate) fn of(
        &self,
        system: &str,
        config: &Config,
        surroundings: &Surroundings,
        resolve: &dyn Fn(&str) -> Result<String, Failure>,
    ) -> Result<Arc<Process>, Failure> {
        let order = Order::read(config, surroundings, resolve)?;
        let mut known = lock(&self.known);
        if let Some(process) = known.get(system)
            && process.order == order
        {
            return Ok(process.clone());
        }
        let port = match order.port {
            Some(port) => port,
            None => free_port().map_err(|error| Failure::retryable(error.to_string()))?,
        };
        let process = Arc::new(Process {
            system: system.to_owned(),
            order,
            port,
            waiting: self.waiting.clone(),
            running: Mutex::default(),
            said: Arc::default(),
        });
        known.insert(system.to_owned(), process.clone());
        Ok(process)
    }
}

impl Processes {
    /// What the service of a system said last; `None` when it was never called.
    pub(crate) fn said(&self, system: &str) -> Option<Vec<Said>> {
        let process = lock(&self.known).get(system).cloned()?;
        let said = lock(&process.said);
        Some(said.iter().cloned().collect())
    }

    /// Ends the service of a system. The next call starts it again.
    pub(crate) fn end(&self, system: &str) {
        let process = lock(&self.known).get(system).cloned();
        if let Some(process) = process {
            *lock(&process.running) = None;
        }
    }
}

impl Order {
    fn read(
        config: &Config,
        surroundings: &Surroundings,
        resolve: &dyn Fn(&str) -> Result<String, Failure>,
    ) -> Result<Order, Failure> {
        let Some(Json::Object(process)) = config.get("process") else {
            let message = "is missing. Containers are not run here: say which command to start";
            return Err(Failure::config(PATH, message));
        };
        let properties = Properties::new(process, PATH);
        let command = properties.texts("command")?.unwrap_or_default();
        if command.is_empty() {
            return Err(properties.failure("command", "is missing"));
        }
        let port = properties.number("port")?;
        let port = port.map(u16::try_from).transpose();
        let mut environment = Vec::new();
        for (name, value) in properties.dict("environment")?.into_iter().flatten() {
            let value = match value {
                Json::String(text) => resolve(text)?,
                other => resolve(&other.to_string())?,
            };
            environment.push((name.clone(), value));
        }
        let folder = match (properties.text("folder")?, &surroundings.folder) {
            (Some(folder), Some(project)) => Some(project.join(folder)),
            (Some(folder), None) => Some(folder.into()),
            (None, project) => project.clone(),
        };
        Ok(Order {
            command: command.into_iter().map(resolve).collect::<Result<_, _>>()?,
            environment,
            folder,
            port: port.map_err(|_| properties.failure("port", "must be at most 65535"))?,
            health: properties.text("health")?.map(str::to_owned),
            patience: Duration::from_secs(properties.number("start_timeout")?.unwrap_or(30)),
        })
    }
}

impl Process {
    /// Where it answers.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Sees to it that it runs and is ready.
    pub(crate) fn ensure(&self, surroundings: &Surroundings) -> Result<(), Failure> {
        if surroundings.access.processes == Permission::Held {
            let message = format!(
                "system \"{}\" would start the program {:?}, and this node may start none; whoever \
                 starts the node allows it (serve --processes)",
                self.system,
                self.order.command.first().map(String::as_str).unwrap_or_default()
            );
            return Err(Failure::config(PATH, message));
        }
        let mut running = lock(&self.running);
        if let Some(Running(child)) = running.as_mut() {
            match child.try_wait() {
                Ok(None) => return Ok(()),
                Ok(Some(status)) => {
                    tracing::warn!(system = self.system, %status, "the service ended; it is started again");
                }
                Err(error) => return Err(self.failure(&error.to_string())),
            }
        }
        *running = None;
        let mut started = self.start()?;
        let clock = &surroundings.clock;
        let mut waited = Duration::ZERO;
        while !self.is_ready() {
            match started.0.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => return Err(self.failure(&format!("ended with {status}"))),
                Err(error) => return Err(self.failure(&error.to_string())),
            }
            if waited >= self.order.patience {
                let seconds = self.order.patience.as_secs();
                return Err(self.failure(&format!("was not ready after {seconds} seconds")));
            }
            clock.wait(LOOK, &surroundings.cancel)?;
            // The process needs real time, whatever clock the pipes run by.
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        *running = Some(started);
        Ok(())
    }

    fn start(&self) -> Result<Running, Failure> {
        let port = self.port.to_string();
        let mut words = self.order.command.iter().map(|word| word.replace("{port}", &port));
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = &self.order.folder {
            command.current_dir(folder);
        }
        let own = std::env::vars_os().map(|(name, _)| name);
        for name in own.filter(|name| name.to_string_lossy().starts_with(OWN_VARIABLES)) {
            command.env_remove(name);
        }
        command.env("PORT", &port);
        command.envs(self.order.environment.iter().map(|(name, value)| (name, value)));
        lock(&self.said).clear();
        let mut child = command.spawn().map_err(|error| {
            let message = format!(
                "system \"{}\": {program} cannot be started: {error}. Check the command",
                self.system
            );
            Failure::config(format!("{PATH}.command"), message)
        })?;
        if let Some(out) = child.stdout.take() {
            self.listen(out)?;
        }
        if let Some(err) = child.stderr.take() {
            self.listen(err)?;
        }
        Ok(Running(child))
    }

    /// Keeps what it says.
    fn listen(&self, from: impl Read + Send + 'static) -> Result<(), Failure> {
        let (said, system) = (self.said.clone(), self.system.clone());
        self.waiting.work(move || {
            for line in BufReader::new(from).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                tracing::debug!(system, line, "a service says");
                let mut said = lock(&said);
                if said.len() == LINES {
                    said.pop_front();
                }
                said.push_back(Said { at: now(), line });
            }
        })?;
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
            return false;
        };
        let Some(path) = &self.order.health else { return true };
        let asked = (|| {
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            std::io::Result::Ok(line)
        })();
        let status = asked.ok().and_then(|line| line.split(' ').nth(1)?.parse::<u16>().ok());
        status.is_some_and(|status| (200..300).contains(&status))
    }

    fn failure(&self, what: &str) -> Failure {
        let said = lock(&self.said);
        let last: Vec<&str> =
            said.iter().rev().take(3).rev().map(|said| said.line.as_str()).collect();
        let last = match last.is_empty() {
            true => String::new(),
            false => format!(". It said: {}", last.join(" / ")),
        };
        Failure::retryable(format!("system \"{}\": the service {what}{last}", self.system))
    }
}

/// Microseconds since 1970. What a process says, it says in real time.
fn now() -> i64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
