//! One running node: assembles the engine and serves its API.
