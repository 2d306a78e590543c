//! What is sent to a service.

use pipewright_entity::Value;
use serde_json::Value as Json;

use super::template::plain_json;
use super::text_of;

/// What is sent.
pub(super) enum Payload<'a> {
    /// A property of an entity, as it is.
    Value(&'a Value),
    /// Config, filled in.
    Json(Json),
}

impl Payload<'_> {
    /// The bytes, and the content type that goes with them.
    pub(super) fn encode(&self, kind: &str) -> Result<(Vec<u8>, String), String> {
        let json = || match self {
            Payload::Value(value) => plain_json(value),
            Payload::Json(json) => json.clone(),
        };
        // A text is sent as it stands, whatever it is.
        let text = match self {
            Payload::Value(Value::String(text)) => Some(text.as_bytes()),
            Payload::Value(Value::Bytes(bytes)) => Some(bytes.as_slice()),
            Payload::Json(Json::String(text)) => Some(text.as_bytes()),
            _ => None,
        };
        let (bytes, content_type) = match (kind, text) {
            ("json", None) => (json().to_string().into_bytes(), "application/json"),
            ("json-transit", None) => (self.transit().into_bytes(), "application/json"),
            ("json" | "json-transit", Some(text)) => (text.to_vec(), "application/json"),
            ("text", Some(text)) => {
                let is_bytes = matches!(self, Payload::Value(Value::Bytes(_)));
                let kind = if is_bytes { "application/octet-stream" } else { "text/plain" };
                (text.to_vec(), kind)
            }
            ("text", None) => (json().to_string().into_bytes(), "text/plain"),
            ("form", _) => {
                let fields = fields(json())?;
                let pairs: Vec<(&str, String)> =
                    fields.iter().map(|(name, value)| (name.as_str(), text_of(value))).collect();
                (crate::http::form(&pairs).into_bytes(), "application/x-www-form-urlencoded")
            }
            ("multipart-form", _) => return Ok(multipart(&fields(json())?)),
            (other, _) => {
                return Err(format!(
                    "there is no payload-type \"{other}\"; write text, json, json-transit, form or \
                     multipart-form"
                ));
            }
        };
        Ok((bytes, content_type.to_owned()))
    }

    fn transit(&self) -> String {
        match self {
            Payload::Value(value) => value.to_transit(),
            Payload::Json(json) => json.to_string(),
        }
    }
}

/// The fields of a form: a dict, or a list of dicts.
fn fields(payload: Json) -> Result<Vec<(String, Json)>, String> {
    match payload {
        Json::Object(fields) => Ok(fields.into_iter().collect()),
        Json::Array(items) => {
            let mut all = Vec::new();
            for item in items {
                all.extend(fields(item)?);
            }
            Ok(all)
        }
        _ => Err("the payload of a form must be a dict, or a list of dicts".into()),
    }
}

/// A form in parts, with its content type. The boundary follows from what is
/// sent, so that the same form is the same bytes.
fn multipart(fields: &[(String, Json)]) -> (Vec<u8>, String) {
    let parts: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let name = name.replace('"', "%22").replace(['\r', '\n'], " ");
            let value = text_of(value);
            format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        })
        .collect();
    let mut boundary = "part".to_owned();
    while parts.iter().any(|part| part.contains(&boundary)) {
        boundary.push('-');
    }
    let mut body = String::new();
    for part in &parts {
        body += &format!("--{boundary}\r\n{part}");
    }
    body += &format!("--{boundary}--\r\n");
    (body.into_bytes(), format!("multipart/form-data; boundary={boundary}"))
}
