//! Pipes that reach out of the node, with an outside made for the tests.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod retries;
mod services;
mod sinks;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::TestNode;
use pipewright_component::{
    Batch, Components, Continuation, Coverage, EntityFailure, Failure, ReadRequest, Reading,
    Sequence, Setting, Sink, Source, Surroundings, Transform, Written,
};
use pipewright_entity::{Entity, Value};
use serde_json::{Value as Json, json};

/// What is outside.
#[derive(Default)]
struct World {
    /// What the source has, in its order; `_updated` is its marker.
    source: Vec<Json>,
    continuation: Option<Continuation>,
    /// The source breaks after so many batches.
    breaks_after: Option<usize>,
    /// What the sink was given.
    target: BTreeMap<String, Json>,
    calls: Vec<Vec<String>>,
    sequences: Vec<Sequence>,
    finished: usize,
    /// Ids that the sink does not take.
    refuses: BTreeSet<String>,
    /// Refuse whole calls without saying which entity is at fault.
    refuses_calls: bool,
    is_down: bool,
    /// Ids that the sink breaks at, as if it were down.
    chokes_on: BTreeSet<String>,
    /// The source and the sink fail so many times before they work.
    fails: u32,
    /// The service that transforms gives nothing back.
    swallows: bool,
    /// The HTTP status that failures come with.
    status: Option<u16>,
    asks_to_wait: Option<Duration>,
}

impl World {
    fn fails_once_more(&mut self) -> bool {
        let fails = self.fails > 0;
        self.fails = self.fails.saturating_sub(1);
        fails
    }
}

#[derive(Clone, Default)]
struct Outside(Arc<Mutex<World>>);

impl Outside {
    fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl Components for Outside {
    fn source(
        &self,
        _: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure> {
        Ok(Some(Box::new(TestSource(self.clone(), surroundings.clone()))))
    }

    fn transform(
        &self,
        _: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure> {
        Ok(Some(Box::new(TestTransform(self.clone()))))
    }

    fn sink(
        &self,
        _: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Sink>>, Failure> {
        surroundings.may_write_outside("$.sink")?;
        Ok(Some(Box::new(TestSink(self.clone()))))
    }
}

struct TestSource(Outside, Surroundings);

impl Source for TestSource {
    fn continuation(&self) -> Continuation {
        self.0.with(|world| world.continuation.unwrap_or(Continuation::None))
    }

    fn reports_deletes(&self) -> bool {
        false
    }

    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure> {
        self.1.may_read_outside("$.source")?;
        if self.0.with(World::fails_once_more) {
            let status = self.0.with(|world| world.status);
            return Err(Failure::Retryable {
                message: "nobody answers".into(),
                wait: None,
                status,
            });
        }
        let since = match request.since {
            Some(Value::Int(since)) => since,
            _ => -1,
        };
        let coverage = if since < 0 { Coverage::Full } else { Coverage::Partial };
        let (entities, breaks_after, continuation) = self.0.with(|world| {
            let marker = |json: &Json| json["_updated"].as_i64();
            let fresh = world.source.iter().filter(|e| marker(e).is_none_or(|m| m > since));
            (fresh.cloned().collect::<Vec<_>>(), world.breaks_after, world.continuation)
        });
        let mut largest = since;
        let batches: Vec<_> = entities
            .chunks(request.batch_size)
            .enumerate()
            .map(|(number, page)| {
                if breaks_after.is_some_and(|after| number >= after) {
                    return Err(Failure::retryable("the line broke"));
                }
                let mut batch = Batch::default();
                for json in page {
                    let value = Value::from_json(json);
                    batch.push(value.as_dict().unwrap().clone());
                    largest = largest.max(json["_updated"].as_i64().unwrap_or(-1));
                }
                batch.offset = continuation.map(|_| Value::Int(largest));
                Ok(batch)
            })
            .collect();
        Ok(Reading::new(coverage, Box::new(batches.into_iter())))
    }
}

/// A service that marks what it was given, two at a time.
struct TestTransform(Outside);

impl Transform for TestTransform {
    fn is_outside(&self) -> bool {
        true
    }

    fn batch_size(&self) -> usize {
        2
    }

    fn apply(&mut self, entities: Vec<Entity>) -> Result<Vec<Entity>, Failure> {
        self.0.with(|world| {
            if world.is_down {
                return Err(Failure::retryable("nobody answers"));
            }
            let ids: Vec<String> = entities.iter().map(|entity| entity.id().to_string()).collect();
            let is_refused = ids.iter().any(|id| world.refuses.contains(id));
            world.calls.push(ids);
            if is_refused {
                return Err(Failure::entity(None, "no good"));
            }
            if world.swallows {
                return Ok(Vec::new());
            }
            Ok(entities.into_iter().map(|entity| entity.with("seen", true)).collect())
        })
    }
}

struct TestSink(Outside);

impl Sink for TestSink {
    fn is_outside(&self) -> bool {
        true
    }

    fn begin(&mut self, sequence: &Sequence) -> Result<(), Failure> {
        self.0.with(|world| world.sequences.push(sequence.clone()));
        Ok(())
    }

    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure> {
        self.0.with(|world| {
            if world.is_down || world.fails_once_more() {
                return Err(Failure::retryable("nobody answers"));
            }
            if entities.iter().any(|e| world.chokes_on.contains(e.id().as_str())) {
                return Err(Failure::Retryable {
                    message: "an error in there".into(),
                    wait: world.asks_to_wait,
                    status: world.status,
                });
            }
            let refused = |e: &&Entity| world.refuses.contains(e.id().as_str());
            if world.refuses_calls && entities.iter().any(|e| refused(&e)) {
                return Err(Failure::entity(None, "bad request"));
            }
            let mut written = Written::default();
            for entity in entities {
                if world.refuses.contains(entity.id().as_str()) {
                    let failure = EntityFailure::new(Some(entity.id().clone()), "not wanted");
                    written.rejected.push(failure);
                } else {
                    let json = entity.clone().content().into_value().to_json();
                    world.target.insert(entity.id().to_string(), json);
                    written.written += 1;
                }
            }
            world.calls.push(entities.iter().map(|e| e.id().to_string()).collect());
            Ok(written)
        })
    }

    fn finish(&mut self) -> Result<Written, Failure> {
        self.0.with(|world| world.finished += 1);
        Ok(Written::default())
    }
}

fn outbound() -> Json {
    json!({
        "_id": "out",
        "batch_size": 2,
        "source": {"type": "dataset", "dataset": "in"},
        "sink": {"type": "json", "system": "web", "url": "things"},
    })
}

fn inbound() -> Json {
    json!({
        "_id": "in",
        "batch_size": 2,
        "source": {"type": "json", "system": "web", "url": "things"},
    })
}

fn node(pipe: Json, outside: &Outside) -> TestNode {
    let mut node = TestNode::new([pipe]);
    node.components = Arc::new(outside.clone());
    node
}

fn ids(node: &TestNode, dataset: &str) -> Vec<String> {
    node.live(dataset).into_keys().collect()
}
