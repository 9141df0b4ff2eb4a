//! Connections of a dialect without HTTP: the listener decides who the client is, and the dialect gets the socket.
//!
//! A client that is refused is told so by the dialect. Threads: the connection's task.

use super::{app::App, caller::Customs, connections::Connection};
use auricle_core::Failure;
use auricle_dialects::{SocketDialect, Visitor, websocket::Duplex};
use auricle_session::Refusal;
use axum::http::{HeaderMap, Uri};
use std::sync::Arc;

/// Serves the connections of one listener.
#[derive(Clone)]
pub(super) struct SocketService {
    dialect: Arc<dyn SocketDialect>,
    app: App,
}

impl SocketService {
    pub(super) fn new(dialect: Arc<dyn SocketDialect>, app: App) -> Self {
        Self { dialect, app }
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(self, socket: Box<dyn Duplex>, connection: Arc<Connection>) {
        let Self { dialect, app } = self;
        let protocol = dialect.protocol();
        let visitor = visitor(&dialect, &app, &connection).inspect_err(|failure| {
            let (peer, answer) = (connection.address(), Some(protocol.codes.answer(Some(failure.code))));
            let dialect = Some(protocol.name);
            Refusal { failure, peer, key: None, dialect, stream: None, preset: None, answer }.record(&app.metrics);
        });
        app.streams.track_future(dialect.serve(socket, app.connection, visitor)).await;
    }
}

fn visitor(dialect: &Arc<dyn SocketDialect>, app: &App, connection: &Arc<Connection>) -> Result<Visitor, Failure> {
    if let Some(refusal) = connection.refusal() {
        return Err(refusal.clone());
    }
    // There are no headers in which a client could send a key.
    let caller = app.caller(&HeaderMap::new(), &Uri::default(), Customs::default(), Some(connection))?;
    Ok(Visitor { sessions: Arc::clone(&app.sessions), caller, protocol: dialect.protocol() })
}
