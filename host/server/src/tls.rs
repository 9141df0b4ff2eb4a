//! TLS, by rustls: versions 1.2 and 1.3, certificates read again when their files change.

use super::settings::Tls;
use crate::reload::Reloaded;
use std::{path::Path, sync::Arc};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// The configuration of the certificate in service.
pub(super) type Certificate = Reloaded<ServerConfig>;

/// The certificates of all listeners; those of the same files are one.
#[derive(Default)]
pub(super) struct Certificates(pub(super) Vec<Arc<Certificate>>, Vec<Tls>);

impl Certificates {
    /// The certificate of these files.
    ///
    /// # Errors
    /// One line that names the file.
    pub(super) fn read(&mut self, files: &Tls) -> Result<Arc<Certificate>, String> {
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
/// One line that names the file.
fn certificate(files: &Tls) -> Result<Certificate, String> {
    let own = files.clone();
    Reloaded::new(vec![files.certificate.clone(), files.key.clone()], move |_| read(&own))
}

fn read(Tls { certificate, key }: &Tls) -> Result<ServerConfig, String> {
    let of = |path: &Path, problem: String| format!("[tls] {}: {problem}", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| of(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(of(certificate, "no certificate in it".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| of(key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| of(certificate, format!("does not go with the key {}: {error}", key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
