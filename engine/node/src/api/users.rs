//! People who share a node: admins invite them, and they make a token out of
//! the invitation.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use pipewright_protocol::studio::{Invitation, Invited, Login, NewUser, Renewal, User, UserRole};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::authorize::Caller;
use super::query::{Json, Path};
use super::{Failed, blocking};
use crate::{Node, UserError};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(set_role, remove))
        .routes(routes!(invite))
        .routes(routes!(accept))
}

impl From<UserError> for Failed {
    fn from(error: UserError) -> Failed {
        let message = error.to_string();
        match error {
            UserError::Exists(_) => Failed::new(StatusCode::CONFLICT, "exists", message),
            UserError::Unknown(_) => Failed::not_found(message),
            UserError::Name | UserError::Role => Failed::bad_request(message),
            UserError::NotInvited => Failed::new(StatusCode::UNAUTHORIZED, "invitation", message),
            UserError::File(_) => Failed::internal(message),
        }
    }
}

/// Seconds since 1970, by the clock that tokens end by.
pub(super) fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.unwrap_or_default().as_secs()
}

/// The users. Of admins.
#[utoipa::path(get, path = "/users", tag = "Users", responses((status = 200, description = "Done.", body = Vec<User>)))]
async fn list(State(node): State<Arc<Node>>) -> Result<Json<Vec<User>>, Failed> {
    let users = |node: &Arc<Node>| node.tokens().users().map_err(UserError::from);
    blocking(node, move |node| Ok(Json(users(node)?))).await
}

/// Adds a user with an invitation, which is shown this once. Of admins.
#[utoipa::path(post, path = "/users", tag = "Users", responses((status = 201, description = "Added.", body = Invited)))]
async fn add(
    State(node): State<Arc<Node>>,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<Invited>), Failed> {
    blocking(node, move |node| {
        let invited = node.tokens().add_user(&new.name, new.role, now(), new.days)?;
        Ok((StatusCode::CREATED, Json(invited)))
    })
    .await
}

/// Gives a user another role, which counts at once. Of admins.
#[utoipa::path(put, path = "/users/{name}", tag = "Users", responses((status = 200, description = "Done.", body = User)))]
async fn set_role(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
    Json(UserRole { role }): Json<UserRole>,
) -> Result<Json<User>, Failed> {
    blocking(node, move |node| Ok(Json(node.tokens().set_role(&name, role)?))).await
}

/// Takes everything from a user, at once: their tokens count no more. Of admins.
#[utoipa::path(delete, path = "/users/{name}", tag = "Users", responses((status = 204, description = "Done.")))]
async fn remove(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failed> {
    blocking(node, move |node| {
        node.tokens().remove_user(&name)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Another invitation for a user, in the place of any before it. Of admins.
#[utoipa::path(post, path = "/users/{name}/invitation", tag = "Users", responses((status = 200, description = "Done.", body = Invited)))]
async fn invite(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
    Json(renewal): Json<Renewal>,
) -> Result<Json<Invited>, Failed> {
    blocking(node, move |node| Ok(Json(node.tokens().invite_again(&name, now(), renewal.days)?)))
        .await
}

/// Makes a token out of an invitation, once. Nothing else is needed for it.
#[utoipa::path(post, path = "/invitations", tag = "Users", security(()), responses((status = 200, description = "Done.", body = Login)))]
async fn accept(
    State(node): State<Arc<Node>>,
    Json(accepted): Json<Invitation>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let login = node.tokens().accept(&accepted.invitation, now())?;
        let caller = Extension(Caller(login.user.name.clone()));
        Ok((caller, axum::Json(login)).into_response())
    })
    .await
}
