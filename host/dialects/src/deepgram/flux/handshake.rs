//! Flux's interface to the server. Its parameters are in the URL, so they are checked before the handshake is answered.

use super::{connection::Connection, request::Request};
use crate::{
    Dialect,
    deepgram::{
        codes::close_code,
        headers::{self, new_id},
        settings::DeepgramSettings,
    },
    websocket::{ConnectionSettings, WebSocket, dialogue},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use axum::{
    body::Body,
    http::{HeaderMap, Response},
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

const NAME: &str = "deepgram-flux";

/// The protocol of Deepgram for conversations.
#[derive(Debug)]
pub struct Flux {
    settings: DeepgramSettings,
    /// That of the connection; `None` before its URL is read.
    request: Option<Request>,
}

impl Flux {
    /// Creates the dialect with the operator's settings, which are those of Deepgram's other protocol.
    pub fn new(settings: DeepgramSettings) -> Self {
        Self { settings, request: None }
    }
}

impl Dialect for Flux {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/v2/listen"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        close_code
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers::key(headers)
    }

    fn subprotocol(&self, headers: &HeaderMap) -> Option<&'static str> {
        headers::subprotocol(headers)
    }

    fn with_query(&self, query: &str, admitted: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let request = Request::read(query, &self.settings, admitted);
        Some(request.map(|request| {
            Arc::new(Self { settings: self.settings.clone(), request: Some(request) }) as Arc<dyn Dialect>
        }))
    }

    fn answer(&self, refused: Option<&Failure>, response: &mut Response<Body>) {
        headers::answer(refused, &self.request.as_ref().map_or_else(new_id, |request| request.id.clone()), response);
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // A client that is refused has none.
            let request = self.request.clone().unwrap_or_default();
            let side = Connection::new(request, Protocol { name: NAME, codes: Codes::Close(close_code) });
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}
