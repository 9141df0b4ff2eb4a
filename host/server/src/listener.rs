//! A listener: an address with its TLS, its dialects, and its access rules.
//!
//! It accepts until it is aborted. An error on a connection only affects its client; after an error of accept it pauses
//! and tries again. Tasks: one accepts, one per connection.

use super::{
    address::ListenAddress,
    app::App,
    connections::Connection,
    conversation::{Client, PhaseLimits, converse, too_slow},
    dialects::{Dialects, HttpDialects},
    http, http2,
    settings::ListenerSettings,
    socket_service::SocketService,
    tls::Certificate,
};
use auricle_core::metrics::Metrics;
use auricle_dialects::{RestDialect, websocket::Duplex};
use axum::Router;
use ipnet::IpNet;
use std::{io, net::IpAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, time::timeout};
use tokio_rustls::TlsAcceptor;

/// A bound address with its settings.
pub(super) struct Listener {
    address: ListenAddress,
    socket: Bound,
    certificate: Option<Arc<Certificate>>,
    pub(super) dialects: Dialects,
    has_page: bool,
    /// The key that applies to every caller.
    pub(super) key: Option<Arc<str>>,
    /// The networks that are served; all if empty.
    allow: Vec<IpNet>,
}

enum Bound {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        socket: tokio::net::UnixListener,
        _file: SocketFile,
    },
}

/// The path of a socket file, which is removed when this is dropped.
#[cfg(unix)]
struct SocketFile(std::path::PathBuf);

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        // The file may be gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// The address is in use, or does not belong to this machine.
    pub(super) async fn bind(
        settings: &ListenerSettings,
        dialects: Dialects,
        certificate: Option<Arc<Certificate>>,
        has_page: bool,
    ) -> io::Result<Self> {
        let cannot =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", settings.address));
        let socket = match &settings.address {
            ListenAddress::Tcp(address) => Bound::Tcp(TcpListener::bind(address).await.map_err(cannot)?),
            #[cfg(unix)]
            ListenAddress::Unix(path) => {
                remove_leftover(path);
                let socket = tokio::net::UnixListener::bind(path).map_err(cannot)?;
                Bound::Unix { socket, _file: SocketFile(path.clone()) }
            }
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => return Err(cannot(io::ErrorKind::Unsupported.into())),
        };
        Ok(Self {
            address: settings.address.clone(),
            socket,
            certificate,
            dialects,
            has_page,
            key: settings.key.as_deref().map(Arc::from),
            allow: settings.allow.clone(),
        })
    }

    /// The URL of the listener, such as `http://127.0.0.1:8770` or `ws://127.0.0.1:2700 (vosk)`.
    ///
    /// # Errors
    /// The local address cannot be read.
    pub(super) fn url(&self) -> io::Result<String> {
        let address = match &self.socket {
            Bound::Tcp(socket) => socket.local_addr()?.to_string(),
            #[cfg(unix)]
            Bound::Unix { .. } => self.address.to_string(),
        };
        let secure = if self.certificate.is_some() { "s" } else { "" };
        Ok(match &self.dialects {
            Dialects::Http(HttpDialects::Shared(..)) if matches!(self.address, ListenAddress::Unix(_)) => address,
            Dialects::Http(HttpDialects::Shared(..)) => format!("http{secure}://{address}"),
            Dialects::Http(HttpDialects::Own(dialect, _)) => format!("ws{secure}://{address} ({})", dialect.name()),
            Dialects::Http2(dialect) => format!("http{secure}://{address} ({})", dialect.name()),
            Dialects::Socket(dialect) => {
                let scheme = if self.certificate.is_some() { "tls" } else { "tcp" };
                format!("{scheme}://{address} ({})", dialect.protocol().name)
            }
        })
    }

    /// The address of the web page for a browser on this machine, if the listener has one.
    ///
    /// # Errors
    /// The local address cannot be read.
    pub(super) fn page(&self) -> io::Result<Option<String>> {
        if !self.has_page {
            return Ok(None);
        }
        let address = match &self.socket {
            Bound::Tcp(socket) => socket.local_addr()?,
            #[cfg(unix)]
            Bound::Unix { .. } => return Ok(None),
        };
        let secure = if self.certificate.is_some() { "s" } else { "" };
        Ok(Some(match address.ip().is_unspecified() {
            true => format!("http{secure}://localhost:{}/", address.port()),
            false => format!("http{secure}://{address}/"),
        }))
    }

    /// Accepts connections until aborted.
    pub(super) async fn accept(self, mut app: App, limits: PhaseLimits) {
        app.bound_key.clone_from(&self.key);
        app.serves_without_key = self.serves_without_key();
        app.has_tls = self.certificate.is_some();
        app.has_page = self.has_page;
        let (metrics, connections) = (Arc::clone(&app.metrics), Arc::clone(&app.connections));
        let kind = match &self.dialects {
            Dialects::Http(dialects) => Kind::Http(http::routes(app, dialects)),
            Dialects::Http2(dialect) => Kind::Http2(http::of_requests(app, dialect), Arc::clone(dialect)),
            Dialects::Socket(dialect) => Kind::Socket(SocketService::new(Arc::clone(dialect), app)),
        };
        let keeps_alive = self.dialects.have_own_key();
        let service = Service { kind, certificate: self.certificate.clone(), metrics, limits };
        loop {
            let (socket, address) = match self.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // For example, there are no free file descriptors; other connections may be closed in the meantime.
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            if let (true, Accepted::Tcp(socket)) = (keeps_alive, &socket) {
                keep_alive(socket);
            }
            let Some(connection) = connections.admit(address, self.allows(address)) else { continue };
            tokio::spawn(service.clone().serve(socket, Arc::new(connection), address));
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow.is_empty()
            || matches!(self.address, ListenAddress::Unix(_))
            || self.allow.iter().any(|network| network.contains(&address))
    }

    /// Whether a client that cannot send a key is served because of its network.
    fn serves_without_key(&self) -> bool {
        let is_open = !self.dialects.show_keys() && !self.allow.is_empty() && self.key.is_none();
        is_open || self.dialects.have_own_key()
    }
}

