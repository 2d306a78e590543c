//! Values and entities: transit JSON, order, equality, content hash, binary form.
