//! The work behind the functions, free of how they are called: arithmetic,
//! texts, dates, JSON. `functions` describes and binds it.

pub(crate) mod arithmetic;
pub(crate) mod date_pattern;
#[cfg(any(feature = "encryption", feature = "openpgp"))]
pub(crate) mod encryption;
pub(crate) mod json_text;
pub(crate) mod murmur3;
pub(crate) mod number_text;
pub(crate) mod percent;
pub(crate) mod replacing;
pub(crate) mod text;
pub(crate) mod times;
pub(crate) mod wildcard;
