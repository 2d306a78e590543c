//! What the node lends a component for one run.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pipewright_entity::Value;

use crate::{Cancel, Exchanges, Failure};

/// Whether something outside may be touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// Not until a person allows it.
    #[default]
    Held,
    /// Yes.
    Live,
}

/// What a run may do outside the node. Opening a project is harmless: both
/// start as held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Fetching from outside.
    pub read_outside: Permission,
    /// Changing something outside.
    pub write_outside: Permission,
    /// Starting programs of this machine that the config names.
    pub processes: Permission,
}

impl Access {
    /// Nothing outside is touched.
    pub const HELD: Access = Access {
        read_outside: Permission::Held,
        write_outside: Permission::Held,
        processes: Permission::Held,
    };
    /// Everything may be touched.
    pub const LIVE: Access = Access {
        read_outside: Permission::Live,
        write_outside: Permission::Live,
        processes: Permission::Live,
    };
}

/// The time. Components never read the clock of the machine themselves.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Microseconds since 1970.
    fn now(&self) -> i64;

    /// Waits, at most for `time`; returns early when `cancel` is used.
    fn wait(&self, time: Duration, cancel: &Cancel) -> Result<(), Failure>;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn wait(&self, time: Duration, cancel: &Cancel) -> Result<(), Failure> {
        const STEP: Duration = Duration::from_millis(50);
        let mut left = time;
        while !left.is_zero() {
            cancel.check()?;
            let step = left.min(STEP);
            std::thread::sleep(step);
            left -= step;
        }
        cancel.check()
    }
}

/// A clock that moves only when told to, and whose waits take no time: for
/// tests and simulations.
#[derive(Clone, Debug, Default)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// A clock that stands at so many microseconds since 1970.
    pub fn at(now: i64) -> FixedClock {
        FixedClock(Arc::new(AtomicI64::new(now)))
    }

    /// Moves the clock of all clones.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::AcqRel);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    fn wait(&self, time: Duration, cancel: &Cancel) -> Result<(), Failure> {
        cancel.check()?;
        self.advance(time);
        Ok(())
    }
}

/// Environment variables and secrets, as `$ENV(name)` and `$SECRET(name)`
/// name them.
pub trait Variables: Send + Sync {
    /// A variable of the node's environment.
    fn env(&self, name: &str) -> Option<Value>;

    /// A secret: one of the named system if it has it, else one of the node.
    fn secret(&self, system: Option<&str>, name: &str) -> Option<Value>;
}

/// No variables and no secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn env(&self, _: &str) -> Option<Value> {
        None
    }

    fn secret(&self, _: Option<&str>, _: &str) -> Option<Value> {
        None
    }
}

/// What the node lends a component for one run.
#[derive(Clone)]
pub struct Surroundings {
    /// What the run may do outside. The pump asks before it reads or writes;
    /// components ask again before a call leaves the machine.
    pub access: Access,
    /// Stops the run.
    pub cancel: Cancel,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Environment and secrets.
    pub variables: Arc<dyn Variables>,
    /// The project folder, for paths that are relative to it.
    pub folder: Option<PathBuf>,
    /// What REST components note of their calls, for the execution log.
    pub exchanges: Exchanges,
}

impl Surroundings {
    /// No variables, no folder, nothing outside; the machine's clock.
    pub fn held() -> Surroundings {
        Surroundings {
            access: Access::HELD,
            cancel: Cancel::new(),
            clock: Arc::new(SystemClock),
            variables: Arc::new(NoVariables),
            folder: None,
            exchanges: Exchanges::default(),
        }
    }

    /// [`Failure::Held`] unless reading outside is allowed.
    pub fn may_read_outside(&self, path: &str) -> Result<(), Failure> {
        allowed(self.access.read_outside, path, "read from")
    }

    /// [`Failure::Held`] unless writing outside is allowed.
    pub fn may_write_outside(&self, path: &str) -> Result<(), Failure> {
        allowed(self.access.write_outside, path, "write to")
    }
}

fn allowed(permission: Permission, path: &str, verb: &str) -> Result<(), Failure> {
    match permission {
        Permission::Live => Ok(()),
        Permission::Held => Err(Failure::Held {
            path: path.into(),
            message: format!(
                "this would {verb} the outside, which is held; set the connection live first"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stopped_wait_ends_early() {
        let cancel = Cancel::new();
        cancel.stop();
        let wait = SystemClock.wait(Duration::from_secs(3600), &cancel);
        assert_eq!(wait, Err(Failure::Stopped));
    }

    #[test]
    fn a_fixed_clock_moves_with_its_waits() {
        let clock = FixedClock::at(5);
        clock.wait(Duration::from_millis(1), &Cancel::new()).unwrap();
        assert_eq!(clock.now(), 1005);
    }

    #[test]
    fn held_means_no_call() {
        let held = Surroundings::held();
        let failure = held.may_write_outside("$.sink").unwrap_err();
        assert!(failure.to_string().contains("$.sink"), "{failure}");
        let live = Surroundings { access: Access::LIVE, ..held };
        live.may_write_outside("$.sink").unwrap();
        live.may_read_outside("$.source").unwrap();
    }
}
