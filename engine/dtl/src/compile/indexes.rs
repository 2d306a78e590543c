//! Indexes: expressions over the entities of one dataset.

use std::sync::Arc;

use pipewright_entity::Text;

use super::paths::split_path;
use super::{Alias, Compiler};
use crate::Index;
use crate::functions::{self, Role};
use crate::index::IndexPlan;
use crate::names::{Name, Namespaces};
use crate::plan::Root;
use crate::program::{Core, Options};
use crate::syntax::{Diagnostic, Document, Node, NodeKind, Path, Severity, Trail};

impl Index {
    /// Compiles an expression over one dataset, such as a side of a merge's
    /// equality: the variable `alias` is the entity. `None` with the findings
    /// when it cannot be.
    pub fn compile(
        document: &Document,
        node: &Node,
        at: &Path,
        alias: &str,
        dataset: &str,
        options: &Options,
    ) -> Result<Index, Vec<Diagnostic>> {
        let mut compiler = Compiler::new(document, options, node, at);
        compiler.rules.clear();
        compiler.index(node, &Trail::At(at), alias, dataset).ok_or(compiler.diagnostics)
    }
}

impl Compiler<'_> {
    /// The index of an expression over the entities of a dataset, called
    /// `alias` in it.
    pub(crate) fn index(
        &mut self,
        node: &Node,
        path: &Trail<'_>,
        alias: &str,
        dataset: &str,
    ) -> Option<Index> {
        let errors = self.diagnostics.len();
        let pipe_source = self.pipe_source;
        // The `$ids` of other datasets are what they are.
        self.pipe_source = pipe_source && alias == "_S";
        // Indexes are kept by others, who do not trace.
        let traced = std::mem::replace(&mut self.traced, false);
        let outer = std::mem::take(&mut self.aliases);
        self.aliases = vec![Alias { name: Text::new(alias), root: Root::Source(0) }];
        let expr = self.expr(node, path);
        let expression = self.canonical(node);
        self.aliases = outer;
        self.traced = traced;
        self.pipe_source = pipe_source;
        let failed = self.diagnostics[errors..].iter().any(|d| d.severity == Severity::Error);
        let core = Core {
            options: Options { traced: false, ..self.options.clone() },
            rules: Vec::new(),
            places: Vec::new(),
            aliases: self.slots,
            generated: Default::default(),
        };
        let plan = Arc::new(IndexPlan { core, expr: expr? });
        (!failed).then(|| Index { dataset: Text::new(dataset), expression, plan })
    }

    /// An expression over one entity in a form that is the same for the same
    /// meaning, whatever the entity is called and the pipe's namespaces are.
    fn canonical(&self, node: &Node) -> Text {
        fn write(compiler: &Compiler<'_>, node: &Node, to: &mut String, namespaced: &mut bool) {
            match &node.kind {
                NodeKind::String(text) => match compiler.variable(text) {
                    Some(root) => {
                        let rest = text.split_once('.').map_or("", |(_, rest)| rest);
                        let path = compiler.path_expr(root, &split_path(rest).unwrap_or_default());
                        to.push_str(&format!("{:?}", path.root));
                        for step in &path.steps {
                            match step {
                                Name::Exact(name) => to.push_str(&format!(".{name:?}")),
                                Name::Any(name) => to.push_str(&format!(".*:{name:?}")),
                            }
                        }
                        if let Some(identity) = &path.ids {
                            to.push_str(&format!("@{identity:?}"));
                        }
                    }
                    None => to.push_str(&node.to_value(compiler.document).to_transit()),
                },
                NodeKind::Array(items) => {
                    let function = items.first().and_then(Node::as_str);
                    let function =
                        function.and_then(|name| functions::find(Role::Expression, name));
                    *namespaced |= function.is_some_and(|function| function.namespaced);
                    to.push('[');
                    for (index, item) in items.iter().enumerate() {
                        if index > 0 {
                            to.push(',');
                        }
                        write(compiler, item, to, namespaced);
                    }
                    to.push(']');
                }
                _ => to.push_str(&node.to_value(compiler.document).to_transit()),
            }
        }
        let (mut text, mut namespaced) = (String::new(), false);
        write(self, node, &mut text, &mut namespaced);
        if namespaced && self.namespaces().enabled {
            let Namespaces { identity, property, .. } = self.namespaces();
            text.push_str(&format!("@{identity:?},{property:?}"));
        }
        Text::from(text)
    }
}
