//! A node's data as one file. Config is not part of it: the project folder is
//! its truth, and belongs into version control.

use std::path::Path;

use pipewright_store::StoreError;

use crate::Options;
use crate::secrets;

/// Copies the store of a project and its sealed secrets into one file, while
/// the node runs or not. `report` is told how many of how many pages are
/// copied.
///
/// # Errors
/// There is no store, the file is there already, or one of them cannot be read
/// or written.
pub fn back_up(
    options: &Options,
    file: &Path,
    report: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    pipewright_store::back_up(options.store_folder(), file, &[secrets::FILE], report)
}

/// As [`back_up`], of the store in a folder.
pub(crate) fn back_up_store(store: &Path, file: &Path) -> Result<(), StoreError> {
    pipewright_store::back_up(store, file, &[secrets::FILE], |_, _| ())
}

/// Makes the store of a project anew out of such a file. The secrets in it can
/// only be used with the key they were sealed with. A store that is there
/// already must be allowed to be `replaced`; its files are kept.
///
/// # Errors
/// The file is no whole backup, or the store is in use or there already.
pub fn restore(
    options: &Options,
    file: &Path,
    replaced: bool,
    report: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    pipewright_store::restore(file, options.store_folder(), replaced, report)
}
