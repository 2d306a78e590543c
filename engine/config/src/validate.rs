//! What is wrong with a project as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pipewright_dtl::syntax::{Diagnostic, Document, Severity};
use pipewright_dtl::{Checked, Index};
use pipewright_entity::Text;

use crate::Project;
use crate::cascade::Broken;
use crate::catalogue::{self, Part};
use crate::flow::{Graph, hops};
use crate::pipe::{Completeness, Found, Fragment, Pipe, Side, SinkKind, SourceKind};
use crate::problem::{Hint, Origin, Problem, Vocabulary, code, did_you_mean, with_hint};
use crate::resolve::name_of;
use crate::spec::Endpoint;
use crate::{notifications, unwritten};

/// All that is wrong with a project: what was found when its files were read,
/// references that lead nowhere, cycles, tests, and DTL. By file, then in the
/// order of the text. One mistake gives one finding.
pub fn validate(project: &Project) -> Vec<Problem> {
    check(project, |_| true)
}

/// What is wrong with one file of a project, as it stands among the others.
/// Quick enough to be asked for while the file is written.
pub fn validate_file(project: &Project, path: &str) -> Vec<Problem> {
    check(project, |file| file == path)
}

fn check(project: &Project, wanted: impl Fn(&str) -> bool) -> Vec<Problem> {
    let graph = Graph::new(project);
    let mut problems = project.problems().to_vec();
    let datasets = Datasets::of(project);
    for pipe in project.pipes().filter(|pipe| wanted(&pipe.origin.file.path)) {
        references(project, pipe, &mut problems);
        datasets.check(pipe, &mut problems);
        entities(pipe, &mut problems);
        problems.extend_from_slice(pipe.compiled.or_find(|before| dtl(pipe, before)));
        unwritten::check(project, &graph, pipe, &mut problems);
    }
    shared_datasets(project, &graph, &mut problems);
    cycles(project, &graph, &mut problems);
    specs(project, &mut problems);
    notifications::check(project, &mut problems);
    problems.retain(|problem| wanted(&problem.file));
    once(project, &mut problems);
    problems.sort_by(|a, b| {
        let key = |problem: &Problem| {
            (problem.file.clone(), problem.diagnostic.span.start, problem.diagnostic.code)
        };
        key(a).cmp(&key(b))
    });
    problems
}

/// Leaves out what follows from broken JSON.
fn once(project: &Project, problems: &mut Vec<Problem>) {
    for file in project.files().filter(|file| !file.document.problems.is_empty()) {
        let broken = Broken::of(&file.document);
        let of_file = |problem: &Problem| problem.file == file.path;
        problems.retain(|problem| !of_file(problem) || !broken.explains(&problem.diagnostic));
        let all: Vec<Diagnostic> =
            problems.iter().filter(|it| of_file(it)).map(|it| it.diagnostic.clone()).collect();
        problems.retain(|it| !of_file(it) || !broken.is_waiting(&it.diagnostic, &all));
    }
}

/// A finding about something that a component names.
pub(crate) fn finding(
    origin: &Origin,
    component: Option<&Text>,
    severity: Severity,
    code: &'static str,
    message: String,
    hint: Option<Hint>,
) -> Problem {
    let span = origin.span.clone();
    let found =
        Diagnostic { severity, ..Diagnostic::error(code, origin.at.clone(), span, message) };
    Problem {
        file: origin.file.path.clone(),
        component: component.cloned(),
        position: origin.position(),
        diagnostic: with_hint(found, &origin.file.document.text, hint),
    }
}

/// The origin of a property of a part, or of the part itself.
pub(crate) fn of_property(origin: &Origin, key: &str) -> Origin {
    let at = origin.at.key(key);
    match origin.file.document.at(&at) {
        Some(node) => Origin { file: origin.file.clone(), span: node.span.clone(), at },
        None => origin.clone(),
    }
}

