//! A node: a project folder, a store, and what runs between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use pipewright_component::{Access, Clock, Permission, SystemClock};
use pipewright_config::pipe::Mode;
use pipewright_config::{self as config, Problem, Project};
use pipewright_entity::Text;
use pipewright_protocol::studio::{self, Edited, Edits, FileInfo, FileText, Role, Texts};
use pipewright_store::{Store, StoreError};
use pipewright_systems::Systems;

use crate::access::{Claims, KeyError, Tokens};
use crate::api::Failed;
use crate::conductor::Conductor;
use crate::counters::Counters;
use crate::events::Hub;
use crate::folder::{Folder, text_hash};
use crate::loaded::{Loaded, load, load_changed};
use crate::receive::Receivers;
use crate::runner::Jobs;
use crate::secrets::{Secrets, SecretsError};
use crate::settings::{Settings, SettingsError};
use crate::upload::Scope;

/// The folder below a project that is the program's own: the store, and what
/// else is not config.
pub const OWN_FOLDER: &str = ".pipewright";

/// What node metadata is called in the history of config.
pub(crate) static METADATA_ID: Text = Text::new_static("node");

/// How to open a node.
#[derive(Clone, Debug)]
pub struct Options {
    /// The project folder.
    pub folder: PathBuf,
    /// Where the store lies; in the project folder when `None`.
    pub store: Option<PathBuf>,
    /// The environment: `NAME-env.json`. `test` when `None`, if it is there.
    pub profile: Option<String>,
    /// Whether outside systems may be read.
    pub read_outside: Permission,
    /// Whether outside systems may be written.
    pub write_outside: Permission,
    /// Whether programs may be started that the config names. Nothing that is
    /// asked of the node can change it: config may come from elsewhere.
    pub processes: Permission,
    /// The settings that know which folders are trusted; those of the user
    /// when `None`.
    pub settings: Option<Settings>,
    /// The time that pipes run by.
    pub clock: Arc<dyn Clock>,
}

