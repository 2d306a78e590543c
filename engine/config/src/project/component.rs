//! The components in a file, before they are read.

use std::ops::Range;
use std::sync::Arc;

use pipewright_dtl::syntax::{Node, NodeKind, Severity};
use pipewright_entity::Text;

use super::{File, FileKind, about};
use crate::problem::{Findings, Problem, code};
use crate::resolve::name_of;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pipe,
    System,
    Metadata,
}

/// A component before it is read.
pub(super) struct Component {
    pub(super) file: Arc<File>,
    pub(super) node: Node,
    pub(super) kind: Kind,
}

impl Component {
    pub(super) fn findings<'a>(
        &'a self,
        component: Option<Text>,
        problems: &'a mut Vec<Problem>,
    ) -> Findings<'a> {
        Findings { file: &self.file, component, most: Severity::Error, problems }
    }

    pub(super) fn id(&self, problems: &mut Vec<Problem>) -> Option<Text> {
        let mut findings = self.findings(None, problems);
        let Some(node) = self.node.get("_id") else {
            findings.error(
                code::ID_INVALID,
                first_byte(&self.node),
                "the component has no `_id`".into(),
            );
            return None;
        };
        match &node.kind {
            NodeKind::Missing => None,
            NodeKind::String(id) if id.is_empty() => {
                findings.error(code::ID_INVALID, node.span.clone(), "`_id` is empty".into());
                None
            }
            NodeKind::String(id) => {
                if id.contains('/') {
                    findings.component = Some(id.clone());
                    findings.error(
                        code::ID_INVALID,
                        node.span.clone(),
                        "an `_id` may not contain `/`".into(),
                    );
                }
                Some(id.clone())
            }
            _ => {
                findings.error(
                    code::ID_INVALID,
                    node.span.clone(),
                    format!("`_id` is a string, this is {}", name_of(node)),
                );
                None
            }
        }
    }
}

/// What to point at when something is missing in an object.
pub(super) fn first_byte(node: &Node) -> Range<usize> {
    node.span.start..node.span.end.min(node.span.start + 1)
}

/// Finds the components in a file: one object, or a list of them.
pub(super) fn collect(file: &Arc<File>, all: &mut Vec<Component>, problems: &mut Vec<Problem>) {
    let Some(root) = &file.document.root else { return };
    let nodes = match &root.kind {
        NodeKind::Array(items) => items.to_vec(),
        _ => vec![root.clone()],
    };
    for node in nodes {
        match &node.kind {
            NodeKind::Object(_) => {}
            NodeKind::Missing => continue,
            _ => {
                about(file, problems).error(
                    code::NOT_AN_OBJECT,
                    node.span.clone(),
                    format!("a component is an object, this is {}", name_of(&node)),
                );
                continue;
            }
        }
        let kind = match (node.get("type").and_then(Node::as_str), file.kind) {
            (Some("pipe"), _) => Kind::Pipe,
            (Some("metadata"), _) => Kind::Metadata,
            (Some(kind), _) if kind.starts_with("system:") => Kind::System,
            (_, FileKind::System) => Kind::System,
            (_, FileKind::Metadata) => Kind::Metadata,
            (kind, _) => {
                check_pipe_type(file, &node, kind, problems);
                Kind::Pipe
            }
        };
        all.push(Component { file: file.clone(), node, kind });
    }
}

/// A component that is read as a pipe although it does not say that it is one.
fn check_pipe_type(file: &Arc<File>, node: &Node, kind: Option<&str>, problems: &mut Vec<Problem>) {
    let id = node.get("_id").and_then(Node::as_text).cloned();
    let mut findings = Findings { component: id, ..about(file, problems) };
    match (kind, node.get("type")) {
        (Some(kind), Some(at)) => findings.error(
            code::TYPE_UNKNOWN,
            at.span.clone(),
            format!(
                "there is no component of type `{kind}`: a pipe is \"pipe\", a system \"system:…\""
            ),
        ),
        (None, Some(at)) if !at.is_missing() => findings.error(
            code::VALUE_INVALID,
            at.span.clone(),
            format!("`type` is a string, this is {}", name_of(at)),
        ),
        (None, None) => findings.warning(
            code::TYPE_MISSING,
            first_byte(node),
            "the component has no `type`; it is read as a pipe".into(),
            Some("add \"type\": \"pipe\"".into()),
        ),
        _ => {}
    }
}
