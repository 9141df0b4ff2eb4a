//! The interface of sherpa-onnx's dialects to the server.

use super::{offline::Offline, online::Online, settings::SherpaSettings};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue, registered_close_code},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use futures_util::future::BoxFuture;
use std::sync::Arc;

const ONLINE: &str = "sherpa";
const OFFLINE: &str = "sherpa-offline";

/// The protocol of sherpa-onnx's online server.
#[derive(Debug)]
pub struct Sherpa {
    settings: SherpaSettings,
}

/// The protocol of sherpa-onnx's offline server.
#[derive(Debug)]
pub struct SherpaOffline {
    settings: SherpaSettings,
}

impl Sherpa {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: SherpaSettings) -> Self {
        Self { settings }
    }
}

impl SherpaOffline {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: SherpaSettings) -> Self {
        Self { settings }
    }
}

impl Dialect for Sherpa {
    fn name(&self) -> &'static str {
        ONLINE
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/sherpa"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        registered_close_code
    }

    fn shows_keys(&self) -> bool {
        false
    }

    fn names_the_server_as_origin(&self) -> bool {
        true
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let side = Online::new(
                self.settings.clone(),
                Protocol { name: ONLINE, codes: Codes::Close(registered_close_code) },
            );
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}

impl Dialect for SherpaOffline {
    fn name(&self) -> &'static str {
        OFFLINE
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/sherpa/offline"]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        registered_close_code
    }

    fn shows_keys(&self) -> bool {
        false
    }

    fn names_the_server_as_origin(&self) -> bool {
        true
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let side = Offline::new(
                self.settings.clone(),
                Protocol { name: OFFLINE, codes: Codes::Close(registered_close_code) },
            );
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}
