//! The moshi dialect's interface to the server.

use super::{connection::Connection, options::audio, settings::MoshiSettings};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue, registered_close_code},
};
use auricle_core::{AudioFormat, Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use std::sync::Arc;

const NAME: &str = "moshi";

/// The protocol of moshi-server's streaming recognition.
#[derive(Debug)]
pub struct Moshi {
    settings: MoshiSettings,
    /// That of the connection.
    audio: AudioFormat,
}

impl Moshi {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: MoshiSettings) -> Self {
        Self { settings, audio: AudioFormat::default() }
    }
}

impl Dialect for Moshi {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/api/asr-streaming"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        registered_close_code
    }

    fn key<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        headers.get("kyutai-api-key")?.to_str().ok()
    }

    fn key_parameter(&self) -> Option<&'static str> {
        Some("auth_id")
    }

    fn with_query(&self, query: &str, _: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let settings = self.settings.clone();
        Some(audio(query).map(|audio| Arc::new(Self { settings, audio }) as Arc<dyn Dialect>))
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let protocol = Protocol { name: NAME, codes: Codes::Close(registered_close_code) };
            let side = Connection::new(self.settings.clone(), self.audio, protocol);
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}