impl Options {
    /// A node on a project folder that touches nothing outside.
    pub fn new(folder: impl Into<PathBuf>) -> Options {
        Options {
            folder: folder.into(),
            store: None,
            profile: None,
            read_outside: Permission::Held,
            write_outside: Permission::Held,
            processes: Permission::Held,
            settings: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Where the store lies.
    pub fn store_folder(&self) -> PathBuf {
        self.store.clone().unwrap_or_else(|| store_of(&self.folder))
    }
}

/// Where the store of a project folder lies.
pub fn store_of(folder: &Path) -> PathBuf {
    folder.join(OWN_FOLDER).join("store")
}

/// Why a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The project folder cannot be read.
    #[error(transparent)]
    Folder(#[from] config::OpenError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of the tokens cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The secrets cannot be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The settings cannot be had.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file of the node or a thread cannot be made.
    #[error("{what}: {cause}")]
    Io {
        /// What could not be done.
        what: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// What was asked for is not there, or not possible.
    #[error("{0}")]
    Refused(String),
}

/// One running node.
pub struct Node {
    options: Options,
    folder: Folder,
    store: Store,
    tokens: Tokens,
    settings: Settings,
    secrets: Arc<Secrets>,
    pub(crate) systems: Systems,
    hub: Arc<Hub>,
    pub(crate) conductor: Arc<Conductor>,
    loaded: RwLock<Arc<Loaded>>,
    /// The pipes that someone has switched off.
    disabled: RwLock<BTreeSet<Text>>,
    /// Held while config changes: one change after the other.
    changing: Mutex<()>,
    trusted: AtomicBool,
    live: AtomicBool,
    /// Running everything until nothing changes.
    pub(crate) jobs: Jobs,
    /// What was posted to pipes so far.
    pub(crate) receivers: Receivers,
    /// What the pumps did so far.
    pub(crate) counters: Counters,
    /// When the node was started, in microseconds since 1970.
    started: AtomicI64,
}

impl Node {
    /// Opens a project folder with its store. Nothing runs yet.
    pub fn open(options: Options) -> Result<Arc<Node>, NodeError> {
        let store_folder = options.store_folder();
        keep_out_of_git(&options.folder, &store_folder)?;
        let store = Store::open(&store_folder)?;
        let tokens = Tokens::open(&store_folder)?;
        let settings = match &options.settings {
            Some(settings) => settings.clone(),
            None => Settings::of_user()?,
        };
        let secrets = Arc::new(Secrets::open(&store_folder, &settings)?);
        let trusted = settings.is_trusted(&options.folder)?;
        let project = Project::open(&options.folder, options.profile.as_deref())?;
        let hub = Hub::start().map_err(|cause| NodeError::Io { what: "events".into(), cause })?;
        let node = Arc::new(Node {
            folder: Folder::new(&options.folder),
            live: AtomicBool::new(options.write_outside == Permission::Live),
            loaded: RwLock::new(Arc::new(load(project))),
            disabled: RwLock::default(),
            conductor: Conductor::new(options.clock.clone()),
            systems: Systems::new(),
            changing: Mutex::default(),
            trusted: AtomicBool::new(trusted),
            jobs: Jobs::default(),
            receivers: Receivers::default(),
            counters: Counters::default(),
            started: AtomicI64::new(options.clock.now()),
            hub,
            settings,
            secrets,
            tokens,
            store,
            options,
        });
        node.remember_config(&node.loaded(), "the folder was opened", None)?;
        node.plan_runs()?;
        if trusted {
            node.conductor.open();
        }
        node.publish();
        Ok(node)
    }

    /// What the node is called: its folder.
    pub fn name(&self) -> String {
        let folder = self.options.folder.canonicalize();
        let folder = folder.as_deref().unwrap_or(&self.options.folder);
        folder.file_name().map_or_else(
            || folder.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        )
    }

    /// The datasets.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Who may call.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What `$SECRET(name)` in config stands for.
    pub fn secrets(&self) -> &Arc<Secrets> {
        &self.secrets
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        &self.options.folder
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The project as it was last read.
    pub fn config(&self) -> Project {
        self.loaded().project.clone()
    }

    /// Everything found wrong in the project as it was last read.
    pub fn problems(&self) -> Vec<Problem> {
        self.loaded().problems.clone()
    }

    pub(crate) fn folder(&self) -> Result<&Folder, Failed> {
        Ok(&self.folder)
    }

    /// Whether pipes of the folder may run.
    pub fn is_trusted(&self) -> bool {
        self.trusted.load(Ordering::Acquire)
    }

    /// Why the node cannot do its work, if it cannot: the store does not
    /// answer, or the folder is gone.
    pub(crate) fn ails(&self) -> Option<String> {
        if let Err(error) = self.store.reader().and_then(|reader| reader.datasets()) {
            return Some(format!("the store cannot be read: {error}"));
        }
        match std::fs::read_dir(&self.options.folder) {
            Ok(_) => None,
            Err(error) => Some(format!("the project folder cannot be read: {error}")),
        }
    }

    /// When the node was started, in microseconds since 1970.
    pub(crate) fn started(&self) -> i64 {
        self.started.load(Ordering::Acquire)
    }

    /// Begins anew as if the process had been started again: what runs is
    /// stopped, and the folder is read from scratch.
    pub(crate) fn restart(&self) -> Result<(), Failed> {
        let internal = |error: &dyn std::fmt::Display| Failed::internal(error.to_string());
        if let Some(job) = self.jobs.find(None) {
            job.stop();
        }
        self.conductor.stop(&[]);
        self.conductor.exclusively(|_| {
            let project = {
                let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
                let project = Project::open(&self.options.folder, self.options.profile.as_deref());
                let loaded = Arc::new(load(project.map_err(|error| internal(&error))?));
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded.clone();
                loaded
            };
            self.receivers.clear();
            self.remember_config(&project, "the node was restarted", None)
                .map_err(|error| internal(&error))?;
            self.plan_runs()?;
            // Never the same time twice: clients see by it that it happened.
            let before = self.started();
            self.started.store(self.now().max(before + 1), Ordering::Release);
            self.publish();
            Ok(())
        })
    }

    /// Removes all data and all config, of which the history stays, and begins
    /// anew.
    pub(crate) fn reset(&self, by: &Claims) -> Result<(), Failed> {
        if let Some(job) = self.jobs.find(None) {
            job.stop();
        }
        self.conductor.stop(&[]);
        self.replace_config(&Scope::All, Vec::new(), true, "Reset the node", by)?;
        self.replace_env("{}", by)?;
        self.conductor.exclusively(|_| -> Result<(), Failed> {
            for dataset in self.store.reader()?.datasets()? {
                let kept = [pipewright_store::names::CONFIG, pipewright_store::names::AUDIT];
                if !kept.contains(&dataset.id.as_str()) {
                    self.store.drop_dataset(&dataset.id)?;
                }
            }
            Ok(())
        })?;
        self.restart()
    }

    /// Lets pipes of the folder run, or stops them; remembered for the user.
    pub fn set_trusted(&self, trusted: bool) -> Result<(), SettingsError> {
        self.settings.trust(&self.options.folder, trusted)?;
        self.trusted.store(trusted, Ordering::Release);
        match trusted {
            true => self.conductor.open(),
            false => self.conductor.shut(),
        }
        self.publish();
        Ok(())
    }

    /// Lets writes to outside systems through, or holds them. Not remembered:
    /// a node starts with writes held.
    pub fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::Release);
        if live {
            self.conductor.release();
        }
        self.publish();
    }

    /// What runs may do outside.
    pub(crate) fn access(&self) -> Access {
        let live = self.live.load(Ordering::Acquire);
        Access {
            read_outside: self.options.read_outside,
            write_outside: if live { Permission::Live } else { Permission::Held },
            processes: self.options.processes,
        }
    }

    /// The project for a caller with a role.
    pub(crate) fn project(&self, role: Role) -> studio::Project {
        let loaded = self.loaded();
        let project = &loaded.project;
        let file = |profile: &str| format!("{profile}-env.json");
        studio::Project {
            name: self.name(),
            folder: Some(self.options.folder.display().to_string()),
            version: crate::VERSION.to_owned(),
            role,
            trusted: self.is_trusted(),
            live: self.live.load(Ordering::Acquire),
            profile: project.profile().map(file),
            profiles: project.profiles().into_iter().map(file).collect(),
            env: project.variables().values().clone(),
            problems: loaded.problems.iter().map(crate::wire::problem).collect(),
        }
    }

    /// The config files with the hashes of their texts.
    pub(crate) fn files(&self, to: &Claims) -> Result<Vec<FileInfo>, Failed> {
        use pipewright_config::FileKind;
        let loaded = self.loaded();
        let component = |path: &str| {
            let of_pipe = loaded.project.pipes().find(|pipe| pipe.origin.file.path == path);
            let of_system = loaded.project.systems().find(|system| system.origin.file.path == path);
            of_pipe
                .map(|pipe| pipe.id.to_string())
                .or(of_system.map(|system| system.id.to_string()))
        };
        let seen = |path: &str| self.may_see_file(&loaded, to, path);
        let files = loaded.project.files().filter(|file| seen(&file.path)).map(|file| FileInfo {
            path: file.path.to_string(),
            kind: match file.kind {
                FileKind::Pipe => studio::FileKind::Pipe,
                FileKind::System => studio::FileKind::System,
                FileKind::Metadata => studio::FileKind::Metadata,
                FileKind::Env => studio::FileKind::Env,
                _ => studio::FileKind::Other,
            },
            component: component(&file.path),
            hash: text_hash(&file.document.text),
        });
        Ok(files.collect())
    }

    /// All of the config at once.
    pub(crate) fn texts(&self, to: &Claims) -> Texts {
        let loaded = self.loaded();
        let seen = |path: &str| self.may_see_file(&loaded, to, path);
        let files = loaded.project.files().filter(|file| seen(&file.path)).map(|file| FileText {
            path: file.path.to_string(),
            text: file.document.text.to_string(),
            hash: text_hash(&file.document.text),
        });
        let others = loaded.project.paths().filter(|(_, kind)| !kind.is_read());
        Texts { files: files.collect(), others: others.map(|(path, _)| path.to_owned()).collect() }
    }

    /// Changes config files as one step and takes the change up.
    pub(crate) fn edit(&self, edits: &Edits, by: &Claims) -> Result<Edited, Failed> {
        for file in &edits.files {
            self.require_file(by, &file.path)?;
        }
        let edited = {
            let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
            self.folder.apply(edits)?
        };
        self.take_up(&edits.label, Some(by))
            .map_err(|error| Failed::internal(error.to_string()))?;
        Ok(edited)
    }

    /// Reads the folder again and takes up what changed: only files whose text
    /// is another are parsed, only pipes whose config is another are compiled.
    pub fn reload(&self, why: &str) -> Result<(), NodeError> {
        self.take_up(why, None)
    }

    fn take_up(&self, why: &str, by: Option<&Claims>) -> Result<(), NodeError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.loaded();
        let files = config::read_folder(&self.options.folder)?;
        let mut changes = Vec::new();
        let mut told = Vec::new();
        let now: BTreeMap<&str, &config::SourceFile> =
            files.iter().map(|file| (file.path.as_str(), file)).collect();
        for file in before.project.files() {
            if !now.contains_key(file.path.as_str()) {
                changes.push(config::Change::Remove(file.path.to_string()));
                told.push(studio::FileChange { path: file.path.to_string(), hash: None });
            }
        }
        for file in &files {
            let known = before.project.file(&file.path).map(|file| &*file.document.text);
            let text = file.text.as_deref().ok();
            if config::FileKind::of(&file.path).is_read() && known != text {
                changes.push(config::Change::Put(file.clone()));
                let hash = text.map(text_hash);
                told.push(studio::FileChange { path: file.path.clone(), hash });
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let loaded = Arc::new(load_changed(before.project.with(changes), &before));
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded.clone();
        self.remember_config(&loaded, why, by)?;
        self.plan_runs()?;
        self.hub.config(told);
        self.publish();
        Ok(())
    }

    /// Keeps every version of every component in the dataset `system:config`:
    /// the text as it is written, the file it stands in, why it changed, and
    /// through whom.
    fn remember_config(
        &self,
        loaded: &Loaded,
        why: &str,
        by: Option<&Claims>,
    ) -> Result<(), NodeError> {
        use pipewright_entity::{Entity, Value};
        use pipewright_store::names;
        let mut known: BTreeMap<Text, Entity> = BTreeMap::new();
        let reader = self.store.reader()?;
        if reader.dataset(names::CONFIG)?.is_some() {
            for version in reader.current(names::CONFIG)? {
                let entity = version?.entity;
                known.insert(entity.id().clone(), entity);
            }
        }
        let changed = |entity: Entity| match by {
            None => entity.with("change", why),
            Some(by) => entity.with("change", why).with("changed_by", by.sub.as_str()),
        };
        let mut batch = self.store.batch(self.now());
        batch.set_run(why);
        let pipes = loaded.project.pipes().map(|pipe| (&pipe.id, &pipe.origin));
        let systems = loaded.project.systems().map(|system| (&system.id, &system.origin));
        let metadata = loaded.project.metadata().origin.as_ref();
        let metadata = metadata.map(|origin| (&METADATA_ID, origin)).filter(|(id, _)| {
            loaded.project.pipe(id).is_none() && loaded.project.system(id).is_none()
        });
        for (id, origin) in pipes.chain(systems).chain(metadata) {
            let text = origin.file.document.text.get(origin.span.clone()).unwrap_or_default();
            let file = origin.file.path.as_str();
            let is = |entity: &Entity, name: &str, is: &str| {
                entity.get(name).and_then(Value::as_str) == Some(is)
            };
            let before = known.remove(id);
            if before.is_none_or(|before| !is(&before, "text", text) || !is(&before, "file", file))
            {
                let entity = Entity::new(id.clone()).with("file", file).with("text", text);
                batch.append(names::CONFIG, changed(entity));
            }
        }
        for (_, entity) in known {
            batch.append(names::CONFIG, changed(entity).with("_deleted", true));
        }
        batch.create(names::CONFIG);
        self.store.commit(batch)?;
        Ok(())
    }

    /// The flow as a picture.
    pub(crate) fn picture(&self) -> studio::Graph {
        let loaded = self.loaded();
        crate::picture::draw(&loaded.project, &loaded.flow, &loaded.problems)
    }

    /// The time that pipes run by, in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.options.clock.now()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.options.clock.clone()
    }

    /// Tells the conductor which pipes there are and when they run.
    pub(crate) fn plan_runs(&self) -> Result<(), StoreError> {
        self.ready_receivers()?;
        let loaded = self.loaded();
        let reader = self.store.reader()?;
        let disabled = crate::pump::disabled(&reader)?;
        let mut pipes = Vec::with_capacity(loaded.plans.len());
        for plan in loaded.plans.values().flatten() {
            let mut pipe = plan.flow_pipe();
            let quiet = !loaded.project.metadata().runs_pipes() || disabled.contains(plan.id());
            if pipe.mode == Mode::Scheduled && quiet {
                pipe.mode = Mode::Manual;
            }
            pipes.push((pipe, plan.timing(), plan.remembered(&reader)?));
        }
        self.conductor.set_pipes(pipes);
        *self.disabled.write().unwrap_or_else(PoisonError::into_inner) = disabled;
        Ok(())
    }

    /// Whether someone has switched a pipe off.
    pub(crate) fn is_disabled(&self, pipe: &str) -> bool {
        self.disabled.read().unwrap_or_else(PoisonError::into_inner).contains(pipe)
    }

    /// Tells listeners how things are after a change.
    pub(crate) fn publish(&self) {
        let loaded = self.loaded();
        self.hub.project(self.project(Role::Admin));
        crate::status::publish(self, &loaded);
    }

    /// Marks pipes to run, all when `pipes` is empty.
    pub(crate) fn start(&self, pipes: &[String], full: bool) -> Result<(), Failed> {
        let loaded = self.loaded();
        for pipe in pipes {
            if let Err(why) = loaded.plan(pipe) {
                return Err(Failed::bad_request(format!("{pipe:?} cannot run: {why}")));
            }
        }
        let unknown = self.conductor.mark(pipes, full);
        match unknown.first() {
            None => Ok(()),
            Some(pipe) => {
                Err(Failed::bad_request(format!("{pipe:?} is switched off or serves requests")))
            }
        }
    }

    /// Stops pipes, all when `pipes` is empty.
    pub(crate) fn stop(&self, pipes: &[String]) {
        self.conductor.stop(pipes);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.conductor.close();
    }
}

/// Makes the folder of the store, and keeps the program's own folder below a
/// project out of version control.
fn keep_out_of_git(folder: &Path, store: &Path) -> Result<(), NodeError> {
    let io = |path: &Path| {
        let what = path.display().to_string();
        move |cause| NodeError::Io { what, cause }
    };
    std::fs::create_dir_all(store).map_err(io(store))?;
    let own = folder.join(OWN_FOLDER);
    let ignore = own.join(".gitignore");
    if store.starts_with(&own) && !ignore.exists() {
        std::fs::write(&ignore, "/store/\n/notebook/\n").map_err(io(&ignore))?;
    }
    Ok(())
}
