//! Opens connections to a server: TCP, and TLS if the URL asks for it.

use super::{
    server::Server,
    tls::{self, CertificateProblem, TrustError},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig,
        pki_types::{InvalidDnsNameError, ServerName},
    },
};
use tokio_tungstenite::MaybeTlsStream;

/// Time limit for connecting, with all handshakes.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, with TLS or without.
pub(crate) type Connection = MaybeTlsStream<TcpStream>;

/// The schemes of a protocol without and with TLS, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schemes {
    pub(crate) plain: &'static str,
    pub(crate) secure: &'static str,
}

/// Opens connections to one server; can be used any number of times.
#[derive(Clone)]
pub(crate) struct Dialer {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    schemes: Schemes,
}

/// No connection can be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("`{host}` cannot be the name in a certificate: {error}")]
    Name { host: String, error: InvalidDnsNameError },
    #[error("{0}")]
    Connect(io::Error),
    /// The certificate was refused.
    #[error("{0}")]
    Certificate(CertificateProblem),
    #[error("the server speaks no TLS: use {}:// instead of {}://", .0.plain, .0.secure)]
    NoTls(Schemes),
    #[error("TLS: {0}")]
    Handshake(io::Error),
    #[error("no answer within {} s", CONNECT_TIMEOUT.as_secs())]
    Slow,
}

impl Dialer {
    /// Prepares connections. Reads the file of trusted certificates if TLS is used.
    pub(crate) fn new(server: &Server, schemes: Schemes) -> Result<Self, DialError> {
        let (host, port) = (server.url.host().to_owned(), server.url.port());
        let tls = match server.url.is_secure() {
            false => None,
            true => {
                let mut settings: Arc<ClientConfig> = tls::settings(server.ca.as_deref(), server.insecure)?;
                Arc::make_mut(&mut settings).alpn_protocols = vec![b"http/1.1".to_vec()];
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|error| DialError::Name { host: host.clone(), error })?;
                Some((TlsConnector::from(settings), name))
            }
        };
        Ok(Self { host, port, tls, schemes })
    }

    /// Opens a connection. Small messages are sent without delay (`TCP_NODELAY`).
    pub(crate) async fn open(&self) -> Result<Connection, DialError> {
        timeout(CONNECT_TIMEOUT, self.connect()).await.unwrap_or(Err(DialError::Slow))
    }

    async fn connect(&self) -> Result<Connection, DialError> {
        let socket = TcpStream::connect((&*self.host, self.port)).await.map_err(DialError::Connect)?;
        socket.set_nodelay(true).map_err(DialError::Connect)?;
        let Some((tls, name)) = &self.tls else { return Ok(MaybeTlsStream::Plain(socket)) };
        let secured = tls.connect(name.clone(), socket).await;
        secured.map(MaybeTlsStream::Rustls).map_err(|error| match CertificateProblem::of(&error) {
            Some(problem) => DialError::Certificate(problem.clone()),
            None if speaks_no_tls(&error) => DialError::NoTls(self.schemes),
            None => DialError::Handshake(error),
        })
    }
}

/// Whether a TLS handshake failed because the other side sent something else.
fn speaks_no_tls(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)))
}

impl Schemes {
    /// What to say if the server's answer to a request without TLS is not HTTP.
    pub(crate) fn no_http(self) -> String {
        let Self { plain, secure } = self;
        format!("the response is not HTTP; if the server uses TLS, use {secure}:// instead of {plain}://")
    }
}
