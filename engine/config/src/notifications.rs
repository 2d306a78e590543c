//! What people are to be told about pipes: the rules, and the mail they go out
//! with.
//!
//! Rules stand in the node metadata (`notifications`) and hold for the pipes
//! they name, or in the `metadata` of a pipe and hold for that pipe alone. A
//! rule of a pipe replaces one of the node with the same name.

use pipewright_dtl::Severity;
use pipewright_dtl::matches_wildcards;
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::pipe::Pipe;
use crate::problem::{Origin, Problem, code, did_you_mean};
use crate::validate::{finding, of_property};
use crate::{Metadata, Project};

/// The key of the rules, in the node metadata and in the metadata of a pipe.
const KEY: &str = "notifications";

/// What is to be told, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it is called; its type when the config does not say.
    pub name: Text,
    /// What it looks for.
    pub condition: Condition,
    /// The pipes it is about, with `*` for any characters; all when empty.
    pub pipes: Vec<Text>,
    /// How much it weighs.
    pub severity: Severity,
    /// Who gets a mail; those of [`Email`] when `None`.
    pub recipients: Option<Vec<String>>,
    /// Whether it is told, too, that it is over.
    pub recovery: bool,
}

/// What a rule looks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The last run failed.
    Failed,
    /// Entities wait to be tried again, or were given up.
    EntitiesFailed,
    /// A run has not ended so many seconds after it began or was due.
    Overdue(f64),
    /// Someone set where the pipe is in its source.
    OffsetSet,
    /// A line of the execution log has properties, by their path, that match
    /// patterns.
    Pattern(Vec<(String, String)>),
}

/// The mail that rules send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The system of type `system:smtp`.
    pub system: Text,
    /// The address of the sender.
    pub sender: String,
    /// Who gets the mails of rules that do not say.
    pub recipients: Vec<String>,
}

/// Names of types of rules.
const FAILED: &str = "pump-failed";
const ENTITIES_FAILED: &str = "entities-failed";
const OVERDUE: &str = "pump-finished-overdue";
const OFFSET_SET: &str = "pump-offset-set";
const PATTERN: &str = "pattern-match";
const TYPES: [&str; 5] = [FAILED, ENTITIES_FAILED, OVERDUE, OFFSET_SET, PATTERN];

impl Condition {
    /// Its `type` in the config.
    pub fn name(&self) -> &'static str {
        match self {
            Condition::Failed => FAILED,
            Condition::EntitiesFailed => ENTITIES_FAILED,
            Condition::Overdue(_) => OVERDUE,
            Condition::OffsetSet => OFFSET_SET,
            Condition::Pattern(_) => PATTERN,
        }
    }

    /// Whether it looks at single lines of the execution log, rather than at
    /// how things are.
    pub fn is_about_lines(&self) -> bool {
        matches!(self, Condition::OffsetSet | Condition::Pattern(_))
    }

    fn severity(&self) -> Severity {
        match self {
            Condition::Failed => Severity::Error,
            Condition::EntitiesFailed | Condition::Overdue(_) | Condition::Pattern(_) => {
                Severity::Warning
            }
            Condition::OffsetSet => Severity::Info,
        }
    }
}

impl Rule {
    /// The rule for what the config says; `None` when it is wrong there.
    fn read(config: &Json) -> Option<Rule> {
        let config = config.as_object()?;
        let text = |key: &str| config.get(key).and_then(Json::as_str);
        let condition = match text("type")? {
            FAILED => Condition::Failed,
            ENTITIES_FAILED => Condition::EntitiesFailed,
            OVERDUE => Condition::Overdue(config.get("seconds")?.as_f64()?),
            OFFSET_SET => Condition::OffsetSet,
            PATTERN => {
                let patterns = config.get("pattern")?.as_object()?.iter();
                let patterns: Vec<_> = patterns
                    .filter_map(|(path, pattern)| Some((path.clone(), pattern.as_str()?.into())))
                    .collect();
                // Nothing would match everything.
                if patterns.is_empty() {
                    return None;
                }
                Condition::Pattern(patterns)
            }
            _ => return None,
        };
        Some(
            Rule {
                severity: match text("severity") {
                    Some("info") => Severity::Info,
                    Some("warning") => Severity::Warning,
                    Some("error") => Severity::Error,
                    _ => condition.severity(),
                },
                ..Rule::of(text("name").unwrap_or(condition.name()), condition)
            }
            .with(config),
        )
    }

    fn of(name: &str, condition: Condition) -> Rule {
        let severity = condition.severity();
        let (pipes, recipients) = (Vec::new(), None);
        Rule { name: Text::new(name), condition, pipes, severity, recipients, recovery: true }
    }

    fn with(mut self, config: &Map<String, Json>) -> Rule {
        self.pipes = texts(config.get("pipes")).iter().map(Text::new).collect();
        self.recipients = config.get("recipients").map(|all| texts(Some(all)));
        self.recovery = config.get("recovery").and_then(Json::as_bool).unwrap_or(true);
        self
    }

    /// Whether the rule is about a pipe.
    pub fn concerns(&self, pipe: &str) -> bool {
        self.pipes.is_empty() || self.pipes.iter().any(|name| matches_wildcards(name, pipe))
    }
}

impl Metadata {
    /// The rules of the node. When it does not say any, people are told of
    /// every pipe that fails.
    fn rules(&self) -> Vec<Rule> {
        match self.get("notifications.rules").and_then(Json::as_array) {
            Some(rules) => rules.iter().filter_map(Rule::read).collect(),
            None => {
                let all = [Condition::Failed, Condition::EntitiesFailed];
                all.map(|condition| Rule::of(condition.name(), condition)).into()
            }
        }
    }