/// Systems that are not there or do not fit.
fn references(project: &Project, pipe: &Pipe, problems: &mut Vec<Problem>) {
    let source = (Part::Source, pipe.source.type_name(), &pipe.source.system, &pipe.source.origin);
    let sink = (Part::Sink, pipe.sink.type_name(), &pipe.sink.system, &pipe.sink.origin);
    let transforms = pipe
        .transforms
        .iter()
        .map(|one| (Part::Transform, one.type_name(), &one.system, &one.origin));
    for (part, kind, system, origin) in [source, sink].into_iter().chain(transforms) {
        let Some(id) = system else { continue };
        // A system that only the graph shows.
        if kind == "embedded" || id.contains("$ENV(") || id == "system:sesam-node" {
            continue;
        }
        let Some(system) = project.system(id) else {
            let known = project.systems().map(|system| system.id.as_str());
            problems.push(finding(
                &of_property(origin, "system"),
                Some(&pipe.id),
                Severity::Error,
                code::SYSTEM_MISSING,
                format!("there is no system `{id}`"),
                did_you_mean(id, known),
            ));
            continue;
        };
        let fitting = catalogue::find(part, kind)
            .and_then(|description| description.property("system"))
            .map_or(&[][..], |property| &property.systems);
        let fits = fitting.is_empty()
            || catalogue::find(Part::System, &system.kind)
                .is_none_or(|found| fitting.contains(&found.name));
        if !fits {
            problems.push(finding(
                &of_property(origin, "system"),
                Some(&pipe.id),
                Severity::Warning,
                code::SYSTEM_MISMATCH,
                format!("a {} of type \"{kind}\" cannot use a {}", part.name(), system.kind),
                Some(format!("it needs one of type {}", fitting.join(", ")).into()),
            ));
        }
    }
}

/// The datasets there will be.
struct Datasets<'a> {
    written: BTreeSet<&'a Text>,
    /// What files that cannot be read may write.
    broken: BTreeSet<Text>,
    vocabulary: Vocabulary<'a>,
}

