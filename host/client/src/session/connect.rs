//! Opens connections, with the API key in a header and TLS for `wss`.

use super::end::End;
use auricle_core::text_file;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{
        CertificateDer,
        pem::{self, PemObject},
    },
};
use tokio_tungstenite::{
    Connector as TlsConnector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        Error as WsError,
        client::IntoClientRequest,
        error::ProtocolError,
        http::{HeaderValue, Request, header},
    },
};

/// Time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// An open WebSocket connection.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens connections to one server; can be used any number of times.
#[derive(Clone)]
pub struct Connector {
    url: String,
    request: Request<()>,
    connector: Option<TlsConnector>,
}

impl Connector {
    /// Prepares connections to `url`, with the API key and the file of CA certificates, if any.
    pub fn new(url: &str, key: Option<&str>, authorities: Option<&Path>) -> Result<Self, End> {
        let failed = |reason: String| End::Connect { url: url.to_owned(), reason };
        let mut request = url.into_client_request().map_err(|error| failed(error.to_string()))?;
        if let Some(key) = key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| failed("the key contains characters that are not allowed in a key".to_owned()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let connector = match request.uri().scheme_str() {
            Some("wss") => Some(TlsConnector::Rustls(trust(authorities).map_err(|error| failed(error.to_string()))?)),
            _ => None,
        };
        Ok(Self { url: url.to_owned(), request, connector })
    }

    /// Opens a connection. Small frames are sent without delay (`TCP_NODELAY`).
    pub async fn open(&self) -> Result<Socket, End> {
        let Self { url, request, connector } = self;
        let failed = |reason: String| End::Connect { url: url.clone(), reason };
        let opening = connect_async_tls_with_config(request.clone(), None, true, connector.clone());
        match timeout(CONNECT_TIMEOUT, opening).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(WsError::Http(answer))) => {
                let body = answer.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                let line = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
                let line = line.chars().take(300).collect();
                Err(End::Refused { url: url.clone(), status: answer.status().to_string(), line })
            }
            Ok(Err(error)) => Err(failed(explain(&error))),
            Err(_) => Err(failed(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()))),
        }
    }
}

/// Describes why there is no connection. Recognises TLS on one side only.
fn explain(error: &WsError) -> String {
    match error {
        WsError::Protocol(ProtocolError::HttparseError(_)) => {
            "the response is not HTTP; if the server uses TLS, use wss:// instead of ws://".to_owned()
        }
        WsError::Io(error) if speaks_no_tls(error) => {
            "the server does not use TLS: use ws:// instead of wss://".to_owned()
        }
        WsError::Io(error) => error.to_string(),
        error => error.to_string(),
    }
}

/// Whether a TLS handshake failed because the other side sent something else.
fn speaks_no_tls(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)))
}

/// The CA certificates cannot be used.
#[derive(Debug, thiserror::Error)]
enum TrustError {
    #[error("CA certificates {}: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("CA certificates {}: {error}", .file.display())]
    Pem { file: PathBuf, error: pem::Error },
    #[error("CA certificates {}: {error}", .file.display())]
    Authority { file: PathBuf, error: rustls::Error },
    #[error("CA certificates {}: the file contains no certificate", .file.display())]
    Empty { file: PathBuf },
    /// The TLS library supports none of the protocol versions.
    #[error("{0}")]
    Versions(rustls::Error),
}

/// TLS settings that trust the certificates in a file, or the built-in public ones.
fn trust(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let bytes =
                text_file::read_bytes(file).map_err(|error| TrustError::Read { file: file.to_owned(), error })?;
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let certificate = certificate.map_err(|error| TrustError::Pem { file: file.to_owned(), error })?;
                let added = roots.add(certificate);
                added.map_err(|error| TrustError::Authority { file: file.to_owned(), error })?;
            }
            if roots.is_empty() {
                return Err(TrustError::Empty { file: file.to_owned() });
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Versions)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
