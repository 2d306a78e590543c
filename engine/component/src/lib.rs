//! What a source, a sink and a system implement, and the batch that flows between them.
