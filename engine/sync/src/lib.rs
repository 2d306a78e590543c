//! Two-way sync: clusters of entities that are one, and their golden records.
