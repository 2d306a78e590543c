//! The mail sink.

use std::time::Duration;

use pipewright_component::{EntityFailure, Failure, Sequence, Setting, Sink, Written};
use pipewright_entity::{Entity, Value};

use super::message::Writer;
use super::{SmtpSystem, Unsent};

/// Sends a mail for each entity; deleted entities send none.
pub(crate) struct MailSink {
    system: SmtpSystem,
    writer: Writer,
}

impl MailSink {
    pub(crate) fn new(setting: &Setting<'_>, system: SmtpSystem) -> Result<MailSink, Failure> {
        Ok(MailSink { system, writer: Writer::new(setting)? })
    }

    fn send(&mut self, entity: &Entity) -> Result<Result<(), EntityFailure>, Failure> {
        let bad = |message: String| EntityFailure::new(Some(entity.id().clone()), message);
        let message = match self.writer.write(entity, self.system.surroundings.clock.now()) {
            Ok(message) => message,
            Err(why) => return Ok(Err(bad(why))),
        };
        Ok(self.system.send(message)?.map_err(|why| match why {
            Unsent::Refused(message) => bad(message),
            Unsent::TooMany(wait) => EntityFailure {
                wait: u64::try_from(wait).ok().map(Duration::from_micros),
                ..bad("more mails than the system may send in an hour (max_per_hour)".into())
            },
        }))
    }
}

impl Sink for MailSink {
    fn is_outside(&self) -> bool {
        true
    }

    // What was sent cannot be taken back: a failure must not send others again.
    fn batch_size(&self) -> usize {
        1
    }

    fn begin(&mut self, _: &Sequence) -> Result<(), Failure> {
        Ok(())
    }

    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure> {
        let mut written = Written::default();
        for entity in entities {
            let is_filtered = entity.get("_filtered") == Some(&Value::Bool(true));
            if is_filtered || entity.is_deleted() {
                written.ignored += 1;
                continue;
            }
            match self.send(entity)? {
                Ok(()) => written.written += 1,
                Err(failure) => written.rejected.push(failure),
            }
        }
        Ok(written)
    }

    fn finish(&mut self) -> Result<Written, Failure> {
        Ok(Written::default())
    }
}
