//! Failed calls: a status and a body that says what to do.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use pipewright_protocol::service::ComponentErrors;
use pipewright_protocol::studio::{ApiError, Conflict};
use pipewright_store::StoreError;

use crate::Refused;
use crate::folder::FolderError;

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failed {
    status: StatusCode,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Error(ApiError),
    Conflict(Box<Conflict>),
    /// Another shape, which the service API documents for this case.
    Documented(serde_json::Value),
}

impl Failed {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Failed {
        let body = Body::Error(ApiError::new(code, message));
        Failed { status, body }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Failed {
        Failed::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failed {
        Failed::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    /// What a call is answered with where the service API gives a shape of its
    /// own.
    pub(crate) fn documented(status: StatusCode, body: serde_json::Value) -> Failed {
        Failed { status, body: Body::Documented(body) }
    }

    /// Posted config has errors; nothing of it is taken.
    pub(crate) fn invalid_config(reports: Vec<ComponentErrors>) -> Failed {
        let body = serde_json::json!({ "validation_errors": reports });
        Failed::documented(StatusCode::BAD_REQUEST, body)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Failed {
        Failed::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// What it says.
    pub(crate) fn message(&self) -> String {
        match &self.body {
            Body::Error(error) => error.message.clone(),
            Body::Conflict(conflict) => format!("{}: the file has changed", conflict.path),
            Body::Documented(body) => body.to_string(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The pipe must not run for this.
    pub(crate) fn running(pipe: &str) -> Failed {
        Failed::new(StatusCode::CONFLICT, "running", format!("the pipe {pipe:?} is running"))
    }

    /// A system does not answer, or not as it should.
    pub(crate) fn system(message: impl Into<String>) -> Failed {
        Failed::new(StatusCode::UNPROCESSABLE_ENTITY, "system", message)
    }

    /// The call would run something that its folder is not trusted with.
    pub(crate) fn not_trusted() -> Failed {
        Failed::new(
            StatusCode::FORBIDDEN,
            "not-trusted",
            "nothing of this folder runs until you trust it",
        )
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(status = %self.status, body = ?self.body, "a request failed");
        }
        match self.body {
            // Who named the request puts its id into the body.
            Body::Error(error) => {
                (self.status, Extension(error.clone()), Json(error)).into_response()
            }
            Body::Conflict(conflict) => (self.status, Json(conflict)).into_response(),
            Body::Documented(body) => (self.status, Json(body)).into_response(),
        }
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Failed {
        let (status, code) = match refused {
            Refused::Missing | Refused::Invalid => (StatusCode::UNAUTHORIZED, "token"),
            Refused::NotAllowed { .. } => (StatusCode::FORBIDDEN, "role"),
            Refused::Denied { .. } => (StatusCode::FORBIDDEN, "permission"),
        };
        Failed::new(status, code, refused.to_string())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Failed {
        match error {
            StoreError::UnknownDataset(_) | StoreError::NoIndex { .. } => {
                Failed::not_found(error.to_string())
            }
            StoreError::IndexBehind { .. } => {
                Failed::new(StatusCode::SERVICE_UNAVAILABLE, "index-behind", error.to_string())
            }
            other => Failed::internal(other.to_string()),
        }
    }
}

impl From<FolderError> for Failed {
    fn from(error: FolderError) -> Failed {
        match error {
            FolderError::Conflict(conflict) => {
                Failed { status: StatusCode::CONFLICT, body: Body::Conflict(conflict) }
            }
            FolderError::Missing { .. } => Failed::not_found(error.to_string()),
            FolderError::NotOurs { .. } | FolderError::BadEdit { .. } => {
                Failed::bad_request(error.to_string())
            }
            FolderError::Io { .. } => Failed::internal(error.to_string()),
        }
    }
}
