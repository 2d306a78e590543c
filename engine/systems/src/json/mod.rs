//! The JSON pull and push protocols, by which nodes and their neighbours hand
//! entities to each other.

mod sink;
mod source;
mod transform;

pub(crate) use sink::JsonSink;
pub(crate) use source::JsonSource;
pub(crate) use transform::HttpTransform;
