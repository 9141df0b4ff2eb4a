//! The Wyoming dialect's interface to the server.

use super::{connection, settings::WyomingSettings};
use crate::{
    SocketDialect, Visitor,
    websocket::{ConnectionSettings, Duplex, registered_close_code},
};
use auricle_core::Failure;
use auricle_session::{Codes, Protocol};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The Wyoming protocol.
#[derive(Debug)]
pub struct Wyoming {
    settings: WyomingSettings,
}

impl Wyoming {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: WyomingSettings) -> Self {
        Self { settings }
    }
}

impl SocketDialect for Wyoming {
    fn protocol(&self) -> Protocol {
        Protocol { name: "wyoming", codes: Codes::Close(registered_close_code) }
    }

    fn serve(
        self: Arc<Self>,
        socket: Box<dyn Duplex>,
        limits: Arc<ConnectionSettings>,
        visitor: Result<Visitor, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move { connection::serve(&self.settings, socket, &limits, visitor).await })
    }
}
