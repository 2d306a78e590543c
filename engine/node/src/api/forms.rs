//! The forms that entities travel in: JSON with transit values, or the binary
//! form, by `Accept` and `Content-Type`.

use std::io::{self, Write};

use axum::http::{HeaderMap, HeaderName, header};
use pipewright_entity::{Entity, transit};

use super::Failed;

/// The content type of the binary form: one entity after the other, each as its
/// length in four bytes, the lowest first, and that many bytes
/// ([`Entity::to_bytes`]). A length of nothing ends it, so that a body that was
/// cut is known for one.
pub(super) const BINARY: &str = "application/x-pipewright-entities";

/// The form of the entities in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Binary,
}

impl Form {
    /// The form of a body that was sent.
    pub(super) fn of(headers: &HeaderMap) -> Form {
        Form::named(headers, &header::CONTENT_TYPE)
    }

    /// The form that is asked for.
    pub(super) fn asked(headers: &HeaderMap) -> Form {
        Form::named(headers, &header::ACCEPT)
    }

    fn named(headers: &HeaderMap, name: &HeaderName) -> Form {
        let named = headers.get(name).and_then(|value| value.to_str().ok());
        match named.is_some_and(|kind| kind.to_ascii_lowercase().contains(BINARY)) {
            true => Form::Binary,
            false => Form::Json,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json; charset=utf-8",
            Form::Binary => BINARY,
        }
    }

    /// Writes entities; one that cannot be had ends it with the error.
    pub(super) fn write(
        self,
        entities: impl Iterator<Item = io::Result<Entity>>,
        to: &mut impl Write,
    ) -> io::Result<()> {
        match self {
            Form::Json => {
                let mut before: &[u8] = b"[";
                for entity in entities {
                    to.write_all(before)?;
                    serde_json::to_writer(&mut *to, &entity?)?;
                    before = b",";
                }
                to.write_all(if before == b"[" { b"[]" } else { b"]" })
            }
            Form::Binary => {
                for entity in entities {
                    let bytes = entity?.to_bytes();
                    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
                    to.write_all(&length.to_le_bytes())?;
                    to.write_all(&bytes)?;
                }
                to.write_all(&0_u32.to_le_bytes())
            }
        }
    }

    /// The entities of a body: in JSON an array of them, or a single one.
    pub(super) fn entities(self, body: &[u8]) -> Result<Vec<Entity>, Failed> {
        let broken = |error: &dyn std::fmt::Display| {
            Failed::bad_request(format!("the body holds no entities: {error}"))
        };
        match self {
            Form::Json => transit::Entities::new(body)
                .collect::<Result<_, _>>()
                .map_err(|error| broken(&error)),
            Form::Binary => {
                let mut entities = Vec::new();
                let mut rest = body;
                loop {
                    let (length, after) =
                        rest.split_first_chunk().ok_or_else(|| broken(&"it is cut off"))?;
                    let length = u32::from_le_bytes(*length) as usize;
                    if length == 0 {
                        return match after.is_empty() {
                            true => Ok(entities),
                            false => Err(broken(&"something comes after its end")),
                        };
                    }
                    let (bytes, after) =
                        after.split_at_checked(length).ok_or_else(|| broken(&"it is cut off"))?;
                    entities.push(Entity::from_bytes(bytes).map_err(|error| broken(&error))?);
                    rest = after;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn entities_come_back_from_both_forms_and_a_cut_body_does_not() {
        let entities = [Entity::new("1").with("n", 1), Entity::new("2").with("s", "æ")];
        for form in [Form::Json, Form::Binary] {
            let mut body = Vec::new();
            form.write(entities.iter().cloned().map(Ok), &mut body).unwrap();
            assert_eq!(form.entities(&body).unwrap(), entities);
            assert!(form.entities(&body[..body.len() - 1]).is_err());
            let mut none = Vec::new();
            form.write(std::iter::empty(), &mut none).unwrap();
            assert_eq!(form.entities(&none).unwrap(), []);
        }
        assert!(Form::Binary.entities(&[9, 0, 0, 0, 1]).is_err());
        assert!(Form::Binary.entities(&[1, 0, 0, 0, 255, 0, 0, 0, 0]).is_err());
    }
}
