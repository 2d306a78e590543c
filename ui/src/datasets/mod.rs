//! The datasets: their list, the entities of one, the versions of one entity.

mod browser;
mod columns;
mod entity;
mod finding;
mod lineage;
mod list;
mod pages;
mod tools;

pub use browser::Browser;
pub use list::{DatasetScreen, DatasetsScreen};
