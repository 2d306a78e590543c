//! Looking for what is wrong without making a program, again and again while a
//! text is written: a rule that is what it was is not looked at again.

use std::ops::Range;
use std::sync::Arc;

use pipewright_entity::Text;

use super::{Compiler, RuleText};
use crate::Options;
use crate::syntax::{Diagnostic, Document, Node, Path};

/// What is wrong with the `rules` of a DTL transform, and what the next look at
/// them can take over.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All that was found.
    pub diagnostics: Vec<Diagnostic>,
    /// What the findings of every rule depend on.
    options: Options,
    at: Path,
    names: Vec<Text>,
    text: Arc<str>,
    rules: Vec<CheckedRule>,
}

/// What is wrong with one rule by itself.
#[derive(Clone, Debug)]
struct CheckedRule {
    /// Where it stands in the text, as do its findings.
    span: Range<usize>,
    diagnostics: Vec<Diagnostic>,
    /// The names of rules that it applies, slips among them.
    applied: Vec<Text>,
}

/// What [`compile()`](super::compile()) finds, for who does not want the program: nothing is kept
/// that only one that runs would need. What was found `before` in an earlier
/// text of the same transform is taken over for the rules that have not
/// changed; the variables in them must be the same.
pub fn check(
    document: &Document,
    rules: &Node,
    at: &Path,
    options: &Options,
    before: Option<&Checked>,
) -> Checked {
    let mut compiler = Compiler::new(document, options, rules, at);
    compiler.runs = false;
    let names: Vec<Text> = compiler.rules.iter().map(|rule| rule.name.clone()).collect();
    let before = before.filter(|it| it.options == *options && it.at == *at && it.names == names);
    let mut checked = Vec::with_capacity(names.len());
    for rule in 0..names.len() {
        let kept = before.and_then(|before| before.kept(rule, document, &compiler.rules[rule]));
        checked.push(kept.unwrap_or_else(|| compiler.look_at(rule)));
    }
    compiler.diagnostics = checked.iter().flat_map(|rule| rule.diagnostics.clone()).collect();
    let applied = checked.iter().map(|rule| rule.applied.as_slice());
    compiler.report_whole(rules, at, applied);
    Checked {
        diagnostics: compiler.diagnostics,
        options: options.clone(),
        at: at.clone(),
        names,
        text: document.text.clone(),
        rules: checked,
    }
}

impl Compiler<'_> {
    fn look_at(&mut self, rule: usize) -> CheckedRule {
        self.rule(rule);
        let node = &self.rules[rule].node;
        let (span, applied) = (node.span.clone(), crate::reach::applied(node));
        CheckedRule { span, diagnostics: std::mem::take(&mut self.diagnostics), applied }
    }
}

impl Checked {
    /// What was found about a rule, if it is written as it was: at the place
    /// where it stands now.
    fn kept(&self, rule: usize, document: &Document, now: &RuleText) -> Option<CheckedRule> {
        let before = &self.rules[rule];
        if self.text.get(before.span.clone())? != document.text_of(&now.node) {
            return None;
        }
        let mut kept = before.clone();
        let moved = |span: &mut Range<usize>| {
            let start = now.node.span.start + (span.start - before.span.start);
            *span = start..start + span.len();
        };
        for found in &mut kept.diagnostics {
            moved(&mut found.span);
            for edit in found.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
                moved(&mut edit.span);
            }
        }
        moved(&mut kept.span);
        Some(kept)
    }
}
