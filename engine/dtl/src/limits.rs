//! How much one run of a program may do and make, so that no program and no
//! entity can take all memory or run for ever.
//!
//! Lists and dicts are shared when they are copied: a few lines can nest a
//! value in itself so often that no machine could write the result down.
//! Therefore the size of what is made counts as if everything in it were
//! written out. Whatever joins values into a larger one is checked when it
//! does; what only picks values from those at hand is not.

use pipewright_entity::{Dict, MAX_DEPTH, Value};

use crate::Fault;
use crate::functions::Function;

/// How deep calls may be nested while running, rules that apply themselves
/// included. Beyond it the entity fails.
pub(crate) const NESTED_CALLS: usize = 700;
/// How many calls one run may make.
pub(crate) const CALLS: u64 = 100_000_000;
/// How many entities one source entity may emit.
pub(crate) const EMITTED: usize = 1_000_000;
/// How large a value may be when it is written down, in bytes, roughly; and
/// the target and all emitted entities of a run together.
pub(crate) const SIZE: usize = 64 << 20;
/// How much memory the results of all calls of a run may take together, those
/// not needed any more included, in bytes, roughly.
pub(crate) const BUILT: usize = 1 << 30;

/// How large a value may be that is computed when compiling, in bytes, roughly.
pub(crate) const CONSTANT: usize = 1 << 20;

/// Functions whose result is an argument, or parts of one as they are.
const PICKING: &[&str] = &[
    "and",
    "case",
    "case-eq",
    "coalesce",
    "difference",
    "distinct",
    "filter",
    "first",
    "if",
    "intersection",
    "last",
    "literal",
    "lookup-entity",
    "max",
    "min",
    "nth",
    "or",
    "reversed",
    "slice",
    "sorted",
    "sorted-descending",
];

/// Whether what a function gives can be larger than its arguments.
pub(crate) fn joins_values(function: &Function) -> bool {
    !PICKING.contains(&function.name)
}

/// Fails if a value is too large or nested too deep.
pub(crate) fn check(value: &Value) -> Result<(), Fault> {
    weigh(value).map(drop)
}

/// The size of a value when it is written down, in bytes, roughly. Fails if it
/// is too large or nested too deep.
pub(crate) fn weigh(value: &Value) -> Result<usize, Fault> {
    let mut left = SIZE;
    match value {
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) => weigh_in(value, 0, &mut left)?,
        scalar => take(&mut left, of_scalar(scalar))?,
    }
    Ok(SIZE - left)
}

/// The size of a dict, as [`weigh`].
pub(crate) fn weigh_dict(dict: &Dict) -> Result<usize, Fault> {
    let mut left = SIZE;
    weigh_members(dict, 0, &mut left)?;
    Ok(SIZE - left)
}

/// The memory of the outermost layer of a value.
pub(crate) fn built(value: &Value) -> usize {
    match value {
        Value::List(items) | Value::Tuple(items) => items.len() * size_of::<Value>(),
        Value::Dict(dict) => dict.len() * 4 * size_of::<Value>(),
        scalar => of_scalar(scalar),
    }
}

fn of_scalar(value: &Value) -> usize {
    match value {
        Value::String(text) | Value::Ni(text) | Value::Uri(text) => text.len() + 4,
        Value::Bytes(bytes) => bytes.len() * 4 / 3 + 4,
        Value::BigInt(number) => (number.bits() / 3) as usize,
        Value::Decimal(number) => (number.as_bigint_and_scale().0.bits() / 3) as usize + 8,
        _ => 8,
    }
}

fn weigh_in(value: &Value, depth: usize, left: &mut usize) -> Result<(), Fault> {
    match value {
        Value::List(items) | Value::Tuple(items) => {
            deep(depth)?;
            take(left, 2 + items.len())?;
            for item in items.iter() {
                weigh_in(item, depth + 1, left)?;
            }
            Ok(())
        }
        Value::Dict(dict) => weigh_members(dict, depth, left),
        scalar => take(left, of_scalar(scalar)),
    }
}

fn weigh_members(dict: &Dict, depth: usize, left: &mut usize) -> Result<(), Fault> {
    deep(depth)?;
    for (name, value) in dict {
        take(left, name.len() + 4)?;
        weigh_in(value, depth + 1, left)?;
    }
    Ok(())
}

fn deep(depth: usize) -> Result<(), Fault> {
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(Fault::limit(format!(
        "lists and dicts are nested deeper than {MAX_DEPTH}: does a value take itself in, such as \"_T.\" put into the target?"
    )))
}

fn take(left: &mut usize, size: usize) -> Result<(), Fault> {
    match left.checked_sub(size) {
        Some(rest) => {
            *left = rest;
            Ok(())
        }
        None => Err(too_large()),
    }
}

/// The fault of what became too large.
pub(crate) fn too_large() -> Fault {
    Fault::limit(format!(
        "the result is larger than {} MiB: keep less of it, or make several entities of it with \"create-child\" or \"create\"",
        SIZE >> 20
    ))
}
