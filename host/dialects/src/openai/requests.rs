//! The dialect's interface to the server: its routes, and the list of models.

use super::{
    Problem,
    messages::{Model, ModelList},
    parameters::Task,
    response,
    transcribe::{NAME, transcribe},
};
use crate::{RefusedRequest, RequestContext, RestDialect};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Caller, Sessions};
use axum::{extract::Request, http::Method, response::Response};
use futures_util::future::BoxFuture;
use percent_encoding::percent_decode_str;
use std::sync::Arc;

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const TRANSLATIONS: &str = "/v1/audio/translations";
const MODELS: &str = "/v1/models";
/// Requests for keys of short life, which this server does not make.
const SECRETS: [&str; 2] = ["/v1/realtime/client_secrets", "/v1/realtime/transcription_sessions"];
const ROUTES: &[(Method, &str)] = &[
    (Method::POST, TRANSCRIPTIONS),
    (Method::POST, TRANSLATIONS),
    (Method::GET, MODELS),
    // A name may have slashes.
    (Method::GET, "/v1/models/{*model}"),
    (Method::POST, SECRETS[0]),
    (Method::POST, SECRETS[1]),
];

/// OpenAI's HTTP requests.
#[derive(Debug)]
pub struct OpenAi;

/// A model by its name.
fn model(name: &str, caller: &Caller, sessions: &Sessions) -> Result<Model, Problem> {
    let preset = sessions.preset_for(name);
    if sessions.has_preset(&preset) && caller.may_use(&preset) {
        return Ok(Model::new(name.to_owned()));
    }
    let known = sessions.models(caller).join(", ");
    let message = format!("there is no model `{name}` that you may use; there are: {known}");
    Err(Failure::new(FailureCode::UnknownPreset, message).into())
}

async fn respond(request: Request, context: RequestContext) -> Result<Response, Problem> {
    let RequestContext { caller, sessions, .. } = &context;
    match request.uri().path() {
        TRANSCRIPTIONS => transcribe(Task::Transcribe, request, context).await,
        TRANSLATIONS => transcribe(Task::Translate, request, context).await,
        MODELS => {
            let data = sessions.models(caller).into_iter().map(Model::new).collect();
            Ok(response::json(200, &ModelList { object: "list", data }))
        }
        path if SECRETS.contains(&path) => {
            let message = "this server makes no client secrets: connect to /v1/realtime with a key of the server";
            Err(Failure::new(FailureCode::ForbiddenField, message).into())
        }
        path => {
            let name = path.strip_prefix(MODELS).unwrap_or_default().trim_start_matches('/');
            let name = percent_decode_str(name).decode_utf8_lossy();
            Ok(response::json(200, &model(&name, caller, sessions)?))
        }
    }
}

impl RestDialect for OpenAi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> &'static [(Method, &'static str)] {
        ROUTES
    }

    fn refusal(&self, failure: &Failure) -> Response {
        response::error(&failure.clone().into())
    }

    fn answer(
        self: Arc<Self>,
        request: Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>> {
        Box::pin(async move {
            let answered = respond(request, context).await;
            answered.map_err(|problem| RefusedRequest { response: response::error(&problem), failure: problem.failure })
        })
    }
}
