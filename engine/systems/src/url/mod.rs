//! The URL system: where its resources lie and how to sign in
//! (`hub/documentation/service-configuration/systems/configuration-systems-url`).
//!
//! Besides `http` and `https`, an address may be a `file:` URL. Without a
//! leading slash it is relative to the project folder. Files in that folder are
//! part of the project and can be read at any time; files elsewhere are outside.

mod address;
mod folder;
mod sign_in;
mod trace;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use pipewright_component::{Failure, Offer, Surroundings, System, Variables};
use pipewright_entity::Value;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use crate::files;
use crate::http::{Answer, Body, Call, CallError, Challenge, Http, Place, Statuses};
use crate::processes::{Process, Processes};
use crate::properties::{Config, Properties};
use crate::secrets::{self, Told};
pub(crate) use address::Address;
use address::{Base, NoAddress};
pub use folder::file_offer;
use trace::Tracing;

/// A URL system as one component uses it in one run. Without a system in the
/// config, the component's `url` must be complete.
pub(crate) struct UrlSystem {
    http: Arc<Http>,
    id: Option<String>,
    config: Config,
    surroundings: Surroundings,
    /// The secrets that were used; these are the variables of `surroundings`.
    told: Arc<Told>,
    /// The JSON path of the component.
    path: String,
    /// The service behind it, if the node is to run it.
    process: Option<Arc<Process>>,
    /// How the server wants to be signed in to, once it has said so.
    challenge: Mutex<Option<Challenge>>,
    /// What is noted of the calls, if anything.
    tracing: Option<Tracing>,
}

/// An address with the words that may be shown for it.
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) shown: String,
}

/// An answer, or a file.
pub(crate) struct Opened {
    /// Empty for a file.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// A request that is filled in: nothing in it is a name of a secret any more.
pub(crate) struct Rendered<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    /// The words that may be shown for the address.
    pub(crate) shown: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Option<&'a [u8]>,
    /// Whether it is meant to change something.
    pub(crate) writes: bool,
    /// The status codes that make an answer; those of success when `None`.
    pub(crate) takes: Option<&'a Statuses>,
}

impl UrlSystem {
    /// Whether this is the config of a URL system.
    pub(crate) fn is_kind(config: &Config) -> bool {
        matches!(
            config.get("type").and_then(|kind| kind.as_str()),
            Some("system:url" | "url" | "system:rest" | "system:microservice")
        )
    }

    pub(crate) fn new(
        http: &Arc<Http>,
        system: Option<(&str, &Config)>,
        surroundings: &Surroundings,
        path: &str,
    ) -> Result<UrlSystem, Failure> {
        if let Some((id, config)) = system
            && !UrlSystem::is_kind(config)
        {
            let kind = config.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
            return Err(Failure::config(
                format!("{path}.system"),
                format!("system \"{id}\" is a \"{kind}\"; a \"system:url\" is needed here"),
            ));
        }
        let told = Arc::new(Told::new(surroundings.variables.clone()));
        Ok(UrlSystem {
            http: http.clone(),
            id: system.map(|(id, _)| id.to_owned()),
            config: system.map(|(_, config)| config.clone()).unwrap_or_default(),
            surroundings: Surroundings { variables: told.clone(), ..surroundings.clone() },
            told,
            path: path.to_owned(),
            process: None,
            challenge: Mutex::default(),
            tracing: None,
        })
    }

    /// With the service behind it, if it is one that the node runs. It is
    /// started when it is first called.
    pub(crate) fn with_process(mut self, processes: &Processes) -> Result<UrlSystem, Failure> {
        if self.config.get("type").and_then(|kind| kind.as_str()) != Some("system:microservice") {
            return Ok(self);
        }
        let resolve = |text: &str| self.resolve("process", text);
        let process = processes.of(self.id(), &self.config, &self.surroundings, &resolve)?;
        let scheme = match self.properties().flag("use_https", false)? {
            true => "https",
            false => "http",
        };
        let pattern = format!("{scheme}://127.0.0.1:{}/%s", process.port());
        self.config.insert("url_pattern".into(), pattern.into());
        self.process = Some(process);
        Ok(self)
    }

    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The JSON path of a property of the component.
    pub(crate) fn path_of(&self, property: &str) -> String {
        format!("{}.{property}", self.path)
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn http(&self) -> &Arc<Http> {
        &self.http
    }

    /// Takes something as secret that the other side handed out.
    pub(crate) fn hide(&self, secret: &str) {
        self.told.add(secret);
    }

    /// The system's id; empty without a system.
    pub(crate) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    fn properties(&self) -> Properties<'_> {
        Properties::new(&self.config, "$")
    }

