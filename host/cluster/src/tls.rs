//! TLS of a front's connections: the engine hosts' certificates must come from the authority in the settings. Threads: any.

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{
        CertificateDer, ServerName,
        pem::{self, PemObject},
    },
};
use std::{
    fmt, io,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Who has issued the certificates of the engine hosts.
#[derive(Clone)]
pub struct Authority(Arc<ClientConfig>);

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// The file of the authority's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// It is not a PEM file.
    #[error("`cluster.authority`: {}: {error}", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: pem::Error,
    },
    /// It cannot be used.
    #[error("`cluster.authority`: {}: {error}", .file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// The cause.
        error: rustls::Error,
    },
    /// It has no certificate.
    #[error("`cluster.authority`: {}: the file contains no certificate", .0.display())]
    Empty(PathBuf),
}

impl Authority {
    /// Reads the certificates in a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate that can be used.
    pub fn read(file: &Path) -> Result<Self, AuthorityError> {
        let pem = |error| AuthorityError::Pem { file: file.to_owned(), error };
        let unusable = |error| AuthorityError::Certificate { file: file.to_owned(), error };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(file).map_err(pem)? {
            roots.add(certificate.map_err(pem)?).map_err(unusable)?;
        }
        if roots.is_empty() {
            return Err(AuthorityError::Empty(file.to_owned()));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Puts TLS on a connection to `host`.
    pub(crate) fn connect(
        &self,
        host: &str,
        socket: TcpStream,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.0), name).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, socket))
    }
}
