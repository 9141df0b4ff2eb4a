//! The methods of Riva's service, as requests over HTTP/2.
//!
//! Invariant: a client is admitted before what it sends is read. A call that is refused by then is refused as a request; after that
//! the session or this dialect records why.

use super::{
    codes,
    messages::{
        GET_CONFIG, RECOGNIZE, RecognizeRequest, RecognizeResponse, RivaSpeechRecognitionConfigRequest,
        RivaSpeechRecognitionConfigResponse, STREAMING_RECOGNIZE, StreamingRecognizeRequest,
        StreamingRecognizeResponse,
    },
    options::NAME,
    presets::models,
    recording,
    settings::RivaSettings,
    stream::{self, Responses},
};
use crate::{RefusedRequest, RequestContext, RestDialect};
use auricle_core::Failure;
use auricle_session::{Admitted, Caller, Codes, Protocol, Sessions};
use axum::{body::Body, extract::Request, http::Method, response::Response};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::{
    Status, Streaming,
    server::{Grpc, StreamingService, UnaryService},
};
use tonic_prost::ProstCodec;

/// Bytes of a request beside its audio.
const AROUND_AUDIO: usize = 64 << 10;

/// Unknown methods have gRPC's answer, too.
const ROUTES: &[(Method, &str)] = &[(Method::POST, "/{*method}")];

/// The protocol of Riva.
#[derive(Debug)]
pub struct Riva {
    settings: RivaSettings,
}

impl Riva {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: RivaSettings) -> Self {
        Self { settings }
    }
}

impl RestDialect for Riva {
    fn name(&self) -> &'static str {
        NAME
    }

    fn routes(&self) -> &'static [(Method, &'static str)] {
        ROUTES
    }

    fn is_live(&self, path: &str) -> bool {
        path == STREAMING_RECOGNIZE
    }

    fn refusal(&self, failure: &Failure) -> Response {
        codes::status(failure).into_http()
    }

    fn answer(
        self: Arc<Self>,
        request: Request,
        context: RequestContext,
    ) -> BoxFuture<'static, Result<Response, RefusedRequest>> {
        Box::pin(async move {
            let answered = answer(&self, request, context).await;
            answered.map_err(|failure| RefusedRequest { response: self.refusal(&failure), failure })
        })
    }
}

/// Calls the method that a request names.
///
/// # Errors
/// The client is not admitted.
async fn answer(dialect: &Arc<Riva>, request: Request, context: RequestContext) -> Result<Response, Failure> {
    let RequestContext { caller, sessions, uploads, limits } = context;
    let admit = |caller: Caller, sessions: &Arc<Sessions>| -> Result<Admitted, Failure> {
        sessions.admit(caller, Protocol { name: NAME, codes: Codes::Grpc(codes::number) })
    };
    let settings = dialect.settings.clone();
    let response = match request.uri().path() {
        RECOGNIZE => {
            let admitted = admit(caller, &sessions)?;
            let most = uploads.max_bytes + AROUND_AUDIO;
            let call = Once::new(move |request| recording::recognize(request, settings, admitted, uploads));
            let codec = ProstCodec::<RecognizeResponse, RecognizeRequest>::default();
            Grpc::new(codec).max_decoding_message_size(most).unary(call, request).await
        }
        STREAMING_RECOGNIZE => {
            let admitted = admit(caller, &sessions)?;
            let most = limits.max_message_bytes + AROUND_AUDIO;
            let call = Once::new(move |requests| stream::recognize(requests, settings, admitted, limits));
            let codec = ProstCodec::<StreamingRecognizeResponse, StreamingRecognizeRequest>::default();
            Grpc::new(codec).max_decoding_message_size(most).streaming(call, request).await
        }
        GET_CONFIG => {
            let offers = sessions.offers(&caller);
            let call = Once::new(move |asked| async move { Ok(models(&asked, offers)) });
            let codec =
                ProstCodec::<RivaSpeechRecognitionConfigResponse, RivaSpeechRecognitionConfigRequest>::default();
            Grpc::new(codec).unary(call, request).await
        }
        path => Status::unimplemented(format!(
            "{path}: this server has the methods Recognize, StreamingRecognize and GetRivaSpeechRecognitionConfig of \
             nvidia.riva.asr.RivaSpeechRecognition"
        ))
        .into_http(),
    };
    Ok(response.map(Body::new))
}

/// A method that is called once.
struct Once<F>(Mutex<Option<F>>);

impl<F> Once<F> {
    fn new(method: F) -> Self {
        Self(Mutex::new(Some(method)))
    }

    fn take(&self) -> Result<F, Status> {
        let method = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        method.ok_or_else(|| Status::internal("the method was called twice"))
    }
}

impl<F, Called, Asked, Answer> UnaryService<Asked> for Once<F>
where
    F: FnOnce(Asked) -> Called + Send,
    Called: Future<Output = Result<Answer, Status>> + Send + 'static,
{
    type Response = Answer;
    type Future = BoxFuture<'static, Result<tonic::Response<Answer>, Status>>;

    fn call(&mut self, request: tonic::Request<Asked>) -> Self::Future {
        let called = self.take().map(|method| method(request.into_inner()));
        Box::pin(async move { Ok(tonic::Response::new(called?.await?)) })
    }
}

impl<F, Asked, Answer> StreamingService<Asked> for Once<F>
where
    F: FnOnce(Streaming<Asked>) -> Responses<Answer> + Send,
    Answer: Send + 'static,
{
    type Response = Answer;
    type ResponseStream = Responses<Answer>;
    type Future = BoxFuture<'static, Result<tonic::Response<Responses<Answer>>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Asked>>) -> Self::Future {
        let called = self.take().map(|method| method(request.into_inner()));
        Box::pin(async move { Ok(tonic::Response::new(called?)) })
    }
}
