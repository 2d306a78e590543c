//! One mistake, one problem: a bracket or a quote that is missing makes more
//! places look wrong than the one where it should be.

use super::{Diagnostic, Path, Severity, TextEdit, code};

/// Leaves of the problems of a text, in the order in which they were found,
/// those that are mistakes of their own.
pub(super) fn settle(text: &str, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let is_quote = |problem: &Diagnostic| {
        problem.code == code::UNCLOSED && text[problem.span.clone()].starts_with(['"', '\''])
    };
    if problems.iter().any(is_quote) {
        return quotes(text, problems, is_quote);
    }
    let mut settled: Vec<Diagnostic> = Vec::with_capacity(problems.len());
    let mut torn = false;
    for problem in problems {
        match problem.code {
            code::UNCLOSED | code::UNEXPECTED | code::KEY_MISSING => {
                if torn {
                    continue;
                }
                torn = true;
                // A bracket too many at the end, where a value was missing
                // before a key: the one that opens is missing there.
                let closes = text[problem.span.clone()].starts_with(['}', ']', ',']);
                if let Some(opening) = settled.iter_mut().find(|it| is_opening(text, it))
                    && problem.code == code::UNEXPECTED
                    && closes
                {
                    let at = opening.span.start;
                    *opening = Diagnostic::error(
                        code::BRACKET_MISSING,
                        opening.path.split_last().map_or_else(Path::root, |(above, _)| above),
                        opening.span.clone(),
                        "a `{` is missing here",
                    )
                    .fix("Add `{`", vec![TextEdit::insert(at, " {")]);
                    continue;
                }
                settled.push(problem);
            }
            _ => settled.push(problem),
        }
    }
    // With brackets in the wrong places, keys meet that do not belong together.
    if torn {
        settled.retain(|problem| problem.code != code::KEY_DUPLICATE);
    }
    settled
}

/// Whether a value is missing right before a key.
fn is_opening(text: &str, problem: &Diagnostic) -> bool {
    problem.code == code::VALUE_MISSING && text[problem.span.end..].trim_start().starts_with('"')
}

/// On a line with a quote too few, all strings behind it seem to begin where
/// they end: one problem for each such line. What brackets there are is not
/// known, as some seem to be in strings.
fn quotes(
    text: &str,
    problems: Vec<Diagnostic>,
    is_quote: impl Fn(&Diagnostic) -> bool,
) -> Vec<Diagnostic> {
    let line = |problem: &Diagnostic| text[..problem.span.start].rfind('\n');
    let lines: Vec<_> = problems.iter().filter(|it| is_quote(it)).map(line).collect();
    let mut settled: Vec<Diagnostic> = Vec::new();
    for problem in problems {
        let here = line(&problem);
        let known = settled.iter().any(|it| it.code == code::UNCLOSED && line(it) == here);
        match problem.code {
            // Trailing commas and the like are what they are.
            _ if lines.contains(&here) && !known && problem.severity == Severity::Error => {
                let alone = is_quote(&problem);
                let end = text[problem.span.start..].find('\n');
                let end = end.map_or(text.len(), |end| problem.span.start + end);
                let span = problem.span.start..end.max(problem.span.end);
                settled.push(match alone {
                    true => problem,
                    false => {
                        let message = "a quote is missing on this line";
                        Diagnostic::error(code::UNCLOSED, problem.path, span, message)
                    }
                });
            }
            _ if lines.contains(&here) => {}
            code::UNCLOSED | code::UNEXPECTED | code::KEY_MISSING | code::KEY_DUPLICATE => {}
            _ => settled.push(problem),
        }
    }
    settled
}
