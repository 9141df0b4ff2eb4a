//! Opens WebSocket connections, with the API key in a header; and says why they ended.

use crate::{
    dial::{CONNECT_TIMEOUT, Connection, Dialer, Schemes},
    failure::Failure,
    server::Server,
    url::without_query,
};
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error as WsError,
        client::IntoClientRequest,
        error::ProtocolError,
        http::{HeaderValue, Request, header},
        protocol::CloseFrame,
    },
};

const SCHEMES: Schemes = Schemes { plain: "ws", secure: "wss" };

/// An open WebSocket connection.
pub type Socket = WebSocketStream<Connection>;

/// Opens connections to one server; can be used any number of times.
#[derive(Clone)]
pub struct Connector {
    /// For messages.
    url: String,
    request: Request<()>,
    dialer: Dialer,
}

impl Connector {
    /// Prepares connections to the server's WebSocket, at `path` unless its address has a path.
    ///
    /// # Errors
    /// The file of trusted certificates cannot be used, or the key cannot be sent.
    pub fn new(server: &Server, path: &str) -> Result<Self, Failure> {
        let url = server.url.websocket(path);
        let failed = |reason: String| Failure::Connect { url: without_query(&url).to_owned(), reason };
        let mut request = url.as_str().into_client_request().map_err(|error| failed(error.to_string()))?;
        if let Some(key) = &server.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| failed("the key contains characters that are not allowed in a key".to_owned()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let dialer = Dialer::new(server, SCHEMES).map_err(|error| failed(error.to_string()))?;
        Ok(Self { url: without_query(&url).to_owned(), request, dialer })
    }

    /// Opens a connection. Small frames are sent without delay (`TCP_NODELAY`).
    pub async fn open(&self) -> Result<Socket, Failure> {
        let Self { url, request, dialer } = self;
        let failed = |reason: String| Failure::Connect { url: url.clone(), reason };
        let connection = dialer.open().await.map_err(|error| failed(error.to_string()))?;
        match timeout(CONNECT_TIMEOUT, client_async(request.clone(), connection)).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(WsError::Http(answer))) => {
                let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                let line = first_line(&body);
                Err(Failure::Refused { url: url.clone(), status: answer.status().to_string(), line })
            }
            Ok(Err(WsError::Protocol(ProtocolError::HttparseError(_)))) => Err(failed(SCHEMES.no_http())),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }
}

/// The first line of a response's body that is not empty, shortened.
pub(crate) fn first_line(body: &str) -> String {
    let line = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(300).collect()
}

/// Describes a close frame.
pub fn close_reason(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "closed by the server without a reason".to_owned(),
        Some(CloseFrame { code, reason }) if reason.is_empty() => format!("closed by the server with code {code}"),
        Some(CloseFrame { code, reason }) => format!("closed by the server with code {code}: {reason}"),
    }
}

/// Describes the failure of a connection.
pub fn failure(error: &WsError) -> String {
    match error {
        WsError::Io(error) => error.to_string(),
        WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "the server disconnected without a close frame".to_owned()
        }
        error => error.to_string(),
    }
}
