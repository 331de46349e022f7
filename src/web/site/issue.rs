//! An issue in the browser: one address for everyone, without a token.

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;

use super::check_slug;
use crate::digest::{self, IssueView};
use crate::web::WebState;
use crate::web::error::WebError;
use crate::web::shell::{Shell, render};

#[derive(Serialize)]
struct Issue {
    issue: IssueView,
}

/// `GET /issues/{uid}`
pub(super) async fn page(
    State(state): State<WebState>,
    Path(uid): Path<String>,
) -> Result<Response, WebError> {
    check_slug(&uid)?;
    let issue = digest::find_issue_view(&state.core, &state.theme, &uid)
        .await?
        .ok_or(WebError::NotFound)?;
    let mut shell = Shell::new(&state, &issue.language, |code| format!("/{code}/"));
    shell.canonical = Some(state.core.config.server.absolute(&format!("/issues/{uid}")));
    // Made for its readers; the stories themselves are what a search engine should find.
    shell.is_private = true;
    render(&state, &shell, "web/issue.html", Issue { issue })
}
