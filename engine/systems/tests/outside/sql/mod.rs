//! SQL systems against real databases.

mod connections;
pub(crate) mod databases;
mod reading;
pub(crate) mod servers;
mod types;
mod writing;
