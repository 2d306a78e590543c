//! The datasets: their list, the entities of one, the versions of one entity.

mod browser;
mod entity;
mod finding;
mod list;
mod pages;

pub use browser::Browser;
pub use list::{DatasetScreen, DatasetsScreen};
