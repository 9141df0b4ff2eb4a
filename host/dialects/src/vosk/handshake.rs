//! The vosk dialect's interface to the server.

use super::{connection, settings::VoskSettings};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, registered_close_code},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::Admitted;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The vosk protocol.
#[derive(Debug)]
pub struct Vosk {
    settings: Arc<VoskSettings>,
}

impl Vosk {
    /// Creates the dialect with the operator's names of models.
    pub fn new(settings: VoskSettings) -> Self {
        Self { settings: Arc::new(settings) }
    }
}

impl Dialect for Vosk {
    fn name(&self) -> &'static str {
        "vosk"
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/vosk"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        registered_close_code
    }

    fn shows_keys(&self) -> bool {
        false
    }

    /// Python's `websocket-client` sends it.
    fn names_the_server_as_origin(&self) -> bool {
        true
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(connection::serve(Arc::clone(&self.settings), socket, settings, admitted))
    }
}
