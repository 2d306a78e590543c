//! `pipewright transform`

mod stream;
#[cfg(test)]
mod tests;

use std::path::{Path as FilePath, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use pipewright_config::{Change, Project, SourceFile};
use pipewright_dtl::memory::MemoryDatasets;
use pipewright_dtl::syntax::Document;
use pipewright_dtl::{
    Context, Datasets, Diagnostic, Node, Options, Path, Program, Severity, compile,
};
use pipewright_entity::transit::Entities;
use pipewright_entity::{DateTime, Value};
use uuid::Uuid;

/// How many failed lines are told one by one.
const TOLD: u64 = 20;

#[derive(Args)]
pub(crate) struct Transform {
    /// The DTL: a file with the rules of a transform, with a list of
    /// transforms, or with a pipe, whose DTL transforms are taken.
    #[arg(value_name = "FILE")]
    dtl: PathBuf,
    /// A dataset for hops, from a file with its entities (a JSON array, or one
    /// object a line). May be given more than once.
    #[arg(long = "dataset", value_name = "NAME=FILE")]
    datasets: Vec<String>,
    /// How many entities are transformed at the same time [default: one for
    /// each processor].
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

impl Transform {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let programs = programs(&self.dtl)?;
        let programs: Vec<&Program> = programs.iter().map(Arc::as_ref).collect();
        let world = World { datasets: datasets(&self.datasets)? };
        let workers = match self.workers {
            Some(workers) => workers,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let mut told = 0;
        let mut complain = |line: u64, why: &str| {
            told += 1;
            match told {
                ..=TOLD => eprintln!("line {line}: {why}"),
                more if more == TOLD + 1 => eprintln!("… more lines failed"),
                _ => {}
            }
        };
        let (input, output) = (std::io::stdin(), std::io::stdout());
        let report = stream::transform(&programs, &world, input, output, workers, &mut complain)?;
        if report.failed > 0 {
            eprintln!("{} of {} entities failed", report.failed, report.read);
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What DTL sees of the world while it runs on a stream.
struct World {
    datasets: MemoryDatasets,
}

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.datasets
    }

    fn now(&self) -> DateTime {
        DateTime::new(std::time::SystemTime::now().try_into().unwrap_or_default())
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn env(&self, name: &str) -> Option<Value> {
        std::env::var(name).ok().map(Value::from)
    }
}

/// The DTL of a file, compiled.
fn programs(file: &FilePath) -> Result<Vec<Arc<Program>>> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| name.clone())?;
    let mut document = Document::parse(text.as_str());
    let root = document.root.as_ref();
    if root.is_some_and(|root| root.get("transform").is_some()) {
        return pipe(&name, text);
    }
    if root.is_some_and(Node::is_array) {
        // A list of transforms is the default rule of rules without others.
        document = Document::parse(format!("{{\"default\": {text}}}"));
    }
    let mut found = document.problems.clone();
    let mut program = None;
    if let Some(root) = &document.root {
        let compiled = compile(&document, root, &Path::root(), &Options::new("transform"));
        found.extend(compiled.diagnostics);
        program = compiled.program;
    }
    report(&name, &found);
    match program {
        Some(program) if !found.iter().any(is_error) => Ok(vec![program]),
        _ => bail!("{name} is not DTL that can run"),
    }
}

/// The DTL transforms of a pipe.
fn pipe(name: &str, text: String) -> Result<Vec<Arc<Program>>> {
    let project = Project::load([], None);
    let project = project.with([Change::Put(SourceFile::new("pipes/pipe.conf.json", text))]);
    let Some(pipe) = project.pipes().next() else {
        for problem in project.problems() {
            eprintln!("{problem}");
        }
        bail!("{name} is not a pipe");
    };
    let mut programs = Vec::new();
    for (_, dtl) in pipe.dtl() {
        let rules = dtl.rules.with_variables();
        let options = pipe.dtl_options(dtl.id_required);
        let compiled = compile(&rules.document, &rules.node, &rules.at, &options);
        report(name, &compiled.diagnostics);
        match compiled.program {
            Some(program) => programs.push(program),
            None => bail!("{name} has DTL that cannot run"),
        }
    }
    if programs.is_empty() {
        bail!("{name} has no DTL transform");
    }
    Ok(programs)
}

fn is_error(found: &Diagnostic) -> bool {
    found.severity == Severity::Error
}

fn report(name: &str, found: &[Diagnostic]) {
    for found in found {
        eprintln!("{name}: {found}");
    }
}

/// Datasets given as `NAME=FILE`.
fn datasets(given: &[String]) -> Result<MemoryDatasets> {
    let mut datasets = MemoryDatasets::new();
    for given in given {
        let Some((name, file)) = given.split_once('=') else {
            bail!("--dataset {given}: expected NAME=FILE");
        };
        let from = std::fs::File::open(file).with_context(|| file.to_owned())?;
        let mut read = Vec::new();
        for entity in Entities::new(from) {
            read.push(entity.with_context(|| file.to_owned())?);
        }
        datasets.write(name, read);
    }
    Ok(datasets)
}
