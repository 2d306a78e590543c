//! Properties that a pipe reads of a dataset whose entities never have them.

use std::collections::{BTreeMap, BTreeSet};

use pipewright_dtl::properties::{identifier, readings, written};
use pipewright_dtl::syntax::{Path, Severity, Step};
use pipewright_entity::Text;

use crate::Project;
use crate::flow::Graph;
use crate::pipe::{Pipe, SinkKind, SourceKind, TransformKind};
use crate::problem::{Origin, Problem, code, did_you_mean};
use crate::validate::finding;

/// The properties that the entities of a dataset can have, and the pipe that
/// writes it; `None` when that is not certain.
type Properties<'a> = Option<(&'a Pipe, BTreeSet<&'a str>)>;

/// Looks for what the rules of a pipe read in vain.
pub(crate) fn check(project: &Project, graph: &Graph, pipe: &Pipe, problems: &mut Vec<Problem>) {
    let mut known: BTreeMap<&str, Properties<'_>> = BTreeMap::new();
    let source = match &pipe.source.kind {
        SourceKind::Dataset(source) => Some(source.dataset.as_str()),
        _ => None,
    };
    for (index, dtl) in pipe.dtl() {
        if !dtl.is_written_in(&pipe.origin.file) {
            continue;
        }
        for reading in readings(&dtl.rules.node, &dtl.rules.at) {
            let dataset = match reading.dataset {
                None if index == 0 => source,
                None => None,
                dataset => dataset,
            };
            let Some(dataset) = dataset.filter(|dataset| !dataset.contains("$ENV(")) else {
                continue;
            };
            let properties =
                known.entry(dataset).or_insert_with(|| properties(project, graph, dataset));
            let Some((writer, properties)) = properties else { continue };
            let name = reading.property;
            if properties.contains(name) {
                continue;
            }
            let (file, span) = (pipe.origin.file.clone(), reading.node.span.clone());
            problems.push(finding(
                &Origin { file, at: reading.path, span },
                Some(&pipe.id),
                Severity::Warning,
                code::PROPERTY_UNWRITTEN,
                format!(
                    "no entity of `{dataset}` has a property {name:?}: the pipe `{}` does not \
                     write it",
                    writer.id
                ),
                did_you_mean(name, properties.iter().copied()),
            ));
        }
    }
}

fn properties<'a>(project: &'a Project, graph: &Graph, dataset: &str) -> Properties<'a> {
    let [writer] = graph.writers_of(dataset) else { return None };
    let writer: &Pipe = project.pipe(writer)?;
    if !matches!(writer.sink.kind, SinkKind::Dataset(_)) {
        return None;
    }
    let properties = match (writer.transforms.last(), &writer.source.kind) {
        (Some(last), _) => match &last.kind {
            TransformKind::Dtl(dtl) if dtl.trigger.is_none() && !depends(&dtl.rules.at) => {
                written(&dtl.rules.node)?
            }
            _ => return None,
        },
        (None, SourceKind::Embedded(source)) if !depends(&source.entities.at) => {
            let entities = source.entities.node.items();
            let names = entities.iter().flat_map(|entity| entity.members());
            let names: BTreeSet<&str> =
                names.map(|member| identifier(member.key.as_str())).collect();
            if names.is_empty() || names.iter().any(|name| name.contains("$ENV(")) {
                return None;
            }
            names
        }
        _ => return None,
    };
    Some((writer, properties))
}

/// Whether something is there in some environments only.
fn depends(at: &Path) -> bool {
    let conditional = Step::Key(Text::new_static("alternatives"));
    at.0.contains(&conditional)
}
