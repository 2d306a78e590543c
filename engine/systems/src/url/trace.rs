//! Noting what was said to and by a service (`trace`).

use std::sync::{Mutex, PoisonError};

use pipewright_component::TraceSettings;
use pipewright_entity::Value;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, Url};

use super::UrlSystem;
use crate::http::CallError;

/// What is noted of the calls of a component.
pub(super) struct Tracing {
    settings: TraceSettings,
    /// The request that is being answered.
    sent: Mutex<Option<Value>>,
}

impl UrlSystem {
    /// Notes calls from now on, if there is anything to note.
    pub(crate) fn traced(mut self, settings: Option<TraceSettings>) -> UrlSystem {
        self.tracing = settings.map(|settings| Tracing { settings, sent: Mutex::default() });
        self
    }

    pub(super) fn note_request(
        &self,
        (method, url): (&Method, &Url),
        headers: &HeaderMap,
        body: Option<&[u8]>,
    ) {
        let Some(Tracing { settings, sent }) = &self.tracing else { return };
        let mut url = url.clone();
        // Fails for addresses that cannot have any.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let url = self.told.redact(url.to_string(), settings);
        let body =
            self.told.redact(String::from_utf8_lossy(body.unwrap_or_default()).into(), settings);
        let headers = self.shown(headers, settings);
        let request = settings.request((method.as_str(), &url), headers, body.as_bytes());
        *sent.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }

    /// Notes the answer to the last request.
    pub(crate) fn note_answer(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
        let Some(Tracing { settings, sent }) = &self.tracing else { return };
        let Some(request) = sent.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let body = self.told.redact(String::from_utf8_lossy(body).into(), settings);
        let headers = self.shown(headers, settings);
        let response = settings.response(status.as_u16(), headers, body.as_bytes());
        self.surroundings.exchanges.note(request, response);
    }

    /// Notes that the last request was not answered as it should.
    pub(super) fn note_error(&self, error: &CallError) {
        let Some(Tracing { settings, sent }) = &self.tracing else { return };
        let Some(request) = sent.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let response = match (error.status(), error.answer()) {
            (Some(status), answer) => {
                let body = self.told.redact(answer.unwrap_or_default().to_owned(), settings);
                settings.response(status.as_u16(), [], body.as_bytes())
            }
            (None, _) => Value::string(self.told.hide(error.to_string())),
        };
        self.surroundings.exchanges.note(request, response);
    }

    fn shown(&self, headers: &HeaderMap, settings: &TraceSettings) -> Vec<(String, String)> {
        let text = |value: &[u8]| self.told.redact(String::from_utf8_lossy(value).into(), settings);
        headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
    }
}