    /// The mail that rules send, when there is one.
    pub fn notification_email(&self) -> Option<Email> {
        let email = self.get("notifications.email")?;
        let text = |key: &str| email.get(key).and_then(Json::as_str);
        Some(Email {
            system: Text::new(text("system")?),
            sender: text("sender")?.to_owned(),
            recipients: texts(email.get("recipients")),
        })
    }
}

impl Project {
    /// The notification rules about a pipe.
    pub fn notification_rules(&self, pipe: &Pipe) -> Vec<Rule> {
        let own = pipe.metadata.get(KEY).and_then(Json::as_array);
        let own: Vec<Rule> = own.into_iter().flatten().filter_map(Rule::read).collect();
        let mut rules = self.metadata().rules();
        rules.retain(|rule| {
            rule.concerns(&pipe.id) && own.iter().all(|other| other.name != rule.name)
        });
        rules.extend(own);
        rules
    }
}

/// What is wrong with the rules beyond the shape of each property.
pub(crate) fn check(project: &Project, problems: &mut Vec<Problem>) {
    let metadata = project.metadata();
    if let Some(origin) = &metadata.origin {
        let at = of_property(origin, KEY);
        if let Some(rules) = metadata.get("notifications.rules") {
            check_rules(project, rules, &of_property(&at, "rules"), None, problems);
        }
        if let Some(system) = metadata.get("notifications.email.system").and_then(Json::as_str) {
            let at = of_property(&of_property(&at, "email"), "system");
            check_system(project, system, &at, problems);
        }
    }
    for pipe in project.pipes() {
        if let Some(rules) = pipe.metadata.get(KEY) {
            let at = of_property(&of_property(&pipe.origin, "metadata"), KEY);
            check_rules(project, rules, &at, Some(pipe), problems);
        }
    }
}

fn check_system(project: &Project, id: &str, at: &Origin, problems: &mut Vec<Problem>) {
    let (code, message, hint) = match project.system(id) {
        Some(system) if system.kind == "system:smtp" => return,
        Some(system) => (
            code::SYSTEM_MISMATCH,
            format!("mails cannot be sent with a {}", system.kind),
            Some("it needs one of type system:smtp".into()),
        ),
        None if id.contains("$ENV(") => return,
        None => (
            code::SYSTEM_MISSING,
            format!("there is no system `{id}`"),
            did_you_mean(id, project.systems().map(|system| system.id.as_str())),
        ),
    };
    problems.push(finding(at, None, Severity::Error, code, message, hint));
}

fn check_rules(
    project: &Project,
    rules: &Json,
    at: &Origin,
    pipe: Option<&Pipe>,
    problems: &mut Vec<Problem>,
) {
    let component = pipe.map(|pipe| &pipe.id);
    let mut names: Vec<String> = Vec::new();
    let mut say = |at: &Origin, severity, code, message: String, hint| {
        problems.push(finding(at, component, severity, code, message, hint));
    };
    let Some(all) = rules.as_array() else { return };
    for (place, rule) in all.iter().enumerate() {
        let at = of_index(at, place);
        let Some(config) = rule.as_object() else {
            let message = "a notification rule is an object".to_owned();
            say(&at, Severity::Error, code::NOT_AN_OBJECT, message, None);
            continue;
        };
        let text = |key: &str| config.get(key).and_then(Json::as_str);
        // What type it is was checked with the shapes.
        let Some(kind) = text("type").filter(|kind| TYPES.contains(kind)) else { continue };
        let (needed, is_there) = match kind {
            OVERDUE => ("seconds", config.get("seconds").is_some_and(Json::is_number)),
            PATTERN => (
                "pattern",
                config.get("pattern").and_then(Json::as_object).is_some_and(|it| !it.is_empty()),
            ),
            _ => ("", true),
        };
        if !is_there {
            let message = format!("a rule of type `{kind}` needs `{needed}`");
            say(&at, Severity::Error, code::PROPERTY_MISSING, message, None);
        }
        let name = text("name").unwrap_or(kind).to_owned();
        if names.contains(&name) {
            let message = format!("there are two notification rules with the name `{name}`");
            let hint = Some("give each a `name` of its own".into());
            say(&at, Severity::Error, code::CONFLICT, message, hint);
        }
        names.push(name);
        for named in texts(config.get("pipes")) {
            let is_known = project.pipes().any(|pipe| matches_wildcards(&named, &pipe.id));
            if !is_known && !named.contains("$ENV(") {
                let message = format!("no pipe is called `{named}`");
                let hint = did_you_mean(&named, project.pipes().map(|pipe| pipe.id.as_str()));
                let at = of_property(&at, "pipes");
                say(&at, Severity::Warning, code::PIPE_MISSING, message, hint);
            }
        }
    }
}

fn of_index(origin: &Origin, place: usize) -> Origin {
    let at = origin.at.index(place);
    match origin.file.document.at(&at) {
        Some(node) => Origin { file: origin.file.clone(), span: node.span.clone(), at },
        None => origin.clone(),
    }
}

/// One text, or a list of them.
fn texts(value: Option<&Json>) -> Vec<String> {
    match value {
        Some(Json::String(one)) => vec![one.clone()],
        Some(Json::Array(all)) => {
            all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}