impl Bound {
    async fn accept(&self) -> io::Result<(Accepted, IpAddr)> {
        match self {
            Self::Tcp(socket) => {
                let (socket, address) = socket.accept().await?;
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!("cannot switch off Nagle's algorithm: {error}");
                }
                Ok((Accepted::Tcp(socket), address.ip()))
            }
            #[cfg(unix)]
            Self::Unix { socket, .. } => {
                let (socket, _) = socket.accept().await?;
                Ok((Accepted::Other(Box::new(socket)), std::net::Ipv4Addr::LOCALHOST.into()))
            }
        }
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream),
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no socket files"))]
    Other(Box<dyn Duplex>),
}

/// What serves the connections of a listener.
#[derive(Clone)]
struct Service {
    kind: Kind,
    certificate: Option<Arc<Certificate>>,
    metrics: Arc<Metrics>,
    limits: PhaseLimits,
}

#[derive(Clone)]
enum Kind {
    Http(Router),
    Http2(Router, Arc<dyn RestDialect>),
    Socket(SocketService),
}

impl Service {
    /// Serves a connection, from the TLS handshake to its end. A WebSocket continues in its own task.
    async fn serve(self, socket: Accepted, connection: Arc<Connection>, address: IpAddr) {
        let Some(certificate) = &self.certificate else {
            return match socket {
                Accepted::Tcp(socket) => self.carry(socket, connection, address).await,
                Accepted::Other(socket) => self.carry(socket, connection, address).await,
            };
        };
        let loaded = certificate.get();
        let config = if matches!(self.kind, Kind::Http2(..)) { &loaded.http2 } else { &loaded.config };
        let acceptor = TlsAcceptor::from(Arc::clone(config));
        let limit = self.limits.handshake;
        let shaken = match socket {
            Accepted::Tcp(socket) => timeout(limit, acceptor.accept(Box::new(socket) as Box<dyn Duplex>)).await,
            Accepted::Other(socket) => timeout(limit, acceptor.accept(socket)).await,
        };
        match shaken {
            Ok(Ok(socket)) => self.carry(socket, connection, address).await,
            Ok(Err(error)) => tracing::debug!(client = %address, "TLS handshake failed: {error}"),
            Err(_) => {
                let problem = format_args!("no TLS handshake within {} s", limit.as_secs_f64());
                too_slow(&self.metrics, address, problem);
            }
        }
    }

    async fn carry(self, socket: impl Duplex + 'static, connection: Arc<Connection>, address: IpAddr) {
        let Self { kind, metrics, limits, .. } = self;
        match kind {
            Kind::Http(routes) => converse(socket, Client { routes, connection, metrics, limits }, address).await,
            Kind::Http2(routes, dialect) => {
                http2::converse(socket, Client { routes, connection, metrics, limits }, dialect, address).await;
            }
            Kind::Socket(service) => service.serve(Box::new(socket), connection).await,
        }
    }
}

/// Has the system find out within a minute that the other end is gone: a front may send nothing for hours.
fn keep_alive(socket: &tokio::net::TcpStream) {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        let second = Duration::from_secs(1);
        let set = sockopt::set_socket_keepalive(socket, true)
            .and_then(|()| sockopt::set_tcp_keepidle(socket, 20 * second))
            .and_then(|()| sockopt::set_tcp_keepintvl(socket, 10 * second))
            .and_then(|()| sockopt::set_tcp_keepcnt(socket, 3));
        if let Err(error) = set {
            tracing::debug!("cannot watch over a connection: {error}");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Removes a socket file that a killed server left behind, on which nobody listens.
#[cfg(unix)]
fn remove_leftover(path: &std::path::Path) {
    use std::os::unix::{fs::FileTypeExt, net::UnixStream};
    let is_socket = path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        let _ = std::fs::remove_file(path);
    }
}
