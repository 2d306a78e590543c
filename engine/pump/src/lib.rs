//! Runs pipes: batches, offsets, dependency tracking, the sources and sinks inside the node.
