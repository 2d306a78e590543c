//! What was said to and by web services, noted for the execution log
//! (`trace` of REST components and of the http_endpoint source).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pipewright_entity::{Dict, Text, Value};
use serde_json::Value as Json;

/// How many exchanges of a run are kept: the last ones.
const KEPT: usize = 100;

/// What of an exchange is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// Whether the headers of requests are.
    pub request_headers: bool,
    /// How many bytes of the body of a request are.
    pub request_body: usize,
    /// Whether the headers of answers are.
    pub response_headers: bool,
    /// How many bytes of the body of an answer are.
    pub response_body: usize,
    /// How many bytes of a secret are hidden; all when `None`.
    pub hidden: Option<usize>,
}

impl TraceSettings {
    /// The settings in a `trace` property; `None` when nothing is to be noted.
    pub fn of(trace: Option<&Json>) -> Option<TraceSettings> {
        let part = match trace? {
            Json::Bool(true) => None,
            Json::Object(part) => Some(part),
            _ => return None,
        };
        let flag = |name: &str| part.and_then(|part| part.get(name)?.as_bool()).unwrap_or(true);
        let number = |name: &str, default: i64| {
            part.and_then(|part| part.get(name)?.as_i64()).unwrap_or(default)
        };
        let size = |name: &str| usize::try_from(number(name, 100)).unwrap_or_default();
        Some(TraceSettings {
            request_headers: flag("log_request_headers"),
            request_body: size("log_request_body_maxsize"),
            response_headers: flag("log_response_headers"),
            response_body: size("log_response_body_maxsize"),
            hidden: usize::try_from(number("log_secret_redacted_bytes", 600)).ok(),
        })
    }

    /// A secret as it may be shown.
    pub fn redacted(&self, secret: &str) -> String {
        let hidden = self.hidden.unwrap_or(secret.len()).min(secret.len());
        let rest = (hidden..=secret.len()).find(|at| secret.is_char_boundary(*at));
        format!("***{}", rest.and_then(|at| secret.get(at..)).unwrap_or_default())
    }

    /// A request as it is noted.
    pub fn request(
        &self,
        (method, url): (&str, &str),
        headers: impl IntoIterator<Item = (String, String)>,
        body: &[u8],
    ) -> Value {
        let mut all = Dict::default();
        all.insert(Text::new_static("method"), Value::string(method));
        all.insert(Text::new_static("url"), Value::string(url));
        put(&mut all, self.request_headers, headers, self.request_body, body);
        Value::dict(all)
    }

    /// An answer as it is noted.
    pub fn response(
        &self,
        status: u16,
        headers: impl IntoIterator<Item = (String, String)>,
        body: &[u8],
    ) -> Value {
        let mut all = Dict::default();
        all.insert(Text::new_static("status"), Value::Int(i64::from(status)));
        put(&mut all, self.response_headers, headers, self.response_body, body);
        Value::dict(all)
    }
}

fn put(
    to: &mut Dict,
    with_headers: bool,
    headers: impl IntoIterator<Item = (String, String)>,
    most: usize,
    body: &[u8],
) {
    if with_headers {
        let headers = headers.into_iter().map(|(name, value)| (Text::new(&name), value.into()));
        to.insert(Text::new_static("headers"), Value::dict(headers.collect()));
    }
    if most > 0 && !body.is_empty() {
        let begin = String::from_utf8_lossy(&body[..body.len().min(most)]);
        to.insert(Text::new_static("body"), Value::string(begin.into_owned()));
    }
}

/// The exchanges of a run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Exchanges(Arc<Mutex<VecDeque<Value>>>);

impl Exchanges {
    /// Notes an exchange; the oldest goes when there are many.
    pub fn note(&self, request: Value, response: Value) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(Value::dict(
            [(Text::new_static("request"), request), (Text::new_static("response"), response)]
                .into_iter()
                .collect(),
        ));
    }

    /// Takes what was noted; `None` when nothing was.
    pub fn take(&self) -> Option<Value> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *all);
        (!taken.is_empty()).then(|| Value::list(taken))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_a_switch_or_given_one_by_one() {
        assert_eq!(TraceSettings::of(Some(&json!(false))), None);
        assert_eq!(TraceSettings::of(None), None);
        let plain = TraceSettings::of(Some(&json!(true))).unwrap();
        assert_eq!((plain.request_body, plain.hidden), (100, Some(600)));
        let some = json!({"log_request_body_maxsize": 5, "log_secret_redacted_bytes": -1,
                          "log_response_headers": false});
        let some = TraceSettings::of(Some(&some)).unwrap();
        assert_eq!((some.request_body, some.response_body, some.hidden), (5, 100, None));
        let request = some.request(("GET", "http://x/"), [("a".into(), "b".into())], b"0123456789");
        let noted =
            json!({"method": "GET", "url": "http://x/", "headers": {"a": "b"}, "body": "01234"});
        assert_eq!(request.to_json(), noted);
        assert_eq!(
            some.response(200, [("a".into(), "b".into())], b"").to_json(),
            json!({"status": 200})
        );
        assert_eq!(some.redacted("secret"), "***");
        assert_eq!(TraceSettings { hidden: Some(4), ..some }.redacted("secret"), "***et");
    }

    #[test]
    fn the_last_exchanges_are_kept() {
        let exchanges = Exchanges::default();
        (0..KEPT as i64 + 5).for_each(|n| exchanges.note(Value::Int(n), Value::Null));
        let taken = exchanges.take().unwrap();
        assert_eq!(taken.as_slice().len(), KEPT);
        assert_eq!(taken.as_slice()[0].to_json(), json!({"request": 5, "response": null}));
        assert_eq!(exchanges.take(), None);
    }
}
