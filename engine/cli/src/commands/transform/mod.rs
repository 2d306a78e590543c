//! `pipewright transform`

mod stream;
#[cfg(test)]
mod tests;

use std::io::{BufRead, Write};
use std::path::{Path as FilePath, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use pipewright_config::{Change, Pipe, Project, SourceFile};
use pipewright_dtl::memory::MemoryDatasets;
use pipewright_dtl::syntax::Document;
use pipewright_dtl::{
    Context, Datasets, Diagnostic, Node, Options, Path, Program, Severity, Trace, compile,
};
use pipewright_entity::transit::Entities;
use pipewright_entity::{DateTime, Entity, Value};
use pipewright_protocol::studio;
use uuid::Uuid;

use super::listing;

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
    /// Datasets for hops: a folder with a file for each, called like the
    /// dataset and .json, .jsonl or .ndjson.
    #[arg(long = "datasets", value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Transform the first entity only, and tell on standard error what each
    /// expression and transform did.
    #[arg(long, conflicts_with = "workers")]
    trace: bool,
    /// How many entities are transformed at the same time [default: one for
    /// each processor].
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

impl Transform {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let dtl = read(&self.dtl, self.trace)?;
        let programs: Vec<&Program> = dtl.programs.iter().map(Arc::as_ref).collect();
        let datasets = datasets(self.folder.as_deref(), &self.datasets)?;
        let world = World { datasets, traces: Mutex::default() };
        if self.trace {
            return trace(&dtl, &programs, &world);
        }
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

/// Sends the first entity of the input through, and tells how it went.
fn trace(dtl: &Dtl, programs: &[&Program], world: &World) -> Result<ExitCode> {
    let mut first = String::new();
    let mut input = std::io::stdin().lock();
    while first.trim().is_empty() {
        first.clear();
        if input.read_line(&mut first)? == 0 {
            bail!("there is no entity in the input");
        }
    }
    let mut output = Vec::new();
    let mut failed = Vec::new();
    let mut complain = |_: u64, why: &str| failed.push(why.to_owned());
    stream::transform(programs, world, first.as_bytes(), &mut output, 1, &mut complain)?;
    let traces = world.traces.lock().unwrap_or_else(PoisonError::into_inner);
    let runs = traces.iter().map(|trace| pipewright_node::traced(trace, dtl.pipe.as_deref()));
    let told = studio::Trace { file: dtl.name.clone(), runs: runs.collect::<Result<_, _>>()? };
    listing::write(&told, &dtl.text, &mut std::io::stderr().lock())?;
    std::io::stdout().write_all(&output)?;
    for why in &failed {
        eprintln!("failed: {why}");
    }
    if failed.is_empty() && output.is_empty() {
        eprintln!("nothing comes out for this entity");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What DTL sees of the world while it runs on a stream.
struct World {
    datasets: MemoryDatasets,
    /// What traced programs have told.
    traces: Mutex<Vec<Trace>>,
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

    fn traced(&self, trace: Trace) {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).push(trace);
    }
}

/// The DTL of a file, compiled.
struct Dtl {
    /// What the file is called.
    name: String,
    /// The text that places count in.
    text: Arc<str>,
    /// The pipe, if the file holds one.
    pipe: Option<Arc<Pipe>>,
    /// Its DTL transforms, in their order.
    programs: Vec<Arc<Program>>,
}

fn read(file: &FilePath, traced: bool) -> Result<Dtl> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| name.clone())?;
    let mut document = Document::parse(text.as_str());
    let root = document.root.as_ref();
    if root.is_some_and(|root| root.get("transform").is_some()) {
        return pipe(name, text, traced);
    }
    if root.is_some_and(Node::is_array) {
        // A list of transforms is the default rule of rules without others.
        document = Document::parse(format!("{{\"default\": {text}}}"));
    }
    let mut found = document.problems.clone();
    let mut program = None;
    if let Some(root) = &document.root {
        let options = Options { traced, ..Options::new("transform") };
        let compiled = compile(&document, root, &Path::root(), &options);
        found.extend(compiled.diagnostics);
        program = compiled.program;
    }
    report(&name, &found);
    match program {
        Some(program) if !found.iter().any(is_error) => {
            Ok(Dtl { name, text: document.text, pipe: None, programs: vec![program] })
        }
        _ => bail!("{name} is not DTL that can run"),
    }
}

/// The DTL transforms of a pipe.
fn pipe(name: String, text: String, traced: bool) -> Result<Dtl> {
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
        let options = Options { traced, ..pipe.dtl_options(dtl.id_required) };
        let compiled = compile(&rules.document, &rules.node, &rules.at, &options);
        report(&name, &compiled.diagnostics);
        match compiled.program {
            Some(program) => programs.push(program),
            None => bail!("{name} has DTL that cannot run"),
        }
    }
    if programs.is_empty() {
        bail!("{name} has no DTL transform");
    }
    let text = pipe.origin.file.document.text.clone();
    Ok(Dtl { name, text, pipe: Some(pipe.clone()), programs })
}

fn is_error(found: &Diagnostic) -> bool {
    found.severity == Severity::Error
}

fn report(name: &str, found: &[Diagnostic]) {
    for found in found {
        eprintln!("{name}: {found}");
    }
}

/// The datasets that the files of a folder hold, and those given as
/// `NAME=FILE`.
fn datasets(folder: Option<&FilePath>, given: &[String]) -> Result<MemoryDatasets> {
    let mut datasets = MemoryDatasets::new();
    if let Some(folder) = folder {
        let name = || folder.display().to_string();
        for entry in std::fs::read_dir(folder).with_context(name)? {
            let file = entry.with_context(name)?.path();
            let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            let dataset = file.file_stem().and_then(|stem| stem.to_str());
            if let (Some(dataset), "json" | "jsonl" | "ndjson") = (dataset, kind) {
                datasets.write(dataset, entities(&file)?);
            }
        }
    }
    for given in given {
        let Some((name, file)) = given.split_once('=') else {
            bail!("--dataset {given}: expected NAME=FILE");
        };
        datasets.write(name, entities(FilePath::new(file))?);
    }
    Ok(datasets)
}

fn entities(file: &FilePath) -> Result<Vec<Entity>> {
    let name = || file.display().to_string();
    let from = std::fs::File::open(file).with_context(name)?;
    Entities::new(from).map(|entity| entity.with_context(name)).collect()
}
