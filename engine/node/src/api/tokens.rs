//! Tokens that programs call the node with. Of admins.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use pipewright_protocol::studio::{IssuedToken, MadeToken, NewToken, Role};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Json, Path};
use super::users::now;
use super::{Failed, blocking};
use crate::{KeyError, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(list, make)).routes(routes!(revoke))
}

impl From<KeyError> for Failed {
    fn from(error: KeyError) -> Failed {
        Failed::internal(error.to_string())
    }
}

/// The tokens that were made to keep, the newest first. Of admins.
#[utoipa::path(get, path = "/tokens", tag = "Users", responses((status = 200, description = "Done.", body = Vec<IssuedToken>)))]
async fn list(State(node): State<Arc<Node>>) -> Result<Json<Vec<IssuedToken>>, Failed> {
    blocking(node, |node| {
        let list = node.tokens().list()?;
        let shown = list.into_iter().rev().map(|issued| IssuedToken {
            id: issued.claims.jti,
            name: issued.claims.sub,
            role: issued.claims.role,
            made: issued.claims.iat,
            ends: issued.claims.exp,
            revoked: issued.revoked,
        });
        Ok(Json(shown.collect()))
    })
    .await
}

/// Makes a token, which is shown this once. Of admins.
#[utoipa::path(post, path = "/tokens", tag = "Users", responses((status = 201, description = "Made.", body = MadeToken)))]
async fn make(
    State(node): State<Arc<Node>>,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Failed> {
    let name = new.name.trim().to_owned();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failed::bad_request("a token has a name: who or what it is for"));
    }
    if new.role == Role::Anonymous {
        return Err(Failed::bad_request("whoever has a token is not anonymous"));
    }
    blocking(node, move |node| {
        let seconds = new.days.map(|days| days.saturating_mul(86_400));
        let token = node.tokens().create(&name, new.role, now(), seconds)?;
        Ok((StatusCode::CREATED, Json(MadeToken { token })))
    })
    .await
}

/// Makes a token count no more, at once. Of admins.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "Users", responses((status = 204, description = "Done.")))]
async fn revoke(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Failed> {
    blocking(node, move |node| match node.tokens().revoke(&id)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Failed::not_found(format!("there is no token {id:?}"))),
    })
    .await
}
