//! Times in templates.
//!
//! A time is a number of microseconds since 1970, and so is the difference of
//! two: `now() + timedelta(hours=48)` is a sum. `strftime` and the filter
//! `datetime_format` make a text of one.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;
use pipewright_component::Clock;

const SECOND: f64 = 1e6;

/// How a time is written when nothing else is asked for.
const PLAIN: &str = "%Y-%m-%dT%H:%M:%SZ";

/// Teaches templates about times.
pub(super) fn add(environment: &mut Environment<'static>, clock: Arc<dyn Clock>) {
    environment.add_function("now", move || clock.now());
    environment.add_function("timedelta", timedelta);
    // Nanoseconds, which is what the numbers of DTL count.
    environment.add_filter("datetime", |nanoseconds: f64| (nanoseconds / 1e3) as i64);
    environment.add_filter("datetime_format", |time: i64, form: Option<String>| {
        written(time, form.as_deref().unwrap_or(PLAIN))
    });
    environment.set_unknown_method_callback(method);
}

fn timedelta(parts: Kwargs) -> Result<i64, Error> {
    let units = [
        ("weeks", 604_800.0),
        ("days", 86_400.0),
        ("hours", 3_600.0),
        ("minutes", 60.0),
        ("seconds", 1.0),
        ("milliseconds", 1e-3),
        ("microseconds", 1e-6),
    ];
    let mut all = 0.0;
    for (name, seconds) in units {
        all += parts.get::<Option<f64>>(name)?.unwrap_or(0.0) * seconds;
    }
    parts.assert_all_used()?;
    Ok((all * SECOND) as i64)
}

/// Methods that values have in Python.
fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    let time = i64::try_from(value.clone()).ok();
    match (name, time, args) {
        ("strftime", Some(time), [form]) => {
            let form = form.as_str().ok_or_else(|| wrong("strftime takes a text".into()))?;
            written(time, form).map(Value::from)
        }
        ("isoformat", Some(time), []) => written(time, "%Y-%m-%dT%H:%M:%S").map(Value::from),
        ("timestamp", Some(time), []) => Ok(Value::from(time as f64 / SECOND)),
        ("total_seconds", Some(time), []) => Ok(Value::from(time as f64 / SECOND)),
        _ => pycompat::unknown_method_callback(state, value, name, args),
    }
}

fn written(time: i64, form: &str) -> Result<String, Error> {
    let time = Timestamp::from_microsecond(time).map_err(|error| wrong(error.to_string()))?;
    jiff::fmt::strtime::format(form, &time.to_zoned(TimeZone::UTC))
        .map_err(|error| wrong(error.to_string()))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
