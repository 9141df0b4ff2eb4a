//! TLS 1.2 and 1.3 with rustls; certificates are read again when their files change.

use super::settings::Tls;
use crate::reload::Reloaded;
use auricle_core::text_file;
use std::{io, path::PathBuf, sync::Arc};
use tokio_rustls::rustls::{
    self, ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("[tls] {}: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("[tls] {}: {error}", .file.display())]
    Pem { file: PathBuf, error: pem::Error },
    #[error("[tls] {}: the file contains no certificate", .file.display())]
    Empty { file: PathBuf },
    #[error("[tls] {}: does not match the key {}: {error}", .certificate.display(), .key.display())]
    Pair { certificate: PathBuf, key: PathBuf, error: Box<rustls::Error> },
    /// The TLS library supports none of the protocol versions.
    #[error("{0}")]
    Versions(rustls::Error),
}

/// The TLS configuration with the current certificate.
pub(super) type Certificate = Reloaded<ServerConfig>;

/// The certificates of all listeners. Listeners with the same files share one.
#[derive(Default)]
pub(super) struct Certificates(pub(super) Vec<Arc<Certificate>>, Vec<Tls>);

impl Certificates {
    /// Reads the certificate in these files, unless it is loaded already.
    ///
    /// # Errors
    /// A file cannot be read, or certificate and key do not match.
    pub(super) fn read(&mut self, files: &Tls) -> Result<Arc<Certificate>, CertificateError> {
        if let Some(known) = self.1.iter().position(|known| known == files) {
            return Ok(Arc::clone(&self.0[known]));
        }
        let certificate = Arc::new(certificate(files)?);
        self.0.push(Arc::clone(&certificate));
        self.1.push(files.clone());
        Ok(certificate)
    }
}

/// Reads certificate and key.
///
/// # Errors
/// A file cannot be read, or certificate and key do not match.
fn certificate(files: &Tls) -> Result<Certificate, CertificateError> {
    let own = files.clone();
    Reloaded::new(vec![files.certificate.clone(), files.key.clone()], move |_| read(&own))
}

fn read(Tls { certificate, key }: &Tls) -> Result<ServerConfig, CertificateError> {
    let bytes = |file: &PathBuf| {
        text_file::read_bytes(file).map_err(|error| CertificateError::Read { file: file.clone(), error })
    };
    let invalid = |file: &PathBuf, error| CertificateError::Pem { file: file.clone(), error };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(certificate, error))?;
    if chain.is_empty() {
        return Err(CertificateError::Empty { file: certificate.clone() });
    }
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|error| invalid(key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(CertificateError::Versions)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| CertificateError::Pair {
            certificate: certificate.clone(),
            key: key.clone(),
            error: Box::new(error),
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
