//! Clients over WebSocket: how they connect, and how they read to the close.

use auricle_tests::limit;
use serde_json::Value;
use std::net::TcpStream;
use tungstenite::{
    Error, HandshakeError, Message, WebSocket,
    client::{IntoClientRequest, client_with_config},
    http::{HeaderValue, Response},
};

/// A client's end of a connection.
pub(crate) type Socket = WebSocket<TcpStream>;

/// The response to a handshake.
pub(crate) type Answer = Response<Option<Vec<u8>>>;

/// Connects with further headers. `path` may have a query. The response if that is refused.
pub(crate) fn knock(
    address: &str,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, Answer), Box<Answer>> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(limit())).unwrap();
    stream.set_write_timeout(Some(limit())).unwrap();
    let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    match client_with_config(request, stream, None) {
        Ok(connected) => Ok(connected),
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer),
        Err(problem) => panic!("{problem}"),
    }
}

/// The body of a refusal.
pub(crate) fn body(answer: &Answer) -> String {
    String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned()
}

/// The next text or binary message; code and reason of the close if there is none.
pub(crate) fn hear(socket: &mut Socket) -> Result<Message, (u16, String)> {
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => return Ok(message),
            Ok(Message::Close(frame)) => {
                return Err(frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string())));
            }
            Ok(_) => {}
            Err(error) => panic!("no close: {error}"),
        }
    }
}

/// All messages to the close, which are texts of JSON, its code and reason.
pub(crate) fn rest(socket: &mut Socket) -> (Vec<Value>, u16, String) {
    let mut messages = Vec::new();
    loop {
        match hear(socket) {
            Ok(message) => messages.push(serde_json::from_str(message.to_text().unwrap()).unwrap()),
            Err((code, reason)) => return (messages, code, reason),
        }
    }
}
