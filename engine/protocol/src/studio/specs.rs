//! The tests of a project, and samples that are pinned as tests.

use serde::{Deserialize, Serialize};

use super::Json;

/// Sends the pinned samples of a pipe through it, with the datasets as they are
/// now. Nothing is written and nothing outside is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PinsRequest {
    /// The pipe.
    pub pipe: String,
    /// Config text to use instead of the saved one.
    pub text: Option<String>,
}

/// Runs tests as `pipewright test` does: all pipes on a store of their own,
/// with nothing outside, and then what the tests ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestsRequest {
    /// Only the tests of this pipe.
    #[serde(default)]
    pub pipe: Option<String>,
    /// A name of the caller's choice, by which it can be followed and stopped
    /// while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// How tests went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestReport {
    /// Each of them.
    pub tests: Vec<TestResult>,
    /// The pipes that failed before any test was looked at, and why.
    pub broken: Vec<String>,
    /// Time it took, microseconds.
    pub took: u64,
}

/// How a test went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestResult {
    /// The test.
    pub id: String,
    /// The file that it is written in.
    pub file: String,
    /// The file with what is expected.
    pub expected: String,
    /// The pipe it is about.
    pub pipe: String,
    /// What it is about, for people.
    pub description: Option<String>,
    /// The sample, where it is a pinned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Json>,
    /// How it went.
    pub outcome: TestOutcome,
    /// What is not as expected, at most [`TestResult::SHOWN`].
    pub differences: Vec<TestDifference>,
    /// How much more is not.
    pub more: u64,
    /// Why it could not be told, if so.
    pub why: Option<String>,
    /// What a pinned sample became, to be expected from now on if that is
    /// right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub produced: Option<Json>,
}

impl TestResult {
    /// More differences of a test are only counted.
    pub const SHOWN: usize = 100;
}

/// How a test went, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum TestOutcome {
    /// All is as expected.
    Passed,
    /// Something is not.
    Failed,
    /// It is not to be run.
    Ignored,
}

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestDifference {
    /// `_id` of the entity; empty where lines of text are compared.
    pub entity: String,
    /// The property as a dotted path, or the line; empty for the entity as a
    /// whole.
    pub path: String,
    /// What is expected; `None` when nothing is.
    pub expected: Option<Json>,
    /// What is there; `None` when nothing is.
    pub actual: Option<Json>,
}

/// How far something has come that takes its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskProgress {
    /// What is done.
    pub done: u64,
    /// What there is to do, as good as that is known.
    pub total: Option<u64>,
}
