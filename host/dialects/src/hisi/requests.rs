//! The dialect's interface to the server: its routes.

use super::{HisiSettings, NAME, answer, configuration, evaluate::Evaluation, listen::receive, upload};
use crate::{RefusedRequest, RequestContext, RestDialect};
use auricle_core::{Failure, FailureCode};
use axum::{
    Json,
    body::to_bytes,
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use std::sync::Arc;

const UPLOAD: &str = "/upload_and_transcribe";
const EVALUATE: &str = "/evaluate_model";
const LOAD: &str = "/load_model";
const ROUTES: &[(Method, &str)] = &[(Method::POST, UPLOAD), (Method::POST, EVALUATE), (Method::POST, LOAD)];

/// The largest configuration, in bytes.
const MAX_CONFIGURATION: usize = 64 << 10;

/// The requests of HISI-interface's clients.
#[derive(Debug)]
pub struct Hisi {
    settings: HisiSettings,
}

impl Hisi {
    /// The requests with these settings.
    pub fn new(settings: HisiSettings) -> Self {
        Self { settings }
    }

    async fn respond(&self, request: Request, context: RequestContext) -> Result<Response, Failure> {
        match request.uri().path() {
            UPLOAD => {
                let received = receive(request, context, &self.settings, "audio_file").await?;
                Ok(upload::transcribe(received).await)
            }
            EVALUATE => {
                let received = receive(request, context, &self.settings, "audio").await?;
                let evaluation = Evaluation::read(&received.fields)?;
                Ok(evaluation.answer(received).await)
            }
            _ => self.load(request, context).await,
        }
    }

    /// Loads a model. What clients load is theirs only: nothing changes for others, or for streams that run.
    async fn load(
        &self,
        request: Request,
        RequestContext { caller, sessions, .. }: RequestContext,
    ) -> Result<Response, Failure> {
        let most = self.settings.max_loaded_models;
        sessions.may_load(&caller, most)?;
        let body = to_bytes(request.into_body(), MAX_CONFIGURATION).await.map_err(|error| {
            let message = format!("the body cannot be read; it may have {MAX_CONFIGURATION} bytes at most");
            Failure::new(FailureCode::TooLarge, message).with_detail(error)
        })?;
        let fields = configuration::read(&body, &sessions.engines().await)?;
        let load = sessions.load(&caller, fields, most).await?;
        let message = match load.was_loaded {
            true => "Processor is already loaded.",
            false => "Processor created successfully.",
        };
        Ok(Json(json!({"status": "success", "message": message, "preset": load.preset})).into_response())
    }
}

impl RestDialect for Hisi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> &'static [(Method, &'static str)] {
        ROUTES
    }

    fn refusal(&self, failure: &Failure) -> Response {
        answer::error(failure)
    }

    fn answer(
        self: Arc<Self>,
        request: Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>> {
        Box::pin(async move {
            let answered = self.respond(request, context).await;
            answered.map_err(|failure| RefusedRequest { response: answer::error(&failure), failure })
        })
    }
}
