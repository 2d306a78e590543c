//! Datasets on disk: log, versions, indexes, offsets, execution log.
