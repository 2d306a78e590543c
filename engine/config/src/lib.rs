//! Pipes, systems and node metadata: project folders, effective config, validation, flow graph.
