//! Dates and times (documentation page `hub/dtl/dtl-functions-date-and-time`).

use std::rc::Rc;

use jiff::tz::TimeZone;
use pipewright_entity::{DateTime, Value};

use super::args::{first, integer, spread, string};
use super::casts::cast;
use super::{Body, Feature, Function, Kind, PLAIN, Param, Purity, example, one, optional};
use crate::Fault;
use crate::compute::date_pattern::{self, DatePattern};
use crate::compute::times::{self, DatePart};

const AREA: &str = "date-and-time";

const PATTERN: &[Param] = &[
    optional("TIMEZONE_NAME", Kind::String),
    one("FORMATSTRING", Kind::String),
    one("VALUES", Kind::Value),
];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "datetime",
        area: AREA,
        params: &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)],
        summary: "Values as datetimes: strings in ISO 8601, in UTC unless they say otherwise, and \
                  integers that count nanoseconds since 1970. What does not convert is left out, \
                  or replaced by FUNCTION if that is given.",
        examples: &[
            example(
                r#"["datetime", "2015-07-28T09:46:00.12345Z"]"#,
                r#""~t2015-07-28T09:46:00.12345Z""#,
            ),
            example(r#"["datetime", 1438076760123450000]"#, r#""~t2015-07-28T09:46:00.12345Z""#),
            example(r#"["datetime", ["list", 0, "hello"]]"#, r#"["~t1970-01-01T00:00:00Z"]"#),
            example(r#"["datetime", ["datetime", 0], "hello"]"#, r#""~t1970-01-01T00:00:00Z""#),
        ],
        body: Body::Lazy(|eval, args| {
            cast(eval, args, |value| times::datetime(value).map(Value::DateTime))
        }),
        ..PLAIN
    },
    Function {
        name: "datetime-diff",
        area: AREA,
        params: &[
            one("DATEPART", Kind::String),
            one("STARTDATE", Kind::Value),
            one("ENDDATE", Kind::Value),
        ],
        summary: "How many whole DATEPARTs STARTDATE is after ENDDATE; negative if it is before. \
                  DATEPART is year, month, week, day, hour, minute, second, millisecond, \
                  microsecond or nanosecond.",
        examples: &[
            example(
                r#"["datetime-diff", "day", ["datetime-parse", "%Y-%m-%d", "2015-07-28"], ["datetime-parse", "%Y-%m-%d", "2015-07-29"]]"#,
                "-1",
            ),
            example(
                r#"["datetime-diff", "day", ["datetime-parse", "%Y-%m-%d", "2015-07-29"], ["datetime-parse", "%Y-%m-%d", "2015-07-28"]]"#,
                "1",
            ),
            example(
                r#"["datetime-diff", "year", ["datetime-parse", "%Y-%m-%d", "2015-03-02"], ["datetime-parse", "%Y-%m-%d", "2016-07-29"]]"#,
                "-1",
            ),
            example(
                r#"["datetime-diff", "month", ["datetime-parse", "%Y-%m-%d", "2015-03-02"], ["datetime-parse", "%Y-%m-%d", "2016-07-29"]]"#,
                "-16",
            ),
        ],
        body: Body::Eager(|_, args| {
            let [part, start, end] = args else { return Ok(Value::Null) };
            let part = date_part(part)?;
            Ok(match (first(start), first(end)) {
                (Value::DateTime(start), Value::DateTime(end)) => part.between(*start, *end),
                _ => Value::Null,
            })
        }),
        ..PLAIN
    },
    Function {
        name: "datetime-format",
        area: AREA,
        params: PATTERN,
        summary: "Datetimes as strings in the form of FORMATSTRING, on a clock in TIMEZONE_NAME \
                  (UTC if not given). The tokens are those of `datetime-parse`. Everything else \
                  is left out.",
        examples: &[
            example(
                r#"["datetime-format", "%Y-%m-%dT%H:%M:%SZ", ["datetime-parse", "%Y-%m-%d", "2015-07-28"]]"#,
                r#""2015-07-28T00:00:00Z""#,
            ),
            example(
                r#"["datetime-format", "%Y-%m-%d %H:%M:%S", ["datetime-parse", "%Y-%m-%dT%H:%M:%S", "2018-08-18T12:39:01"]]"#,
                r#""2018-08-18 12:39:01""#,
            ),
            example(
                r#"["datetime-format", "Europe/Oslo", "%Y-%m-%d %H:%M:%S", ["datetime-parse", "%Y-%m-%dT%H:%M:%S", "2018-08-18T12:39:01"]]"#,
                r#""2018-08-18 14:39:01""#,
            )
            .needs(Feature::TimeZones),
            example(
                r#"["datetime-format", "Europe/Oslo", "%Y-%m-%d %H:%M:%S", ["datetime-parse", "Europe/Oslo", "%Y-%m-%dT%H:%M:%S", "2018-08-18T12:39:01"]]"#,
                r#""2018-08-18 12:39:01""#,
            )
            .needs(Feature::TimeZones),
        ],
        body: Body::Eager(|_, args| {
            let (zone, pattern, values) = pattern(args)?;
            Ok(spread(values, |value| match value {
                Value::DateTime(time) => Some(times::format(&zone, &pattern, *time).into()),
                _ => None,
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "datetime-parse",
        area: AREA,
        params: PATTERN,
        summary: "Strings in the form of FORMATSTRING as datetimes, read on a clock in \
                  TIMEZONE_NAME (UTC if not given). Tokens: %d %e day, %H hour, %I %p hour of half \
                  a day and am or pm, %m month, %M minute, %S second, %f fraction of a second, %y \
                  %Y year, %z distance to UTC, %% percent sign. What does not match is left out.",
        examples: &[
            example(
                r#"["datetime-parse", "%Y-%m-%dT%H:%M:%S.%fZ", "2015-07-28T09:46:00.12345Z"]"#,
                r#""~t2015-07-28T09:46:00.12345Z""#,
            ),
            example(
                r#"["datetime-parse", "%Y-%m-%dT%H:%M:%S%z", "2015-07-28T09:46:00+0200"]"#,
                r#""~t2015-07-28T07:46:00Z""#,
            ),
            example(
                r#"["datetime-parse", "%d.%m.%Y", "28.07.2015"]"#,
                r#""~t2015-07-28T00:00:00Z""#,
            ),
            example(
                r#"["datetime-parse", "%d.%m.%Y", ["list", "28.07.2015", "01.01.1970"]]"#,
                r#"["~t2015-07-28T00:00:00Z", "~t1970-01-01T00:00:00Z"]"#,
            ),
            example(
                r#"["datetime-parse", "Europe/Oslo", "%Y-%m-%dT%H:%M:%S", "2018-08-18T12:39:01"]"#,
                r#""~t2018-08-18T10:39:01Z""#,
            )
            .needs(Feature::TimeZones),
        ],
        body: Body::Eager(|_, args| {
            let (zone, pattern, values) = pattern(args)?;
            Ok(spread(values, |value| {
                times::parse(&zone, &pattern, value.as_str()?).map(Value::DateTime)
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "datetime-plus",
        area: AREA,
        params: &[
            one("DATEPART", Kind::String),
            one("VALUE", Kind::Integer),
            one("VALUES", Kind::Value),
        ],
        summary: "Datetimes moved by VALUE times DATEPART, which is year, month, week, day, hour, \
                  minute, second, millisecond, microsecond or nanosecond. A day that a month does \
                  not have becomes its last one.",
        examples: &[
            example(
                r#"["datetime-plus", "day", 1, ["datetime-parse", "%Y-%m-%d", "2015-07-28"]]"#,
                r#""~t2015-07-29T00:00:00Z""#,
            ),
            example(
                r#"["datetime-plus", "hour", -1, ["datetime-parse", "%Y-%m-%d", "2016-03-01"]]"#,
                r#""~t2016-02-29T23:00:00Z""#,
            ),
            example(
                r#"["datetime-plus", "year", 1, ["list", ["datetime-parse", "%Y-%m-%d", "1971-01-01"], ["datetime-parse", "%Y-%m-%d", "1950-06-01"]]]"#,
                r#"["~t1972-01-01T00:00:00Z", "~t1951-06-01T00:00:00Z"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            let [part, count, values] = args else { return Ok(Value::Null) };
            let part = date_part(part)?;
            let Some(count) = integer(count) else { return Ok(Value::Null) };
            Ok(spread_times(values, |time| part.add(time, count)))
        }),
        ..PLAIN
    },
    Function {
        name: "datetime-shift",
        area: AREA,
        params: &[
            one("FROM_TIMEZONE", Kind::String),
            one("TO_TIMEZONE", Kind::String),
            one("VALUES", Kind::Value),
        ],
        summary: "Datetimes that were read on a clock in FROM_TIMEZONE as if it were UTC, as a \
                  clock in TO_TIMEZONE shows them. Everything else is left out.",
        feature: Some(Feature::TimeZones),
        examples: &[
            example(
                r#"["datetime-shift", "Europe/Oslo", "UTC", ["datetime-parse", "%Y/%m/%d %H:%M", "2015/07/28 09:46"]]"#,
                r#""~t2015-07-28T07:46:00Z""#,
            ),
            example(
                r#"["datetime-shift", "UTC", "Europe/Oslo", ["datetime-parse", "%Y/%m/%d %H:%M", "2015/07/28 09:46"]]"#,
                r#""~t2015-07-28T11:46:00Z""#,
            ),
            example(
                r#"["datetime-shift", "Europe/Oslo", "UTC", ["list", ["datetime-parse", "%Y/%m/%d %H:%M", "2015/07/28 09:46"], ["datetime-parse", "%Y/%m/%d %H:%M", "2015/07/28 04:46"]]]"#,
                r#"["~t2015-07-28T07:46:00Z", "~t2015-07-28T02:46:00Z"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            let [from, to, values] = args else { return Ok(Value::Null) };
            let (from, to) = (zone(from)?, zone(to)?);
            Ok(spread_times(values, |time| times::shift(&from, &to, time)))
        }),
        ..PLAIN
    },
    Function {
        name: "is-datetime",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a datetime.",
        examples: &[
            example(r#"["is-datetime", ["now"]]"#, "true"),
            example(r#"["is-datetime", ["datetime", "2015-07-28T09:46:00.12345Z"]]"#, "true"),
            example(r#"["is-datetime", "2015-07-28T09:46:00.12345Z"]"#, "false"),
            example(r#"["is-datetime", ["list", "1", 2]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::DateTime(_))))),
        ..PLAIN
    },
    Function {
        name: "now",
        area: AREA,
        summary: "The time now. The result is another one each time an entity is processed.",
        purity: Purity::Time,
        body: Body::Eager(|call, _| Ok(Value::DateTime(call.context.now()))),
        ..PLAIN
    },
];

fn spread_times(values: &Value, function: impl Fn(DateTime) -> Option<DateTime>) -> Value {
    spread(values, |value| match value {
        Value::DateTime(time) => function(*time).map(Value::DateTime),
        _ => None,
    })
}

fn date_part(value: &Value) -> Result<DatePart, Fault> {
    string(value).and_then(DatePart::named).ok_or_else(|| {
        let found =
            string(value).map_or_else(|| value.described().to_owned(), |name| format!("{name:?}"));
        Fault::failed(format!(
            "{found} is no part of a date; known are {}",
            DatePart::NAMES.join(", ")
        ))
    })
}

fn zone(value: &Value) -> Result<TimeZone, Fault> {
    let name = string(value)
        .ok_or_else(|| Fault::failed(format!("{} is no time zone", value.described())))?;
    times::zone(name).ok_or_else(|| {
        Fault::failed(format!("there is no time zone {name:?}; names are like \"Europe/Oslo\""))
    })
}

/// The time zone (UTC if not given), the format string and the values.
fn pattern(args: &[Value]) -> Result<(TimeZone, Rc<DatePattern>, &Value), Fault> {
    let (zone, pattern, values) = match args {
        [pattern, values] => (TimeZone::UTC, pattern, values),
        [name, pattern, values] => (zone(name)?, pattern, values),
        _ => return Err(Fault::failed("expected a format string and values")),
    };
    let text = string(pattern)
        .ok_or_else(|| Fault::failed(format!("the format string is {}", pattern.described())))?;
    let pattern = date_pattern::cached(text).map_err(|error| Fault::failed(error.to_string()))?;
    Ok((zone, pattern, values))
}
