//! The WhisperLiveKit dialect's interface to the server.

use super::{
    connection::{Connection, close_code},
    options::Options,
    settings::WhisperLiveKitSettings,
};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use futures_util::future::BoxFuture;
use std::sync::Arc;

const NAME: &str = "whisper-live-kit";

/// The protocol of WhisperLiveKit.
#[derive(Debug)]
pub struct WhisperLiveKit {
    settings: WhisperLiveKitSettings,
    /// Those of the connection.
    options: Options,
}

impl WhisperLiveKit {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: WhisperLiveKitSettings) -> Self {
        Self { settings, options: Options::default() }
    }
}

impl Dialect for WhisperLiveKit {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/asr"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        close_code
    }

    fn key_parameter(&self) -> Option<&'static str> {
        Some("token")
    }

    fn with_query(&self, query: &str, _: &Admitted) -> Option<Result<Arc<dyn Dialect>, Failure>> {
        let options = Options::parse(query);
        Some(options.map(|options| Arc::new(Self { settings: self.settings.clone(), options }) as Arc<dyn Dialect>))
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let protocol = Protocol { name: NAME, codes: Codes::Close(close_code) };
            let side = Connection::new(self.settings.clone(), self.options.clone(), protocol);
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}
