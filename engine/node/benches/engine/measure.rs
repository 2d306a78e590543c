//! Times, and whether they hold.

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Targets {
    missed: Vec<String>,
    count: usize,
}

impl Targets {
    pub(crate) fn least(&mut self, what: &str, found: f64, target: f64, unit: &str) {
        self.check(what, found, target, unit, found >= target, "at least");
    }

    pub(crate) fn most(&mut self, what: &str, found: f64, target: f64, unit: &str) {
        self.check(what, found, target, unit, found <= target, "at most");
    }

    fn check(&mut self, what: &str, found: f64, target: f64, unit: &str, holds: bool, way: &str) {
        let word = if holds { "holds" } else { "MISSED" };
        println!("{word:<7} {what}: {found:.2} {unit} (target {way} {target} {unit})");
        self.count += 1;
        if !holds {
            self.missed.push(what.to_owned());
        }
    }

    pub(crate) fn summary(self) -> ExitCode {
        let held = self.count - self.missed.len();
        if self.missed.is_empty() {
            println!("bench engine: all {held} targets hold");
            return ExitCode::SUCCESS;
        }
        println!(
            "bench engine: {held} of {} targets hold; missed: {}",
            self.count,
            self.missed.join("; ")
        );
        ExitCode::FAILURE
    }
}

/// Processor time and time passed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Took {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

/// The processor time of this process; the time passed where nobody tells.
pub(crate) fn cpu() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| {
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ').skip(11);
        let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        // Linux counts these in hundredths of a second on every machine.
        Some(Duration::from_millis(ticks * 10))
    });
    told.unwrap_or_else(|| START.get_or_init(Instant::now).elapsed())
}

pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (begun, before) = (Instant::now(), cpu());
    let result = work();
    (result, Took { cpu: cpu() - before, wall: begun.elapsed() })
}

pub(crate) fn median(mut times: Vec<Took>) -> Took {
    times.sort_by_key(|took| took.cpu);
    times[times.len() / 2]
}