    /// A text of this system's config with its secrets filled in, as a piece
    /// of a template: what a secret holds is never read as one.
    pub(crate) fn fill_in(&self, property: &str, text: &str) -> Result<String, Failure> {
        if !text.contains("$SECRET(") {
            return Ok(text.to_owned());
        }
        struct Escaped<'a>(&'a dyn Variables);
        impl Variables for Escaped<'_> {
            fn env(&self, _: &str) -> Option<Value> {
                None
            }
            fn secret(&self, system: Option<&str>, name: &str) -> Option<Value> {
                let secret = self.0.secret(system, name)?;
                Some(Value::from(secret.as_str()?.replace('{', "{{ '{' }}")))
            }
        }
        let escaped = Escaped(&*self.surroundings.variables);
        secrets::resolve(text, self.id.as_deref(), &escaped).map_err(|name| {
            self.failure(
                property,
                format!("the secret \"{name}\" is not set; add it to the system"),
            )
        })
    }

    /// Where an address leads that was filled in from a template, and the
    /// words that may be shown for it.
    pub(crate) fn locate_rendered(
        &self,
        rendered: &str,
        template: &str,
    ) -> Result<(Url, String), Failure> {
        let base = self.base()?;
        let shown = address::shown(&base.join(template).unwrap_or_else(|_| template.to_owned()));
        let joined = match base {
            Base::Pattern(pattern) => {
                let pattern = self.resolve("url_pattern", pattern)?;
                Base::Pattern(&pattern).join(rendered)
            }
            Base::Join(base) => {
                let base = self.resolve("base_url", base)?;
                Base::Join(&base).join(rendered)
            }
            Base::Nothing => Base::Nothing.join(rendered),
        };
        match joined.and_then(|text| Address::parse(&text)) {
            Ok(Address::Web(url)) => Ok((url, shown)),
            Ok(Address::File(_)) => {
                Err(self.failure("url_pattern", "a REST service is not a file"))
            }
            Err(error) => Err(self.no_address(&shown, &error)),
        }
    }

    /// Makes a request. The outer error says that it was not made.
    pub(crate) fn exchange(
        &self,
        request: &Rendered<'_>,
    ) -> Result<Result<Answer, CallError>, Failure> {
        match request.writes {
            true => self.surroundings.may_write_outside(&self.path)?,
            false => self.surroundings.may_read_outside(&self.path)?,
        }
        let place = self.place(request.method.clone(), request.shown);
        let body = request.body.map(<[u8]>::to_vec);
        self.call(&place, request.url, &[], request.headers, body, request.takes)
    }

    /// A failure of this system's own config.
    fn failure(&self, property: &str, message: impl std::fmt::Display) -> Failure {
        let system = self.id.as_deref().unwrap_or_default();
        Failure::config(format!("$.{property}"), format!("system \"{system}\": {message}"))
    }

    fn resolve(&self, property: &str, text: &str) -> Result<String, Failure> {
        secrets::resolve(text, self.id.as_deref(), &*self.surroundings.variables).map_err(|name| {
            self.failure(
                property,
                format!("the secret \"{name}\" is not set; add it to the system"),
            )
        })
    }

    fn base(&self) -> Result<Base<'_>, Failure> {
        if self.id.is_none() {
            return Ok(Base::Nothing);
        }
        let properties = self.properties();
        match (properties.text("url_pattern")?, properties.text("base_url")?) {
            (Some(pattern), None) => Ok(Base::Pattern(pattern)),
            (None, Some(base)) => Ok(Base::Join(base)),
            (None, None) => Err(self.failure("url_pattern", "is missing")),
            (Some(_), Some(_)) => {
                Err(self.failure("base_url", "cannot be used together with url_pattern"))
            }
        }
    }

    /// Whether the `url` of a component leads to a file, as far as can be said
    /// without secrets.
    pub(crate) fn is_file(&self, url: &str) -> Result<bool, Failure> {
        Ok(self.join(url)?.starts_with("file:"))
    }

    /// The full text of an address, secrets not yet filled in.
    fn join(&self, url: &str) -> Result<String, Failure> {
        let base = self.base()?;
        base.join(url).map_err(|error| {
            let root = base.root().unwrap_or_default();
            self.no_address(&address::shown(&root), &error)
        })
    }

    fn no_address(&self, shown: &str, error: &NoAddress) -> Failure {
        Failure::config(self.path_of("url"), format!("\"{shown}\" {error}"))
    }

    /// Where the `url` of a component lies.
    pub(crate) fn locate(&self, url: &str) -> Result<Target, Failure> {
        let text = self.join(url)?;
        let shown = address::shown(&text);
        let full = self.resolve("url_pattern", &text)?;
        match Address::parse(&full) {
            Ok(address) => Ok(Target { address, shown }),
            Err(error) => Err(self.no_address(&shown, &error)),
        }
    }

    /// Opens an address for reading: a file, or the answer to a GET with more
    /// query parameters and headers.
    pub(crate) fn open(
        &self,
        target: &Target,
        query: &[(&str, String)],
        headers: &[(&str, &str)],
    ) -> Result<Opened, Failure> {
        match &target.address {
            Address::File(path) => self.open_file(path, &target.shown),
            Address::Web(url) => {
                self.surroundings.may_read_outside(&self.path_of("url"))?;
                let place = self.place(Method::GET, &target.shown);
                let url = with_query(url, query);
                self.call(&place, &url, headers, &HeaderMap::new(), None, None)?
                    .map(|answer| Opened { headers: answer.headers, body: answer.body })
                    .map_err(|error| error.into_failure(&self.path_of("url")))
            }
        }
    }

    /// Posts to an address. The outer error says that the call was not made.
    pub(crate) fn post(
        &self,
        target: &Target,
        query: &[(&str, String)],
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Result<Answer, CallError>, Failure> {
        let Address::Web(url) = &target.address else {
            return Err(Failure::config(
                self.path_of("url"),
                format!("{} is a file; entities can only be sent to http and https", target.shown),
            ));
        };
        self.surroundings.may_write_outside(&self.path)?;
        let place = self.place(Method::POST, &target.shown);
        let url = with_query(url, query);
        self.call(&place, &url, headers, &HeaderMap::new(), Some(body), None)
    }

    /// What is found at the system's own address.
    fn probe(&self) -> Result<String, Failure> {
        let root = self.base()?.root().unwrap_or_default();
        let target = self.locate(&root)?;
        match &target.address {
            Address::File(path) => {
                let (full, _) = self.file(path, &target.shown)?;
                let kind = if full.is_dir() { "a folder" } else { "a file" };
                Ok(format!("{} is {kind}", target.shown))
            }
            Address::Web(url) => {
                self.surroundings.may_read_outside("$.url_pattern")?;
                let place = self.place(Method::GET, &target.shown);
                match self.call(&place, url, &[], &HeaderMap::new(), None, None)? {
                    Ok(_) => Ok(format!("{} answers", target.shown)),
                    // The bare address need not be a resource of its own.
                    Err(error) if error.status().is_some_and(is_only_the_path) => {
                        Ok(format!("{} answers, and knows no such path", target.shown))
                    }
                    Err(error) => Err(error.into_failure("$.url_pattern")),
                }
            }
        }
    }

    fn place(&self, method: Method, shown: &str) -> Place {
        Place { system: self.id.clone(), method, url: shown.to_owned() }
    }

    fn file(&self, path: &Path, shown: &str) -> Result<(std::path::PathBuf, bool), Failure> {
        files::place(self.surroundings.folder.as_deref(), path, false)
            .map_err(|error| self.no_file(shown, &error))
    }

    fn no_file(&self, shown: &str, error: &io::Error) -> Failure {
        Failure::config(self.path_of("url"), files::said(shown, error))
    }

    fn open_file(&self, path: &Path, shown: &str) -> Result<Opened, Failure> {
        let (full, inside) = self.file(path, shown)?;
        if !inside {
            self.surroundings.may_read_outside(&self.path_of("url"))?;
        }
        let file = File::open(&full).map_err(|error| self.no_file(shown, &error))?;
        if file.metadata().is_ok_and(|about| about.is_dir()) {
            let message = format!("{shown} is a folder; name a file in it");
            return Err(Failure::config(self.path_of("url"), message));
        }
        let cancel = self.surroundings.cancel.clone();
        Ok(Opened { headers: HeaderMap::new(), body: Body::file(file, cancel) })
    }

    fn call(
        &self,
        place: &Place,
        url: &Url,
        headers: &[(&str, &str)],
        rendered: &HeaderMap,
        body: Option<Vec<u8>>,
        takes: Option<&Statuses>,
    ) -> Result<Result<Answer, CallError>, Failure> {
        if let Some(process) = &self.process {
            let started = process.ensure(&self.surroundings);
            started.map_err(|failure| self.told.hide_in(failure))?;
        }
        let connection = self.connection(url)?;
        let grant = self.grant()?;
        let mut again = true;
        loop {
            let mut headers = {
                let what = (&place.method, url);
                self.headers(what, headers, &connection, grant.as_ref())?
            };
            for (name, value) in rendered {
                headers.insert(name, value.clone());
            }
            self.note_request((&place.method, url), &headers, body.as_deref());
            let call = Call {
                method: place.method.clone(),
                url: url.clone(),
                headers,
                body: body.clone(),
                place: place.clone(),
                takes: takes.cloned(),
            };
            let called = self.http.call(&connection, call, &self.surroundings.cancel);
            if let Err(error) = &called {
                self.note_error(error);
            }
            match called {
                Err(error) if again && self.signs_in_anew(&error, grant.as_ref(), url) => {
                    again = false;
                }
                done => return Ok(done.map_err(|error| error.hiding(&self.told))),
            }
        }
    }
}

impl System for UrlSystem {
    fn test(&mut self) -> Result<String, Failure> {
        self.probe()
    }

    fn offers(&mut self) -> Result<Vec<Offer>, Failure> {
        let target = self.locate(&self.base()?.root().unwrap_or_default())?;
        match &target.address {
            // A web server does not say what it has.
            Address::Web(_) => Ok(Vec::new()),
            Address::File(path) => {
                let (full, inside) = self.file(path, &target.shown)?;
                if !inside {
                    self.surroundings.may_read_outside(&self.path_of("url"))?;
                }
                folder::offers(&full, self.id())
                    .map_err(|error| self.no_file(&target.shown, &error))
            }
        }
    }
}

/// Whether an answer only says that the path itself is no resource.
fn is_only_the_path(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
    )
}

fn with_query(url: &Url, query: &[(&str, String)]) -> Url {
    let mut url = url.clone();
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}
