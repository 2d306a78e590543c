//! The project as it was last read, with a plan for every pipe that can run.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pipewright_config::{self as config, Problem, Project, flow};
use pipewright_dtl::Severity;
use pipewright_entity::{Text, Value};
use pipewright_pump::Plan;

use crate::permissions::Stated;

/// The project as it was last read, and what was made of it.
pub(crate) struct Loaded {
    pub(crate) project: Project,
    pub(crate) flow: flow::Graph,
    /// The pipes that can run, and for the others why not.
    pub(crate) plans: BTreeMap<Text, Result<Arc<Plan>, Unrunnable>>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) metadata: Value,
    /// Who may do what.
    pub(crate) stated: Arc<Stated>,
}

/// Why a pipe cannot run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrunnable {
    /// It uses something that the documentation knows and this program does
    /// not yet.
    NotYet(String),
    /// Its config is wrong.
    Broken(String),
}

impl fmt::Display for Unrunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unrunnable::NotYet(why) | Unrunnable::Broken(why) => f.write_str(why),
        }
    }
}

impl Loaded {
    /// The plan of a pipe, or why there is none.
    pub(crate) fn plan(&self, pipe: &str) -> Result<Arc<Plan>, String> {
        match self.plans.get(pipe) {
            Some(Ok(plan)) => Ok(plan.clone()),
            Some(Err(why)) => Err(why.to_string()),
            None => Err(format!("there is no pipe {pipe:?}")),
        }
    }
}

/// Compiles every pipe of a project.
pub(crate) fn load(project: Project) -> Loaded {
    let plans = project.pipes().map(|pipe| (pipe.id.clone(), plan_of(&project, pipe))).collect();
    assemble(project, plans)
}

/// Compiles what changed and keeps the rest.
pub(crate) fn load_changed(project: Project, before: &Loaded) -> Loaded {
    let same_surroundings = project.metadata().original() == before.project.metadata().original();
    let plans = project.pipes().map(|pipe| {
        let known = before.project.pipe(&pipe.id).filter(|known| {
            same_surroundings
                && (Arc::ptr_eq(known, pipe) || known.effective() == pipe.effective())
                && same_systems(&project, before, pipe)
        });
        let plan = match known.and_then(|_| before.plans.get(&pipe.id)) {
            Some(plan) => plan.clone(),
            None => plan_of(&project, pipe),
        };
        (pipe.id.clone(), plan)
    });
    let plans = plans.collect();
    assemble(project, plans)
}

fn same_systems(project: &Project, before: &Loaded, pipe: &config::Pipe) -> bool {
    pipe.systems().all(|id| match (project.system(id), before.project.system(id)) {
        (Some(now), Some(known)) => Arc::ptr_eq(now, known) || now.config == known.config,
        (None, None) => true,
        _ => false,
    })
}

/// Compiles a pipe, or says why it cannot run.
pub(crate) fn plan_of(project: &Project, pipe: &config::Pipe) -> Result<Arc<Plan>, Unrunnable> {
    if let Some(obstacle) = pipe.obstacles().first() {
        let is_wrong = |found: &config::Problem| {
            found.is_error() && found.component.as_ref() == Some(&pipe.id)
        };
        return Err(match project.problems().iter().any(is_wrong) {
            true => Unrunnable::Broken(obstacle.why.clone()),
            false => Unrunnable::NotYet(obstacle.why.clone()),
        });
    }
    // A source or a sink says so itself when it is used; what a transform would
    // call in the middle cannot be left out.
    let called = pipe.transforms.iter().filter_map(|transform| transform.system.as_ref());
    let mut obstacles = called.filter_map(|id| Some((id, project.system(id)?.obstacle.as_ref()?)));
    if let Some((id, why)) = obstacles.next() {
        return Err(Unrunnable::NotYet(format!("the system {:?}: {why}", id.as_str())));
    }
    pipewright_pump::compile(pipe, project).map(Arc::new).map_err(|found| {
        let error = found.iter().find(|found| found.severity == Severity::Error);
        Unrunnable::Broken(
            error.map_or_else(|| "its config has errors".into(), ToString::to_string),
        )
    })
}

fn assemble(project: Project, plans: BTreeMap<Text, Result<Arc<Plan>, Unrunnable>>) -> Loaded {
    let problems = config::validate(&project);
    let flow = flow::Graph::new(&project);
    let metadata = Value::from_json(&project.metadata().original());
    let stated = Arc::new(Stated::of(&project));
    Loaded { project, flow, plans, problems, metadata, stated }
}
