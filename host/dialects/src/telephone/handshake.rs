//! The telephone dialect's interface to the server, for calls.

use super::{connection::Connection, settings::TelephoneSettings};
use crate::{
    Dialect,
    websocket::{ConnectionSettings, WebSocket, dialogue, registered_close_code},
};
use auricle_core::{Failure, FailureCode};
use auricle_session::{Admitted, Codes, Protocol};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// The dialect's name.
pub(super) const NAME: &str = "telephone";
/// Where calls connect.
pub(super) const PATH: &str = "/telephone/handler";

/// The protocol of telephone calls.
#[derive(Debug)]
pub struct Telephone {
    settings: TelephoneSettings,
}

impl Telephone {
    /// Creates the dialect with the operator's settings.
    pub fn new(settings: TelephoneSettings) -> Self {
        Self { settings }
    }
}

impl Dialect for Telephone {
    fn name(&self) -> &'static str {
        NAME
    }

    fn paths(&self) -> &'static [&'static str] {
        &[PATH]
    }

    fn close_code(&self) -> fn(FailureCode) -> u16 {
        registered_close_code
    }

    fn serve(
        self: Arc<Self>,
        socket: WebSocket,
        settings: Arc<ConnectionSettings>,
        admitted: Result<Admitted, Failure>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let protocol = Protocol { name: NAME, codes: Codes::Close(registered_close_code) };
            let side = Connection::new(self.settings.clone(), protocol);
            dialogue::serve(side, socket, &settings, admitted).await;
        })
    }
}
