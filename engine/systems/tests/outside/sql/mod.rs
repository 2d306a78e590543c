//! SQL systems against real databases.

mod connections;
pub(crate) mod databases;
mod reading;
mod servers;
mod types;
mod writing;
