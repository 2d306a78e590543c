//! What can be asked of a system without running a pipe.

use serde_json::{Map, Value as Json};

use crate::Failure;

/// A system, to be asked for itself rather than for a pipe.
pub trait System: Send {
    /// Tries to reach it. Says what was found, in one line for a person.
    ///
    /// # Errors
    /// Like a source's: it cannot be reached, refuses, or its config is wrong.
    fn test(&mut self) -> Result<String, Failure>;

    /// What can be read from it or written to it, as far as it tells.
    fn offers(&mut self) -> Result<Vec<Offer>, Failure>;
}

/// One thing that a system offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// What it is.
    pub kind: OfferKind,
    /// Its name; a schema, where there is one, in front with a point.
    pub name: String,
    /// What it consists of, where that is known.
    pub columns: Vec<OfferedColumn>,
    /// What else is to be said of it, in one line for a person.
    pub about: Option<String>,
    /// The config of a source that reads it.
    pub source: Option<Map<String, Json>>,
}

/// What a system offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferKind {
    /// A table of a database.
    Table,
    /// A view of a database.
    View,
    /// A named operation of a service.
    Operation,
    /// A file in a folder.
    File,
}

impl OfferKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            OfferKind::Table => "table",
            OfferKind::View => "view",
            OfferKind::Operation => "operation",
            OfferKind::File => "file",
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the system's own words.
    pub type_name: String,
    /// Whether it may be empty.
    pub is_nullable: bool,
    /// Whether it is part of the primary key.
    pub is_key: bool,
}
