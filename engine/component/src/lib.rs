//! What a source, a sink and a transform implement, and the batch that flows
//! between them.
//!
//! The traits are synchronous: the node runs a pipe on a thread of its own,
//! and whatever waits (a request, a pause between requests) watches the
//! [`Cancel`] token. A component is built for one run of one pipe from a
//! [`Setting`] (what the config says) and [`Surroundings`] (what the node
//! lends it: clock, variables, folder, permission to reach out), and dropped
//! when the run ends. What outlives a run, such as a connection pool or an
//! access token, belongs to the [`Components`] that built it.
//!
//! Architecture invariant: nothing here knows a kind of system, the store or
//! a network library. The room is small on purpose.

mod batch;
mod cancel;
mod components;
mod failure;
mod sink;
mod source;
mod surroundings;
mod system;
mod trace;
mod transform;

pub use batch::Batch;
pub use cancel::Cancel;
pub use components::{Components, NoComponents, Setting};
pub use failure::{EntityFailure, Failure};
pub use sink::{Sequence, Sink, Written};
pub use source::{Batches, Continuation, Coverage, ReadRequest, Reading, Source};
pub use surroundings::{
    Access, Clock, FixedClock, NoVariables, Permission, Surroundings, SystemClock, Variables,
};
pub use system::{Offer, OfferKind, OfferedColumn, System};
pub use trace::{Exchanges, TraceSettings};
pub use transform::Transform;