impl<'a> Datasets<'a> {
    fn of(project: &'a Project) -> Datasets<'a> {
        let mut written: BTreeSet<&Text> = BTreeSet::new();
        for pipe in project.pipes() {
            written.extend(pipe.sink_dataset());
            written.extend(&pipe.pump.dead_letter_dataset);
            // A sink that is broken or not known may still write the dataset
            // named like its pipe.
            if matches!(&pipe.sink.kind, SinkKind::Other { .. }) {
                written.insert(&pipe.id);
            }
        }
        // What a file that is broken will write is not known yet; most often it
        // is called like the file.
        let broken = project.files().filter(|file| file.document.is_broken());
        let broken = broken.filter_map(|file| {
            let name = file.path.rsplit('/').next()?.strip_suffix(".conf.json")?;
            Some(Text::new(name))
        });
        let broken: BTreeSet<Text> = broken.collect();
        let vocabulary = Vocabulary::new(written.iter().map(|dataset| dataset.as_str()));
        Datasets { written, broken, vocabulary }
    }

    fn check(&self, pipe: &Pipe, problems: &mut Vec<Problem>) {
        let mut seen: BTreeSet<Text> = BTreeSet::new();
        let mut check = |dataset: &Text, origin: Origin| {
            // Datasets of the node itself are always there.
            if self.written.contains(dataset)
                || self.broken.contains(dataset)
                || dataset.starts_with("system:")
                || dataset.contains("$ENV(")
                || !seen.insert(dataset.clone())
            {
                return;
            }
            problems.push(finding(
                &origin,
                Some(&pipe.id),
                Severity::Warning,
                code::DATASET_MISSING,
                format!("no pipe writes a dataset `{dataset}`"),
                self.vocabulary.did_you_mean(dataset),
            ));
        };
        match &pipe.source.kind {
            SourceKind::Dataset(source) => {
                check(&source.dataset, of_property(&pipe.source.origin, "dataset"));
                if let Completeness::Datasets(datasets) = &source.completeness {
                    for dataset in datasets {
                        check(dataset, of_property(&pipe.source.origin, "completeness"));
                    }
                }
            }
            SourceKind::Merge(source) => {
                for one in &source.datasets {
                    check(&one.dataset, one.origin.clone());
                }
            }
            _ => {
                for dataset in pipe.source_datasets() {
                    check(dataset, of_property(&pipe.source.origin, "datasets"));
                }
            }
        }
        for (place, dtl) in pipe.dtl() {
            for hop in hops(&dtl.rules.node) {
                let file = pipe.origin.file.clone();
                let origin = match dtl.is_written_in(&file) {
                    true => {
                        let at = dtl.rules.document.path_at(hop.span.start);
                        Origin { file, at, span: hop.span }
                    }
                    // What a template stands for is found where that is.
                    false => pipe.transforms[place].origin.clone(),
                };
                check(&hop.dataset, origin);
            }
        }
    }
}

/// Embedded entities that are none.
fn entities(pipe: &Pipe, problems: &mut Vec<Problem>) {
    let SourceKind::Embedded(source) = &pipe.source.kind else { return };
    for (index, entity) in source.entities.node.items().iter().enumerate() {
        if entity.is_object() || entity.is_missing() {
            continue;
        }
        let at = source.entities.at.index(index);
        let span = entity.span.clone();
        problems.push(finding(
            &Origin { file: pipe.origin.file.clone(), at, span },
            Some(&pipe.id),
            Severity::Error,
            code::NOT_AN_OBJECT,
            format!("an entity is an object, this is {}", name_of(entity)),
            None,
        ));
    }
}

/// What the DTL compiler says: about rules, and about the expressions of
/// subsets, indexes and merges. Of rules that are as they were, `before` tells.
fn dtl(pipe: &Pipe, before: &[Checked]) -> Found {
    let mut problems = Vec::new();
    let mut checked = Vec::new();
    for (place, (_, dtl)) in pipe.dtl().enumerate() {
        let Fragment { document, node, at, .. } = &dtl.rules.with_variables();
        let options = pipe.dtl_options(dtl.id_required);
        let found = pipewright_dtl::check(document, node, at, &options, before.get(place));
        let all = found.diagnostics.iter().cloned();
        problems.extend(all.map(|diagnostic| in_file(pipe, document, diagnostic)));
        checked.push(found);
    }
    let options = pipe.dtl_options(true);
    let mut expression = |piece: &Result<Fragment, Diagnostic>, alias: &str, dataset: &str| {
        let (piece, found) = match piece {
            Err(found) => (None, vec![found.clone()]),
            Ok(piece) => {
                let Fragment { document, node, at, .. } = piece;
                let compiled = Index::compile(document, node, at, alias, dataset, &options);
                (Some(piece), compiled.err().unwrap_or_default())
            }
        };
        problems.extend(found.into_iter().map(|found| match piece {
            Some(piece) => in_file(pipe, &piece.document, found),
            None => at_path(pipe, found),
        }));
    };
    match &pipe.source.kind {
        SourceKind::Dataset(source) => {
            if let Some(subset) = &source.subset {
                expression(&subset_expression(subset), "_S", &source.dataset);
            }
        }
        SourceKind::Merge(source) => {
            for rule in source.rules() {
                match rule {
                    Ok(sides) => {
                        for Side { dataset, expression: piece } in sides {
                            let one = &source.datasets[dataset];
                            expression(&Ok(piece), &one.alias, &one.dataset);
                        }
                    }
                    Err(found) => expression(&Err(found), "", ""),
                }
            }
        }
        _ => {}
    }
    if let SinkKind::Dataset(sink) = &pipe.sink.kind {
        for index in &sink.indexes {
            expression(&Ok(index.with_variables()), "_S", &sink.dataset);
        }
    }
    Found { problems: problems.into(), rules: checked.into() }
}

/// The expression of a subset, `["eq", expression, literal]` (documentation:
/// configuration-sources-dataset).
fn subset_expression(subset: &Fragment) -> Result<Fragment, Diagnostic> {
    let piece = subset.with_variables();
    let mut items = piece.items();
    match (items.next(), items.next(), items.next(), items.next()) {
        (Some(eq), Some(expression), Some(_), None) if eq.node.as_str() == Some("eq") => {
            Ok(expression)
        }
        _ => Err(Diagnostic::error(
            code::VALUE_INVALID,
            subset.at.clone(),
            subset.node.span.clone(),
            "a subset is [\"eq\", expression, value]",
        )),
    }
}

/// A finding about a piece of a text, in the file of the pipe.
fn in_file(pipe: &Pipe, document: &Arc<Document>, diagnostic: Diagnostic) -> Problem {
    if !Arc::ptr_eq(document, &pipe.origin.file.document) {
        return at_path(pipe, diagnostic);
    }
    Problem {
        file: pipe.origin.file.path.clone(),
        component: Some(pipe.id.clone()),
        position: document.position(diagnostic.span.start),
        diagnostic,
    }
}

/// A finding whose path leads to its place in the file, but whose span may
/// not: it may count in a text that a variable has made.
fn at_path(pipe: &Pipe, mut diagnostic: Diagnostic) -> Problem {
    let file = &pipe.origin.file;
    diagnostic.span = file.document.nearest_span(&diagnostic.path);
    diagnostic.fix = None;
    Problem {
        file: file.path.clone(),
        component: Some(pipe.id.clone()),
        position: file.document.position(diagnostic.span.start),
        diagnostic,
    }
}

fn shared_datasets(project: &Project, graph: &Graph, problems: &mut Vec<Problem>) {
    let mut writers: BTreeMap<&Text, Vec<&Pipe>> = BTreeMap::new();
    for id in graph.order() {
        let Some(pipe) = project.pipe(id) else { continue };
        if let Some(dataset) = pipe.sink_dataset() {
            writers.entry(dataset).or_default().push(pipe);
        }
    }
    for (dataset, mut pipes) in writers {
        // The pipe that is named like the dataset is the rightful one.
        pipes.sort_by_key(|pipe| (pipe.id != *dataset, pipe.id.clone()));
        let Some((first, others)) = pipes.split_first() else { continue };
        for pipe in others {
            problems.push(finding(
                &of_property(&pipe.sink.origin, "dataset"),
                Some(&pipe.id),
                Severity::Warning,
                code::DATASET_SHARED,
                format!(
                    "the pipe `{}` writes the dataset `{dataset}` too; after a full run each \
                     deletes what the other has written",
                    first.id
                ),
                Some("give each pipe a dataset of its own and merge them".into()),
            ));
        }
    }
}

fn cycles(project: &Project, graph: &Graph, problems: &mut Vec<Problem>) {
    for cycle in graph.cycles() {
        let Some(pipe) = cycle.first().and_then(|id| project.pipe(id)) else { continue };
        let message = match cycle.as_slice() {
            [_] => "the pipe reads what it writes itself".to_owned(),
            all => format!("these pipes read each other’s output: {}", all.join(", ")),
        };
        problems.push(finding(
            &pipe.source.origin,
            Some(&pipe.id),
            Severity::Info,
            code::CYCLE,
            message,
            None,
        ));
    }
}

fn specs(project: &Project, problems: &mut Vec<Problem>) {
    for spec in project.specs() {
        let Some(pipe) = project.pipe(&spec.pipe) else {
            let known = project.pipes().map(|pipe| pipe.id.as_str());
            problems.push(finding(
                &of_property(&spec.origin, "pipe"),
                None,
                Severity::Warning,
                code::SPEC_PIPE_MISSING,
                format!("there is no pipe `{}` to test", spec.pipe),
                did_you_mean(&spec.pipe, known),
            ));
            continue;
        };
        if !spec.ignore && !project.paths().any(|(path, _)| path == spec.file) {
            problems.push(finding(
                &of_property(&spec.origin, "file"),
                Some(&pipe.id),
                Severity::Warning,
                code::SPEC_FILE_MISSING,
                format!("the file {} with what is expected is not there", spec.file),
                Some("make it from what the pipe gives now: pipewright update".into()),
            ));
        }
        if let Endpoint::Published(form) = &spec.endpoint
            && !pipe.is_endpoint()
        {
            problems.push(finding(
                &of_property(&spec.origin, "endpoint"),
                Some(&pipe.id),
                Severity::Error,
                code::CONFLICT,
                format!("the pipe `{}` does not publish {form}", pipe.id),
                None,
            ));
        }
    }
}
