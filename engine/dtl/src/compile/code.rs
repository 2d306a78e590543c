//! Codes of the findings of the compiler.

/// An expression or transform is not written as one.
pub const NOT_A_CALL: &str = "dtl-not-a-call";
/// There is no such function or transform.
pub const UNKNOWN_FUNCTION: &str = "dtl-unknown-function";
/// A function stands where a transform should, or the other way round.
pub const WRONG_ROLE: &str = "dtl-wrong-role";
/// Too few or too many arguments.
pub const ARITY: &str = "dtl-arity";
/// An argument is of the wrong kind.
pub const ARGUMENT: &str = "dtl-argument";
/// There is no such rule.
pub const UNKNOWN_RULE: &str = "dtl-unknown-rule";
/// There is no default rule.
pub const NO_DEFAULT: &str = "dtl-no-default-rule";
/// A path is not written as one.
pub const PATH: &str = "dtl-path";
/// `_` is used where nothing is bound to it.
pub const UNBOUND: &str = "dtl-unbound";
/// Hops that are not written as such.
pub const HOPS: &str = "dtl-hops";
/// A dataset of hops cannot be reached by joins.
pub const UNJOINED: &str = "dtl-hops-unjoined";
/// A function that is kept for old configurations only.
pub const DEPRECATED: &str = "dtl-deprecated";
/// There is no such variable or alias.
pub const UNKNOWN_VARIABLE: &str = "dtl-unknown-variable";
/// A property of the target that nothing in the rule sets.
pub const UNSET: &str = "dtl-unset-property";
/// A rule that nothing applies.
pub const UNUSED_RULE: &str = "dtl-unused-rule";
